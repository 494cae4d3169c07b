/* Failures an address may have, and how they are forgiven. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "admin/auth/throttle.h"

static const struct throttle_rate rate = {THROTTLE_BURST, THROTTLE_REFILL_MS * 1000};

static void an_address_has_a_burst_and_then_one_failure_each_refill(void **state)
{
    struct throttle *t = throttle_new(&rate);

    (void)state;
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_false(throttle_spent(t, "10.0.0.1", 1000));
    assert_true(throttle_spent(t, "10.0.0.1", 1000));
    assert_true(throttle_spent(t, "10.0.0.1", 1000 + THROTTLE_REFILL_MS - 1));
    assert_false(throttle_spent(t, "10.0.0.1", 1000 + THROTTLE_REFILL_MS));
    assert_true(throttle_spent(t, "10.0.0.1", 1000 + THROTTLE_REFILL_MS));
    throttle_free(t);
}

static void addresses_do_not_share(void **state)
{
    struct throttle *t = throttle_new(&rate);

    (void)state;
    for (int i = 0; i <= THROTTLE_BURST; i++)
        (void)throttle_spent(t, "10.0.0.1", 0);
    assert_true(throttle_spent(t, "10.0.0.1", 0));
    assert_false(throttle_spent(t, "10.0.0.2", 0));
    throttle_free(t);
}

static void a_long_pause_gives_the_burst_back_and_no_more(void **state)
{
    struct throttle *t = throttle_new(&rate);

    (void)state;
    for (int i = 0; i <= THROTTLE_BURST; i++)
        (void)throttle_spent(t, "a", 0);
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_false(throttle_spent(t, "a", INT64_C(1) << 40));
    assert_true(throttle_spent(t, "a", INT64_C(1) << 40));
    throttle_free(t);
}

static void many_addresses_are_not_all_remembered(void **state)
{
    struct throttle *t = throttle_new(&rate);
    char address[32];

    (void)state;
    for (int i = 0; i < THROTTLE_ADDRESSES_MAX * 2; i++) {
        (void)snprintf(address, sizeof address, "10.%d", i);
        (void)throttle_spent(t, address, 0);
    }
    assert_int_equal(throttle_len(t), THROTTLE_ADDRESSES_MAX);
    throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_a_burst_and_then_one_failure_each_refill),
        cmocka_unit_test(addresses_do_not_share),
        cmocka_unit_test(a_long_pause_gives_the_burst_back_and_no_more),
        cmocka_unit_test(many_addresses_are_not_all_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
