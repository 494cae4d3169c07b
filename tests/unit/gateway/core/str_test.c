/* Strings with lengths: cut, compare, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/core/str.h"

static void numbers_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t want;
    } rows[] = {
        {"0", 10, true, 0},
        {"10", 10, true, 10},
        {"11", 10, false, 0},
        {"007", 10, true, 7},
        {"", 10, false, 0},
        {"-1", 10, false, 0},
        {"+1", 10, false, 0},
        {" 1", 10, false, 0},
        {"1 ", 10, false, 0},
        {"0x1", 10, false, 0},
        {"5", 3, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t v = 0;

        assert_int_equal(str_to_u64(str_from(rows[i].text), rows[i].max, &v), rows[i].ok);
        assert_true(!rows[i].ok || v == rows[i].want);
    }
}

static void splitting_gives_every_part_even_empty_ones(void **state)
{
    struct str rest = STR(",a,,b,");
    static const char *const want[] = {"", "a", "", "b", ""};
    struct str part;
    size_t n = 0;

    (void)state;
    while (str_split(&rest, ',', &part)) {
        assert_true(n < 5);
        assert_true(str_eq(part, str_from(want[n++])));
    }
    assert_int_equal(n, 5);
    rest = STR("");
    assert_true(str_split(&rest, ',', &part));
    assert_int_equal(part.n, 0);
    assert_false(str_split(&rest, ',', &part));
}

static void comparison_folds_ascii_only(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR("aZ-1"), STR("Az-1")));
    assert_false(str_eq_nocase(STR("\xc3\xa4"), STR("\xc3\x84")));
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_false(str_starts(STR("a"), STR("ab")));
}

static void trimming_takes_blanks_and_tabs_only(void **state)
{
    (void)state;
    assert_true(str_eq(str_trim(STR(" \ta b\t ")), STR("a b")));
    assert_true(str_eq(str_trim(STR(" \t")), STR("")));
    assert_true(str_eq(str_trim(STR("\na")), STR("\na")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_strictly),
        cmocka_unit_test(splitting_gives_every_part_even_empty_ones),
        cmocka_unit_test(comparison_folds_ascii_only),
        cmocka_unit_test(trimming_takes_blanks_and_tabs_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
