/*
 * See cookie.h. One pass, no copy, no allocation; bounded by the field, which is bounded by its
 * head. Says nothing about what a value may hold: the head's parser has refused control bytes, and
 * applications set what the grammar forbids (commas, blanks), which still has to be found.
 */
#include "gateway/http/cookie.h"

bool http_cookie_find(struct str field_value, struct str name, struct str *out)
{
    struct str pair;

    if (name.n == 0)
        return false;
    while (str_split(&field_value, ';', &pair)) {
        pair = str_trim(pair);
        if (pair.n <= name.n || pair.p[name.n] != '=' || !str_starts(pair, name))
            continue;
        *out = str_trim((struct str){pair.p + name.n + 1, pair.n - name.n - 1});
        return true;
    }
    return false;
}

bool http_cookie_find_in(http_next_field next, const void *head, struct str name, struct str *out)
{
    struct str field_value;
    size_t at = 0;

    while (next(head, STR("cookie"), &at, &field_value))
        if (http_cookie_find(field_value, name, out))
            return true;
    return false;
}
