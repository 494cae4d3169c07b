/*
 * Prints trees as canonical JSON, so that the same meaning is the same bytes whoever wrote it and
 * in which order. Judges nothing: what comes here was read by its shape, which has no fractions and
 * no nulls.
 */
#include "gateway/wire/json_print.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

/* A document is bounded by INTENT_VALUE_MAX; an escape takes six bytes where it had one at least.
 */
enum { PRINT_MAX = 8 << 20 };

static void add(struct buf *b, struct str s)
{
    ASSERT(buf_add_str(b, s));
}

static void add_string(struct buf *b, const char *s)
{
    ASSERT(buf_add_json(b, str_from(s)));
}

static void add_number(struct buf *b, const cJSON *number)
{
    int64_t v = 0;

    ASSERT(json_int(number, INT64_MIN, INT64_MAX, &v));
    ASSERT(buf_add_fmt(b, "%lld", (long long)v));
}

/* ---- members in order ---- */

struct member {
    const char *name;
    const cJSON *item; /* or json */
    const char *json;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static const struct json_edit *find_edit(const struct json_edit *edits, size_t num,
                                         const char *name)
{
    for (size_t i = 0; i < num; i++)
        if (strcmp(edits[i].name, name) == 0)
            return &edits[i];
    return NULL;
}

static size_t collect(const cJSON *object, const struct json_edit *edits, size_t num_edits,
                      struct member *out)
{
    size_t n = 0;

    for (const cJSON *i = object->child; i != NULL; i = i->next)
        if (find_edit(edits, num_edits, i->string) == NULL)
            out[n++] = (struct member){.name = i->string, .item = i};
    for (size_t i = 0; i < num_edits; i++)
        if (edits[i].json != NULL)
            out[n++] = (struct member){.name = edits[i].name, .json = edits[i].json};
    qsort(out, n, sizeof(*out), by_name);
    return n;
}

static void add_value(struct buf *b, const cJSON *v);

static void add_object(struct buf *b, const cJSON *object, const struct json_edit *edits,
                       size_t num_edits)
{
    size_t max = (size_t)cJSON_GetArraySize(object) + num_edits;
    struct member *all = xcalloc(max + 1, sizeof(*all));
    size_t num = collect(object, edits, num_edits, all);

    add(b, STR("{"));
    for (size_t i = 0; i < num; i++) {
        add(b, i > 0 ? STR(",") : STR(""));
        add_string(b, all[i].name);
        add(b, STR(":"));
        if (all[i].json != NULL)
            add(b, str_from(all[i].json));
        else
            add_value(b, all[i].item);
    }
    add(b, STR("}"));
    free(all);
}

static void add_array(struct buf *b, const cJSON *array)
{
    add(b, STR("["));
    for (const cJSON *i = array->child; i != NULL; i = i->next) {
        add(b, i != array->child ? STR(",") : STR(""));
        add_value(b, i);
    }
    add(b, STR("]"));
}

/* As deep as json_limits let the text be. */
static void add_value(struct buf *b, const cJSON *v)
{
    if (cJSON_IsObject(v))
        add_object(b, v, NULL, 0);
    else if (cJSON_IsArray(v))
        add_array(b, v);
    else if (cJSON_IsString(v))
        add_string(b, v->valuestring);
    else if (cJSON_IsBool(v))
        add(b, cJSON_IsTrue(v) ? STR("true") : STR("false"));
    else
        add_number(b, v);
}

char *json_print(const struct cJSON *object, const struct json_edit *edits, size_t num)
{
    struct buf b;

    buf_init(&b, PRINT_MAX);
    add_object(&b, object, edits, num);
    return buf_take(&b);
}

char *json_print_string(const char *text)
{
    struct buf b;

    buf_init(&b, PRINT_MAX);
    add_string(&b, text);
    return buf_take(&b);
}
