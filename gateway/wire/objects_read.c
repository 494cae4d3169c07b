/*
 * Reads a JSON object by its shape (shape.h): each member by the reader of its field's type,
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

enum { STATUS_MIN = 400, STATUS_MAX = 599 /* of failures */ };

/* Where faults go, and whether the first of them ends it. */
struct judge {
    struct errs *faults;
    bool all;
};

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

static bool read_own(const struct field *f, const cJSON *item, void *object, struct err *e)
{
    return f->own(item, object, e);
}

/* ---- values that have values in them ---- */

static bool walk(const struct judge *j, const struct shape *shape, const cJSON *value,
                 void *object);

/* Faults that came since the list had `from` of them are inside of `name`. */
static bool faults_in(const struct judge *j, size_t from, const char *name)
{
    for (size_t i = from; i < errs_kept(j->faults); i++)
        (void)json_err_in(&j->faults->all[i], "/%s", name);
    return false;
}

static bool faults_in_entry(const struct judge *j, size_t from, size_t n)
{
    char index[24];

    snprintf(index, sizeof(index), "%zu", n);
    return faults_in(j, from, index);
}

static bool read_part(const struct judge *j, const struct field *f, const cJSON *item, void *object)
{
    void *part = NULL;

    if (has_place(f, object)) {
        part = xcalloc(1, f->shape->size);
        put_pointer(f, object, part);
    }
    return walk(j, f->shape, item, part);
}

static bool read_members(const struct judge *j, const struct field *f, const cJSON *item,
                         void *object)
{
    return walk(j, f->shape, item, object);
}

static bool read_texts(const struct judge *j, const struct field *f, const cJSON *item,
                       void *object)
{
    struct err e;
    size_t before = j->faults->num;
    size_t num = 0;
    size_t at = 0;
    size_t n = 0;

    if (!shape_array(item, f->min, f->max, &num, &e))
        return errs_add(j->faults, &e);
    char **all = put_array(f, object, num, sizeof(*all));

    for (const cJSON *i = item->child; i != NULL; i = i->next, at++) {
        size_t from = errs_kept(j->faults);
        char *text = NULL;

        if (!judge_text(i, 1, f->text_max, f->rule, &text, &e)) {
            errs_add(j->faults, &e);
            faults_in_entry(j, from, at);
            if (!j->all)
                return false;
            continue;
        }
        if (all != NULL)
            all[n] = text;
        else
            free(text);
        put_count(f, object, ++n);
    }
    return j->faults->num == before;
}

static bool read_parts(const struct judge *j, const struct field *f, const cJSON *item,
                       void *object)
{
    struct err e;
    size_t before = j->faults->num;
    size_t num = 0;
    size_t n = 0;

    if (!shape_array(item, f->min, f->max, &num, &e))
        return errs_add(j->faults, &e);
    char *all = put_array(f, object, num, f->shape->size);

    for (const cJSON *i = item->child; i != NULL; i = i->next, n++) {
        void *part = all != NULL ? all + n * f->shape->size : NULL;
        size_t from = errs_kept(j->faults);

        put_count(f, object, n + 1); /* what is half read is released with the rest */
        if (!walk(j, f->shape, i, part) && !faults_in_entry(j, from, n) && !j->all)
            return false;
    }
    return j->faults->num == before;
}

/* The rule of a string is one of names and of values. */
static bool judge_pair(const struct field *f, const cJSON *item, struct err *e)
{
    cJSON name = {.type = cJSON_String, .valuestring = item->string};
    char *text = NULL;

    if (!judge_text(&name, 1, f->text_max, f->rule, &text, e))
        return false;
    free(text);
    if (!judge_text(item, 0, f->text_max, f->rule, &text, e))
        return false;
    free(text);
    return true;
}

static bool read_pairs(const struct judge *j, const struct field *f, const cJSON *item)
{
    struct err e;
    size_t before = j->faults->num;
    int num = cJSON_IsObject(item) ? cJSON_GetArraySize(item) : -1;

    if (num < 0)
        err_set(&e, "WrongType", "", "an object is needed here");
    else if (num < f->min || num > f->max)
        err_set(&e, "OutOfRange", "", "%d entries; %lld to %lld are allowed", num,
                (long long)f->min, (long long)f->max);
    if (num < f->min || num > f->max)
        return errs_add(j->faults, &e);
    for (const cJSON *i = item->child; i != NULL; i = i->next) {
        if (judge_pair(f, i, &e))
            continue;
        json_pointer(i->string, e.field);
        errs_add(j->faults, &e);
        if (!j->all)
            return false;
    }
    return j->faults->num == before;
}

static bool read_leaf(const struct judge *j, const struct field *f, const cJSON *item, void *object)
{
    typedef bool leaf_fn(const struct field *f, const cJSON *item, void *object, struct err *e);
    static leaf_fn *const readers[FIELD__COUNT] = {
        [FIELD_FLAG] = read_flag, [FIELD_NUMBER] = read_number, [FIELD_TEXT] = read_text,
        [FIELD_WORD] = read_word, [FIELD_OWN] = read_own,
    };
    struct err e;

    return readers[f->type](f, item, object, &e) || errs_add(j->faults, &e);
}

