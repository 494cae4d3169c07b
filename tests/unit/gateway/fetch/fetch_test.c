/*
 * gateway/fetch against a scripted server on a unix socket: whole replies, streams, every failure
 * as code and sentence, deadlines, and starting, cancelling and freeing from inside callbacks.
 */
#include "gateway/fetch/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "gateway/core/clock.h"
#include "tests/unit/fake_http.h"

enum { LOOP_LIMIT_MS = 3000 };

struct seen {
    struct fetch *fetch; /* for callbacks that free or start */
    struct fetch_call *call;
    const struct fetch_request *next;
    int num_done;
    int want_done;
    int num_data;
    int stop_after; /* on_data says false at this many */
    int cancel_after;
    bool free_in_data;
    bool free_in_done;
    long status, data_status;
    char body[256];
    struct err failure;
    struct event_base *base;
};

struct world {
    struct event_base *base;
    struct fetch *fetch;
    struct fake fake;
    struct seen seen;
    struct fetch_request rq;
};

static void on_done(void *arg, const struct fetch_reply *reply)
{
    struct seen *s = arg;

    s->num_done++;
    s->call = NULL;
    s->status = reply->status;
    s->failure = reply->failure;
    (void)snprintf(s->body, sizeof(s->body), "%.*s", STR_ARG(reply->body));
    if (s->next) {
        const struct fetch_request *next = s->next;

        s->next = NULL;
        assert_non_null(fetch_start(s->fetch, next, NULL));
    }
    if (s->free_in_done) {
        fetch_free(s->fetch);
        s->fetch = NULL;
    }
    if (s->num_done >= s->want_done)
        event_base_loopbreak(s->base);
}

static bool on_data(void *arg, long status, struct str bytes)
{
    struct seen *s = arg;
    size_t len = strlen(s->body);

    s->num_data++;
    s->data_status = status;
    (void)snprintf(s->body + len, sizeof(s->body) - len, "%.*s", STR_ARG(bytes));
    if (s->num_data == s->cancel_after) {
        fetch_cancel(s->call);
        s->call = NULL;
    }
    if (s->next) {
        const struct fetch_request *next = s->next;

        s->next = NULL;
        assert_non_null(fetch_start(s->fetch, next, NULL));
        assert_int_equal(s->num_done, 0);
    }
    if (s->free_in_data) {
        fetch_free(s->fetch);
        s->fetch = NULL;
    }
    return s->num_data != s->stop_after;
}

