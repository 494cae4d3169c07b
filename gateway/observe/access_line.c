/*
 * Records to JSON, by hand: a line is made of some thirty pieces, for which printf would cost more
 * than all the rest of the log. Does no I/O and knows no ring.
 */
#include "gateway/observe/access_line.h"

#include <string.h>
#include <time.h>

#include "gateway/core/check.h"

static char *put(char *at, const char *text, size_t n)
{
    memcpy(at, text, n);
    return at + n;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_number(char *at, int64_t value)
{
    char digits[20];
    size_t n = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do
        digits[--n] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (value < 0)
        *at++ = '-';
    return put(at, digits + n, sizeof digits - n);
}

/* Bytes of the UTF-8 sequence (RFC 3629) that begins at p[0], a byte from 0x80 on; 0: none does. */
static size_t sequence(const unsigned char *p, size_t n)
{
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    unsigned char from = 0x80, to = 0xbf; /* of the second byte */

    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    if (p[0] == 0xe0)
        from = 0xa0;
    else if (p[0] == 0xed)
        to = 0x9f;
    else if (p[0] == 0xf0)
        from = 0x90;
    else if (p[0] == 0xf4)
        to = 0x8f;
    if (p[1] < from || p[1] > to)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A byte that cannot stand as it is, or the sequence that it begins; gives how many were used. */
static size_t put_special(char **at, const unsigned char *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t len;

    if (p[0] >= 0x80) {
        len = sequence(p, n);
        *at = len > 0 ? put(*at, (const char *)p, len) : PUT(*at, "\xef\xbf\xbd");
        return len > 0 ? len : 1;
    }
    if (p[0] == '"' || p[0] == '\\') {
        *(*at)++ = '\\';
        *(*at)++ = (char)p[0];
    } else {
        *at = PUT(*at, "\\u00");
        *(*at)++ = hex[p[0] >> 4];
        *(*at)++ = hex[p[0] & 15];
    }
    return 1;
}

static char *put_text(char *at, struct str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t i = 0;

    while (i < text.n) {
        size_t from = i;

        while (i < text.n && is_plain(p[i]))
            i++;
        at = put(at, (const char *)p + from, i - from);
        if (i < text.n)
            i += put_special(&at, p + i, text.n - i);
    }
    return at;
}

static char *put_digits(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

static void set_second(struct access_clock *clock, int64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    char *at = clock->text;

    clock->second = second;
    ASSERT(gmtime_r(&t, &tm) != NULL);
    at = put_digits(at, tm.tm_year + 1900, 4);
    *at++ = '-';
    at = put_digits(at, tm.tm_mon + 1, 2);
    *at++ = '-';
    at = put_digits(at, tm.tm_mday, 2);
    *at++ = 'T';
    at = put_digits(at, tm.tm_hour, 2);
    *at++ = ':';
    at = put_digits(at, tm.tm_min, 2);
    *at++ = ':';
    at = put_digits(at, tm.tm_sec, 2);
    memcpy(at, ".000Z", sizeof ".000Z");
}

static char *put_time(char *at, int64_t wall_ms, struct access_clock *clock)
{
    if (wall_ms < 0)
        wall_ms = 0;
    if (clock->text[0] == '\0' || clock->second != wall_ms / 1000)
        set_second(clock, wall_ms / 1000);
    at = PUT(at, "{\"time\":\"");
    at = put(at, clock->text, 20);
    at = put_digits(at, (int)(wall_ms % 1000), 3);
    return PUT(at, "Z\"");
}

size_t access_line_write(char *out, const struct access_record *r,
                         const struct str texts[ACCESS_TEXT__COUNT], int64_t wall_ms,
                         struct access_clock *clock)
{
    char *at = put_time(out, wall_ms, clock);

#define X(sym, name, max, help)             \
    ASSERT(texts[ACCESS_##sym].n <= (max)); \
    at = PUT(at, ",\"" name "\":\"");       \
    at = put_text(at, texts[ACCESS_##sym]); \
    *at++ = '"';
    ACCESS_TEXTS(X)
#undef X
#define X(name, help)                \
    at = PUT(at, ",\"" #name "\":"); \
    at = put_number(at, r->name);
    ACCESS_NUMBERS(X)
#undef X
#define X(name, help)                       \
    at = PUT(at, ",\"" #name "\":\"");      \
    at = put(at, r->name, strlen(r->name)); \
    *at++ = '"';
    ACCESS_WORDS(X)
#undef X
    at = PUT(at, "}\n");
    return (size_t)(at - out);
}

size_t access_line_write_lost(char *out, uint64_t lost, size_t worker, int64_t wall_ms,
                              struct access_clock *clock)
{
    char *at = put_time(out, wall_ms, clock);

    at = PUT(at, ",\"lost\":");
    at = put_number(at, (int64_t)lost);
    at = PUT(at, ",\"worker\":");
    at = put_number(at, (int64_t)worker);
    at = PUT(at, "}\n");
    return (size_t)(at - out);
}
