/* The wait before a child is started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "gateway/child.h"

static void test_it_doubles_and_begins_anew(void **state)
{
    static const int64_t waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    int64_t wait = 0;

    (void)state;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
        assert_int_equal(wait = child_back_off(wait, 5), waits[i]);
    assert_int_equal(child_back_off(wait, CHILD_STEADY_MS), CHILD_BACK_OFF_MIN_MS);
}

static void test_the_book(void **state)
{
    struct child c = {.name = "test"};

    (void)state;
    child_begins(&c);
    assert_true(c.running && c.pid == 0);
    c.pid = 4711;
    assert_int_equal(child_ended(&c, W_EXITCODE(1, 0)), CHILD_BACK_OFF_MIN_MS);
    assert_false(c.running);
    child_begins(&c);
    assert_int_equal(child_ended(&c, W_EXITCODE(0, 9)), 2 * CHILD_BACK_OFF_MIN_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_doubles_and_begins_anew),
        cmocka_unit_test(test_the_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
