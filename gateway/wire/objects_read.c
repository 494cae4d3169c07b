/*
 * Reads a JSON object by its shape (objects_priv.h): each member by the reader of its field's type,
 * then what must be there, then the shape's own rules. Values of fields that this build does not
 * serve are judged like all others, so that a refusal tells a mistake from what is not built. The
 * tree comes from json_parse, which has refused duplicate keys: a field is read once.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

enum { FIELDS_MAX = 32, STATUS_MIN = 400, STATUS_MAX = 599 /* of failures */ };

/* ---- putting values into structs ---- */

static bool has_place(const struct field *f, const void *object)
{
    return object != NULL && f->width != 0;
}

static void put_integer(void *object, size_t at, size_t width, uint64_t v)
{
    char *to = (char *)object + at;

    switch (width) {
    case 1:
        memcpy(to, &(uint8_t){(uint8_t)v}, 1);
        return;
    case 2:
        memcpy(to, &(uint16_t){(uint16_t)v}, 2);
        return;
    case 4:
        memcpy(to, &(uint32_t){(uint32_t)v}, 4);
        return;
    case 8:
        memcpy(to, &v, 8);
        return;
    default:
        WRONG("no integer is so wide");
    }
}

static void put_pointer(const struct field *f, void *object, void *p)
{
    ASSERT(f->width == sizeof(p));
    memcpy((char *)object + f->at, &p, sizeof(p));
}

/* An array's memory, with a count of 0 that grows as entries are read. */
static void *put_array(const struct field *f, void *object, size_t num, size_t size)
{
    if (!has_place(f, object) || num == 0)
        return NULL;
    void *all = xcalloc(num, size);

    put_pointer(f, object, all);
    return all;
}

static void put_count(const struct field *f, void *object, size_t num)
{
    if (has_place(f, object))
        put_integer(object, f->num_at, f->num_width, num);
}

/* ---- readers, one a type ---- */

static bool read_flag(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    if (!cJSON_IsBool(item))
        return err_set(e, "WrongType", "", "true or false is needed here");
    if (has_place(f, object))
        put_integer(object, f->at, f->width, cJSON_IsTrue(item) ? 1 : 0);
    return true;
}

static bool read_number(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    int64_t v = 0;

    if (!json_int(item, f->min, f->max, &v))
        return err_set(e, cJSON_IsNumber(item) ? "OutOfRange" : "WrongType", "",
                       "an integer from %lld to %lld is needed here", (long long)f->min,
                       (long long)f->max);
    if (has_place(f, object))
        put_integer(object, f->at, f->width, (uint64_t)(f->scale != 0 ? v * f->scale : v));
    return true;
}

static bool no_control_bytes(struct str text, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return err_set(e, "BadValue", "", "control bytes are not allowed here");
    return true;
}

static bool judge_text(const cJSON *item, int64_t min, int64_t max, text_rule_fn *rule, char **out,
                       struct err *e)
{
    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "a string is needed here");
    struct str text = str_from(item->valuestring);

    if (text.n > (size_t)max)
        return err_set(e, "TooLarge", "", "%zu bytes, more than %lld", text.n, (long long)max);
    if (text.n < (size_t)min)
        return err_set(e, rule == text_name ? "BadName" : "BadValue", "",
                       "an empty string is not allowed here");
    if (rule != NULL)
        return rule(text, out, e);
    if (!no_control_bytes(text, e))
        return false;
    *out = str_dup(text);
    return true;
}

static bool read_text(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    char *text = NULL;

    if (!judge_text(item, f->min, f->max, f->rule, &text, e))
        return false;
    if (has_place(f, object))
        put_pointer(f, object, text);
    else
        free(text);
    return true;
}

static bool refuse_word(const struct field *f, const char *text, struct err *e)
{
    char list[160] = "";
    size_t n = 0;

    for (const struct word *w = f->words; w->text != NULL && n < sizeof(list); w++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s\"%s\"", n != 0 ? ", " : "", w->text);
    return err_set(e, "BadValue", "", "\"%.64s\" is none of %s", text, list);
}

static bool read_word(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    if (!cJSON_IsString(item))
        return err_set(e, "WrongType", "", "a string is needed here");
    const struct word *w = f->words;

    while (w->text != NULL && strcmp(w->text, item->valuestring) != 0)
        w++;
    if (w->text == NULL)
        return refuse_word(f, item->valuestring, e);
    if (!w->served)
        return err_set(e, "Unsupported", "", "\"%s\" is not built yet", w->text);
    if (has_place(f, object))
        put_integer(object, f->at, f->width, (uint64_t)(w - f->words));
    return true;
}

static bool read_part(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    void *part = NULL;

    if (has_place(f, object)) {
        part = xcalloc(1, f->shape->size);
        put_pointer(f, object, part);
    }
    return shape_read(f->shape, item, part, e);
}

static bool read_members(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    return shape_read(f->shape, item, object, e);
}

