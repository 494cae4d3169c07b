/* Places and rates, also with several threads at one gauge. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/proxy/quota.h"

static void places_are_taken_up_to_the_limit(void **state)
{
    struct table_gauge *g = table_gauge_new(), *one = g, *two = g, *none = NULL;

    (void)state;
    assert_true(quota_enter(g, 2));
    assert_true(quota_enter(g, 2));
    assert_false(quota_enter(g, 2));
    assert_int_equal(g->in_flight, 2);
    quota_leave(&one);
    assert_null(one);
    quota_leave(&one); /* once is all */
    assert_int_equal(g->in_flight, 1);
    assert_true(quota_enter(g, 2));
    quota_leave(&two);
    assert_true(quota_enter(g, 0)); /* no limit, and counted all the same */
    assert_int_equal(g->in_flight, 2);
    assert_true(quota_enter(none, 1));
    for (int i = 0; i < 2; i++) {
        one = g;
        quota_leave(&one);
    }
    assert_int_equal(g->in_flight, 0);
    table_gauge_unref(&g);
}

static void connections_are_counted_apart(void **state)
{
    struct table_gauge *g = table_gauge_new(), *one = g;

    (void)state;
    assert_true(quota_connect(g, 1));
    assert_false(quota_connect(g, 1));
    assert_true(quota_connect(NULL, 1));
    assert_int_equal(g->connections, 1);
    assert_int_equal(g->in_flight, 0);
    quota_disconnect(&one);
    assert_null(one);
    quota_disconnect(&one); /* once is all */
    assert_int_equal(g->connections, 0);
    table_gauge_unref(&g);
}

static void a_rate_has_a_burst_and_fills_up(void **state)
{
    static const struct {
        uint32_t per_second, burst;
        int64_t at_us;
        int tries, granted;
        uint32_t wait_s; /* of the last one, if it was refused */
    } steps[] = {
        {10, 5, 1000000, 8, 5, 1},         /* the burst */
        {10, 5, 1000000 + 99999, 2, 0, 1}, /* not yet */
        {10, 5, 1100000, 2, 1, 1},         {10, 5, 1500000, 9, 4, 1},
        {10, 5, 99000000, 9, 5, 1}, /* never more than the burst */
    };
    struct table_gauge *g = table_gauge_new();

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int granted = 0;
        uint32_t wait_s = 0;

        for (int j = 0; j < steps[i].tries; j++)
            granted += quota_spend(g, steps[i].per_second, steps[i].burst, steps[i].at_us, &wait_s);
        assert_int_equal(granted, steps[i].granted);
        assert_int_equal(wait_s, steps[i].wait_s);
    }
    table_gauge_unref(&g);
}

static void corners_of_rates(void **state)
{
    struct table_gauge *g = table_gauge_new();
    uint32_t wait_s = 0;
    int granted = 0;

    (void)state;
    assert_true(quota_spend(g, 0, 7, 1, &wait_s));    /* no rate */
    assert_true(quota_spend(NULL, 1, 1, 1, &wait_s)); /* nobody counts */
    for (int i = 0; i < 5; i++)
        granted += quota_spend(g, 3, 0, 5000000, &wait_s); /* burst: as many as in a second */
    assert_int_equal(granted, 3);
    table_gauge_unref(&g);
    g = table_gauge_new();
    granted = 0;
    for (int i = 0; i < 1000; i++)
        granted += quota_spend(g, UINT32_MAX, UINT32_MAX, 5000000, &wait_s);
    assert_int_equal(granted, 1000);
    table_gauge_unref(&g);
}

enum { THREADS = 4, TRIES = 50000, LIMIT = 3, RATE = 1000 };

struct runner {
    struct table_gauge *g;
    int over, granted;
};

static void *run(void *arg)
{
    struct runner *r = arg;

    for (int i = 0; i < TRIES; i++) {
        struct table_gauge *mine = r->g;
        uint32_t wait_s;

        r->granted += quota_spend(r->g, RATE, RATE, 1000000, &wait_s);
        if (!quota_enter(mine, LIMIT))
            continue;
        quota_leave(&mine);
    }
    return NULL;
}

static void threads_share_a_gauge(void **state)
{
    struct table_gauge *g = table_gauge_new();
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    int granted = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.g = g};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        granted += runners[i].granted;
    }
    assert_int_equal(granted, RATE); /* no token was taken twice, none lost */
    assert_int_equal(g->in_flight, 0);
    table_gauge_unref(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_taken_up_to_the_limit),
        cmocka_unit_test(connections_are_counted_apart),
        cmocka_unit_test(a_rate_has_a_burst_and_fills_up),
        cmocka_unit_test(corners_of_rates),
        cmocka_unit_test(threads_share_a_gauge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
