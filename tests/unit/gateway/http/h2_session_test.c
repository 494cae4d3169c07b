/*
 * Two sessions, a client's and a server's, that are fed what the other says: what one side writes
 * as HTTP/1.1 the other reads as HTTP/1.1. Windows, resets, GOAWAY and ends come with it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/http/h2_priv.h"
#include "gateway/http/h2_session.h"
#include "gateway/http/h2_stream.h"

enum { LARGE = 1 << 20, BLOCK = 4096 };

#define GET "GET /p HTTP/1.1\r\nHost: a.test\r\nX-Y: z\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"

struct fixture {
    struct h2_session *client, *server;
    int64_t now_ms;
    struct buf heard; /* by read_all */
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->now_ms = 1000;
    f->client = h2_session_new(H2_CLIENT, 100, f->now_ms);
    f->server = h2_session_new(H2_SERVER, 100, f->now_ms);
    buf_init(&f->heard, 4 * LARGE);
    *state = f;
    return 0;
}

static void let_go(struct h2_session *s)
{
    struct h2_stream *st;

    while ((st = h2_session_owned(s)) != NULL)
        h2_stream_close(st, true);
    h2_session_free(s);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    let_go(f->client);
    let_go(f->server);
    buf_free(&f->heard);
    free(f);
    return 0;
}

static bool carry(struct fixture *f, struct h2_session *from, struct h2_session *to)
{
    char block[BLOCK];
    size_t n = h2_session_output(from, block, sizeof block);

    if (n > 0)
        assert_true(h2_session_feed(to, block, n, f->now_ms));
    return n > 0;
}

static void pump(struct fixture *f)
{
    for (bool more = true; more;) {
        more = carry(f, f->client, f->server);
        more = carry(f, f->server, f->client) || more;
    }
}

static struct h2_stream *accept_stream(struct fixture *f)
{
    struct h2_stream *st;

    pump(f);
    while ((st = h2_session_news(f->server)) != NULL && !h2_stream_is_new(st))
        continue;
    assert_non_null(st);
    h2_stream_own(st, f);
    return st;
}

static size_t write_some(struct h2_stream *st, const char *text, size_t n)
{
    char *copy = xmemdup0(text, n);
    struct iovec iov = {copy, n};
    size_t taken;

    if (h2_stream_write(st, &iov, 1, &taken) != IO_DONE)
        taken = 0;
    free(copy);
    return taken;
}

static void write_all(struct h2_stream *st, const char *text)
{
    assert_int_equal(write_some(st, text, strlen(text)), strlen(text));
}

/* What there is, and how it ends. */
static enum io read_all(struct fixture *f, struct h2_stream *st)
{
    char block[100];
    size_t n;
    enum io io;

    buf_clear(&f->heard);
    assert_true(buf_add_str(&f->heard, STR("")));
    while ((io = h2_stream_read(st, block, sizeof block, &n)) == IO_DONE)
        assert_true(buf_add(&f->heard, block, n));
    return io;
}

static void a_request_and_its_response(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, GET);
    down = accept_stream(f);
    assert_int_equal(read_all(f, down), IO_EOF);
    assert_string_equal(f->heard.bytes, "GET /p HTTP/1.1\r\nhost: a.test\r\nx-y: z\r\n\r\n");
    write_all(down, "HTTP/1.1 103 x\r\nLink: l\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                    "Connection: close\r\n\r\nok");
    h2_stream_close(down, false);
    pump(f);
    assert_int_equal(read_all(f, up), IO_EOF);
    assert_string_equal(f->heard.bytes, "HTTP/1.1 103 Informational\r\nlink: l\r\n\r\nHTTP/1.1 200 "
                                        "OK\r\ncontent-length: 2\r\n\r\nok");
    assert_false(h2_stream_is_broken(up));
    assert_int_equal(h2_session_num_streams(f->server), 0);
    assert_int_equal(h2_session_num_streams(f->client), 0);
}

static void chunks_and_trailers_both_ways(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, POST "3\r\nabc\r\n");
    down = accept_stream(f);
    assert_int_equal(read_all(f, down), IO_AGAIN);
    assert_string_equal(f->heard.bytes, "POST / HTTP/1.1\r\nhost: a.test\r\nTransfer-Encoding: "
                                        "chunked\r\n\r\n3\r\nabc\r\n");
    write_all(up, "0\r\nX-Sum: 3\r\n\r\n");
    pump(f);
    assert_int_equal(read_all(f, down), IO_EOF);
    assert_string_equal(f->heard.bytes, "0\r\nx-sum: 3\r\n\r\n");
    write_all(down,
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGrpc-Status: 0\r\n\r\n");
    pump(f);
    assert_int_equal(read_all(f, up), IO_EOF);
    assert_string_equal(f->heard.bytes, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                                        "grpc-status: 0\r\n\r\n");
    h2_stream_close(down, false);
}

