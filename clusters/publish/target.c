/*
 * Decoding of request targets. Deliberately narrow: our own URLs need no more, and what one reader
 * might take otherwise than another is refused instead of repaired. Called with bytes straight from
 * the network (tests/fuzz/report_fuzz.c).
 */
#include "clusters/publish/target.h"

#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One byte of `raw` at *i, unescaped; false: an escape that is none. */
static bool next_byte(struct str raw, size_t *i, char *out)
{
    if (raw.p[*i] != '%') {
        *out = raw.p[(*i)++];
        return true;
    }
    if (raw.n - *i < 3)
        return false;
    int high = hex_value(raw.p[*i + 1]);
    int low = hex_value(raw.p[*i + 2]);

    if (high < 0 || low < 0)
        return false;
    *out = (char)(high * 16 + low);
    *i += 3;
    return true;
}

static bool decode(struct target *t, struct str raw, struct str *out, struct err *e)
{
    char *start = t->bytes + t->num_bytes;
    size_t n = 0;

    for (size_t i = 0; i < raw.n; n++) {
        if (!next_byte(raw, &i, &start[n]))
            return err_set(e, "BadTarget", "", "the URL has a percent escape without two digits");
        unsigned char c = (unsigned char)start[n];

        if (c < 0x20 || c == 0x7f || c == '/')
            return err_set(e, "BadTarget", "",
                           "the URL has a control character or a slash behind an escape");
    }
    t->num_bytes += n;
    *out = (struct str){start, n};
    return true;
}

static bool add_segment(struct target *t, struct str raw, struct err *e)
{
    struct str s = {0};

    if (t->num_segments == TARGET_SEGMENTS_MAX)
        return err_set(e, "BadTarget", "", "the URL has more than %d segments",
                       (int)TARGET_SEGMENTS_MAX);
    if (!decode(t, raw, &s, e))
        return false;
    if (s.n == 0 || str_eq(s, STR(".")) || str_eq(s, STR("..")))
        return err_set(e, "BadTarget", "", "the URL has an empty or a dot segment");
    t->segments[t->num_segments++] = s;
    return true;
}

static bool add_param(struct target *t, struct str raw, struct err *e)
{
    struct target_param p = {0};
    struct str rest = raw;
    struct str key;
    struct str seen;

    if (t->num_params == TARGET_PARAMS_MAX)
        return err_set(e, "BadQuery", "", "the query has more than %d parameters",
                       (int)TARGET_PARAMS_MAX);
    if (!str_split(&rest, '=', &key) || key.n == 0 || rest.p == NULL)
        return err_set(e, "BadQuery", "", "the query has a part that is not name=value");
    if (!decode(t, key, &p.key, e) || !decode(t, rest, &p.value, e))
        return false;
    for (size_t i = 0; i < t->num_params; i++) {
        seen = t->params[i].key;
        if (str_eq(seen, p.key))
            return err_set(e, "BadQuery", "", "the query names \"%.*s\" twice", STR_ARG(seen));
    }
    t->params[t->num_params++] = p;
    return true;
}

bool target_parse(struct str uri, struct target *out, struct err *e)
{
    struct str query = uri;
    struct str path;
    struct str part;

    out->num_bytes = 0;
    out->num_segments = 0;
    out->num_params = 0;
    if (uri.n == 0 || uri.p[0] != '/')
        return err_set(e, "BadTarget", "", "the request target must begin with a slash");
    if (uri.n > TARGET_BYTES_MAX)
        return err_set(e, "BadTarget", "", "the URL has more than %d bytes", (int)TARGET_BYTES_MAX);
    if (memchr(uri.p, '#', uri.n) != NULL)
        return err_set(e, "BadTarget", "", "the URL has a fragment");
    if (!str_split(&query, '?', &path))
        return err_set(e, "BadTarget", "", "the URL is empty");
    path = (struct str){path.p + 1, path.n - 1};
    while (path.n != 0 && str_split(&path, '/', &part)) {
        if (!add_segment(out, part, e))
            return false;
    }
    if (path.p != NULL && path.n == 0 && out->num_segments != 0)
        return err_set(e, "BadTarget", "", "the URL ends with a slash");
    while (query.n != 0 && str_split(&query, '&', &part)) {
        if (!add_param(out, part, e))
            return false;
    }
    return true;
}

bool target_matches(const struct target *t, const char *pattern,
                    struct str out_vars[TARGET_VARS_MAX])
{
    struct str rest = str_from(pattern + 1);
    struct str want;
    size_t num_vars = 0;
    size_t i = 0;

    for (; rest.p != NULL && i < t->num_segments && str_split(&rest, '/', &want); i++) {
        if (want.n != 0 && want.p[0] == '{') {
            if (num_vars == TARGET_VARS_MAX)
                return false;
            out_vars[num_vars++] = t->segments[i];
        } else if (!str_eq(want, t->segments[i])) {
            return false;
        }
    }
    return rest.p == NULL && i == t->num_segments;
}

bool target_param(const struct target *t, const char *key, struct str *out)
{
    for (size_t i = 0; i < t->num_params; i++) {
        if (str_eq(t->params[i].key, str_from(key))) {
            *out = t->params[i].value;
            return true;
        }
    }
    return false;
}

bool target_only_params(const struct target *t, const char *const *known, struct err *e)
{
    for (size_t i = 0; i < t->num_params; i++) {
        struct str key = t->params[i].key;
        size_t k = 0;

        while (known[k] != NULL && !str_eq(key, str_from(known[k])))
            k++;
        if (known[k] == NULL)
            return err_set(e, "BadQuery", "", "the query parameter \"%.*s\" is unknown here",
                           STR_ARG(key));
    }
    return true;
}
