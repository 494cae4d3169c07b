/* Listeners: nothing is accepted before polling, a listener that was shut down wakes up again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/proxy/proxy.h"
#include "gateway/worker/listeners.h"

struct fixture {
    struct loop loop;
    struct metrics metrics;
    struct proxy *proxy;
    struct listeners listeners;
    struct sockaddr_in addr;
    int fd; /* ours, as the doorman keeps one */
    int turns;
};

static void on_turn_end(void *arg)
{
    struct fixture *f = arg;

    if (--f->turns <= 0)
        loop_stop(&f->loop);
}

static void turn(struct fixture *f)
{
    f->loop.stopped = false;
    f->turns = 2;
    loop_hurry(&f->loop);
    loop_run(&f->loop);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    socklen_t len = sizeof f->addr;
    struct listen_socket *s;

    assert_true(loop_init(&f->loop, NULL));
    f->loop.on_turn_end = on_turn_end;
    f->loop.turn_end_arg = f;
    f->proxy = proxy_new(&f->loop, &f->metrics, NULL, NULL, NULL);
    listeners_init(&f->listeners, &f->loop, f->proxy, &f->metrics);
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    f->addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(f->fd, (struct sockaddr *)&f->addr, sizeof f->addr), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&f->addr, &len), 0);
    assert_int_equal(listen(f->fd, 8), 0);
    s = listen_socket_new(dup(f->fd), NULL);
    assert_non_null(s);
    assert_true(listeners_add(&f->listeners, "a", s));
    listen_socket_unref(&s);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    listeners_free(&f->listeners);
    proxy_free(f->proxy);
    loop_free(&f->loop);
    close(f->fd);
    free(f);
    return 0;
}

static int dial(const struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (const struct sockaddr *)&f->addr, sizeof f->addr) == 0)
        return fd;
    close(fd);
    return -1;
}

static void nothing_is_accepted_before_polling(void **state)
{
    struct fixture *f = *state;
    int client = dial(f);

    turn(f);
    assert_int_equal(metrics_get(&f->metrics.accepted), 0);
    listeners_poll(&f->listeners);
    turn(f);
    assert_int_equal(metrics_get(&f->metrics.accepted), 1);
    close(client);
}

static void a_listener_that_was_shut_down_is_polled_on(void **state)
{
    struct fixture *f = *state;
    socklen_t len = sizeof f->addr;
    int client;

    listeners_poll(&f->listeners);
    assert_int_equal(shutdown(f->fd, SHUT_RDWR), 0);
    turn(f);
    assert_int_equal(dial(f), -1);
    assert_int_equal(listen(f->fd, 8), 0);
    /* A port that the kernel chose is chosen anew. */
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&f->addr, &len), 0);
    client = dial(f);
    assert_true(client >= 0);
    turn(f);
    assert_int_equal(metrics_get(&f->metrics.accepted), 1);
    assert_int_equal(f->listeners.num_polled, 1);
    close(client);
}

static void stopping_takes_those_that_wait(void **state)
{
    struct fixture *f = *state;
    int a = dial(f), b = dial(f);

    listeners_poll(&f->listeners);
    listeners_stop(&f->listeners);
    assert_int_equal(metrics_get(&f->metrics.accepted), 2);
    assert_int_equal(f->listeners.num, 0);
    close(a);
    close(b);
}

static void a_forgotten_listener_is_closed(void **state)
{
    struct fixture *f = *state;

    listeners_poll(&f->listeners);
    listeners_forget(&f->listeners, "b");
    assert_int_equal(f->listeners.num_polled, 1);
    listeners_forget(&f->listeners, "a");
    assert_int_equal(f->listeners.num_polled, 0);
    assert_int_equal(f->listeners.num, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_accepted_before_polling),
        TEST(a_listener_that_was_shut_down_is_polled_on),
        TEST(stopping_takes_those_that_wait),
        TEST(a_forgotten_listener_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
