/* Which cookie of a Cookie field is meant by a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/http/cookie.h"

static void the_first_cookie_of_the_name_is_found(void **state)
{
    static const struct {
        const char *field;
        const char *name;
        const char *value; /* NULL: none */
    } rows[] = {
        {"sid=abc", "sid", "abc"},
        {"a=1; sid=abc; b=2", "sid", "abc"},
        {"a=1;sid=abc;b=2", "sid", "abc"},
        {"sid=first; sid=second", "sid", "first"},
        {"sid=", "sid", ""},
        {"sid=; sid=second", "sid", ""},
        {"sid= \tabc\t ; x=1", "sid", "abc"},
        {" \tsid=abc", "sid", "abc"},
        {"sid=a=b==", "sid", "a=b=="},
        {"sid=\"abc\"", "sid", "\"abc\""},
        {"sid=\"a;b\"", "sid", "\"a"},
        {"x=\"; sid=abc\"", "sid", "abc\""},
        {"sid=a b,c", "sid", "a b,c"},
        {";;; ;sid=abc;;", "sid", "abc"},
        /* other names */
        {"", "sid", NULL},
        {"sid", "sid", NULL},
        {"sid; x=1", "sid", NULL},
        {"SID=abc", "sid", NULL},
        {"xsid=abc", "sid", NULL},
        {"sidx=abc", "sid", NULL},
        {"x=sid=abc", "sid", NULL},
        {"sid =abc", "sid", NULL},
        {"=abc", "sid", NULL},
        {"=abc", "", NULL},
        {"abc", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str out = STR("untouched");
        bool found = http_cookie_find(str_from(rows[i].field), str_from(rows[i].name), &out);

        if (found != (rows[i].value != NULL))
            fail_msg("\"%s\" of \"%s\": found is %d", rows[i].name, rows[i].field, found);
        if (!str_eq(out, found ? str_from(rows[i].value) : STR("untouched")))
            fail_msg("\"%s\" of \"%s\" is \"%.*s\"", rows[i].name, rows[i].field, STR_ARG(out));
    }
}

static void a_field_is_not_read_beyond_its_length(void **state)
{
    struct str out;

    (void)state;
    assert_false(http_cookie_find((struct str){"a=1; sid=abc", 8}, STR("sid"), &out));
    assert_true(http_cookie_find((struct str){"a=1; sid=abc", 10}, STR("sid"), &out));
    assert_true(str_eq(out, STR("a")));
    assert_false(http_cookie_find((struct str){NULL, 0}, STR("sid"), &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_cookie_of_the_name_is_found),
        cmocka_unit_test(a_field_is_not_read_beyond_its_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
