/* A map of committed values. Used by the files of the coordinator. */
#include "clusters/backlog.h"

#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"

enum { KEY_MAX = 1 + ROUTE_NAME_MAX };

static struct str key_of(char out[KEY_MAX], enum route_kind kind, const char *name)
{
    size_t len = strlen(name);

    ASSERT(len < KEY_MAX);
    out[0] = (char)kind;
    memcpy(out + 1, name, len);
    return (struct str){out, len + 1};
}

void backlog_note(struct backlog *b, enum route_kind kind, const char *name, const char *before)
{
    char bytes[KEY_MAX];
    struct str key = key_of(bytes, kind, name);
    struct backlog_object *o;

    if (map_get(&b->objects, key) != NULL)
        return; /* what is committed is what the first one said */
    o = xcalloc(1, sizeof *o);
    o->before = before != NULL ? xstrdup(before) : NULL;
    b->num_routes += kind == ROUTE_KIND_ROUTE && before != NULL ? 1 : 0;
    ASSERT(map_put(&b->objects, key, o) == NULL);
}

static void object_free(void *p)
{
    struct backlog_object *o = p;

    free(o->before);
    free(o);
}

void backlog_clear(struct backlog *b)
{
    map_free(&b->objects, object_free);
    *b = (struct backlog){0};
}

void backlog_each(const struct backlog *b, backlog_fn *fn, void *arg)
{
    char name[ROUTE_NAME_MAX + 1];
    struct str key;
    size_t pos = 0;
    void *value;

    while (map_next(&b->objects, &pos, &key, &value)) {
        const struct backlog_object *o = value;

        memcpy(name, key.p + 1, key.n - 1);
        name[key.n - 1] = '\0';
        fn(arg, (enum route_kind)key.p[0], name, o->before);
    }
}