static void what_is_not_read_is_not_sent(void **state)
{
    static char block[16384];
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;
    size_t sent = 0, got = 0;

    write_all(up, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    down = accept_stream(f);
    assert_int_equal(read_all(f, down), IO_AGAIN);
    for (size_t n = 1; n > 0; pump(f))
        sent += n = write_some(up, block, sizeof block);
    assert_int_equal(sent, H2_STREAM_WINDOW + H2_TX_MAX);
    assert_false(h2_stream_can_write(up));
    while (got < LARGE) {
        enum io io = read_all(f, down);

        got += f->heard.len;
        assert_int_equal(io, got < LARGE ? IO_AGAIN : IO_EOF);
        pump(f);
        sent += write_some(up, block, LARGE - sent < sizeof block ? LARGE - sent : sizeof block);
        pump(f);
    }
    assert_int_equal(got, LARGE);
    h2_stream_close(down, true);
}

static void a_body_that_ends_with_the_connection(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, GET);
    down = accept_stream(f);
    write_all(down, "HTTP/1.1 200 OK\r\n\r\nuntil");
    pump(f);
    assert_int_equal(read_all(f, up), IO_AGAIN);
    h2_stream_close(down, false);
    pump(f);
    assert_int_equal(read_all(f, up), IO_EOF);
    assert_string_equal(f->heard.bytes, "0\r\n\r\n");
}

static void a_response_that_breaks_off(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, GET);
    down = accept_stream(f);
    write_all(down, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal");
    h2_stream_close(down, false);
    pump(f);
    assert_true(h2_stream_is_broken(up) && !h2_stream_is_untouched(up));
    assert_int_equal(read_all(f, up), IO_FAIL);
    assert_int_equal(errno, ECONNRESET);
}

static void a_client_that_gives_up(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, GET);
    down = accept_stream(f);
    h2_stream_close(up, false);
    pump(f);
    assert_true(h2_stream_is_broken(down));
    assert_int_equal(write_some(down, "HTTP", 4), 0);
    h2_stream_close(down, true);
    assert_int_equal(h2_session_num_streams(f->server), 0);
}

/* It is told so after its response: RFC 9113 section 8.1. */
static void an_answer_before_the_request_has_ended(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, POST "3\r\nabc\r\n");
    down = accept_stream(f);
    write_all(down, "HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nno");
    h2_stream_close(down, false);
    pump(f);
    assert_int_equal(read_all(f, up), IO_EOF);
    assert_int_equal(write_some(up, "1\r\nx\r\n", 6), 0);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(h2_session_num_streams(f->server), 0);
}

static void what_is_no_message_is_not_passed_on(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f);

    assert_int_equal(write_some(up, "GET / HTTP/1.1\nHost: a\r\n\r\n", 26), 0);
    assert_int_equal(errno, EPROTO);
    h2_stream_close(up, true);
    pump(f);
    assert_null(h2_session_news(f->server));
}

static void a_goaway_leaves_later_requests_untouched(void **state)
{
    struct fixture *f = *state;
    struct h2_stream *first = h2_session_open(f->client, f), *late, *down;

    write_all(first, GET);
    down = accept_stream(f);
    h2_session_goaway(f->server);
    late = h2_session_open(f->client, f);
    write_all(late, GET);
    pump(f);
    assert_true(h2_session_is_going(f->client) && !h2_session_has_room(f->client));
    assert_true(h2_stream_is_untouched(late));
    assert_int_equal(read_all(f, late), IO_EOF);
    write_all(down, "HTTP/1.1 204 x\r\n\r\n");
    h2_stream_close(down, false);
    pump(f);
    assert_int_equal(read_all(f, first), IO_EOF);
    assert_true(h2_session_is_over(f->server));
    assert_int_equal(h2_session_end(f->server), H2_END_IN_ORDER);
}

static void a_reader_that_never_reads_is_given_up(void **state)
{
    static char block[16384];
    struct fixture *f = *state;
    struct h2_stream *up = h2_session_open(f->client, f), *down;

    write_all(up, GET);
    down = accept_stream(f);
    write_all(down, "HTTP/1.1 200 x\r\n\r\n");
    while (write_some(down, block, sizeof block) > 0)
        pump(f);
    h2_stream_close(down, false);
    pump(f);
    assert_true(h2_session_num_streams(f->server) > 0);
    f->now_ms += 59999;
    h2_session_tick(f->server, f->now_ms, 60000, INT64_MAX);
    pump(f);
    assert_true(h2_session_num_streams(f->server) > 0);
    f->now_ms += 60000;
    h2_session_tick(f->server, f->now_ms, 60000, INT64_MAX);
    pump(f);
    assert_int_equal(h2_session_num_streams(f->server), 0);
}

