/* A name, a zero byte, a Cookie field: what is found lies inside the field, behind "name=". */
#include <stdint.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The same rule, byte by byte: a name begins where only blanks stand since the last semicolon. */
static bool find_slowly(struct str field, struct str name, size_t *out_at)
{
    bool begins = true;

    for (size_t i = 0; i < field.n; i++) {
        struct str rest = {field.p + i, field.n - i};

        if (begins && rest.n > name.n && rest.p[name.n] == '=' && str_starts(rest, name)) {
            *out_at = i + name.n + 1;
            return true;
        }
        begins = field.p[i] == ';' || (begins && is_blank(field.p[i]));
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    struct str name, field, value = {NULL, 0};
    size_t at = 0;
    bool found;

    if (zero == NULL || zero == data)
        return 0;
    name = (struct str){(const char *)data, (size_t)(zero - data)};
    field = (struct str){(const char *)zero + 1, size - name.n - 1};
    if (memchr(name.p, ';', name.n) != NULL || memchr(name.p, '=', name.n) != NULL ||
        is_blank(name.p[0]))
        return 0; /* no cookie has such a name, and tables are refused that ask for one */
    found = http_cookie_find(field, name, &value);
    ASSERT(found == find_slowly(field, name, &at));
    if (!found)
        return 0;
    ASSERT(value.p >= field.p + at && value.p + value.n <= field.p + field.n);
    ASSERT(value.n == 0 || memchr(value.p, ';', value.n) == NULL);
    ASSERT(value.n == 0 || (!is_blank(value.p[0]) && !is_blank(value.p[value.n - 1])));
    for (const char *p = field.p + at; p < value.p; p++)
        ASSERT(is_blank(*p));
    return 0;
}
