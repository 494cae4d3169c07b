/* Upstream connections against a listener on loopback: states, idle ones, endpoints that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/upstream/upstream.h"

struct fixture {
    struct loop loop;
    struct metrics metrics;
    struct upstream_shared *shared;
    struct upstreams ups;
    int listener;
    struct sockaddr_in addr;
    struct table_endpoint ep;
    uint32_t forgotten;
    int num_forgotten, num_ready, failure;
    const struct upstream_conn *watched;
    int turns;
};

static void on_forgotten(void *arg, uint32_t id)
{
    struct fixture *f = arg;

    f->forgotten = id;
    f->num_forgotten++;
}

static void on_ready(void *owner)
{
    struct fixture *f = owner;

    f->num_ready++;
    f->failure = f->watched != NULL ? f->watched->failure : 0;
}

static void on_turn_end(void *arg)
{
    struct fixture *f = arg;

    if (--f->turns <= 0)
        loop_stop(&f->loop);
}

/* Some turns; the tick ends those in which nothing happens. */
static void turn(struct fixture *f)
{
    f->loop.stopped = false;
    f->loop.now_ms = 0; /* a test may have set the clock forward */
    f->turns = 2;
    loop_hurry(&f->loop);
    loop_run(&f->loop);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    socklen_t len = sizeof f->addr;

    assert_true(loop_init(&f->loop, NULL));
    f->loop.on_turn_end = on_turn_end;
    f->loop.turn_end_arg = f;
    f->shared = upstream_shared_new();
    upstreams_init(&f->ups, &f->loop, &f->metrics, f->shared);
    f->ups.on_forgotten = on_forgotten;
    f->ups.arg = f;
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    f->addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(f->listener, (struct sockaddr *)&f->addr, sizeof f->addr), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&f->addr, &len), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    f->ep = (struct table_endpoint){.id = 7, .addr.v4 = f->addr, .addr_len = sizeof f->addr};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    upstreams_free(&f->ups);
    upstream_shared_free(f->shared);
    loop_free(&f->loop);
    close(f->listener);
    free(f);
    return 0;
}

static struct upstream_conn *connected(struct fixture *f, int *peer)
{
    struct upstream_conn *c = upstreams_connect(&f->ups, &f->ep);

    assert_non_null(c);
    upstream_own(c, on_ready, f);
    *peer = accept(f->listener, NULL, NULL);
    assert_true(*peer >= 0);
    turn(f);
    assert_int_equal(c->state, UPSTREAM_BUSY);
    return c;
}

static void send_bytes(struct upstream_conn *c, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    size_t n;

    assert_int_equal(sock_send(&c->sock, &iov, 1, &n), IO_DONE);
    c->sent_bytes += n;
}

static void a_released_connection_is_taken_again(void **state)
{
    struct fixture *f = *state;
    int peer;
    struct upstream_conn *c = connected(f, &peer);

    upstream_release(c);
    assert_int_equal(c->state, UPSTREAM_IDLE);
    assert_ptr_equal(upstreams_take_idle(&f->ups, 7, true), c);
    assert_null(upstreams_take_idle(&f->ups, 7, false));
    close(peer);
}

static void an_idle_connection_that_speaks_or_ends_is_dropped(void **state)
{
    struct fixture *f = *state;

    for (int speaks = 0; speaks <= 1; speaks++) {
        int peer;
        struct upstream_conn *c = connected(f, &peer);

        upstream_release(c);
        if (speaks)
            assert_int_equal(write(peer, "x", 1), 1);
        else
            close(peer);
        turn(f);
        assert_null(upstreams_take_idle(&f->ups, 7, false));
        if (speaks)
            close(peer);
    }
}

static void a_warm_one_is_looked_at_before_it_is_given(void **state)
{
    struct fixture *f = *state;
    int peer;
    struct upstream_conn *c = connected(f, &peer);
    struct pollfd p = {.fd = c->sock.fd, .events = POLLRDHUP};

    upstream_release(c);
    close(peer);
    assert_int_equal(poll(&p, 1, 2000), 1); /* the end is here, its event has not been seen */
    assert_null(upstreams_take_idle(&f->ups, 7, true));
}

