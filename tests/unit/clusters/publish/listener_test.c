/* The limits that are put around evhttp: how many connections, how large heads, no stolen bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <event2/http.h>

#include "clusters/publish/listener.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"

enum { CONNECTIONS_MAX = 4, WAIT_MS = 10000 };

struct fixture {
    struct event_base *base;
    struct listener *listener;
    size_t head_bytes; /* of the last request */
    bool trusting;     /* every request shows a good token */
};

static void on_request(void *arg, struct evhttp_request *req)
{
    struct fixture *f = arg;
    const char *x = evhttp_find_header(evhttp_request_get_input_headers(req), "X");

    f->head_bytes = x != NULL ? strlen(x) : 0;
    if (f->trusting)
        listener_trust(f->listener, req);
    reply_empty(req);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    const struct listener_config config = {.listen = "[::1]:0",
                                           .flag = "--test",
                                           .connections_max = CONNECTIONS_MAX,
                                           .body_max = 64 << 10,
                                           .pending_max = 100 << 10,
                                           .on_request = on_request,
                                           .arg = f};
    struct listener_config v4 = config;

    f->base = event_base_new();
    f->listener = listener_new(f->base, &config, NULL);
    listener_free(f->listener); /* where there is no IPv6 the next is all that counts */
    v4.listen = "127.0.0.1:0";
    f->listener = listener_new(f->base, &v4, NULL);
    *state = f;
    return f->listener != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    listener_free(f->listener);
    event_base_free(f->base);
    free(f);
    return 0;
}

static int dial(const struct fixture *f)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(listener_port(f->listener)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void ask(int fd, size_t header_bytes)
{
    char *x = xcalloc(1, header_bytes + 1);
    char *request;

    memset(x, 'x', header_bytes);
    request = xasprintf("GET / HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n", x);
    assert_true(fd_write_all(fd, request, strlen(request)));
    free(request);
    free(x);
}

/* The status of a reply on fd, running the loop meanwhile; 0: none within the time. */
static int status_of(const struct fixture *f, int fd, int64_t wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;
    char reply[4096];

    while (clock_mono_ms() < until) {
        ssize_t n;

        event_base_loop(f->base, EVLOOP_NONBLOCK);
        n = recv(fd, reply, sizeof reply - 1, MSG_DONTWAIT);
        if (n > (ssize_t)strlen("HTTP/1.1 ")) {
            reply[n] = '\0';
            return (int)strtol(reply + strlen("HTTP/1.1 "), NULL, 10);
        }
    }
    return 0;
}

/* The head of a request with a body of that length, and some bytes of it. */
static void send_part(const struct fixture *f, int fd, size_t length, size_t bytes)
{
    char *head = xasprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", length);
    char *body = xcalloc(1, bytes);

    assert_true(fd_write_all(fd, head, strlen(head)));
    assert_true(fd_write_all(fd, body, bytes));
    free(head);
    free(body);
    (void)status_of(f, fd, 50);
}

static void bodies_that_are_not_whole_have_a_bound_together(void **state)
{
    struct fixture *f = *state;
    int known = dial(f), large = dial(f), small = dial(f);
    char rest[60000] = {0};

    f->trusting = true;
    ask(known, 1);
    assert_int_equal(status_of(f, known, WAIT_MS), 204);
    send_part(f, known, 60000, 50000);
    send_part(f, large, 60000, 40000);
    send_part(f, small, 30000, 20000); /* beyond: the stranger with the most goes */
    assert_true(recv(large, rest, 1, MSG_DONTWAIT) <= 0);
    assert_true(fd_write_all(small, rest, 10000));
    assert_int_equal(status_of(f, small, WAIT_MS), 204);
    assert_true(fd_write_all(known, rest, 10000));
    assert_int_equal(status_of(f, known, WAIT_MS), 204);
    assert_int_equal(status_of(f, large, 50), 0);
    fd_close(&known);
    fd_close(&large);
    fd_close(&small);
}

static void a_connection_beyond_the_cap_waits_for_room(void **state)
{
    struct fixture *f = *state;
    int fds[CONNECTIONS_MAX + 1];

    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = dial(f);
        ask(fds[i], 1);
        assert_int_equal(status_of(f, fds[i], WAIT_MS), 204);
    }
    fds[CONNECTIONS_MAX] = dial(f); /* the kernel takes it, we do not */
    ask(fds[CONNECTIONS_MAX], 1);
    assert_int_equal(status_of(f, fds[CONNECTIONS_MAX], 300), 0);
    fd_close(&fds[0]);
    assert_int_equal(status_of(f, fds[CONNECTIONS_MAX], WAIT_MS), 204);
    for (int i = 1; i <= CONNECTIONS_MAX; i++)
        fd_close(&fds[i]);
}

