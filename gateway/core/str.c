/* Length-carrying strings: compare, cut, read numbers strictly. */
#include "gateway/core/str.h"

#include <string.h>
#include <strings.h>

#include "gateway/core/check.h"

struct str str_from(const char *s)
{
    return (struct str){s != NULL ? s : "", s != NULL ? strlen(s) : 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Upper and lower case of a letter differ in one bit, as do other bytes: "[" and "{". */
static bool is_other_case(unsigned char a, unsigned char b)
{
    unsigned char low = a | 0x20;

    return (a ^ b) == 0x20 && low >= 'a' && low <= 'z';
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] != b.p[i] && !is_other_case((unsigned char)a.p[i], (unsigned char)b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n != 0 ? memcmp(a.p, b.p, n) : 0;

    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_cut(struct str *s, struct str prefix)
{
    if (!str_starts(*s, prefix))
        return false;
    *s = (struct str){s->p + prefix.n, s->n - prefix.n};
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_split(struct str *rest, char sep, struct str *out_part)
{
    if (rest->p == NULL)
        return false;
    const char *at = rest->n != 0 ? memchr(rest->p, sep, rest->n) : NULL;

    if (at == NULL) {
        *out_part = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *out_part = (struct str){rest->p, (size_t)(at - rest->p)};
    rest->n -= out_part->n + 1;
    rest->p = at + 1;
    return true;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');

        if (v > UINT64_MAX / 10 || digit > UINT64_MAX - v * 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

char *str_dup(struct str s)
{
    return xmemdup0(s.p, s.n);
}
