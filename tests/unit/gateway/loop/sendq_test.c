/* What sockets send at the end of a turn: in order, told once, taken back by who closes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sendq.h"
#include "gateway/loop/sock.h"

/* A socket of ours, its peer, and what its owner was told. */
struct end {
    struct sock sock;
    int peer;
    int num_told;
    enum io io;
    int error;
    size_t n, rest;
    struct sock *closes; /* when it is told */
};

struct fixture {
    struct loop loop;
    struct end a, b;
};

static void nothing(void *owner)
{
    (void)owner;
}

static void on_sent(void *arg, const struct sendq_result *r)
{
    struct end *e = arg;

    e->error = errno;
    e->num_told++;
    e->io = r->io;
    e->n = r->n;
    e->rest = r->rest.n;
    if (e->closes != NULL)
        sock_close(e->closes);
}

static void open_end(struct fixture *f, struct end *e)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_true(sock_open(&e->sock, &f->loop, fds[0], nothing, NULL));
    e->peer = fds[1];
}

static void start(struct fixture *f, bool gathers)
{
    memset(f, 0, sizeof *f);
    assert_true(loop_init(&f->loop, NULL));
    if (gathers)
        loop_gathers(&f->loop);
    open_end(f, &f->a);
    open_end(f, &f->b);
}

static void stop(struct fixture *f)
{
    sock_close(&f->a.sock);
    sock_close(&f->b.sock);
    fd_close(&f->a.peer);
    fd_close(&f->b.peer);
    loop_free(&f->loop);
}

static bool send_late(struct end *e, const char *text)
{
    struct iovec iov[2] = {{(void *)(uintptr_t)text, 1},
                           {(void *)(uintptr_t)(text + 1), strlen(text) - 1}};

    return sock_send_late(&e->sock, iov, 2, on_sent, e);
}

static void expect(const struct end *e, const char *text)
{
    char got[64];
    ssize_t n = recv(e->peer, got, sizeof got, 0);

    if (text == NULL) {
        assert_int_equal(n, -1);
        return;
    }
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void all_go_at_the_end_and_nothing_overtakes(void **state)
{
    struct fixture f;
    struct iovec more = {(void *)(uintptr_t) "!", 1};
    size_t n;

    (void)state;
    start(&f, true);
    assert_true(send_late(&f.a, "one"));
    assert_true(send_late(&f.b, "two"));
    assert_false(send_late(&f.a, "three"));
    assert_false(f.a.sock.writable);
    assert_int_equal(sock_send(&f.a.sock, &more, 1, &n), IO_AGAIN);
    expect(&f.a, NULL);
    sendq_flush(f.loop.sendq);
    expect(&f.a, "one");
    expect(&f.b, "two");
    assert_int_equal(f.a.num_told, 1);
    assert_int_equal(f.b.num_told, 1);
    assert_int_equal(f.a.io, IO_DONE);
    assert_int_equal(f.a.n, 3);
    assert_int_equal(f.a.rest, 0);
    assert_true(f.a.sock.writable);
    assert_int_equal(f.a.sock.sent, 3);
    sendq_flush(f.loop.sendq);
    assert_int_equal(f.a.num_told, 1);
    stop(&f);
}

static void who_closes_takes_back_and_is_not_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, true);
    f.a.closes = &f.b.sock;
    assert_true(send_late(&f.a, "one"));
    assert_true(send_late(&f.b, "two")); /* sent, but closed by a before b is told */
    sendq_flush(f.loop.sendq);
    assert_int_equal(f.a.num_told, 1);
    assert_int_equal(f.b.num_told, 0);
    expect(&f.b, "two");
    f.a.closes = NULL;
    assert_true(send_late(&f.a, "three"));
    sock_close(&f.a.sock);
    sendq_flush(f.loop.sendq);
    assert_int_equal(f.a.num_told, 1);
    assert_int_equal(recv(f.a.peer, &(char){0}, 1, 0), 1); /* of "one" */
    stop(&f);
}

static void what_the_kernel_does_not_take_comes_back(void **state)
{
    struct fixture f;
    static char block[65536];
    struct iovec fill = {block, sizeof block};
    size_t n;

    (void)state;
    start(&f, true);
    while (f.a.sock.writable)
        assert_int_not_equal(sock_send(&f.a.sock, &fill, 1, &n), IO_FAIL);
    assert_true(send_late(&f.a, "more"));
    sendq_flush(f.loop.sendq);
    assert_int_equal(f.a.num_told, 1);
    assert_int_equal(f.a.io, IO_AGAIN);
    assert_int_equal(f.a.rest, 4);
    assert_false(f.a.sock.writable);
    fd_close(&f.b.peer);
    assert_true(send_late(&f.b, "gone"));
    sendq_flush(f.loop.sendq);
    assert_int_equal(f.b.io, IO_FAIL);
    assert_int_equal(f.b.error, EPIPE);
    stop(&f);
}

static void what_has_no_room_is_sent_at_once(void **state)
{
    static char text[SENDQ_ENTRY_BYTES + 2];
    struct fixture f;
    struct end all[SENDQ_MAX + 1];

    (void)state;
    start(&f, false);
    assert_false(send_late(&f.a, "one"));
    stop(&f);
    start(&f, true);
    memset(text, 'x', sizeof text - 1);
    assert_false(send_late(&f.a, text));
    memset(all, 0, sizeof all);
    for (int i = 0; i <= SENDQ_MAX; i++) {
        open_end(&f, &all[i]);
        assert_int_equal(send_late(&all[i], "one"), i < SENDQ_MAX);
    }
    sendq_flush(f.loop.sendq);
    for (int i = 0; i <= SENDQ_MAX; i++) {
        assert_int_equal(all[i].num_told, i < SENDQ_MAX);
        sock_close(&all[i].sock);
        fd_close(&all[i].peer);
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_go_at_the_end_and_nothing_overtakes),
        cmocka_unit_test(who_closes_takes_back_and_is_not_told),
        cmocka_unit_test(what_the_kernel_does_not_take_comes_back),
        cmocka_unit_test(what_has_no_room_is_sent_at_once),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