static bool read_value(const struct judge *j, const struct field *f, const cJSON *item,
                       void *object)
{
    switch (f->type) {
    case FIELD_PART:
        return read_part(j, f, item, object);
    case FIELD_MEMBERS:
        return read_members(j, f, item, object);
    case FIELD_TEXTS:
        return read_texts(j, f, item, object);
    case FIELD_PARTS:
        return read_parts(j, f, item, object);
    case FIELD_PAIRS:
        return read_pairs(j, f, item);
    default:
        return read_leaf(j, f, item, object);
    }
}

/* ---- shapes ---- */

static const struct field *own_field(const struct shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->num_fields; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    return NULL;
}

static bool is_without(const struct shape *shape, const char *name)
{
    for (const char *const *w = shape->without; w != NULL && *w != NULL; w++)
        if (strcmp(*w, name) == 0)
            return true;
    return false;
}

static const struct field *find_field(const struct shape *shape, const char *name)
{
    const struct field *f = own_field(shape, name);

    if (f != NULL || shape->base == NULL || is_without(shape, name))
        return f;
    return find_field(shape->base, name);
}

size_t shape_fields(const struct shape *shape, const struct field *out[SHAPE_FIELDS_MAX])
{
    size_t num = 0;

    for (size_t i = 0; shape->base != NULL && i < shape->base->num_fields; i++)
        if (!is_without(shape, shape->base->fields[i].name))
            out[num++] = &shape->base->fields[i];
    ASSERT(num + shape->num_fields <= SHAPE_FIELDS_MAX);
    for (size_t i = 0; i < shape->num_fields; i++)
        out[num++] = &shape->fields[i];
    return num;
}

static bool refuse_unknown(const struct judge *j, const struct shape *shape, const char *name)
{
    const struct field *fields[SHAPE_FIELDS_MAX];
    const char *names[SHAPE_FIELDS_MAX + 1];
    size_t num = shape_fields(shape, fields);
    struct err e;

    for (size_t i = 0; i < num; i++)
        names[i] = fields[i]->name;
    names[num] = NULL;
    json_refuse_key(name, names, &e);
    return errs_add(j->faults, &e);
}

static bool refuse_unserved(const struct judge *j, const struct field *f)
{
    struct err e;

    err_set(&e, "Unsupported", "", "this is not built yet%s",
            f->type == FIELD_FLAG ? ", only false is accepted" : "");
    return errs_add(j->faults, &e);
}

static bool read_member(const struct judge *j, const struct shape *shape, const cJSON *item,
                        void *object)
{
    const struct field *f = find_field(shape, item->string);
    size_t from = errs_kept(j->faults);

    if (f == NULL)
        return refuse_unknown(j, shape, item->string);
    if (!read_value(j, f, item, object))
        return faults_in(j, from, f->name);
    if (f->served || cJSON_IsFalse(item))
        return true;
    refuse_unserved(j, f);
    return faults_in(j, from, f->name);
}

static bool read_needed(const struct judge *j, const struct shape *shape, const cJSON *value)
{
    const struct field *fields[SHAPE_FIELDS_MAX];
    size_t num = shape_fields(shape, fields);
    size_t before = j->faults->num;
    struct err e;

    for (size_t i = 0; i < num; i++) {
        if (!fields[i]->needed || json_need(value, fields[i]->name, &e))
            continue;
        errs_add(j->faults, &e);
        if (!j->all)
            return false;
    }
    return j->faults->num == before;
}

/* Rules between fields, the base's first. */
static bool check(const struct judge *j, const struct shape *shape, const cJSON *value,
                  void *object)
{
    struct err e;

    if (shape->base != NULL && !check(j, shape->base, value, object))
        return false;
    return shape->check == NULL || shape->check(value, object, &e) || errs_add(j->faults, &e);
}

static bool walk(const struct judge *j, const struct shape *shape, const cJSON *value, void *object)
{
    const struct shape *root = shape->base != NULL ? shape->base : shape;
    size_t before = j->faults->num;
    struct err e;

    if (!cJSON_IsObject(value)) {
        err_set(&e, "WrongType", "", "an object is needed here");
        return errs_add(j->faults, &e);
    }
    if (root->init != NULL && object != NULL)
        root->init(object);
    for (const cJSON *i = value->child; i != NULL; i = i->next)
        if (!read_member(j, shape, i, object) && !j->all)
            return false;
    if (!read_needed(j, shape, value) && !j->all)
        return false;
    return j->faults->num == before && check(j, shape, value, object);
}

bool shape_read(const struct shape *shape, const struct cJSON *value, void *object, struct err *e)
{
    struct errs faults;
    const struct judge j = {&faults, false};

    faults.num = 0;
    if (walk(&j, shape, value, object))
        return true;
    if (e != NULL)
        *e = faults.all[0];
    return false;
}

bool shape_read_all(const struct shape *shape, const struct cJSON *value, void *object,
                    struct errs *list)
{
    const struct judge j = {list, true};

    return walk(&j, shape, value, object);
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
