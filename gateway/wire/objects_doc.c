/*
 * Prints the schema as Markdown: the tables of docs/table.md, from the same rows that the objects
 * are read by. A shape is printed once, however many fields are of it.
 */
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/wire/objects_priv.h"

enum { SHAPES_MAX = 64, DIGITS_MAX = 32 };

struct page {
    struct buf *out;
    const struct shape *shapes[SHAPES_MAX];
    size_t num_shapes;
};

/* 1234567 as "1,234,567". */
static void grouped(int64_t v, char out[DIGITS_MAX])
{
    char digits[DIGITS_MAX];
    size_t n = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)v);
    size_t o = 0;

    ASSERT(v >= 0);
    for (size_t i = 0; i < n; i++) {
        if (i != 0 && (n - i) % 3 == 0)
            out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = '\0';
}

static bool add_range(struct buf *out, const struct field *f, const char *what)
{
    char min[DIGITS_MAX];
    char max[DIGITS_MAX];

    grouped(f->min, min);
    grouped(f->max, max);
    return buf_add_fmt(out, "%s to %s%s", min, max, what);
}

static bool add_words(struct buf *out, const struct word *words)
{
    for (const struct word *w = words; w->text != NULL; w++)
        if (!buf_add_fmt(out, "%s`\"%s\"`%s", w != words ? ", " : "", w->text,
                         w->served ? "" : " (`Unsupported`)"))
            return false;
    return true;
}

static bool add_text(struct buf *out, const struct field *f)
{
    char max[DIGITS_MAX];

    grouped(f->max, max);
    return buf_add_fmt(out, "string, up to %s bytes", max);
}

static bool add_type(struct buf *out, const struct field *f)
{
    if (f->kind != NULL)
        return buf_add_str(out, str_from(f->kind));
    switch (f->type) {
    case FIELD_FLAG:
        return buf_add_str(out, STR("bool"));
    case FIELD_NUMBER:
        return f->max == INT64_MAX ? buf_add_str(out, STR("integer, not negative"))
                                   : add_range(out, f, "");
    case FIELD_TEXT:
        return add_text(out, f);
    case FIELD_WORD:
        return add_words(out, f->words);
    case FIELD_TEXTS:
        return add_range(out, f, " strings");
    case FIELD_PARTS:
        return add_range(out, f, " objects");
    case FIELD_PAIRS:
        return add_range(out, f, " strings by name");
    default:
        return buf_add_str(out, STR("object"));
    }
}

static bool add_unset(struct buf *out, const struct field *f)
{
    if (f->needed)
        return buf_add_str(out, STR("needed"));
    return f->unset == NULL || buf_add_fmt(out, "`%s`", f->unset);
}

static bool add_row(struct buf *out, const struct field *f)
{
    const char *unserved = f->type == FIELD_FLAG ? "only `false`" : "`Unsupported`";

    return buf_add_fmt(out, "| `%s` | ", f->name) && add_type(out, f) &&
           buf_add_str(out, STR(" | ")) && add_unset(out, f) && buf_add_str(out, STR(" | ")) &&
           buf_add_fmt(out, "%s%s%s |\n", f->served ? "" : unserved,
                       f->served || f->about == NULL ? "" : "; ", f->about != NULL ? f->about : "");
}

static bool add_table(struct buf *out, const struct shape *shape)
{
    if (!buf_add_fmt(out, "\n### `%s`\n\n", shape->title) ||
        (shape->about != NULL && !buf_add_fmt(out, "%s\n\n", shape->about)) ||
        !buf_add_str(out, STR("| field | value | when absent | |\n|---|---|---|---|\n")))
        return false;
    for (size_t i = 0; i < shape->num_fields; i++)
        if (!add_row(out, &shape->fields[i]))
            return false;
    return true;
}

static bool is_new(struct page *p, const struct shape *shape)
{
    for (size_t i = 0; i < p->num_shapes; i++)
        if (p->shapes[i] == shape)
            return false;
    ASSERT(p->num_shapes < SHAPES_MAX);
    p->shapes[p->num_shapes++] = shape;
    return true;
}

/* The shape, then those of its fields; as deep as shapes are nested in the source. */
static bool add_shape(struct page *p, const struct shape *shape)
{
    if (!is_new(p, shape))
        return true;
    if (shape->title != NULL && !add_table(p->out, shape))
        return false;
    for (size_t i = 0; i < shape->num_fields; i++)
        if (shape->fields[i].shape != NULL && !add_shape(p, shape->fields[i].shape))
            return false;
    return true;
}

bool objects_write_reference(struct buf *out)
{
    static const struct shape *const kinds[] = {
        &shape_route,  &shape_pool,     &shape_endpoints,
        &shape_tenant, &shape_settings, &shape_certificate,
    };
    struct page p = {.out = out};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!add_shape(&p, kinds[i]))
            return false;
    return true;
}
