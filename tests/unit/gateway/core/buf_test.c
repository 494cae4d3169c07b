/* The capped buffer, its JSON strings, and errors that are cut to size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"

static void a_full_buffer_refuses_and_keeps_what_it_has(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_true(buf_add(&b, "abc", 3));
    assert_false(buf_add(&b, "def", 3));
    assert_string_equal(b.bytes, "abc");
    assert_true(buf_add_fmt(&b, "%d", 42));
    assert_false(buf_add_fmt(&b, "x"));
    assert_string_equal(b.bytes, "abc42");
    buf_drop(&b, 3);
    assert_string_equal(b.bytes, "42");
    assert_false(buf_add_json(&b, STR("ab")));
    assert_string_equal(b.bytes, "42");
    char *taken = buf_take(&b);

    assert_string_equal(taken, "42");
    assert_int_equal(b.len, 0);
    free(taken);
    taken = buf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
}

static void json_strings_are_escaped_and_always_utf8(void **state)
{
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\n\0\x7f", 3}, "\"\\u000a\\u0000\\u007f\""},
        {{"\xc3\xa4\xf0\x9f\x98\x80", 6}, "\"\xc3\xa4\xf0\x9f\x98\x80\""},
        {{"\xc3", 1}, "\"\xef\xbf\xbd\""},
        {{"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;

        buf_init(&b, 1000);
        assert_true(buf_add_json(&b, rows[i].in));
        assert_string_equal(b.bytes, rows[i].out);
        buf_free(&b);
    }
}

static void errors_are_printable_and_cut_between_characters(void **state)
{
    struct err e;
    char longer[ERR_TEXT_MAX + 10];

    (void)state;
    assert_false(err_set(&e, "Bad", "/a\nb", "x\ty%d", 1));
    assert_string_equal(e.field, "/a?b");
    assert_string_equal(e.text, "x?y1");
    memset(longer, 'a', sizeof(longer));
    longer[ERR_TEXT_MAX - 2] = '\xc3'; /* a two-byte character that straddles the cut */
    longer[ERR_TEXT_MAX - 1] = '\xa4';
    longer[ERR_TEXT_MAX + 9] = '\0';
    assert_false(err_set(&e, "Bad", NULL, "%s", longer));
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 2);
    assert_string_equal(e.field, "");
    assert_false(err_set(NULL, "Bad", NULL, "nobody asks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_buffer_refuses_and_keeps_what_it_has),
        cmocka_unit_test(json_strings_are_escaped_and_always_utf8),
        cmocka_unit_test(errors_are_printable_and_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
