/*
 * The rule of paths (path.h). Requests are only looked at; the paths of routes are rewritten once,
 * when their object is decoded. Does not match anything: gateway/table does.
 */
#include "gateway/route/path.h"

#include <string.h>

#include "gateway/route/route.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at p stands for, or -1. */
static int escaped(const char *p, const char *end)
{
    if (end - p < 3)
        return -1;
    int high = hex_digit(p[1]);
    int low = hex_digit(p[2]);

    return high >= 0 && low >= 0 ? high << 4 | low : -1;
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Dots since what some endpoint takes for a "/"; DOTS_NONE: anything else stood there, too. */
enum { DOTS_NONE = 3 };

static bool is_dot_segment(unsigned dots)
{
    return dots == 1 || dots == 2;
}

bool route_path_allowed(struct str path)
{
    const char *end = path.p + path.n;
    unsigned dots = DOTS_NONE;

    for (const char *p = path.p; p < end; p++) {
        int c = (unsigned char)*p;

        if (c == '%') {
            c = escaped(p, end);
            if (c <= 0)
                return false;
            p += 2;
        }
        if (c == '.') {
            dots += dots < DOTS_NONE;
        } else if (c == '/' || c == '\\') {
            if (is_dot_segment(dots))
                return false;
            dots = 0;
        } else {
            if (c == ';' && is_dot_segment(dots))
                return false;
            dots = DOTS_NONE;
        }
    }
    return !is_dot_segment(dots);
}

size_t route_segment_canonical(struct str segment, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *end = segment.p + segment.n;
    size_t n = 0;

    for (const char *p = segment.p; p < end; p++) {
        int c = *p == '%' ? escaped(p, end) : -1;

        if (c < 0) {
            out[n++] = *p;
            continue;
        }
        p += 2;
        if (is_unreserved(c)) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return n;
}

static size_t num_segments(struct str path)
{
    struct str segment;
    size_t n = 0;

    while (route_path_next(&path, &segment))
        n++;
    return n;
}

bool route_path_canonical(struct str path, char *out, struct err *e)
{
    if (path.n == 0 || path.p[0] != '/')
        return err_set(e, "BadPath", "", "a path begins with \"/\"");
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= ' ' || path.p[i] >= 0x7f || path.p[i] == '?' || path.p[i] == '#')
            return err_set(e, "BadPath", "",
                           "byte %zu of the path (0x%02x) can only be there as an escape", i + 1,
                           (unsigned)(unsigned char)path.p[i]);
    if (!route_path_allowed(path))
        return err_set(e, "BadPath", "",
                       "the path has a dot segment, \"%%00\" or a \"%%\" without two hexadecimal "
                       "digits: no request with such a path is served");
    if (num_segments(path) > ROUTE_SEGMENTS_MAX)
        return err_set(e, "BadPath", "", "the path has more than %d segments", ROUTE_SEGMENTS_MAX);
    out[route_segment_canonical(path, out)] = '\0';
    return true;
}

bool route_path_next(struct str *rest, struct str *out_segment)
{
    if (rest->n == 0)
        return false;
    const char *from = rest->p + 1; /* behind its "/" */
    size_t left = rest->n - 1;
    const char *slash = memchr(from, '/', left);
    size_t n = slash != NULL ? (size_t)(slash - from) : left;

    *out_segment = (struct str){from, n};
    *rest = (struct str){from + n, left - n};
    return true;
}

struct str route_path_prefix(const char *canonical)
{
    struct str s = str_from(canonical);

    if (s.n != 0 && s.p[s.n - 1] == '/')
        s.n--;
    return s;
}

bool route_path_after(struct str path, const char *prefix, struct str *out_rest)
{
    struct str left = route_path_prefix(prefix);
    size_t at = 0;

    while (left.n != 0) {
        struct str one = {path.p + at, path.n - at < 3 ? path.n - at : 3};
        char canonical[3];

        if (one.n != 0 && one.p[0] != '%')
            one.n = 1;
        size_t n = route_segment_canonical(one, canonical);

        if (n == 0 || n > left.n || memcmp(canonical, left.p, n) != 0)
            return false;
        left = (struct str){left.p + n, left.n - n};
        at += one.n;
    }
    if (at < path.n && path.p[at] != '/')
        return false;
    *out_rest = (struct str){path.p + at, path.n - at};
    return true;
}