static void a_refused_connect_is_told(void **state)
{
    struct fixture *f = *state;
    struct upstream_conn *c;

    close(f->listener);
    f->listener = -1;
    c = upstreams_connect(&f->ups, &f->ep);
    if (c == NULL) { /* loopback may refuse at once */
        assert_int_equal(errno, ECONNREFUSED);
        return;
    }
    upstream_own(c, on_ready, f);
    f->watched = c;
    turn(f);
    assert_int_equal(f->num_ready, 1);
    assert_int_equal(f->failure, ECONNREFUSED);
}

static void an_endpoint_that_goes_keeps_what_is_in_flight_only(void **state)
{
    struct fixture *f = *state;
    int a, b;
    struct upstream_conn *busy = connected(f, &a);
    struct upstream_conn *idle = connected(f, &b);

    upstream_release(idle);
    f->ep.state = ENDPOINT_DRAINING;
    upstreams_stays(&f->ups, NULL, &f->ep);
    assert_int_equal(idle->state, UPSTREAM_DEAD);
    assert_int_equal(busy->state, UPSTREAM_BUSY);
    upstream_release(busy);
    assert_int_equal(busy->state, UPSTREAM_DEAD);
    assert_int_equal(f->num_forgotten, 0);
    close(a);
    close(b);
}

static void an_id_is_forgotten_when_its_last_connection_is_gone(void **state)
{
    struct fixture *f = *state;
    int a;
    struct upstream_conn *busy = connected(f, &a);

    upstreams_leaves(&f->ups, 7);
    assert_int_equal(f->num_forgotten, 0);
    upstream_release(busy);
    assert_int_equal(f->num_forgotten, 1);
    assert_int_equal(f->forgotten, 7);
    assert_null(upstreams_endpoint(&f->ups, 7));
    close(a);
}

static void an_endpoint_that_stays_keeps_its_idle_connections(void **state)
{
    struct fixture *f = *state;
    int a;
    struct upstream_conn *c = connected(f, &a);

    upstream_release(c);
    upstreams_stays(&f->ups, NULL, &f->ep);
    assert_int_equal(f->num_forgotten, 0);
    assert_ptr_equal(upstreams_take_idle(&f->ups, 7, false), c);
    close(a);
}

static void tick_after(struct fixture *f, int64_t ms)
{
    const struct loop_ticker *t = &f->loop.tickers[0];

    f->loop.now_ms = loop_now_ms(&f->loop) + ms;
    (void)t->on_tick(t->arg, f->loop.now_ms);
}

static void an_idle_connection_lives_as_long_as_its_pool_says(void **state)
{
    static const struct {
        uint32_t idle_ms;
        int64_t lives_ms, gone_ms;
    } rows[] = {{0, UPSTREAM_IDLE_MS - 1, 1}, {500, 499, 200}, {50000, 49999, 200}, {0, 1, 40000}};
    struct fixture *f = *state;
    struct route_pool spec = {.protocol = POOL_HTTP1};
    const struct table_pool pool = {.spec = &spec};
    int peer;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct upstream_conn *c = connected(f, &peer);

        spec.idle_ms = rows[i].idle_ms;
        upstreams_stays(&f->ups, &pool, &f->ep);
        upstream_release(c);
        assert_ptr_equal(upstreams_take_idle(&f->ups, 7, false), c);
        upstream_release(c);
        tick_after(f, rows[i].lives_ms);
        assert_int_equal(c->state, UPSTREAM_IDLE);
        tick_after(f, rows[i].gone_ms);
        assert_int_equal(c->state, UPSTREAM_DEAD);
        close(peer);
    }
    spec.idle_ms = 500;
    upstream_release(connected(f, &peer)); /* is closed with all others */
    close(peer);
    upstreams_stays(&f->ups, NULL, &f->ep);
}

