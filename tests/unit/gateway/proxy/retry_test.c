/* The rule of repeating a request, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/proxy/retry.h"

static void what_may_be_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct retry_facts facts; /* attempts, most, intact, answered, idempotent, may_be_seen */
        bool allowed;
    } rows[] = {
        {"a GET that was sent", {1, 3, true, false, true, true}, true},
        {"a GET for the third time", {2, 3, true, false, true, true}, true},
        {"a GET for the fourth time", {3, 3, true, false, true, true}, false},
        {"a GET whose answer has begun", {1, 3, true, true, true, true}, false},
        {"a PUT whose body is gone", {1, 3, false, false, true, true}, false},
        {"a POST that somebody may have read", {1, 3, true, false, false, true}, false},
        {"a POST that nobody has read", {1, 3, true, false, false, false}, true},
        {"a POST that nobody has read, its body gone", {1, 3, false, false, false, false}, false},
        {"a GET of a route that repeats nothing", {1, 1, true, false, true, true}, false},
        {"a POST that nobody has read, yet answered", {1, 3, true, true, false, false}, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (retry_allowed(&rows[i].facts) != rows[i].allowed)
            fail_msg("%s", rows[i].what);
}

static void a_route_says_how_many_attempts_and_which_statuses(void **state)
{
    static const struct route_retry none = {.attempts = 0};
    static const struct route_retry some = {
        .attempts = 7, .num_statuses = 2, .statuses = {502, 503, 504}};

    (void)state;
    assert_int_equal(retry_attempts(NULL), 3);
    assert_int_equal(retry_attempts(&none), 1);
    assert_int_equal(retry_attempts(&some), 8);
    assert_false(retry_is_of_status(NULL, 503));
    assert_false(retry_is_of_status(&none, 503));
    assert_true(retry_is_of_status(&some, 503));
    assert_false(retry_is_of_status(&some, 504)); /* beyond num_statuses */
}

static void methods_are_idempotent_by_name_and_case(void **state)
{
    (void)state;
    static const char *const yes[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    static const char *const no[] = {"POST", "PATCH", "get", "GETS", "", "CONNECT", "LOCK"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!retry_is_idempotent(str_from(yes[i])))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (retry_is_idempotent(str_from(no[i])))
            fail_msg("%s", no[i]);
}

static void a_failure_of_everything_is_not_multiplied(void **state)
{
    struct retry_budget b;
    int repeated = 0;

    (void)state;
    retry_budget_init(&b, 5000);
    for (int i = 0; i < 10000; i++) { /* within one millisecond, and all of them fail */
        retry_budget_earn(&b);
        repeated += retry_budget_spend(&b, 5000);
    }
    assert_int_equal(repeated, RETRY_RESERVE + 10000 * RETRY_SHARE_PERCENT / 100);
    for (int i = 0; i < 10; i++)
        assert_false(retry_budget_spend(&b, 5000));
}

static void a_quiet_service_may_be_repeated_as_well(void **state)
{
    struct retry_budget b;
    int repeated = 0;

    (void)state;
    retry_budget_init(&b, 0);
    while (retry_budget_spend(&b, 0))
        repeated++;
    assert_int_equal(repeated, RETRY_RESERVE);
    assert_false(retry_budget_spend(&b, 99));
    assert_true(retry_budget_spend(&b, 100)); /* a tenth of a second later */
    assert_false(retry_budget_spend(&b, 100));
    for (repeated = 0; retry_budget_spend(&b, 3600000);)
        repeated++;
    assert_int_equal(repeated, RETRY_RESERVE);
}

static void what_was_earned_is_bounded(void **state)
{
    struct retry_budget b;
    int repeated = 0;

    (void)state;
    retry_budget_init(&b, 0);
    for (int i = 0; i < 1000000; i++)
        retry_budget_earn(&b);
    while (retry_budget_spend(&b, 0))
        repeated++;
    assert_in_range(repeated, RETRY_BUDGET_MAX, RETRY_BUDGET_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_repeated),
        cmocka_unit_test(a_failure_of_everything_is_not_multiplied),
        cmocka_unit_test(a_quiet_service_may_be_repeated_as_well),
        cmocka_unit_test(what_was_earned_is_bounded),
        cmocka_unit_test(a_route_says_how_many_attempts_and_which_statuses),
        cmocka_unit_test(methods_are_idempotent_by_name_and_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
