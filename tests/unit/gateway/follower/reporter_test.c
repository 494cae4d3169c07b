/* Reports: one in flight, the newest state wins, failures cost nothing but the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/log.h"
#include "gateway/fetch/fetch.h"
#include "gateway/follower/reporter.h"
#include "tests/unit/fake_http.h"

enum { BODIES_MAX = 16 };

struct world {
    struct fake fake;
    struct evconnlistener *listener;
    struct event_base *base;
    struct fetch *fetch;
    struct reporter *reporter;
    char token_file[96];
    char url[64];
    int state; /* what a report says */
    bool too_large;
    char *bodies[BODIES_MAX];
    int num_bodies;
    struct fake_conn *held; /* a request that waits for its answer */
};

static bool write_state(void *arg, struct buf *out)
{
    struct world *w = arg;
    return !w->too_large && buf_add_fmt(out, "{\"state\":%d}", w->state);
}

static void hold(struct fake_conn *c, const char *method, const char *target, const char *body)
{
    struct world *w = c->fake->arg;
    assert_string_equal(method, "POST");
    assert_string_equal(target, "/v1/clusters/east/gateways/g1/report");
    assert_true(w->num_bodies < BODIES_MAX);
    assert_null(w->held); /* at most one in flight */
    w->bodies[w->num_bodies++] = xstrdup(body);
    w->held = c;
}

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct err e = {0};
    w->base = event_base_new();
    w->fetch = fetch_new(w->base, &e);
    assert_non_null(w->fetch);
    w->fake.arg = w;
    w->fake.answer = hold;
    fake_start(&w->fake, w->base);
    w->listener = fake_listen_tcp(&w->fake);
    snprintf(w->token_file, sizeof(w->token_file), "%s/token", w->fake.dir);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u//", w->fake.port);
    FILE *f = fopen(w->token_file, "w");
    assert_non_null(f);
    assert_true(fputs("secret\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    struct reporter_config config = {.base = w->base,
                                     .fetch = w->fetch,
                                     .coordinator = w->url,
                                     .cluster = "east",
                                     .gateway = "g1",
                                     .token_file = w->token_file,
                                     .write = write_state,
                                     .arg = w};
    w->reporter = reporter_new(&config);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    reporter_free(w->reporter);
    fetch_free(w->fetch);
    evconnlistener_free(w->listener);
    if (unlink(w->token_file) != 0)
        assert_int_equal(access(w->token_file, F_OK), -1);
    fake_stop(&w->fake);
    event_base_free(w->base);
    for (int i = 0; i < w->num_bodies; i++)
        free(w->bodies[i]);
    free(w);
    return 0;
}

static void run_ms(struct world *w, int64_t ms)
{
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    assert_int_equal(event_base_loopexit(w->base, &in), 0);
    assert_int_equal(event_base_dispatch(w->base), 0);
}

static void run_until(struct world *w, int num_bodies)
{
    for (int i = 0; i < 250 && (w->num_bodies < num_bodies || w->held == NULL); i++)
        run_ms(w, 20);
    assert_int_equal(w->num_bodies, num_bodies);
}

static void answer(struct world *w, int status)
{
    struct fake_conn *c = w->held;
    w->held = NULL;
    fake_reply(c, status, "");
}

static void break_off(struct world *w)
{
    struct fake_conn *c = w->held;
    w->held = NULL;
    fake_close(c);
}

static void one_is_in_flight_and_the_newest_state_follows_it(void **state)
{
    struct world *w = *state;
    for (w->state = 1; w->state < 5; w->state++)
        reporter_changed(w->reporter);
    run_until(w, 1);
    assert_string_equal(w->bodies[0], "{\"state\":1}");
    w->state = 9;
    run_ms(w, 100);
    assert_int_equal(w->num_bodies, 1);
    answer(w, 204);
    run_until(w, 2);
    assert_string_equal(w->bodies[1], "{\"state\":9}");
    answer(w, 204);
    run_ms(w, 100);
    assert_int_equal(w->num_bodies, 2); /* no news: silence until the next change or 10 s */
}

static void a_report_that_fails_is_followed_by_the_next_change(void **state)
{
    struct world *w = *state;
    w->state = 1;
    reporter_changed(w->reporter);
    run_until(w, 1);
    break_off(w);
    run_ms(w, 100);
    w->state = 2;
    reporter_changed(w->reporter);
    run_until(w, 2);
    assert_string_equal(w->bodies[1], "{\"state\":2}");
    answer(w, 500);
    run_ms(w, 100);
    w->state = 3;
    reporter_changed(w->reporter);
    run_until(w, 3);
    assert_string_equal(w->bodies[2], "{\"state\":3}");
    answer(w, 503);
}

static void what_cannot_be_written_or_signed_is_left_out(void **state)
{
    struct world *w = *state;
    w->too_large = true;
    reporter_changed(w->reporter);
    run_ms(w, 100);
    assert_int_equal(w->num_bodies, 0);
    w->too_large = false;
    assert_int_equal(unlink(w->token_file), 0);
    reporter_changed(w->reporter);
    run_ms(w, 100);
    assert_int_equal(w->num_bodies, 0);
}

static void it_may_end_while_a_report_is_in_flight(void **state)
{
    struct world *w = *state;
    reporter_changed(w->reporter);
    run_until(w, 1); /* tear_down frees it now */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_in_flight_and_the_newest_state_follows_it),
        TEST(a_report_that_fails_is_followed_by_the_next_change),
        TEST(what_cannot_be_written_or_signed_is_left_out),
        TEST(it_may_end_while_a_report_is_in_flight),
    };

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
