/*
 * A strict recursive-descent pass over JSON text that builds nothing. It is linear: the keys of all
 * open objects lie on one stack. When an object closes, its keys are compared with each other if
 * they are few and written without escapes; else they are hashed and sorted, and two count as equal
 * when their seeded 64-bit SipHash is (a false alarm: 2^-64 a pair, and nobody who does not know
 * the seed can make one). Called by json.c before cJSON sees the text; what cJSON is known to let
 * pass or to read beyond its end never reaches it.
 */
#include "gateway/wire/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

enum {
    NUMBER_MAX = 62,   /* bytes of a number; cJSON reads no more of one */
    EXACT_DIGITS = 15, /* decimal digits that a double always keeps */
    FEW_KEYS = 8,      /* so many are compared each with each */
    LENT_KEYS = 32     /* open at one time, as of nearly every object, they need no allocation */
};

struct key_seen {
    size_t offset;  /* of its opening quote */
    struct str raw; /* as written, between the quotes */
    bool escaped;
    uint64_t hash; /* set when it is needed */
};

struct scan {
    const char *begin;
    const char *p;
    const char *end;
    int depth;
    int depth_max;
    struct key_seen *keys; /* of all open objects, outermost first */
    size_t num_keys;
    size_t cap_keys;
    struct key_seen *lent_keys; /* LENT_KEYS on json_scan's stack, where keys begins */
    struct buf decoded;         /* a key whose escapes are resolved */
    size_t ordinal;
    size_t cap_numbers;
    const char *watch_key;
    int watch_depth;
    struct json_scan_result *out;
    struct err *e;
};

static bool scan_value(struct scan *s);

