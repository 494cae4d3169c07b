/*
 * A walk over JSON text that was judged before. It never recurses: a nested value is passed over by
 * counting brackets outside of strings. On text that was not judged it stays within the bytes and
 * ends, but may answer nonsense. Used for bodies, documents and diffs by the handlers of admin/api.
 */
#include "admin/api/jsontext.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip(struct str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

static void skip_blanks(struct str *s)
{
    while (s->n > 0 && is_blank(s->p[0]))
        skip(s, 1);
}

struct str jsontext_trim(struct str value)
{
    skip_blanks(&value);
    while (value.n > 0 && is_blank(value.p[value.n - 1]))
        value.n--;
    return value;
}

/* Bytes of the string at the front, with its quotes. */
static size_t string_bytes(struct str s)
{
    size_t i = 1;

    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' ? 2 : 1;
    return i < s.n ? i + 1 : s.n;
}

static bool ends_scalar(char c)
{
    return is_blank(c) || c == ',' || c == ']' || c == '}';
}

/* Bytes of the value at the front. */
static size_t value_bytes(struct str s)
{
    size_t depth = 0;
    size_t i = 0;

    while (i < s.n) {
        char c = s.p[i];

        if (c == '"') {
            i += string_bytes((struct str){s.p + i, s.n - i});
        } else if (c == '{' || c == '[') {
            depth++;
            i++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return i;
            depth--;
            i++;
        } else if (depth == 0) {
            while (i < s.n && !ends_scalar(s.p[i]))
                i++;
            return i;
        } else {
            i++;
        }
        if (depth == 0)
            return i;
    }
    return s.n;
}

static bool begin(struct str value, char bracket, struct jsontext *out)
{
    value = jsontext_trim(value);
    if (value.n < 2 || value.p[0] != bracket)
        return false;
    out->rest = (struct str){value.p + 1, value.n - 2};
    return true;
}

bool jsontext_object(struct str value, struct jsontext *out)
{
    return begin(value, '{', out);
}

bool jsontext_array(struct str value, struct jsontext *out)
{
    return begin(value, '[', out);
}

static void skip_past(struct jsontext *w, char separator)
{
    skip_blanks(&w->rest);
    if (w->rest.n > 0 && w->rest.p[0] == separator)
        skip(&w->rest, 1);
}

bool jsontext_element(struct jsontext *w, struct str *out_value)
{
    size_t n;

    skip_blanks(&w->rest);
    n = value_bytes(w->rest);
    if (n == 0)
        return false;
    *out_value = (struct str){w->rest.p, n};
    skip(&w->rest, n);
    skip_past(w, ',');
    return true;
}

bool jsontext_member(struct jsontext *w, struct str *out_key, struct str *out_value)
{
    size_t n;

    skip_blanks(&w->rest);
    if (w->rest.n < 2 || w->rest.p[0] != '"')
        return false;
    n = string_bytes(w->rest);
    *out_key = (struct str){w->rest.p, n};
    skip(&w->rest, n);
    skip_past(w, ':');
    return jsontext_element(w, out_value);
}

/* ---- strings -----------------------------------------------------------------------------------
 */

static bool hex4(struct str s, unsigned *out)
{
    if (s.n < 4)
        return false;
    *out = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = s.p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;

        if (digit == 16)
            return false;
        *out = *out * 16 + digit;
    }
    return true;
}

static bool add_code_point(struct buf *out, unsigned c)
{
    char utf8[4];
    size_t n;

    if (c < 0x80) {
        utf8[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        n = 2;
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        n = 3;
    } else {
        utf8[0] = (char)(0xf0 | c >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        utf8[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
    return buf_add(out, utf8, n);
}

/* What stands behind "\u", a surrogate pair included. */
static bool add_unicode(struct str *s, struct buf *out)
{
    unsigned c, low;

    if (!hex4(*s, &c))
        return false;
    skip(s, 4);
    if (c < 0xd800 || c > 0xdbff)
        return add_code_point(out, c);
    if (s->n < 6 || s->p[0] != '\\' || s->p[1] != 'u' ||
        !hex4((struct str){s->p + 2, s->n - 2}, &low) || low < 0xdc00)
        return false;
    skip(s, 6);
    return add_code_point(out, 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00));
}

static bool add_escape(struct str *s, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (s->n == 0)
        return false;
    if (s->p[0] == 'u') {
        skip(s, 1);
        return add_unicode(s, out);
    }
    at = memchr(from, s->p[0], sizeof from - 1);
    skip(s, 1);
    return at != NULL && buf_add(out, &to[at - from], 1);
}

bool jsontext_string(struct str value, struct buf *out)
{
    if (value.n < 2 || value.p[0] != '"')
        return false;
    value = (struct str){value.p + 1, value.n - 2};
    while (value.n > 0) {
        const char *escape = memchr(value.p, '\\', value.n);
        size_t plain = escape != NULL ? (size_t)(escape - value.p) : value.n;

        if (!buf_add(out, value.p, plain))
            return false;
        skip(&value, plain);
        if (escape == NULL)
            break;
        skip(&value, 1);
        if (!add_escape(&value, out))
            return false;
    }
    return true;
}

bool jsontext_copy(struct str value, char *out, size_t max)
{
    struct buf b;
    bool ok;

    buf_init(&b, max - 1);
    ok = jsontext_string(value, &b);
    memcpy(out, ok && b.len > 0 ? b.bytes : "", ok ? b.len + 1 : 1);
    buf_free(&b);
    return ok;
}

bool jsontext_get(struct str object, const char *key, struct str *out_value)
{
    struct jsontext w;
    struct str raw;
    char name[64];

    if (!jsontext_object(object, &w))
        return false;
    while (jsontext_member(&w, &raw, out_value)) {
        if (jsontext_copy(raw, name, sizeof name) && strcmp(name, key) == 0)
            return true;
    }
    return false;
}

bool jsontext_is_null(struct str value)
{
    return str_eq(value, STR("null"));
}