static void an_id_that_was_never_used_is_forgotten_at_once(void **state)
{
    struct fixture *f = *state;

    upstreams_leaves(&f->ups, 4711);
    assert_int_equal(f->num_forgotten, 1);
    assert_int_equal(f->forgotten, 4711);
    assert_int_equal(f->ups.num_endpoints, 0);
}

static void what_comes_late_after_a_response_without_a_body_is_no_next_response(void **state)
{
    struct fixture *f = *state;

    for (int late = 0; late <= 1; late++) {
        int peer;
        struct upstream_conn *c = connected(f, &peer);
        struct pollfd p = {.fd = c->sock.fd, .events = POLLIN};

        c->bodiless = true;
        upstream_release(c);
        if (late) {
            assert_int_equal(write(peer, "x", 1), 1);
            assert_int_equal(poll(&p, 1, 2000), 1); /* it is here, its event has not been seen */
        }
        assert_ptr_equal(upstreams_take_idle(&f->ups, 7, false), late ? NULL : c);
        if (!late)
            upstream_close(c);
        close(peer);
    }
}

static void what_one_worker_finds_counts_for_all(void **state)
{
    struct fixture *f = *state;
    static struct upstreams other;
    struct eject_ticket mine, theirs;

    upstreams_init(&other, &f->loop, &f->metrics, f->shared);
    assert_true(upstreams_admits(&f->ups, 7, false, &mine));
    upstreams_note(&f->ups, 7, &mine, EJECT_REFUSED);
    assert_int_equal(upstream_shared_num_ejected(f->shared), 1);
    assert_false(upstreams_admits(&other, 7, false, &theirs));
    assert_true(upstreams_admits(&other, 7, true, &theirs)); /* the last resort */
    assert_false(theirs.probe);
    f->loop.now_ms = loop_now_ms(&f->loop) + EJECT_FIRST_MS;
    assert_true(upstreams_admits(&other, 7, false, &theirs));
    assert_true(theirs.probe);
    assert_false(upstreams_admits(&f->ups, 7, false, &mine));
    upstreams_note(&other, 7, &theirs, EJECT_ANSWERED);
    assert_true(upstreams_admits(&f->ups, 7, false, &mine));
    assert_int_equal(upstream_shared_num_ejected(f->shared), 0);
    assert_int_equal(metrics_get(&f->metrics.ejections), 1);
    upstreams_free(&other);
}

static void statuses_that_are_too_many_eject_and_one_answers_for_all(void **state)
{
    static const struct pool_passive rule = {.max_fails = 2, .fail_timeout_ms = 5000};
    static const struct pool_passive teapot = {
        .max_fails = 1, .fail_timeout_ms = 5000, .num_statuses = 1, .statuses = {418}};
    struct fixture *f = *state;
    struct eject_ticket t;

    assert_true(upstreams_admits(&f->ups, 7, false, &t));
    upstreams_note_status(&f->ups, 7, &t, NULL, 500);
    upstreams_note_status(&f->ups, 7, &t, &rule, 200);
    upstreams_note_status(&f->ups, 7, &t, &rule, 501);
    upstreams_note_status(&f->ups, 7, &t, &rule, 500);
    assert_int_equal(upstream_shared_num_ejected(f->shared), 0);
    upstreams_note_status(&f->ups, 7, &t, &rule, 503);
    assert_int_equal(upstream_shared_num_ejected(f->shared), 1);
    f->loop.now_ms = loop_now_ms(&f->loop) + 4999;
    assert_false(upstreams_admits(&f->ups, 7, false, &t));
    f->loop.now_ms += 1;
    assert_true(upstreams_admits(&f->ups, 7, false, &t));
    assert_true(t.probe);
    upstreams_note_status(&f->ups, 7, &t, &rule, 502); /* one is enough now, and twice as long */
    f->loop.now_ms += 9999;
    assert_false(upstreams_admits(&f->ups, 7, false, &t));
    f->loop.now_ms += 1;
    assert_true(upstreams_admits(&f->ups, 7, false, &t));
    upstreams_note_status(&f->ups, 7, &t, &rule, 404);
    assert_int_equal(upstream_shared_num_ejected(f->shared), 0);
    assert_true(upstreams_admits(&f->ups, 7, false, &t));
    upstreams_note_status(&f->ups, 7, &t, &teapot, 500);
    assert_int_equal(upstream_shared_num_ejected(f->shared), 0);
    upstreams_note_status(&f->ups, 7, &t, &teapot, 418);
    assert_int_equal(upstream_shared_num_ejected(f->shared), 1);
    upstream_shared_clear(f->shared, 7);
    assert_true(upstreams_admits(&f->ups, 7, false, &t));
}

