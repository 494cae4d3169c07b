/*
 * How client connections end: every reason of close_reason.h is brought about once, over real
 * sockets, deadlines by ticks that are told a later time. What the client is told comes with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/http/h2_session.h"
#include "gateway/proxy/conn.h"
#include "gateway/table/gauge.h"
#include "gateway/table/table.h"
#include "tests/unit/gateway/table/feed_line.h"
#include "tests/unit/gateway/table/match_host.h"

enum { TURNS = 12, LARGE = 64 << 20, SMALL = 8192 };

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define GET_TUNNEL "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n"
#define SWITCH "HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n"

struct fixture {
    struct loop loop;
    struct loop_task spin; /* always queued: turns do not wait */
    struct metrics metrics;
    struct upstream_shared *shared;
    struct table_builder *builder;
    struct proxy *proxy;
    int front, origin; /* listeners */
    int client, up;    /* the far ends of the connections */
    int turns;
    char heard[4096];
    struct table_gauge *gauges[3]; /* of the route, the pool, the tenant */
};

static void spin(void *arg)
{
    (void)arg;
}

static void on_turn_end(void *arg)
{
    struct fixture *f = arg;

    loop_later(&f->loop, &f->spin);
    if (--f->turns <= 0)
        loop_stop(&f->loop);
}

static void turn(struct fixture *f)
{
    f->loop.stopped = false;
    f->turns = TURNS;
    loop_run(&f->loop);
}

/* Small ones, so that little is enough to fill them. */
static void set_buffer(int fd, int which)
{
    int bytes = SMALL;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, which, &bytes, sizeof bytes), 0);
}

static int listen_on(struct sockaddr_in *addr)
{
    socklen_t len = sizeof *addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    set_buffer(fd, SO_RCVBUF);
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof *addr), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &len), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void adopt(struct fixture *f, unsigned port)
{
    char line[256];
    struct table_commit c;

    snprintf(line, sizeof line,
             "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":[{"
             "\"address\":\"127.0.0.1\",\"port\":%u,\"weight\":1}]}}}",
             port);
    feed_line(f->builder, line);
    feed_line(
        f->builder,
        "{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{\"protocol\":\"http1\",\"limits\":{"
        "\"in_flight\":9}}}}");
    feed_line(f->builder,
              "{\"set\":{\"kind\":\"tenant\",\"name\":\"t\",\"value\":{\"in_flight\":9}}}");
    feed_line(
        f->builder,
        "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],\"path\":"
        "\"/\",\"tenant\":\"t\",\"limits\":{\"in_flight\":9},"
        "\"forward\":[{\"pool\":\"p\",\"weight\":1}]}}}");
    feed_line(f->builder, "{\"commit\":{\"revision\":1}}");
    assert_true(table_builder_take(f->builder, &c));
    proxy_adopt(f->proxy, c.table, c.changes, c.num_changes);
    for (size_t i = 0; i < 3; i++)
        table_gauge_unref(&f->gauges[i]); /* of an earlier version: the same ones */
    f->gauges[0] = table_gauge_ref(match_host(c.table, STR("a.test"))->gauge);
    f->gauges[1] = table_gauge_ref(table_pool(c.table, STR("p"))->gauge);
    f->gauges[2] = table_gauge_ref(table_tenant(c.table, STR("t"))->gauge);
}

static void check_gauges(struct fixture *f)
{
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(f->gauges[i]);
        assert_int_equal(f->gauges[i]->in_flight, 0);
        assert_int_equal(f->gauges[i]->waiting, 0);
        table_gauge_unref(&f->gauges[i]);
    }
}

static void connect_client(struct fixture *f, const struct sockaddr_in *front)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    int fd;

    f->client = socket(AF_INET, SOCK_STREAM, 0);
    set_buffer(f->client, SO_RCVBUF);
    assert_int_equal(connect(f->client, (const struct sockaddr *)front, sizeof *front), 0);
    fd = accept4(f->front, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    set_buffer(fd, SO_SNDBUF);
    assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
    proxy_take(f->proxy, fd, &peer, STR("http"));
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct sockaddr_in front, origin;

    assert_true(loop_init(&f->loop, NULL));
    f->loop.on_turn_end = on_turn_end;
    f->loop.turn_end_arg = f;
    f->spin.run = spin;
    f->shared = upstream_shared_new();
    f->builder = table_builder_new();
    f->proxy = proxy_new(&f->loop, &f->metrics, f->shared, NULL, NULL);
    f->front = listen_on(&front);
    f->origin = listen_on(&origin);
    f->up = -1;
    adopt(f, ntohs(origin.sin_port));
    connect_client(f, &front);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    proxy_free(f->proxy);
    check_gauges(f); /* however it ended, every place was given back, once */
    upstream_shared_free(f->shared);
    table_builder_free(f->builder);
    loop_forget(&f->loop, &f->spin);
    assert_int_equal(f->loop.bufs.num_out, 0); /* every block came back */
    loop_free(&f->loop);
    close(f->front);
    close(f->origin);
    close(f->client);
    if (f->up >= 0)
        close(f->up);
    free(f);
    return 0;
}

static void say(struct fixture *f, int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    turn(f);
}

/* Until nobody takes any more. */
static void say_much(struct fixture *f, int fd, char byte)
{
    static char block[65536];
    size_t said = 0;

    memset(block, byte, sizeof block);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int stuck = 0; said < LARGE && stuck < 20;) {
        size_t left = LARGE - said;
        ssize_t n = send(fd, block, left < sizeof block ? left : sizeof block, MSG_NOSIGNAL);

        stuck = n > 0 ? 0 : stuck + 1;
        said += n > 0 ? (size_t)n : 0;
        turn(f);
    }
}