static void connections_that_end_make_room_however_many_they_are(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < CONNECTIONS_MAX * 20; i++) {
        int fd = dial(f);

        ask(fd, 1);
        assert_int_equal(status_of(f, fd, WAIT_MS), 204);
        fd_close(&fd);
    }
}

/* Descriptors are used again at once; a closed connection once went on reading from the next. */
static void no_request_loses_bytes_to_the_connection_before_it(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 40; i++) {
        int fd = dial(f);

        ask(fd, 12000);
        assert_int_equal(status_of(f, fd, WAIT_MS), 204);
        assert_int_equal(f->head_bytes, 12000);
        fd_close(&fd);
    }
}

static void a_head_beyond_the_cap_is_refused_in_whatever_pieces(void **state)
{
    static const size_t sizes[] = {LISTENER_HEAD_MAX, LISTENER_HEAD_MAX + 600, 20000, 40000};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int k = 0; k < 4; k++) {
            int fd = dial(f);
            int status;

            ask(fd, sizes[i]);
            status = status_of(f, fd, WAIT_MS);
            if (status != 400 && status != 413 && status != 431)
                fail_msg("%zu bytes: %d", sizes[i], status);
            fd_close(&fd);
        }
    }
}

/* Everything until the other end closes. */
static char *answer_of(const struct fixture *f, int fd)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    char *all = xcalloc(1, 64 << 10);
    size_t len = 0;

    while (clock_mono_ms() < until) {
        ssize_t n;

        event_base_loop(f->base, EVLOOP_NONBLOCK);
        n = recv(fd, all + len, (64 << 10) - 1 - len, MSG_DONTWAIT);
        if (n == 0)
            return all;
        len += n > 0 ? (size_t)n : 0;
    }
    fail_msg("not closed; so far: %s", all);
    return all;
}

static void what_the_library_refuses_is_said_in_our_words_too(void **state)
{
    static const struct {
        const char *request;
        const char *status;
    } rows[] = {
        {"GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"},
        {"GET\r\n\r\n", "400"},
        {"\x16\x03\x01 hello\r\n\r\n", "400"},
        {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n", "413"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\nGET\r\n\r\n", "400"}, /* the second */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = dial(f);
        char *answer;
        char *body;

        assert_true(fd_write_all(fd, rows[i].request, strlen(rows[i].request)));
        answer = answer_of(f, fd);
        body = strstr(answer, "\r\n\r\n{");
        if (strncmp(rows[i].request, "GET / HTTP/1.1\r\nHost", 21) == 0)
            assert_non_null(strstr(answer, "HTTP/1.1 204"));
        if (strstr(answer, rows[i].status) == NULL || body == NULL ||
            strstr(answer, "application/problem+json") == NULL)
            fail_msg("%s\nis answered with\n%s", rows[i].request, answer);
        assert_null(strstr(answer, "<"));
        assert_int_equal(body[strlen(body) - 2], '}'); /* whole, and the last byte a newline */
        free(answer);
        fd_close(&fd);
    }
}

static size_t count_open(const struct fixture *f, int *fds, size_t num)
{
    size_t open = 0;
    char byte;

    event_base_loop(f->base, EVLOOP_NONBLOCK);
    for (size_t i = 0; i < num; i++)
        open += recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0 ? 1 : 0;
    return open;
}

