/* Choosing an endpoint by its noun, and filling its path. Does not know what an endpoint answers.
 */
#include "admin/cli/uri.h"

#include <string.h>

#include "gateway/core/str.h"

/* "route" for "routes", "policy" stays; nouns of one form ("endpoints") are equal already. */
static bool same_noun(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);

    if (strcmp(a, b) == 0)
        return true;
    if (n + 1 == m)
        return memcmp(a, b, n) == 0 && b[n] == 's';
    return m + 1 == n && memcmp(a, b, m) == 0 && a[m] == 's';
}

bool uri_knows_noun(const char *noun)
{
    for (size_t i = 0; i < surface_num_rows; i++)
        if (surface_rows[i].noun[0] != '\0' && same_noun(surface_rows[i].noun, noun))
            return true;
    return false;
}

/* The next "{x}" of a path from *p on, which moves behind it. */
static bool next_variable(const char **p, struct str *out)
{
    const char *open = strchr(*p, '{');
    const char *close = open != NULL ? strchr(open, '}') : NULL;

    if (close == NULL)
        return false;
    *out = (struct str){open + 1, (size_t)(close - open) - 1};
    *p = close + 1;
    return true;
}

static size_t count_variables(const char *path)
{
    struct str name;
    size_t n = 0;

    while (next_variable(&path, &name))
        n++;
    return n;
}

static bool about_a_tenant(const struct surface_row *row)
{
    return strncmp(row->path, "/v1/tenants/{tenant}/", sizeof "/v1/tenants/{tenant}/" - 1) == 0;
}

/* What the i-th of n variables is; the last one is the name, when a name is given. */
static const char *value_of(struct str variable, bool last, const struct uri_place *at)
{
    if (last && at->name != NULL)
        return at->name;
    if (str_eq(variable, STR("tenant")))
        return at->tenant;
    return str_eq(variable, STR("cluster")) ? at->cluster : NULL;
}

static bool fits(const struct surface_row *row, const struct uri_place *at)
{
    size_t num = count_variables(row->path);
    const char *p = row->path;
    struct str variable;

    if (at->name != NULL && (num == 0 || (num == 1 && about_a_tenant(row))))
        return false;
    for (size_t i = 0; i < num && next_variable(&p, &variable); i++)
        if (value_of(variable, i + 1 == num, at) == NULL)
            return false;
    return true;
}

static int score(const struct surface_row *row, const char *noun, const struct uri_place *at)
{
    return 2 * (strcmp(row->noun, noun) == 0) + (about_a_tenant(row) == (at->tenant != NULL));
}

const struct surface_row *uri_find(const char *method, const char *noun, const struct uri_place *at)
{
    const struct surface_row *best = NULL;

    for (size_t i = 0; i < surface_num_rows; i++) {
        const struct surface_row *row = &surface_rows[i];

        if (row->noun[0] == '\0' || strcmp(row->method, method) != 0 ||
            !same_noun(row->noun, noun) || !fits(row, at))
            continue;
        if (best == NULL || score(row, noun, at) > score(best, noun, at))
            best = row;
    }
    return best;
}

const struct surface_row *uri_find_op(enum surface_op op, const struct uri_place *at)
{
    const struct surface_row *found = NULL;

    for (size_t i = 0; i < surface_num_rows; i++) {
        const struct surface_row *row = &surface_rows[i];

        if (row->op == op && fits(row, at) && about_a_tenant(row) == (at->tenant != NULL))
            found = row;
    }
    return found;
}

static bool add_encoded(struct buf *out, struct str s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c != '\0' && strchr(plain, c) != NULL ? !buf_add(out, &c, 1)
                                                  : !buf_add_fmt(out, "%%%02X", (unsigned)c))
            return false;
    }
    return true;
}

bool uri_path(const struct surface_row *row, const struct uri_place *at, struct buf *out)
{
    size_t num = count_variables(row->path);
    const char *p = row->path;
    const char *from = p;
    struct str variable;

    for (size_t i = 0; i < num && next_variable(&p, &variable); i++) {
        struct str fixed = {from, (size_t)(variable.p - 1 - from)};

        if (!buf_add_str(out, fixed) ||
            !add_encoded(out, str_from(value_of(variable, i + 1 == num, at))))
            return false;
        from = p;
    }
    return buf_add_str(out, str_from(from));
}

bool uri_query(struct buf *out, const char *key, const char *value)
{
    bool first = out->len == 0 || memchr(out->bytes, '?', out->len) == NULL;

    return buf_add(out, first ? "?" : "&", 1) && buf_add_str(out, str_from(key)) &&
           buf_add(out, "=", 1) && add_encoded(out, str_from(value));
}