static void request(struct fixture *f, const char *text)
{
    char head[1024];

    say(f, f->client, text);
    f->up = accept(f->origin, NULL, NULL);
    assert_true(f->up >= 0);
    turn(f);
    assert_true(recv(f->up, head, sizeof head, 0) > 0); /* else its close would be a reset */
}

static void respond(struct fixture *f, const char *text)
{
    say(f, f->up, text);
}

static const char *hear(struct fixture *f)
{
    ssize_t n = recv(f->client, f->heard, sizeof f->heard - 1, 0);

    f->heard[n > 0 ? n : 0] = '\0';
    return n < 0 ? strerror(errno) : f->heard;
}

/* Everything that has a deadline, told that so much time has passed. */
static void later(struct fixture *f, int64_t ms)
{
    int64_t now_ms = loop_now_ms(&f->loop) + ms;

    for (size_t i = 0; i < f->loop.num_tickers; i++)
        (void)f->loop.tickers[i].on_tick(f->loop.tickers[i].arg, now_ms);
    turn(f);
}

static void end(struct fixture *f, int *fd)
{
    close(*fd);
    *fd = -1;
    turn(f);
}

static void reset(struct fixture *f, int *fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    end(f, fd);
}

static void assert_open(struct fixture *f)
{
    assert_int_equal(proxy_num_conns(f->proxy), 1);
}

static void assert_ended(struct fixture *f, enum close_reason why)
{
    for (int i = 0; i < CLOSE__COUNT; i++)
        if (metrics_get(&f->proxy->closed[i]) != (i == (int)why))
            fail_msg("%s: %d", close_reason_label((enum close_reason)i),
                     (int)metrics_get(&f->proxy->closed[i]));
    assert_int_equal(proxy_num_conns(f->proxy), 0);
}

static void assert_heard(struct fixture *f, const char *beginning, const char *part)
{
    const char *got = hear(f);

    if (strncmp(got, beginning, strlen(beginning)) != 0 || strstr(got, part) == NULL)
        fail_msg("heard: %s", got);
}

/* ---- the client ---- */

static void a_client_that_closes_between_requests(void **state)
{
    struct fixture *f = *state;

    turn(f);
    end(f, &f->client);
    assert_ended(f, CLOSE_CLIENT_EOF);
}

static void a_client_that_closes_inside_a_head(void **state)
{
    struct fixture *f = *state;

    say(f, f->client, "GET / HT");
    end(f, &f->client);
    assert_ended(f, CLOSE_CLIENT_EOF_IN_HEAD);
}

