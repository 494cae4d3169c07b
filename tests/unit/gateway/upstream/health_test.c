/* How many results in a row it takes, which statuses are good, when the next probe comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/upstream/health.h"

static void results_in_a_row_change_it(void **state)
{
    static const struct pool_health rule = {.healthy = 2, .unhealthy = 3};
    /* + good, - bad: what was found; the state after each of them: h, u */
    static const char found[] = "+--+---++-+--+-++---", then[] = "hhhhhhuuhhhhhhhhhhhu";
    struct health_state s = {false, 0};

    (void)state;
    for (size_t i = 0; found[i] != '\0'; i++) {
        bool was = s.unhealthy, changed = health_after(&s, found[i] == '+', &rule);

        if (s.unhealthy != (then[i] == 'u'))
            fail_msg("after %.*s", (int)i + 1, found);
        assert_int_equal(changed, was != s.unhealthy);
    }
}

static void one_is_enough_where_the_pool_says_so(void **state)
{
    static const struct pool_health rule = {.healthy = 1, .unhealthy = 1};
    struct health_state s = {false, 0};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(health_after(&s, i % 2 != 0, &rule));
}

static void statuses_of_the_range_are_good(void **state)
{
    static const struct pool_health rule = {.status_from = 200, .status_to = 299};

    (void)state;
    assert_false(health_is_good(101, &rule));
    assert_false(health_is_good(199, &rule));
    assert_true(health_is_good(200, &rule));
    assert_true(health_is_good(299, &rule));
    assert_false(health_is_good(300, &rule));
}

static void probes_come_a_tenth_earlier_or_later(void **state)
{
    static const uint32_t intervals[] = {100, 101, 5000, 86400000};

    (void)state;
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        struct pool_health rule = {.interval_ms = intervals[i]};
        int64_t least = INT64_MAX, most = 0;

        for (uint64_t r = 0; r < 1000; r++) {
            int64_t ms = health_wait_ms(&rule, false, r * 0x9e3779b97f4a7c15U);

            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
            assert_in_range(health_wait_ms(&rule, true, r * 0x9e3779b97f4a7c15U), 0,
                            intervals[i] < 1000 ? intervals[i] - 1 : 999);
        }
        assert_in_range(least, intervals[i] * UINT64_C(90) / 100,
                        intervals[i] * UINT64_C(91) / 100 + 1);
        assert_in_range(most, intervals[i] * UINT64_C(109) / 100,
                        intervals[i] * UINT64_C(110) / 100 + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_in_a_row_change_it),
        cmocka_unit_test(one_is_enough_where_the_pool_says_so),
        cmocka_unit_test(statuses_of_the_range_are_good),
        cmocka_unit_test(probes_come_a_tenth_earlier_or_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
