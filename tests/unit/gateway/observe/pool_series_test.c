/* Series of pools: the cap, "(other)", and when a number may be given to another pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/observe/exposition.h"
#include "gateway/observe/metrics.h"
#include "gateway/observe/pool_series.h"

enum { WORKERS = 2, CAP = 3 };

static char *page(struct pool_series *s, size_t bytes)
{
    struct exposition x;
    struct buf b;

    buf_init(&b, 1 << 20);
    exposition_begin(&x, EXPOSITION_TEXT, &b);
    pool_series_write(s, &x, bytes);
    assert_true(exposition_end(&x));
    return buf_take(&b);
}

static void assert_page(struct pool_series *s, const char *line, bool there)
{
    char *text = page(s, SIZE_MAX);

    if ((strstr(text, line) != NULL) != there)
        fail_msg("\"%s\" is %s:\n%s", line, there ? "missing" : "there", text);
    free(text);
}

static uint16_t request(struct pool_series *s, size_t worker, const char *pool)
{
    uint16_t number = pool_series_hold(s, worker, str_from(pool));

    metrics_add(&pool_series_counters(s, worker, number)->requests[2], 1);
    return number;
}

static bool only_b_is_there(const void *arg, struct str pool)
{
    (void)arg;
    return str_eq(pool, STR("b"));
}

static void workers_are_summed(void **state)
{
    struct pool_series *s = pool_series_new(WORKERS, CAP);

    (void)state;
    assert_int_equal(request(s, 0, "a"), request(s, 1, "a"));
    assert_page(s, "signalbox_pool_requests_total{pool=\"a\",class=\"2xx\"} 2\n", true);
    assert_page(s, "signalbox_pools_folded 0\n", true);
    pool_series_free(s);
}

static void pools_beyond_the_cap_share_one_series_and_are_counted(void **state)
{
    struct pool_series *s = pool_series_new(WORKERS, CAP);

    (void)state;
    (void)request(s, 0, "a");
    (void)request(s, 0, "b");
    (void)request(s, 1, "c");
    assert_int_equal(request(s, 0, "d"), POOL_SERIES_OTHER);
    assert_int_equal(request(s, 1, "e"), POOL_SERIES_OTHER);
    assert_int_equal(request(s, 1, "d"), POOL_SERIES_OTHER);
    assert_page(s, "signalbox_pool_requests_total{pool=\"(other)\",class=\"2xx\"} 3\n", true);
    assert_page(s, "signalbox_pools_folded 2\n", true);
    assert_page(s, "pool=\"d\"", false);
    pool_series_free(s);
}

static void a_number_is_given_again_when_its_pool_is_gone_and_nobody_holds_it(void **state)
{
    struct pool_series *s = pool_series_new(WORKERS, CAP);
    struct pool_counters *a;
    uint16_t number;

    (void)state;
    number = request(s, 0, "a");
    (void)request(s, 1, "a");
    a = pool_series_counters(s, 0, number);
    (void)request(s, 0, "b");
    pool_series_sweep(s, only_b_is_there, NULL);
    assert_page(s, "pool=\"a\"", true); /* both workers hold it */
    metrics_add(&a->in_flight, 1);
    pool_series_drop(s, 0, number);
    pool_series_drop(s, 1, number);
    pool_series_sweep(s, only_b_is_there, NULL);
    assert_page(s, "pool=\"a\"", true); /* a request is under way */
    pool_counters_leave(a);
    pool_series_sweep(s, only_b_is_there, NULL);
    assert_page(s, "pool=\"a\"", false);
    assert_page(s, "pool=\"b\"", true);
    assert_int_equal(request(s, 0, "z"), number);
    assert_page(s, "signalbox_pool_requests_total{pool=\"z\",class=\"2xx\"} 1\n", true);
    pool_series_free(s);
}

static void churn_does_not_grow(void **state)
{
    struct pool_series *s = pool_series_new(WORKERS, CAP);
    char name[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint16_t number;

        snprintf(name, sizeof name, "pool-%d", i);
        number = request(s, 0, name);
        assert_int_not_equal(number, POOL_SERIES_OTHER);
        pool_series_drop(s, 0, number);
        pool_series_sweep(s, only_b_is_there, NULL);
    }
    assert_page(s, "pool=\"pool-", false);
    pool_series_free(s);
}

static void what_does_not_fit_is_folded_and_names_are_escaped(void **state)
{
    struct pool_series *s = pool_series_new(WORKERS, CAP);
    char *text;

    (void)state;
    (void)request(s, 0, "first");
    (void)request(s, 0, "sec\"o\\nd");
    assert_page(s, "pool=\"sec\\\"o\\\\nd\",class=\"2xx\"} 1\n", true);
    text = page(s, 2300);
    assert_non_null(strstr(text, "pool=\"first\""));
    assert_null(strstr(text, "pool=\"sec"));
    assert_non_null(strstr(text, "pool=\"(other)\",class=\"2xx\"} 1\n"));
    assert_non_null(strstr(text, "signalbox_pools_folded 1\n"));
    free(text);
    pool_series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_summed),
        cmocka_unit_test(pools_beyond_the_cap_share_one_series_and_are_counted),
        cmocka_unit_test(a_number_is_given_again_when_its_pool_is_gone_and_nobody_holds_it),
        cmocka_unit_test(churn_does_not_grow),
        cmocka_unit_test(what_does_not_fit_is_folded_and_names_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
