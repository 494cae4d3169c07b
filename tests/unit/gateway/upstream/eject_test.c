/* The rules of ejection as tables: how long, who counts, what lifts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/upstream/eject.h"

static void an_ejection_ends_by_time_in_one_probe(void **state)
{
    (void)state;
    assert_int_equal(eject_standing(0, 5000), EJECT_FREE);
    assert_int_equal(eject_standing(5001, 5000), EJECT_OUT);
    assert_int_equal(eject_standing(5000, 5000), EJECT_DUE);
    assert_int_equal(eject_standing(1, 5000), EJECT_DUE);
}

static void each_probe_that_fails_doubles_the_time_up_to_half_a_minute(void **state)
{
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct eject_state s = {0, 0};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct eject_ticket t = {s.until_ms, i > 0};

        s = eject_after(s, t, i % 2 == 0 ? EJECT_REFUSED : EJECT_TIMED_OUT, 100000);
        assert_int_equal(s.failures, i + 1);
        assert_int_equal(s.until_ms, 100000 + expected[i]);
    }
    s.failures = UINT32_MAX;
    s = eject_after(s, (struct eject_ticket){s.until_ms, true}, EJECT_BROKE, 7);
    assert_int_equal(s.failures, UINT32_MAX);
    assert_int_equal(s.until_ms, 7 + 30000);
}

static void who_counts(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct eject_state before;
        struct eject_ticket ticket;
        enum eject_outcome outcome;
        struct eject_state after; /* at 5000 */
    } rows[] = {
        {"the first failure ejects", {0, 0}, {0, false}, EJECT_REFUSED, {1, 6000}},
        {"a connect that times out ejects", {0, 0}, {0, false}, EJECT_TIMED_OUT, {1, 6000}},
        {"a fresh connection that breaks ejects", {0, 0}, {0, false}, EJECT_BROKE, {1, 6000}},
        {"of many that began together one counts", {1, 6000}, {0, false}, EJECT_REFUSED, {1, 6000}},
        {"and a late one neither", {1, 4000}, {0, false}, EJECT_REFUSED, {1, 4000}},
        {"when all are ejected failures do not add up",
         {1, 6000},
         {6000, false},
         EJECT_REFUSED,
         {1, 6000}},
        {"a probe that fails does", {1, 7500}, {7500, true}, EJECT_BROKE, {2, 7000}},
        {"also when another probe has begun", {1, 8000}, {4400, true}, EJECT_BROKE, {2, 7000}},
        {"an answer changes nothing for the free", {0, 0}, {0, false}, EJECT_ANSWERED, {0, 0}},
        {"an answer to the probe lifts it", {4, 7500}, {7500, true}, EJECT_ANSWERED, {0, 0}},
        {"an answer when all are ejected too", {4, 9000}, {9000, false}, EJECT_ANSWERED, {0, 0}},
        {"an answer to what began before does not",
         {1, 6000},
         {0, false},
         EJECT_ANSWERED,
         {1, 6000}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct eject_state s = eject_after(rows[i].before, rows[i].ticket, rows[i].outcome, 5000);

        if (s.failures != rows[i].after.failures || s.until_ms != rows[i].after.until_ms)
            fail_msg("%s", rows[i].what);
    }
}

static void statuses_count_within_a_time_that_begins_with_the_first(void **state)
{
    static const struct {
        int64_t at_ms;
        bool too_many; /* three within a second */
    } rows[] = {{100, false},  {200, false},  {1100, true},  {1200, false}, {2300, false},
                {2400, false}, {3301, false}, {3302, false}, {3303, true},  {9000, false}};
    struct eject_window w = {0, 0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(eject_is_too_many(&w, 3, 1000, rows[i].at_ms), rows[i].too_many);
    for (int i = 0; i < 3; i++)
        assert_true(eject_is_too_many(&(struct eject_window){0, 0}, 1, 1000, 5));
}

static void statuses_eject_for_their_own_time_twice_as_long_each_time(void **state)
{
    static const struct {
        uint32_t first_ms;
        int64_t for_ms[5];
    } rows[] = {{200, {200, 400, 800, 1600, 3200}},
                {10000, {10000, 20000, 30000, 30000, 30000}},
                {60000, {60000, 60000, 60000, 60000, 60000}}};

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct eject_state s = {0, 0};

        for (int i = 0; i < 5; i++) {
            s = eject_after_statuses(s, (struct eject_ticket){s.until_ms, i > 0}, rows[r].first_ms,
                                     7);
            assert_int_equal(s.until_ms, 7 + rows[r].for_ms[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ejection_ends_by_time_in_one_probe),
        cmocka_unit_test(each_probe_that_fails_doubles_the_time_up_to_half_a_minute),
        cmocka_unit_test(who_counts),
        cmocka_unit_test(statuses_count_within_a_time_that_begins_with_the_first),
        cmocka_unit_test(statuses_eject_for_their_own_time_twice_as_long_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