static void run_for(const struct fixture *f, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;

    while (clock_mono_ms() < until) {
        event_base_loop(f->base, EVLOOP_NONBLOCK);
        usleep(2000);
    }
}

enum { MANY = LISTENER_STRANGERS_MAX + 20 };

static int set_up_large(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    const struct listener_config config = {.listen = "127.0.0.1:0",
                                           .flag = "--test",
                                           .connections_max = MANY * 2,
                                           .body_max = 1024,
                                           .on_request = on_request,
                                           .arg = f};

    f->base = event_base_new();
    f->listener = listener_new(f->base, &config, NULL);
    *state = f;
    return f->listener != NULL ? 0 : -1;
}

static void one_address_has_few_connections_without_a_token_and_they_have_seconds(void **state)
{
    struct fixture *f = *state;
    int fds[MANY];
    int64_t begin = clock_mono_ms();

    for (size_t i = 0; i < MANY; i++)
        fds[i] = dial(f);
    run_for(f, 500);
    assert_int_equal(count_open(f, fds, MANY), MANY); /* an honest crowd has time to speak */
    run_for(f, 2500);
    assert_int_equal(count_open(f, fds, MANY), LISTENER_STRANGERS_MAX);
    run_for(f, LISTENER_FIRST_MS + 1500 - (clock_mono_ms() - begin));
    assert_int_equal(count_open(f, fds, MANY), 0);
    for (size_t i = 0; i < MANY; i++)
        fd_close(&fds[i]);
}

static void those_with_a_token_are_as_many_as_they_like_and_may_be_silent(void **state)
{
    struct fixture *f = *state;
    int fds[MANY];

    f->trusting = true;
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = dial(f);
        ask(fds[i], 1);
        assert_int_equal(status_of(f, fds[i], WAIT_MS), 204);
    }
    run_for(f, LISTENER_FIRST_MS + 1500);
    assert_int_equal(count_open(f, fds, MANY), MANY);
    for (size_t i = 0; i < MANY; i++)
        fd_close(&fds[i]);
}

static void a_full_house_of_strangers_makes_room(void **state)
{
    struct fixture *f = *state;
    int fds[CONNECTIONS_MAX];
    int64_t begin = clock_mono_ms();
    int late;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        fds[i] = dial(f);
    run_for(f, 1200);
    late = dial(f);
    ask(late, 1);
    assert_int_equal(status_of(f, late, WAIT_MS), 204);
    assert_in_range(clock_mono_ms() - begin, 0,
                    LISTENER_FIRST_MS - 500); /* not by their deadline */
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        fd_close(&fds[i]);
    fd_close(&late);
}

static void addresses_that_are_none_are_refused(void **state)
{
    static const char *const texts[] = {"",         "7700",          ":7700",     "127.0.0.1",
                                        "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:x", "host:7700",
                                        "::1:7700", "[::1]",         "1.2.3.4:-1"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct listener_config config = {.listen = texts[i],
                                               .flag = "--test",
                                               .connections_max = 1,
                                               .on_request = on_request,
                                               .arg = f};
        struct err e = {0};

        if (listener_new(f->base, &config, &e) != NULL)
            fail_msg("\"%s\" was taken", texts[i]);
        assert_string_equal(e.code, "BadAddress");
        assert_string_equal(e.field, "--test");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bodies_that_are_not_whole_have_a_bound_together),
        TEST(a_connection_beyond_the_cap_waits_for_room),
        TEST(connections_that_end_make_room_however_many_they_are),
        TEST(no_request_loses_bytes_to_the_connection_before_it),
        TEST(a_head_beyond_the_cap_is_refused_in_whatever_pieces),
        TEST(what_the_library_refuses_is_said_in_our_words_too),
        cmocka_unit_test_setup_teardown(
            one_address_has_few_connections_without_a_token_and_they_have_seconds, set_up_large,
            tear_down),
        cmocka_unit_test_setup_teardown(
            those_with_a_token_are_as_many_as_they_like_and_may_be_silent, set_up_large, tear_down),
        TEST(a_full_house_of_strangers_makes_room),
        TEST(addresses_that_are_none_are_refused),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
