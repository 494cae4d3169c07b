/* The limits that are put around evhttp: how many connections, how large heads, no stolen bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

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
};

static void on_request(void *arg, struct evhttp_request *req)
{
    struct fixture *f = arg;
    const char *x = evhttp_find_header(evhttp_request_get_input_headers(req), "X");

    f->head_bytes = x != NULL ? strlen(x) : 0;
    reply_empty(req);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    const struct listener_config config = {.listen = "[::1]:0",
                                           .flag = "--test",
                                           .connections_max = CONNECTIONS_MAX,
                                           .body_max = 1024,
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
        TEST(a_connection_beyond_the_cap_waits_for_room),
        TEST(connections_that_end_make_room_however_many_they_are),
        TEST(no_request_loses_bytes_to_the_connection_before_it),
        TEST(a_head_beyond_the_cap_is_refused_in_whatever_pieces),
        TEST(addresses_that_are_none_are_refused),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