static void a_client_that_closes_inside_a_body(void **state)
{
    struct fixture *f = *state;

    request(f, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhalf");
    end(f, &f->client);
    assert_ended(f, CLOSE_CLIENT_EOF_IN_BODY);
}

static void a_client_that_resets_while_it_waits(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    reset(f, &f->client);
    assert_ended(f, CLOSE_CLIENT_RESET);
}

static void a_client_that_half_closes_gets_its_answer(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    assert_int_equal(shutdown(f->client, SHUT_WR), 0);
    turn(f);
    assert_open(f);
    respond(f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_heard(f, "HTTP/1.1 200", "ok");
    assert_ended(f, CLOSE_DONE);
}

static void a_client_without_a_request(void **state)
{
    struct fixture *f = *state;

    later(f, 59000);
    assert_open(f);
    later(f, 61000);
    assert_ended(f, CLOSE_IDLE_TIMEOUT);
    assert_heard(f, "", "");
}

static void a_client_whose_head_never_ends(void **state)
{
    struct fixture *f = *state;

    say(f, f->client, "GET / HTTP/1.1\r\n");
    later(f, CONN_HEAD_MS - 1000);
    assert_open(f);
    later(f, CONN_HEAD_MS + 1000);
    assert_heard(f, "HTTP/1.1 408", "Connection: close");
    end(f, &f->client);
    assert_ended(f, CLOSE_HEAD_TIMEOUT);
}

static void a_client_whose_body_never_ends(void **state)
{
    struct fixture *f = *state;

    request(f, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhalf");
    later(f, CONN_ANSWER_MS + 1000);
    assert_heard(f, "HTTP/1.1 408", "Connection: close");
    end(f, &f->client);
    assert_ended(f, CLOSE_BODY_TIMEOUT);
}

static void a_client_that_does_not_read_its_response(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    respond(f, "HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n");
    say_much(f, f->up, 'r');
    later(f, CONN_BODY_IDLE_MS + 1000);
    assert_ended(f, CLOSE_CLIENT_SLOW);
}

static void a_client_that_does_not_read_interim_responses(void **state)
{
    struct fixture *f = *state;
    static char interim[15000];

    snprintf(interim, sizeof interim, "HTTP/1.1 103 Early Hints\r\nLink: %0*d\r\n\r\n", 14000, 0);
    request(f, GET);
    for (int i = 0; i < CONN_INTERIM_MAX - 1; i++)
        if (send(f->up, interim, strlen(interim), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
            turn(f);
    assert_true(TAILQ_FIRST(&f->proxy->conns[CONN_REQUEST])->x->to_client.len > 0);
    later(f, CONN_ANSWER_MS + 1000);
    assert_ended(f, CLOSE_CLIENT_SLOW);
}

static void a_client_that_does_not_read_our_answers(void **state)
{
    struct fixture *f = *state;
    static const char other[] = "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n";

    for (int i = 0; i < 200000 && TAILQ_EMPTY(&f->proxy->conns[CONN_REPLY]); i++) {
        (void)send(f->client, other, sizeof other - 1, MSG_NOSIGNAL);
        if (i % 100 == 0)
            turn(f);
    }
    assert_false(TAILQ_EMPTY(&f->proxy->conns[CONN_REPLY]));
    later(f, CONN_REPLY_MS + 1000);
    assert_ended(f, CLOSE_CLIENT_SLOW);
}

static void a_request_that_is_refused(void **state)
{
    struct fixture *f = *state;

    say(f, f->client, "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\nmore");
    assert_heard(f, "HTTP/1.1 400", "two_hosts");
    later(f, CONN_LINGER_MS + 1000);
    assert_ended(f, CLOSE_REFUSED);
}

static void a_body_that_is_malformed_while_its_response_runs(void **state)
{
    struct fixture *f = *state;

    request(f, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    respond(f, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    say(f, f->client, "nonsense\r\n");
    assert_ended(f, CLOSE_BAD_BODY);
}

/* ---- the endpoint ---- */

static void an_endpoint_that_ends_inside_its_response(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    respond(f, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    end(f, &f->up);
    assert_ended(f, CLOSE_RESPONSE_BROKEN);
    assert_heard(f, "HTTP/1.1 200", "half");
    assert_string_equal(hear(f), strerror(ECONNRESET));
}

static void an_endpoint_that_resets_a_response_until_close(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    respond(f, "HTTP/1.1 200 OK\r\n\r\nhalf");
    reset(f, &f->up);
    assert_ended(f, CLOSE_RESPONSE_BROKEN);
}

static void an_endpoint_whose_chunks_are_malformed(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    respond(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    respond(f, "nonsense\r\n");
    assert_ended(f, CLOSE_RESPONSE_BAD);
}

static void an_endpoint_that_does_not_answer(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    later(f, CONN_ANSWER_MS - 1000);
    assert_open(f);
    later(f, CONN_ANSWER_MS + 1000);
    assert_heard(f, "HTTP/1.1 504", "http_response_timeout");
    end(f, &f->client);
    assert_ended(f, CLOSE_ANSWER_TIMEOUT);
}

static void an_endpoint_that_does_not_take_the_request(void **state)
{
    struct fixture *f = *state;

    request(f, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000000\r\n\r\n");
    say_much(f, f->client, 'b');
    later(f, CONN_ANSWER_MS + 1000);
    assert_heard(f, "HTTP/1.1 504", "http_response_timeout");
    end(f, &f->client);
    assert_ended(f, CLOSE_ANSWER_TIMEOUT);
}

static void an_endpoint_whose_response_stands_still(void **state)
{
    struct fixture *f = *state;

    request(f, GET);
    respond(f, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    later(f, CONN_BODY_IDLE_MS + 1000);
    assert_ended(f, CLOSE_RESPONSE_TIMEOUT);
}

static void an_endpoint_that_does_not_answer_a_connect(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in deaf;
    int full[4], fd = listen_on(&deaf);

    assert_int_equal(listen(fd, 0), 0); /* a queue of one; what comes when it is full is dropped */
    for (int i = 0; i < 4; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(full[i], (struct sockaddr *)&deaf, sizeof deaf);
    }
    adopt(f, ntohs(deaf.sin_port));
    say(f, f->client, GET);
    assert_int_equal(f->proxy->ups.num[UPSTREAM_CONNECTING], 1);
    later(f, UPSTREAM_CONNECT_MS + 100);
    assert_heard(f, "HTTP/1.1 504", "connection_timeout");
    assert_open(f); /* the request was whole: the client may go on */
    end(f, &f->client);
    assert_ended(f, CLOSE_CLIENT_EOF);
    for (int i = 0; i < 4; i++)
        close(full[i]);
    close(fd);
}

/* ---- tunnels ---- */

static void a_tunnel_that_both_sides_end(void **state)
{
    struct fixture *f = *state;

    request(f, GET_TUNNEL);
    respond(f, SWITCH);
    assert_int_equal(shutdown(f->client, SHUT_WR), 0);
    turn(f);
    assert_open(f);
    respond(f, "bye");
    assert_heard(f, "HTTP/1.1 101", "bye");
    end(f, &f->up);
    assert_ended(f, CLOSE_TUNNEL_DONE);
}

static void a_tunnel_that_its_endpoint_resets(void **state)
{
    struct fixture *f = *state;

    request(f, GET_TUNNEL);
    respond(f, SWITCH);
    assert_heard(f, "HTTP/1.1 101", "");
    reset(f, &f->up);
    assert_ended(f, CLOSE_TUNNEL_BROKEN);
    assert_string_equal(hear(f), strerror(ECONNRESET));
}

static void a_tunnel_that_its_client_resets(void **state)
{
    struct fixture *f = *state;
    char byte;

    request(f, GET_TUNNEL);
    respond(f, SWITCH);
    reset(f, &f->client);
    assert_ended(f, CLOSE_CLIENT_RESET);
    assert_int_equal(recv(f->up, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void a_tunnel_in_which_nobody_speaks(void **state)
{
    struct fixture *f = *state;

    request(f, GET_TUNNEL);
    respond(f, SWITCH);
    assert_int_equal(f->loop.bufs.num_out, 0); /* it holds no block */
    later(f, CONN_TUNNEL_IDLE_MS - 1000);
    assert_open(f);
    later(f, CONN_TUNNEL_IDLE_MS + 1000);
    assert_ended(f, CLOSE_TUNNEL_IDLE);
}

/* ---- the gateway ---- */

static void an_idle_client_of_a_gateway_that_drains(void **state)
{
    struct fixture *f = *state;

    proxy_drain(f->proxy);
    later(f, CONN_DRAIN_IDLE_MS + 100);
    assert_ended(f, CLOSE_DRAIN);
}

static void a_tunnel_of_a_gateway_that_drains_has_a_moment(void **state)
{
    struct fixture *f = *state;

    request(f, GET_TUNNEL);
    respond(f, SWITCH);
    proxy_drain(f->proxy);
    later(f, route_settings_default().drain_ms - 1000);
    assert_open(f);
    respond(f, "still");
    assert_heard(f, "HTTP/1.1 101", "still");
    later(f, route_settings_default().drain_ms + 100);
    assert_ended(f, CLOSE_DRAIN);
}

static void a_client_whose_descriptor_is_needed(void **state)
{
    struct fixture *f = *state;

    proxy_shed(f->proxy);
    turn(f);
    assert_ended(f, CLOSE_SHED);
}

static void speak_h2(struct fixture *f)
{
    static const uint8_t settings[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0};

    say(f, f->client, H2_PREFACE);
    assert_int_equal(send(f->client, settings, sizeof settings, MSG_NOSIGNAL), sizeof settings);
    turn(f);
    assert_open(f);
}

/* It hears our SETTINGS, that its own were read, and a GOAWAY with that error. */
static void assert_goaway(struct fixture *f, char error)
{
    ssize_t n = recv(f->client, f->heard, sizeof f->heard, 0);

    assert_true(n >= 53 && f->heard[36 + 3] == 7 && f->heard[36 + 16] == error);
    end(f, &f->client);
}

static void an_http_2_client_that_breaks_a_rule(void **state)
{
    static const uint8_t data_of_no_stream[9] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct fixture *f = *state;

    speak_h2(f);
    assert_int_equal(send(f->client, data_of_no_stream, sizeof data_of_no_stream, 0), 9);
    turn(f);
    assert_goaway(f, 1);
    assert_ended(f, CLOSE_H2_ERROR);
}

static void an_http_2_client_that_floods(void **state)
{
    static const uint8_t ack[17] = {0, 0, 8, 6, 1}; /* of a PING that we never sent */
    struct fixture *f = *state;

    speak_h2(f);
    for (int i = 0; i <= H2_CALM_BURST + H2_CALM_A_SECOND; i++)
        assert_int_equal(send(f->client, ack, sizeof ack, 0), sizeof ack);
    turn(f);
    turn(f);
    assert_goaway(f, 11);
    assert_ended(f, CLOSE_H2_FLOOD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_that_closes_between_requests),
        TEST(a_client_that_closes_inside_a_head),
        TEST(a_client_that_closes_inside_a_body),
        TEST(a_client_that_resets_while_it_waits),
        TEST(a_client_that_half_closes_gets_its_answer),
        TEST(a_client_without_a_request),
        TEST(a_client_whose_head_never_ends),
        TEST(a_client_whose_body_never_ends),
        TEST(a_client_that_does_not_read_its_response),
        TEST(a_client_that_does_not_read_interim_responses),
        TEST(a_client_that_does_not_read_our_answers),
        TEST(a_request_that_is_refused),
        TEST(a_body_that_is_malformed_while_its_response_runs),
        TEST(an_endpoint_that_ends_inside_its_response),
        TEST(an_endpoint_that_resets_a_response_until_close),
        TEST(an_endpoint_whose_chunks_are_malformed),
        TEST(an_endpoint_that_does_not_answer),
        TEST(an_endpoint_that_does_not_take_the_request),
        TEST(an_endpoint_whose_response_stands_still),
        TEST(an_endpoint_that_does_not_answer_a_connect),
        TEST(a_tunnel_that_both_sides_end),
        TEST(a_tunnel_that_its_endpoint_resets),
        TEST(a_tunnel_that_its_client_resets),
        TEST(a_tunnel_in_which_nobody_speaks),
        TEST(an_idle_client_of_a_gateway_that_drains),
        TEST(a_tunnel_of_a_gateway_that_drains_has_a_moment),
        TEST(a_client_whose_descriptor_is_needed),
        TEST(an_http_2_client_that_breaks_a_rule),
        TEST(an_http_2_client_that_floods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
