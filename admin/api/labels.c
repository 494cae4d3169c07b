/* Labels read off a document's text, without decoding the rest. Called by lists.c and apply.c. */
#include "admin/api/labels.h"

#include <string.h>

#include "admin/api/jsontext.h"

enum { LABEL_MAX = 1024 };

struct labels {
    struct str object; /* {NULL, 0}: there are none */
    char value[LABEL_MAX];
};

static bool find_label(void *arg, struct str key, struct str *out_value)
{
    struct labels *l = arg;
    struct jsontext w;
    struct str raw, value;
    char name[LABEL_MAX];

    if (l->object.p == NULL || !jsontext_object(l->object, &w))
        return false;
    while (jsontext_member(&w, &raw, &value)) {
        if (jsontext_copy(raw, name, sizeof name) && str_eq(str_from(name), key) &&
            jsontext_copy(value, l->value, sizeof l->value)) {
            *out_value = str_from(l->value);
            return true;
        }
    }
    return false;
}

bool labels_selected(const struct selector *s, const char *value)
{
    struct labels l = {.object = {NULL, 0}};
    struct str metadata;

    if (s->num == 0)
        return true;
    if (!jsontext_get(str_from(value), "metadata", &metadata) ||
        !jsontext_get(metadata, "labels", &l.object))
        l.object = (struct str){NULL, 0};
    return selector_matches(s, find_label, &l);
}