static void answer(struct fake_conn *c, const char *method, const char *target, const char *body)
{
    if (strcmp(target, "/hello") == 0)
        fake_reply(c, 200, "hello");
    else if (strcmp(target, "/echo") == 0)
        fake_send(c, "HTTP/1.1 201 X\r\nContent-Length: %zu\r\n\r\n%s %s",
                  strlen(method) + 1 + strlen(body), method, body);
    else if (strcmp(target, "/redirect") == 0)
        fake_send(c, "HTTP/1.1 302 X\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(target, "/long") == 0)
        fake_send(c, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\ncd\r\n");
    else if (strcmp(target, "/silent") == 0)
        fake_send(c, "HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
    else if (strcmp(target, "/half") == 0)
        fake_send(c, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf"), fake_close_when_sent(c);
    else if (strcmp(target, "/garbage") == 0)
        fake_send(c, "220 smtp at your service\r\n\r\n"), fake_close_when_sent(c);
    else if (strcmp(target, "/bigheads") == 0)
        for (int i = 0; i < 2000; i++)
            fake_send(c, "%sX-Padding-%d: 0123456789012345678901234567890123456789\r\n",
                      i ? "" : "HTTP/1.1 200 X\r\n", i);
    else if (strcmp(target, "/close") == 0)
        fake_close(c);
    /* anything else hangs */
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->base = event_base_new();
    w->fetch = fetch_new(w->base, NULL);
    assert_non_null(w->fetch);
    w->fake.answer = answer;
    fake_start(&w->fake, w->base);
    w->seen = (struct seen){.fetch = w->fetch, .want_done = 1, .base = w->base};
    w->rq = (struct fetch_request){.unix_socket = w->fake.path,
                                   .on_done = on_done,
                                   .arg = &w->seen,
                                   .url = "http://engine/hello",
                                   .body_max = 64,
                                   .total_timeout_ms = 2000};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    fetch_free(w->seen.fetch);
    fake_stop(&w->fake);
    event_base_free(w->base);
    free(w);
    return 0;
}

static void run_for(struct world *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    event_base_loopexit(w->base, &tv);
    event_base_dispatch(w->base);
}

static void start(struct world *w, const char *url)
{
    struct err e = {0};

    w->rq.url = url;
    w->seen.call = fetch_start(w->fetch, &w->rq, &e);
    assert_non_null(w->seen.call);
    assert_int_equal(w->seen.num_done, 0); /* never from inside fetch_start */
}

static void fetch_one(struct world *w, const char *url)
{
    start(w, url);
    run_for(w, LOOP_LIMIT_MS);
    assert_int_equal(w->seen.num_done, 1);
}

static void a_whole_reply_is_delivered_once_from_the_loop(void **state)
{
    struct world *w = *state;

    fetch_one(w, "http://engine/hello");
    assert_null(w->seen.failure.code);
    assert_int_equal(w->seen.status, 200);
    assert_string_equal(w->seen.body, "hello");
}

static void method_headers_and_body_go_out_as_given(void **state)
{
    struct world *w = *state;

    w->rq.method = "PATCH";
    w->rq.body = STR("{\"a\":1}");
    w->rq.headers = (const char *const[]){"Content-Type: application/json", NULL};
    fetch_one(w, "http://engine/echo");
    assert_int_equal(w->seen.status, 201);
    assert_string_equal(w->seen.body, "PATCH {\"a\":1}");
}

static void a_connection_is_used_again(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 5; i++) {
        w->seen.num_done = 0;
        fetch_one(w, "http://engine/hello");
        assert_null(w->seen.failure.code);
    }
    assert_int_equal(w->fake.num_requests, 5);
    assert_int_equal(w->fake.num_connections, 1);
}

static void redirects_are_not_followed(void **state)
{
    struct world *w = *state;

    fetch_one(w, "http://engine/redirect");
    assert_int_equal(w->seen.status, 302);
    assert_int_equal(w->fake.num_requests, 1);
}

static void failures_have_a_code_and_a_sentence(void **state)
{
    static const struct {
        const char *url, *code, *text;
    } cases[] = {
        {"http://engine/half", "Broken", "did not come whole"},
        {"http://engine/garbage", "Broken", "did not come whole"},
        {"http://engine/close", "Broken", "did not come whole"},
        {"http://engine/bigheads", "TooLarge", "larger than 65536 bytes"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        w->seen.num_done = 0;
        fetch_one(w, cases[i].url);
        assert_non_null(w->seen.failure.code);
        assert_string_equal(w->seen.failure.code, cases[i].code);
        assert_non_null(strstr(w->seen.failure.text, cases[i].text));
    }
}

static void a_body_over_the_cap_ends_the_call(void **state)
{
    struct world *w = *state;

    w->rq.body_max = 4;
    fetch_one(w, "http://engine/hello");
    assert_string_equal(w->seen.failure.code, "TooLarge");
    assert_non_null(strstr(w->seen.failure.text, "larger than 4 bytes"));
}

static void a_missing_socket_is_unreachable(void **state)
{
    struct world *w = *state;

    w->rq.unix_socket = "/tmp/fake-http-nobody/sock";
    fetch_one(w, "http://engine/hello");
    assert_string_equal(w->seen.failure.code, "Unreachable");
    assert_non_null(strstr(w->seen.failure.text, "/tmp/fake-http-nobody/sock"));
}

/* A port that was bound and closed again: nobody listens there. */
static int refused_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int s = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(s, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&in, &len), 0);
    close(s);
    return ntohs(in.sin_port);
}

static void a_refused_port_is_unreachable_and_says_refused(void **state)
{
    struct world *w = *state;
    char *url = xasprintf("http://127.0.0.1:%d/", refused_port());

    w->rq.unix_socket = NULL;
    fetch_one(w, url);
    assert_string_equal(w->seen.failure.code, "Unreachable");
    assert_non_null(strstr(w->seen.failure.text, "Connection refused"));
    free(url);
}

static void a_proxy_of_the_environment_is_ignored(void **state)
{
    struct world *w = *state;

    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    fetch_one(w, "http://engine/hello");
    unsetenv("http_proxy");
    assert_string_equal(w->seen.body, "hello");
}

static void a_silent_server_is_a_timeout(void **state)
{
    struct world *w = *state;
    int64_t begun = clock_mono_ms();

    w->rq.total_timeout_ms = 60;
    fetch_one(w, "http://engine/hang");
    assert_string_equal(w->seen.failure.code, "Timeout");
    assert_in_range(clock_mono_ms() - begun, 50, 1000);
}

static void bad_urls_and_headers_are_refused_at_once(void **state)
{
    static const char *const urls[] = {
        "", "http://", "ftp://x/", "file:///etc/passwd", "http://user:secret@x/", "http://x/a b"};
    struct world *w = *state;
    struct err e = {0};

    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        w->rq.url = urls[i];
        assert_null(fetch_start(w->fetch, &w->rq, &e));
        assert_string_equal(e.code, "BadUrl");
        assert_null(strstr(e.text, "secret"));
    }
    w->rq.url = "http://x/";
    w->rq.headers = (const char *const[]){"A: b\r\nC: d", NULL};
    assert_null(fetch_start(w->fetch, &w->rq, &e));
    assert_string_equal(e.code, "BadHeader");
}

static void a_stream_comes_piece_by_piece_until_the_reader_stops_it(void **state)
{
    struct world *w = *state;

    w->rq.on_data = on_data;
    w->rq.total_timeout_ms = 0;
    w->seen.stop_after = 1;
    start(w, "http://engine/long");
    run_for(w, LOOP_LIMIT_MS);
    assert_int_equal(w->seen.num_data, 1);
    assert_int_equal(w->seen.data_status, 200);
    assert_string_equal(w->seen.failure.code, "Stopped");
}

static void a_stream_outlives_other_calls(void **state)
{
    struct world *w = *state;
    struct fetch_request quick = w->rq;

    w->rq.on_data = on_data;
    w->rq.total_timeout_ms = 0;
    w->seen.next = &quick; /* started from inside on_data */
    start(w, "http://engine/long");
    run_for(w, LOOP_LIMIT_MS);
    assert_int_equal(w->seen.num_done, 1);
    assert_string_equal(w->seen.body, "hello");
    assert_int_equal(w->fake.num_connections, 2);
}

static void on_head(void *arg, long status)
{
    struct seen *s = arg;

    assert_int_equal(s->num_data, 0);
    s->status = status;
    event_base_loopbreak(s->base);
}

static void the_head_is_told_before_any_byte_of_a_silent_stream(void **state)
{
    struct world *w = *state;

    w->rq.on_head = on_head;
    w->rq.on_data = on_data;
    start(w, "http://engine/silent");
    run_for(w, LOOP_LIMIT_MS);
    assert_int_equal(w->seen.status, 200);
    assert_int_equal(w->seen.num_done, 0);
}

static void nothing_is_called_after_a_cancel(void **state)
{
    struct world *w = *state;

    start(w, "http://engine/hello");
    fetch_cancel(w->seen.call);
    fetch_cancel(NULL);
    run_for(w, 50);
    assert_int_equal(w->seen.num_done, 0);
    start(w, "http://engine/hang");
    run_for(w, 50);
    fetch_cancel(w->seen.call);
    run_for(w, 50);
    assert_int_equal(w->seen.num_done, 0);
}

static void a_call_may_be_cancelled_from_its_own_data(void **state)
{
    struct world *w = *state;

    w->rq.on_data = on_data;
    w->seen.cancel_after = 1;
    start(w, "http://engine/long");
    run_for(w, 100);
    assert_int_equal(w->seen.num_data, 1);
    assert_int_equal(w->seen.num_done, 0);
}

static void a_call_may_be_started_when_another_ends(void **state)
{
    struct world *w = *state;
    struct fetch_request again = w->rq;

    w->seen.next = &again;
    w->seen.want_done = 2;
    start(w, "http://engine/hello");
    run_for(w, LOOP_LIMIT_MS);
    assert_int_equal(w->seen.num_done, 2);
}

static void everything_may_be_freed_from_inside_callbacks(void **state)
{
    struct world *w = *state;

    w->rq.on_data = on_data;
    w->seen.free_in_data = true;
    start(w, "http://engine/long");
    run_for(w, 100);
    assert_null(w->seen.fetch);
    assert_int_equal(w->seen.num_done, 0);

    w->fetch = w->seen.fetch = fetch_new(w->base, NULL);
    w->rq.on_data = NULL;
    w->seen.free_in_data = false;
    w->seen.free_in_done = true;
    start(w, "http://engine/hang");
    start(w, "http://engine/hello");
    run_for(w, 100);
    assert_null(w->seen.fetch);
    assert_int_equal(w->seen.num_done, 1);
}

static void many_calls_run_at_the_same_time(void **state)
{
    struct world *w = *state;

    w->seen.want_done = 30;
    for (int i = 0; i < 30; i++)
        start(w, "http://engine/hello");
    run_for(w, LOOP_LIMIT_MS);
    assert_int_equal(w->seen.num_done, 30);
}

static void a_server_that_came_back_is_reached_again(void **state)
{
    struct world *w = *state;

    fetch_one(w, "http://engine/hello");
    fake_unlisten(&w->fake);
    w->seen.num_done = 0;
    fetch_one(w, "http://engine/hello");
    assert_string_equal(w->seen.failure.code, "Unreachable");
    fake_listen(&w->fake);
    w->seen.num_done = 0;
    fetch_one(w, "http://engine/hello");
    assert_null(w->seen.failure.code);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_reply_is_delivered_once_from_the_loop),
        TEST(method_headers_and_body_go_out_as_given),
        TEST(a_connection_is_used_again),
        TEST(redirects_are_not_followed),
        TEST(failures_have_a_code_and_a_sentence),
        TEST(a_body_over_the_cap_ends_the_call),
        TEST(a_missing_socket_is_unreachable),
        TEST(a_refused_port_is_unreachable_and_says_refused),
        TEST(a_proxy_of_the_environment_is_ignored),
        TEST(a_silent_server_is_a_timeout),
        TEST(bad_urls_and_headers_are_refused_at_once),
        TEST(a_stream_comes_piece_by_piece_until_the_reader_stops_it),
        TEST(a_stream_outlives_other_calls),
        TEST(the_head_is_told_before_any_byte_of_a_silent_stream),
        TEST(nothing_is_called_after_a_cancel),
        TEST(a_call_may_be_cancelled_from_its_own_data),
        TEST(a_call_may_be_started_when_another_ends),
        TEST(everything_may_be_freed_from_inside_callbacks),
        TEST(many_calls_run_at_the_same_time),
        TEST(a_server_that_came_back_is_reached_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