static void connections_in_flight_are_counted_for_all_workers(void **state)
{
    struct fixture *f = *state;
    int peer;
    struct upstream_conn *c = connected(f, &peer);
    struct upstream_shared_endpoint *s = upstream_shared_get(f->shared, 7);

    assert_int_equal(atomic_load(&s->in_flight), 1);
    upstream_release(c);
    assert_int_equal(atomic_load(&s->in_flight), 0);
    assert_ptr_equal(upstreams_take_idle(&f->ups, 7, false), c);
    assert_int_equal(atomic_load(&s->in_flight), 1);
    upstream_close(c);
    assert_int_equal(atomic_load(&s->in_flight), 0);
    close(peer);
}

static void patience_ends_when_all_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    int peer, ms;
    socklen_t len = sizeof ms;
    struct upstream_conn *c = connected(f, &peer);

    upstream_be_patient(c);
    upstream_be_patient(c);
    send_bytes(c, "body");
    assert_int_equal(getsockopt(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
    assert_int_equal(ms, UPSTREAM_PATIENT_MS);
    turn(f); /* a tick */
    assert_false(c->patient);
    assert_int_equal(f->ups.num_patient, 0);
    assert_int_equal(getsockopt(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
    assert_int_equal(ms, UPSTREAM_USER_TIMEOUT_MS);
    upstream_close(c);
    close(peer);
}

static void what_the_peer_has_seen_is_known(void **state)
{
    struct fixture *f = *state;
    int peer;
    char text[16];
    struct upstream_conn *c = connected(f, &peer);

    send_bytes(c, "one");
    assert_int_equal(read(peer, text, sizeof text), 3);
    assert_int_equal(write(peer, "r", 1), 1); /* carries the acknowledgement */
    turn(f);
    assert_false(upstream_saw_nothing(c, 0));
    close(peer);
    turn(f);
    send_bytes(c, "two"); /* to a closed socket: acknowledged by nobody */
    turn(f);
    assert_true(upstream_saw_nothing(c, 3));
    upstream_close(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_released_connection_is_taken_again),
        TEST(an_idle_connection_that_speaks_or_ends_is_dropped),
        TEST(a_warm_one_is_looked_at_before_it_is_given),
        TEST(a_refused_connect_is_told),
        TEST(an_endpoint_that_goes_keeps_what_is_in_flight_only),
        TEST(an_id_is_forgotten_when_its_last_connection_is_gone),
        TEST(an_endpoint_that_stays_keeps_its_idle_connections),
        TEST(an_idle_connection_lives_as_long_as_its_pool_says),
        TEST(an_id_that_was_never_used_is_forgotten_at_once),
        TEST(what_comes_late_after_a_response_without_a_body_is_no_next_response),
        TEST(what_one_worker_finds_counts_for_all),
        TEST(statuses_that_are_too_many_eject_and_one_answers_for_all),
        TEST(connections_in_flight_are_counted_for_all_workers),
        TEST(patience_ends_when_all_is_acknowledged),
        TEST(what_the_peer_has_seen_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
