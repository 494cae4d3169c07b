/* Ten warnings a minute, then a count with the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clusters/publish/quiet.h"

static void ten_are_said_and_the_rest_is_counted(void **state)
{
    struct quiet q = {0};
    unsigned withheld;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(quiet_may_say(&q, 5000 + i, &withheld), i < QUIET_MAX);
        assert_int_equal(withheld, 0);
    }
    assert_false(quiet_may_say(&q, 5000 + QUIET_WINDOW_MS - 1, &withheld));
    assert_true(quiet_may_say(&q, 5000 + QUIET_WINDOW_MS, &withheld));
    assert_int_equal(withheld, 991);
    assert_true(quiet_may_say(&q, 5000 + QUIET_WINDOW_MS + 1, &withheld));
    assert_int_equal(withheld, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_are_said_and_the_rest_is_counted)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