/* ---- trailers behind a length, from one connection to the next ---- */

#define POST_OF_2 "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nab"

/* A request comes over f and is written to g, as far as its length goes. */
struct relay {
    struct fixture *f, *g;
    struct h2_stream *from_client, *received, *sent, *at_service;
};

static void relay_begin(struct relay *r, struct fixture *f)
{
    void *other;

    set_up(&other);
    *r = (struct relay){.f = f, .g = other};
    r->from_client = h2_session_open(f->client, f);
    write_all(r->from_client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\na");
    r->received = accept_stream(f);
    r->sent = h2_session_open(r->g->client, r->g);
    h2_stream_follow(r->sent, r->received);
    write_all(r->sent, POST_OF_2);
    r->at_service = accept_stream(r->g);
    assert_false(h2_stream_is_whole(r->at_service));
}

static void relay_end(struct relay *r)
{
    void *other = r->g;

    tear_down(&other);
}

static void a_stream_ends_with_the_one_it_follows(void **state)
{
    struct relay r;

    relay_begin(&r, *state);
    /* Ours never says so: a peer that has a length and trailers. */
    assert_true(buf_add_str(&r.from_client->tx_trailers, STR("x-sum:s\nx-b:\n")));
    write_all(r.from_client, "b");
    pump(r.f);
    assert_true(h2_stream_is_whole(r.received));
    pump(r.g);
    assert_true(h2_stream_is_whole(r.at_service));
    assert_string_equal(r.at_service->trailers.bytes, "x-sum: s\r\nx-b: \r\n");
    relay_end(&r);
}

static void a_stream_ends_when_the_one_it_follows_is_gone(void **state)
{
    struct relay r;

    relay_begin(&r, *state);
    h2_stream_close(r.from_client, true);
    pump(r.f);
    assert_true(h2_stream_is_broken(r.received));
    pump(r.g);
    assert_true(h2_stream_is_whole(r.at_service));
    assert_int_equal(r.at_service->trailers.len, 0);
    relay_end(&r);
}

/* A response whose end is awaited, and whose reader goes. */
static void who_is_followed_is_let_go_with_the_last_reader(void **state)
{
    struct relay r;

    relay_begin(&r, *state);
    write_all(r.at_service, "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\no");
    pump(r.g);
    h2_stream_follow(r.received, r.sent);
    write_all(r.received, "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok");
    h2_stream_close(r.sent, false);
    h2_stream_close(r.received, true);
    pump(r.f);
    pump(r.g);
    assert_true(h2_stream_is_broken(r.at_service));
    relay_end(&r);
}

static void a_length_of_0_ends_with_the_one_that_is_followed(void **state)
{
    struct relay r;

    relay_begin(&r, *state);
    write_all(r.from_client, "b");
    pump(r.f);
    write_all(r.at_service, "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\no");
    pump(r.g);
    h2_stream_follow(r.received, r.sent);
    write_all(r.received, "HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n");
    pump(r.f);
    assert_false(h2_stream_is_whole(r.from_client));
    assert_true(buf_add_str(&r.at_service->tx_trailers, STR("x-sum:s\n")));
    write_all(r.at_service, "k");
    pump(r.g);
    pump(r.f);
    assert_true(h2_stream_is_whole(r.from_client));
    assert_string_equal(r.from_client->trailers.bytes, "x-sum: s\r\n");
    relay_end(&r);
}

static void the_preface(void **state)
{
    (void)state;
    assert_int_equal(h2_preface_find("P", 1), H2_PREFACE_PART);
    assert_int_equal(h2_preface_find(H2_PREFACE, 23), H2_PREFACE_PART);
    assert_int_equal(h2_preface_find(H2_PREFACE "x", 25), H2_PREFACE_WHOLE);
    assert_int_equal(h2_preface_find("POST", 4), H2_PREFACE_NOT);
    assert_int_equal(h2_preface_find("PRI * HTTP/1.1\r\n", 16), H2_PREFACE_NOT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_and_its_response),
        TEST(chunks_and_trailers_both_ways),
        TEST(what_is_not_read_is_not_sent),
        TEST(a_body_that_ends_with_the_connection),
        TEST(a_response_that_breaks_off),
        TEST(a_client_that_gives_up),
        TEST(an_answer_before_the_request_has_ended),
        TEST(what_is_no_message_is_not_passed_on),
        TEST(a_goaway_leaves_later_requests_untouched),
        TEST(a_reader_that_never_reads_is_given_up),
        TEST(a_stream_ends_with_the_one_it_follows),
        TEST(a_stream_ends_when_the_one_it_follows_is_gone),
        TEST(who_is_followed_is_let_go_with_the_last_reader),
        TEST(a_length_of_0_ends_with_the_one_that_is_followed),
        cmocka_unit_test(the_preface),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