static bool bad(struct scan *s, const char *what)
{
    return err_set(s->e, "BadJson", "", "byte %zu: %s", (size_t)(s->p - s->begin) + 1, what);
}

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    if (s->p < s->end && *s->p == c) {
        s->p++;
        return true;
    }
    return false;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 0 for none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;

    if (n == 0 || n > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static bool hex4(struct scan *s, uint32_t *out)
{
    *out = 0;
    if (s->end - s->p < 4)
        return bad(s, "a \\u escape is cut off");
    for (int i = 0; i < 4; i++, s->p++) {
        char c = *s->p;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return bad(s, "a \\u escape has no four hexadecimal digits");
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static bool add_utf8(struct scan *s, uint32_t c)
{
    unsigned char u[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        u[i] = (unsigned char)(0x80 | (c & 0x3f));
    u[0] = (unsigned char)(lead[n] | c);
    return buf_add(&s->decoded, u, n) || bad(s, "a key is too long");
}

/* After "\u"; c == 0 never comes out. */
static bool scan_unicode(struct scan *s, uint32_t *out)
{
    uint32_t low;

    if (!hex4(s, out))
        return false;
    if (*out == 0)
        return bad(s, "\\u0000 is not allowed");
    if (*out >= 0xdc00 && *out <= 0xdfff)
        return bad(s, "a \\u escape is a low surrogate without a high one");
    if (*out < 0xd800 || *out > 0xdbff)
        return true;
    if (!take(s, '\\') || !take(s, 'u'))
        return bad(s, "a \\u escape is a high surrogate without a low one");
    if (!hex4(s, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return bad(s, "a \\u escape is a high surrogate without a low one");
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* After a backslash: what it stands for goes to s->decoded when `keep`. */
static bool scan_escape(struct scan *s, bool keep)
{
    static const char names[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";
    uint32_t c;

    if (s->p == s->end)
        return bad(s, "a string is not closed");
    const char *at = *s->p != '\0' ? strchr(names, *s->p) : NULL;

    if (at != NULL) {
        c = (unsigned char)means[at - names];
        s->p++;
    } else {
        if (!take(s, 'u'))
            return bad(s, "an unknown escape in a string");
        if (!scan_unicode(s, &c))
            return false;
    }
    return !keep || add_utf8(s, c);
}

/* The bytes up to the next quote or backslash. */
static bool scan_plain(struct scan *s)
{
    while (s->p < s->end && *s->p != '"' && *s->p != '\\') {
        unsigned char c = (unsigned char)*s->p;

        if (c < 0x20)
            return bad(s, "a raw control byte in a string");
        size_t n = c < 0x80 ? 1 : utf8_len((const unsigned char *)s->p, (size_t)(s->end - s->p));

        if (n == 0)
            return bad(s, "a string is not valid UTF-8");
        s->p += n;
    }
    return s->p < s->end || bad(s, "a string is not closed");
}

/*
 * A string from its opening quote. With `out`, its content with escapes resolved (lent);
 * *out_escaped tells whether there were any.
 */
static bool scan_string(struct scan *s, struct str *out, bool *out_escaped)
{
    const char *first = ++s->p;
    bool escaped = false;

    if (out != NULL)
        buf_clear(&s->decoded);
    for (;;) {
        const char *from = s->p;

        if (!scan_plain(s))
            return false;
        bool closes = *s->p == '"';

        if (out != NULL && (escaped || !closes) &&
            !buf_add(&s->decoded, from, (size_t)(s->p - from)))
            return bad(s, "a key is too long");
        s->p++;
        if (closes)
            break;
        escaped = true;
        if (!scan_escape(s, out != NULL))
            return false;
    }
    if (out != NULL) {
        *out = escaped ? buf_str(&s->decoded) : (struct str){first, (size_t)(s->p - first) - 1};
        *out_escaped = escaped;
    }
    return true;
}

static size_t scan_digits(struct scan *s)
{
    const char *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return (size_t)(s->p - from);
}

static void keep_number(struct scan *s, struct str text)
{
    struct json_scan_result *r = s->out;

    if (r->num_numbers == s->cap_numbers) {
        s->cap_numbers = s->cap_numbers != 0 ? s->cap_numbers * 2 : 16;
        r->numbers = xrealloc(r->numbers, s->cap_numbers * sizeof(*r->numbers));
    }
    r->numbers[r->num_numbers++] = (struct json_scan_number){s->ordinal, text};
}

static bool scan_number(struct scan *s)
{
    const char *from = s->p;
    bool odd = false;

    (void)take(s, '-'); /* optional */
    const char *digits = s->p;
    size_t n = scan_digits(s);

    if (n == 0 || (n > 1 && *digits == '0'))
        return bad(s, "a number is malformed");
    if (take(s, '.')) {
        odd = true;
        if (scan_digits(s) == 0)
            return bad(s, "a number ends after its point");
    }
    if (take(s, 'e') || take(s, 'E')) {
        odd = true;
        if (!take(s, '+'))
            (void)take(s, '-'); /* optional */
        if (scan_digits(s) == 0)
            return bad(s, "a number has an empty exponent");
    }
    struct str text = {from, (size_t)(s->p - from)};

    if (text.n > NUMBER_MAX)
        return bad(s, "a number is too long");
    if (odd || n > EXACT_DIGITS)
        keep_number(s, text);
    s->ordinal++;
    return true;
}

static bool scan_word(struct scan *s, struct str word)
{
    if ((size_t)(s->end - s->p) < word.n || memcmp(s->p, word.p, word.n) != 0)
        return bad(s, "no JSON value");
    s->p += word.n;
    return true;
}

static void grow_keys(struct scan *s)
{
    bool lent = s->keys == s->lent_keys;

    s->cap_keys *= 2;
    s->keys = xrealloc(lent ? NULL : s->keys, s->cap_keys * sizeof(*s->keys));
    if (lent)
        memcpy(s->keys, s->lent_keys, s->num_keys * sizeof(*s->keys));
}

static void push_key(struct scan *s, const struct key_seen *key)
{
    if (s->num_keys == s->cap_keys)
        grow_keys(s);
    s->keys[s->num_keys++] = *key;
}

static int by_hash(const void *a, const void *b)
{
    const struct key_seen *x = a;
    const struct key_seen *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool duplicate(struct scan *s, const struct key_seen *k)
{
    size_t left = (size_t)(s->end - s->begin) - k->offset;

    return err_set(s->e, "DuplicateKey", "", "byte %zu: a key comes twice in one object: %.*s",
                   k->offset + 1, (int)(left < 60 ? left : 60), s->begin + k->offset);
}

/* Reads the key a second time; it was found well-formed the first time. */
static void hash_key(struct scan *s, struct key_seen *k)
{
    const char *at = s->p;
    struct str key = {NULL, 0};
    bool escaped;

    s->p = s->begin + k->offset;
    ASSERT(scan_string(s, &key, &escaped));
    k->hash = map_hash(key);
    s->p = at;
}

static bool judge_many(struct scan *s, struct key_seen *k, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash_key(s, &k[i]);
    qsort(k, n, sizeof(*k), by_hash);
    for (size_t i = 1; i < n; i++)
        if (k[i - 1].hash == k[i].hash)
            return duplicate(s, &k[i]);
    return true;
}

/* Judges the keys of the object that closes and takes them off the stack. */
static bool pop_keys(struct scan *s, size_t from)
{
    struct key_seen *k = s->keys + from;
    size_t n = s->num_keys - from;
    bool plain = n <= FEW_KEYS;

    s->num_keys = from;
    for (size_t i = 0; plain && i < n; i++)
        plain = !k[i].escaped;
    if (!plain)
        return judge_many(s, k, n);
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (str_eq(k[j].raw, k[i].raw))
                return duplicate(s, &k[i]);
    return true;
}

static bool scan_member(struct scan *s)
{
    struct str key;
    struct key_seen seen = {.offset = (size_t)(s->p - s->begin)};

    if (s->p == s->end || *s->p != '"')
        return bad(s, "an object's key must be a string");
    if (!scan_string(s, &key, &seen.escaped))
        return false;
    seen.raw =
        (struct str){s->begin + seen.offset + 1, (size_t)(s->p - s->begin) - seen.offset - 2};
    bool watched = s->watch_key != NULL && s->depth == s->watch_depth && s->out->span.p == NULL &&
                   str_eq(key, str_from(s->watch_key));

    push_key(s, &seen);
    skip_blanks(s);
    if (!take(s, ':'))
        return bad(s, "a ':' is missing after a key");
    skip_blanks(s);
    const char *from = s->p;

    if (!scan_value(s))
        return false;
    if (watched)
        s->out->span = (struct str){from, (size_t)(s->p - from)};
    return true;
}

static bool scan_object(struct scan *s)
{
    size_t first_key = s->num_keys;

    s->p++;
    skip_blanks(s);
    if (take(s, '}'))
        return true;
    do {
        skip_blanks(s);
        if (!scan_member(s))
            return false;
        skip_blanks(s);
    } while (take(s, ','));
    return take(s, '}') ? pop_keys(s, first_key) : bad(s, "an object is not closed");
}

static bool scan_array(struct scan *s)
{
    s->p++;
    skip_blanks(s);
    if (take(s, ']'))
        return true;
    do {
        skip_blanks(s);
        if (!scan_value(s))
            return false;
        skip_blanks(s);
    } while (take(s, ','));
    return take(s, ']') || bad(s, "an array is not closed");
}

static bool scan_nested(struct scan *s)
{
    if (s->depth == s->depth_max)
        return err_set(s->e, "TooDeep", "", "byte %zu: nested deeper than %d",
                       (size_t)(s->p - s->begin) + 1, s->depth_max);
    s->depth++;
    bool ok = *s->p == '{' ? scan_object(s) : scan_array(s);

    s->depth--;
    return ok;
}

static bool scan_value(struct scan *s)
{
    if (s->p == s->end)
        return bad(s, "the text ends where a value should be");
    switch (*s->p) {
    case '{':
    case '[':
        return scan_nested(s);
    case '"':
        return scan_string(s, NULL, NULL);
    case 't':
        return scan_word(s, STR("true"));
    case 'f':
        return scan_word(s, STR("false"));
    case 'n':
        return scan_word(s, STR("null"));
    default:
        return scan_number(s);
    }
}

bool json_scan(struct str text, const struct json_limits *limits, const char *watch_key,
               int watch_depth, struct json_scan_result *out, struct err *e)
{
    if (text.n == 0)
        text = STR("");
    struct key_seen lent_keys[LENT_KEYS];
    struct scan s = {.begin = text.p,
                     .p = text.p,
                     .end = text.p + text.n,
                     .depth_max = limits->depth_max,
                     .keys = lent_keys,
                     .cap_keys = LENT_KEYS,
                     .lent_keys = lent_keys,
                     .watch_key = watch_key,
                     .watch_depth = watch_depth,
                     .out = out,
                     .e = e};

    ASSERT(limits->depth_max <= JSON_DEPTH_MAX);
    *out = (struct json_scan_result){0};
    if (text.n > limits->bytes_max)
        return err_set(e, "TooLarge", "", "%zu bytes of JSON, more than %zu", text.n,
                       limits->bytes_max);
    buf_init(&s.decoded, text.n);
    skip_blanks(&s);
    bool ok = scan_value(&s);

    if (ok) {
        skip_blanks(&s);
        ok = s.p == s.end || bad(&s, "bytes after the end of the value");
    }
    buf_free(&s.decoded);
    if (s.keys != lent_keys)
        free(s.keys);
    if (!ok) {
        free(out->numbers);
        *out = (struct json_scan_result){0};
    }
    return ok;
}
