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

/* The field is cut there: what comes before is blanks, and none are left around the value. */
static void check_value(struct str field, size_t at, struct str value)
{
    ASSERT(value.p >= field.p + at && value.p + value.n <= field.p + field.n);
    ASSERT(value.n == 0 || memchr(value.p, ';', value.n) == NULL);
    ASSERT(value.n == 0 || (!is_blank(value.p[0]) && !is_blank(value.p[value.n - 1])));
    for (const char *p = field.p + at; p < value.p; p++)
        ASSERT(is_blank(*p));
}

/* No cookie has any other, and tables are refused that ask for one. */
static bool may_be_name(struct str s)
{
    return s.n > 0 && memchr(s.p, ';', s.n) == NULL && memchr(s.p, '=', s.n) == NULL &&
           !is_blank(s.p[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    struct str name, field, value = {NULL, 0};
    size_t at = 0;
    bool found;

    if (zero == NULL)
        return 0;
    name = (struct str){(const char *)data, (size_t)(zero - data)};
    field = (struct str){(const char *)zero + 1, size - name.n - 1};
    if (!may_be_name(name))
        return 0;
    found = http_cookie_find(field, name, &value);
    ASSERT(found == find_slowly(field, name, &at));
    if (found)
        check_value(field, at, value);
    return 0;
}
