/* Pipes, and moving bytes through one from socket to socket: all, a part, ends, errors, room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"

/* `from` and `to` are ours, their peers the test's. */
struct fixture {
    struct loop loop;
    struct sock from, to;
    int from_peer, to_peer;
    struct pipe *pipe;
};

static void nothing(void *owner)
{
    (void)owner;
}

static void make_pair(int *a, int *b)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    *a = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(connect(*a, (struct sockaddr *)&at, sizeof at), 0);
    *b = accept(listener, NULL, NULL);
    assert_true(*b >= 0);
    fd_close(&listener);
    assert_true(fd_set_nonblock(*a, true));
}

static void start(struct fixture *f)
{
    int from, to;

    memset(f, 0, sizeof *f);
    assert_true(loop_init(&f->loop, NULL));
    pipepool_init(&f->loop.pipes, 2);
    assert_int_equal(f->loop.pipes.num, 2);
    make_pair(&from, &f->from_peer);
    make_pair(&to, &f->to_peer);
    assert_true(sock_open(&f->from, &f->loop, from, nothing, NULL));
    assert_true(sock_open(&f->to, &f->loop, to, nothing, NULL));
    f->from.readable = true;
    f->pipe = pipepool_get(&f->loop.pipes);
    assert_non_null(f->pipe);
}

static void stop(struct fixture *f)
{
    pipepool_put(&f->loop.pipes, &f->pipe);
    sock_close(&f->from);
    sock_close(&f->to);
    fd_close(&f->from_peer);
    fd_close(&f->to_peer);
    loop_free(&f->loop);
}

static void reset(int *fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    fd_close(fd);
}

static void there_are_as_many_as_were_made_and_each_comes_back_empty(void **state)
{
    (void)state;
    struct fixture f;
    struct pipe *other;
    size_t n;

    start(&f);
    other = pipepool_get(&f.loop.pipes);
    assert_non_null(other);
    assert_null(pipepool_get(&f.loop.pipes));
    assert_int_equal(write(f.from_peer, "hello", 5), 5);
    assert_int_equal(sock_splice_in(&f.from, other, 100, &n), IO_DONE);
    assert_int_equal(other->held, 5);
    pipepool_put(&f.loop.pipes, &other); /* what it held is thrown away */
    assert_null(other);
    other = pipepool_get(&f.loop.pipes);
    assert_non_null(other);
    assert_int_equal(other->held, 0);
    assert_int_equal(read(other->out, &n, 1), -1);
    assert_int_equal(errno, EAGAIN);
    pipepool_put(&f.loop.pipes, &other);
    f.loop.pipes.refused = true;
    assert_null(pipepool_get(&f.loop.pipes));
    stop(&f);
}

static void what_came_goes_on_and_no_more_than_was_asked_for(void **state)
{
    (void)state;
    struct fixture f;
    char got[8] = "";
    size_t n;

    start(&f);
    assert_int_equal(sock_splice_in(&f.from, f.pipe, 100, &n), IO_AGAIN);
    assert_false(f.from.readable);
    f.from.readable = true;
    assert_true(sock_is_silent(&f.from));
    assert_int_equal(write(f.from_peer, "hello", 5), 5);
    assert_false(sock_is_silent(&f.from));
    assert_int_equal(sock_splice_in(&f.from, f.pipe, 3, &n), IO_DONE);
    assert_int_equal(n, 3);
    assert_true(f.from.readable);
    assert_int_equal(sock_splice_out(&f.to, f.pipe, &n), IO_DONE);
    assert_int_equal(n, 3);
    assert_int_equal(f.pipe->held, 0);
    assert_true(f.to.writable);
    assert_int_equal(read(f.to_peer, got, sizeof got), 3);
    assert_string_equal(got, "hel");
    assert_int_equal(sock_recv(&f.from, got, sizeof got, &n), IO_DONE);
    assert_memory_equal(got, "lo", 2);
    assert_int_equal(f.from.received, 5);
    assert_int_equal(f.to.sent, 3);
    stop(&f);
}

static void an_end_and_a_reset_are_told_behind_the_last_byte(void **state)
{
    (void)state;
    struct fixture f;
    size_t n;

    start(&f);
    assert_int_equal(write(f.from_peer, "x", 1), 1);
    fd_close(&f.from_peer);
    assert_int_equal(sock_splice_in(&f.from, f.pipe, 100, &n), IO_DONE);
    assert_int_equal(n, 1);
    pipepool_put(&f.loop.pipes, &f.pipe);
    f.pipe = pipepool_get(&f.loop.pipes);
    assert_int_equal(sock_splice_in(&f.from, f.pipe, 100, &n), IO_EOF);
    assert_false(sock_is_silent(&f.from));
    stop(&f);

    start(&f);
    reset(&f.from_peer);
    assert_int_equal(sock_splice_in(&f.from, f.pipe, 100, &n), IO_FAIL);
    assert_int_equal(errno, ECONNRESET);
    stop(&f);
}

static void a_reader_that_is_gone_fails_and_kills_nobody(void **state)
{
    (void)state;
    struct fixture f;
    size_t n;

    start(&f);
    reset(&f.to_peer);
    for (int i = 0; i < 2; i++) { /* the reset is told once, then there is only an end */
        assert_int_equal(write(f.from_peer, "x", 1), 1);
        if (f.pipe->held == 0)
            assert_int_equal(sock_splice_in(&f.from, f.pipe, 1, &n), IO_DONE);
        assert_int_equal(sock_splice_out(&f.to, f.pipe, &n), IO_FAIL);
        assert_int_equal(errno, i == 0 ? ECONNRESET : EPIPE);
        assert_int_equal(f.pipe->held, 1);
    }
    stop(&f);
}

static void a_reader_that_lags_leaves_the_rest_in_the_pipe(void **state)
{
    (void)state;
    struct fixture f;
    static char block[65536];
    size_t n;
    enum io io = IO_DONE;

    start(&f);
    assert_true(fd_set_nonblock(f.from_peer, true));
    for (int i = 0; i < 10000 && io == IO_DONE && f.pipe->held == 0; i++) {
        f.from.readable = true;
        (void)(write(f.from_peer, block, sizeof block) + 1); /* until all between is full */
        io = sock_splice_in(&f.from, f.pipe, SIZE_MAX, &n);
        if (io == IO_DONE)
            io = sock_splice_out(&f.to, f.pipe, &n);
    }
    assert_true(f.pipe->held > 0);
    assert_false(f.to.writable);
    assert_true(f.from.received == f.to.sent + f.pipe->held);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_as_were_made_and_each_comes_back_empty),
        cmocka_unit_test(what_came_goes_on_and_no_more_than_was_asked_for),
        cmocka_unit_test(an_end_and_a_reset_are_told_behind_the_last_byte),
        cmocka_unit_test(a_reader_that_is_gone_fails_and_kills_nobody),
        cmocka_unit_test(a_reader_that_lags_leaves_the_rest_in_the_pipe),
    };

    signal(SIGPIPE, SIG_IGN); /* as the proxy does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