static bool read_texts(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    size_t num = 0;
    size_t n = 0;

    if (!shape_array(item, f->min, f->max, &num, e))
        return false;
    char **all = put_array(f, object, num, sizeof(*all));

    for (const cJSON *i = item->child; i != NULL; i = i->next) {
        char *text = NULL;

        if (!judge_text(i, 1, f->text_max, f->rule, &text, e))
            return json_err_in(e, "/%zu", n);
        if (all != NULL)
            all[n] = text;
        else
            free(text);
        put_count(f, object, ++n);
    }
    return true;
}

static bool read_parts(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    size_t num = 0;
    size_t n = 0;

    if (!shape_array(item, f->min, f->max, &num, e))
        return false;
    char *all = put_array(f, object, num, f->shape->size);

    for (const cJSON *i = item->child; i != NULL; i = i->next) {
        void *part = all != NULL ? all + n * f->shape->size : NULL;

        put_count(f, object, n + 1); /* what is half read is released with the rest */
        if (!shape_read(f->shape, i, part, e))
            return json_err_in(e, "/%zu", n);
        n++;
    }
    return true;
}

static bool read_own(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    return f->own(item, object, e);
}

typedef bool reader_fn(const struct field *f, const cJSON *item, void *object, struct err *e);

static reader_fn *const readers[FIELD__COUNT] = {
    [FIELD_FLAG] = read_flag,   [FIELD_NUMBER] = read_number, [FIELD_TEXT] = read_text,
    [FIELD_WORD] = read_word,   [FIELD_PART] = read_part,     [FIELD_MEMBERS] = read_members,
    [FIELD_TEXTS] = read_texts, [FIELD_PARTS] = read_parts,   [FIELD_OWN] = read_own,
};

/* ---- shapes ---- */

static const struct field *find_field(const struct shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->num_fields; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    return NULL;
}

static bool refuse_unknown(const struct shape *shape, const cJSON *value, struct err *e)
{
    const char *names[FIELDS_MAX + 1];

    ASSERT(shape->num_fields <= FIELDS_MAX);
    for (size_t i = 0; i < shape->num_fields; i++)
        names[i] = shape->fields[i].name;
    names[shape->num_fields] = NULL;
    return json_only_keys(value, names, e);
}

static bool read_member(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    if (!readers[f->type](f, item, object, e))
        return json_err_in(e, "/%s", f->name);
    if (f->served || cJSON_IsFalse(item))
        return true;
    err_set(e, "Unsupported", "", "this is not built yet%s",
            f->type == FIELD_FLAG ? ", only false is accepted" : "");
    return json_err_in(e, "/%s", f->name);
}

bool shape_read(const struct shape *shape, const struct cJSON *value, void *object, struct err *e)
{
    const cJSON *item;

    if (!cJSON_IsObject(value))
        return err_set(e, "WrongType", "", "an object is needed here");
    if (shape->init != NULL && object != NULL)
        shape->init(object);
    cJSON_ArrayForEach(item, value)
    {
        const struct field *f = find_field(shape, item->string);

        if (f == NULL)
            return refuse_unknown(shape, value, e);
        if (!read_member(f, item, object, e))
            return false;
    }
    for (size_t i = 0; i < shape->num_fields; i++)
        if (shape->fields[i].needed && !json_need(value, shape->fields[i].name, e))
            return false;
    return shape->check == NULL || shape->check(value, object, e);
}

bool shape_has(const struct cJSON *value, const char *name)
{
    return json_get(value, name) != NULL;
}

bool shape_exclude(const struct cJSON *value, const char *name, const char *other, struct err *e)
{
    if (!shape_has(value, name) || !shape_has(value, other))
        return true;
    err_set(e, "Contradiction", "", "\"%s\" and \"%s\" exclude each other", name, other);
    return json_err_in(e, "/%s", other);
}

bool shape_array(const struct cJSON *item, int64_t min, int64_t max, size_t *out_num, struct err *e)
{
    if (!cJSON_IsArray(item))
        return err_set(e, "WrongType", "", "an array is needed here");
    *out_num = 0;
    for (const cJSON *i = item->child; i != NULL; i = i->next)
        ++*out_num;
    if (*out_num < (size_t)min || *out_num > (size_t)max)
        return err_set(e, "OutOfRange", "", "%zu entries; %lld to %lld are allowed", *out_num,
                       (long long)min, (long long)max);
    return true;
}

bool shape_statuses(const struct cJSON *item, uint16_t *statuses, uint8_t *num, struct err *e)
{
    size_t n = 0;

    if (!shape_array(item, 0, ROUTE_STATUSES_MAX, &n, e))
        return false;
    for (const cJSON *i = item->child; i != NULL; i = i->next) {
        int64_t status = 0;

        if (!json_int(i, STATUS_MIN, STATUS_MAX, &status)) {
            err_set(e, cJSON_IsNumber(i) ? "OutOfRange" : "WrongType", "",
                    "a status from %d to %d is needed here", STATUS_MIN, STATUS_MAX);
            return json_err_in(e, "/%u", (unsigned)*num);
        }
        statuses[(*num)++] = (uint16_t)status;
    }
    return true;
}
