/*
 * Prints a shape as JSON Schema (draft 2020-12, which OpenAPI 3.1 uses), from the same rows that
 * its objects are read by. Lengths are bytes for us and characters there, rules between fields and
 * those of strings are not in it: what is right is right by the schema, not the other way round.
 */
#include <inttypes.h>

#include "gateway/core/check.h"
#include "gateway/wire/shape.h"

static bool add_object(struct buf *out, const struct shape *shape);

static bool add_bounds(struct buf *out, const char *least, const char *most, const struct field *f)
{
    return (f->min == 0 || buf_add_fmt(out, ",\"%s\":%" PRId64, least, f->min)) &&
           buf_add_fmt(out, ",\"%s\":%" PRId64, most, f->max);
}

static bool add_number(struct buf *out, const struct field *f)
{
    return buf_add_fmt(out, "\"type\":\"integer\",\"minimum\":%" PRId64, f->min) &&
           (f->max == INT64_MAX || buf_add_fmt(out, ",\"maximum\":%" PRId64, f->max));
}

static bool add_words(struct buf *out, const struct word *words)
{
    bool first = true;

    if (!buf_add_str(out, STR("\"enum\":[")))
        return false;
    for (const struct word *w = words; w->text != NULL; w++) {
        if (!w->served)
            continue;
        if (!buf_add_str(out, first ? STR("") : STR(",")) || !buf_add_json(out, str_from(w->text)))
            return false;
        first = false;
    }
    return buf_add_str(out, STR("]"));
}

static bool add_texts(struct buf *out, const struct field *f)
{
    return buf_add_str(out, STR("\"type\":\"array\"")) &&
           add_bounds(out, "minItems", "maxItems", f) &&
           buf_add_fmt(out,
                       ",\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":%" PRId64 "}",
                       f->text_max);
}

static bool add_parts(struct buf *out, const struct field *f)
{
    return buf_add_str(out, STR("\"type\":\"array\"")) &&
           add_bounds(out, "minItems", "maxItems", f) && buf_add_str(out, STR(",\"items\":{")) &&
           add_object(out, f->shape) && buf_add_str(out, STR("}"));
}

static bool add_pairs(struct buf *out, const struct field *f)
{
    return buf_add_str(out, STR("\"type\":\"object\"")) &&
           add_bounds(out, "minProperties", "maxProperties", f) &&
           buf_add_fmt(out,
                       ",\"additionalProperties\":{\"type\":\"string\",\"maxLength\":%" PRId64 "}",
                       f->text_max);
}

static bool add_served(struct buf *out, const struct field *f)
{
    switch (f->type) {
    case FIELD_FLAG:
        return buf_add_str(out, STR("\"type\":\"boolean\""));
    case FIELD_NUMBER:
        return add_number(out, f);
    case FIELD_TEXT:
        return buf_add_str(out, STR("\"type\":\"string\"")) &&
               add_bounds(out, "minLength", "maxLength", f);
    case FIELD_WORD:
        return add_words(out, f->words);
    case FIELD_PART:
    case FIELD_MEMBERS:
        return add_object(out, f->shape);
    case FIELD_TEXTS:
        return add_texts(out, f);
    case FIELD_PARTS:
        return add_parts(out, f);
    case FIELD_PAIRS:
        return add_pairs(out, f);
    default:
        return buf_add_str(out, str_from(f->schema));
    }
}

/* What is refused whatever it is may stand in no value. */
static bool add_type(struct buf *out, const struct field *f)
{
    if (f->served)
        return add_served(out, f);
    return buf_add_str(out, f->type == FIELD_FLAG ? STR("\"const\":false") : STR("\"not\":{}"));
}

static bool add_property(struct buf *out, const struct field *f)
{
    return buf_add_json(out, str_from(f->name)) && buf_add_str(out, STR(":{")) &&
           add_type(out, f) &&
           (f->unset == NULL || buf_add_fmt(out, ",\"default\":%s", f->unset)) &&
           (f->about == NULL || (buf_add_str(out, STR(",\"description\":")) &&
                                 buf_add_json(out, str_from(f->about)))) &&
           buf_add_str(out, STR("}"));
}

static bool add_required(struct buf *out, const struct field *const *fields, size_t num)
{
    bool first = true;

    for (size_t i = 0; i < num; i++) {
        if (!fields[i]->needed)
            continue;
        if (!buf_add_str(out, first ? STR(",\"required\":[") : STR(",")) ||
            !buf_add_json(out, str_from(fields[i]->name)))
            return false;
        first = false;
    }
    return first || buf_add_str(out, STR("]"));
}

/* The members of the schema, without its braces; as deep as shapes are nested in the source. */
static bool add_object(struct buf *out, const struct shape *shape)
{
    const struct field *fields[SHAPE_FIELDS_MAX];
    size_t num = shape_fields(shape, fields);

    if (!buf_add_str(out, STR("\"type\":\"object\",\"additionalProperties\":false")) ||
        !add_required(out, fields, num) || !buf_add_str(out, STR(",\"properties\":{")))
        return false;
    for (size_t i = 0; i < num; i++)
        if (!buf_add_str(out, i != 0 ? STR(",") : STR("")) || !add_property(out, fields[i]))
            return false;
    return buf_add_str(out, STR("}"));
}

bool shape_write_schema(const struct shape *shape, struct buf *out)
{
    return buf_add_str(out, STR("{")) && add_object(out, shape) && buf_add_str(out, STR("}"));
}
