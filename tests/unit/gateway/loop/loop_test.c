/* The turn of the loop: order, tasks that queue themselves, graves, ticks; and the blocks. */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"

struct fixture {
    struct loop loop;
    struct loop_task task;
    struct loop_grave grave;
    int num_runs, num_buried, num_ticks, num_turns, turns_left, buried_in_turn;
    int runs_at_tick; /* of the last one */
};

struct watched {
    struct loop_watch watch;
    struct fixture *f;
    struct watched *other;
    int pair[2], num_events;
};

static void on_turn_end(void *arg)
{
    struct fixture *f = arg;

    f->num_turns++;
    if (--f->turns_left <= 0)
        loop_stop(&f->loop);
}

static bool on_tick(void *arg, int64_t now_ms)
{
    struct fixture *f = arg;

    assert_true(now_ms > 0);
    f->num_ticks++;
    f->runs_at_tick = f->num_runs;
    return true;
}

static void bury(void *dead)
{
    struct fixture *f = dead;

    f->num_buried++;
    f->buried_in_turn = f->num_turns;
}

static void run_again(void *arg)
{
    struct fixture *f = arg;

    f->num_runs++;
    loop_later(&f->loop, &f->task);
    loop_later(&f->loop, &f->task); /* twice is once */
    if (f->num_runs == 1)
        loop_bury(&f->loop, &f->grave);
}

static void start(struct fixture *f, int turns)
{
    memset(f, 0, sizeof *f);
    assert_true(loop_init(&f->loop, NULL));
    f->loop.on_turn_end = on_turn_end;
    f->loop.turn_end_arg = f;
    f->turns_left = turns;
    f->grave = (struct loop_grave){.bury = bury, .dead = f};
}

static void a_task_that_queues_itself_runs_once_a_turn(void **state)
{
    (void)state;
    struct fixture f;

    start(&f, 5);
    f.task = (struct loop_task){.run = run_again, .arg = &f};
    loop_later(&f.loop, &f.task);
    loop_run(&f.loop);
    assert_int_equal(f.num_runs, 5);
    assert_int_equal(f.num_buried, 1);
    assert_int_equal(f.buried_in_turn, 1); /* after the hook of the turn it died in */
    loop_forget(&f.loop, &f.task);
    assert_false(f.task.queued);
    loop_free(&f.loop);
}

static void forget_the_task(void *arg)
{
    struct fixture *f = arg;

    loop_forget(&f->loop, &f->task);
}

static void count_run(void *arg)
{
    struct fixture *f = arg;

    f->num_runs++;
}

/* Whoever closes a connection forgets what that one has put off to the same turn. */
static void a_task_may_forget_one_that_waits_behind_it(void **state)
{
    (void)state;
    struct fixture f;
    struct loop_task first = {.run = forget_the_task, .arg = &f};
    struct loop_task last = {.run = count_run, .arg = &f};

    start(&f, 2);
    f.task = last;
    loop_later(&f.loop, &first);
    loop_later(&f.loop, &f.task);
    loop_later(&f.loop, &last);
    loop_run(&f.loop);
    assert_int_equal(f.num_runs, 1); /* the last one */
    assert_false(f.task.queued);
    loop_free(&f.loop);
}

static void ticks_come_fast_when_somebody_is_in_a_hurry(void **state)
{
    (void)state;
    struct fixture f;
    int64_t before;

    start(&f, 6); /* each tick has a turn before it that finds it due */
    loop_add_ticker(&f.loop, on_tick, &f);
    before = loop_now_ms(&f.loop);
    loop_hurry(&f.loop);
    loop_run(&f.loop);
    assert_int_equal(f.num_ticks, 3);
    f.loop.now_ms = 0;
    assert_in_range(loop_now_ms(&f.loop) - before, 250, 900);
    loop_free(&f.loop);
}

static void hear(void *arg, uint32_t events)
{
    struct fixture *f = arg;

    (void)events;
    f->num_runs++;
}

/* Events without an end: they come again each turn, more than fit into one. */
static void a_tick_waits_for_full_turns_and_not_for_ever(void **state)
{
    (void)state;
    struct fixture f;
    struct loop_watch watch[LOOP_EVENTS_A_TURN];
    int fds[LOOP_EVENTS_A_TURN];

    start(&f, LOOP_PUT_OFF_TURNS + 1);
    loop_add_ticker(&f.loop, on_tick, &f);
    for (int i = 0; i < LOOP_EVENTS_A_TURN; i++) {
        fds[i] = eventfd(1, 0);
        watch[i] = (struct loop_watch){.on_event = hear, .arg = &f};
        assert_true(loop_watch(&f.loop, fds[i], EPOLLIN, &watch[i]));
    }
    f.loop.next_tick_ms = 0; /* long due */
    loop_run(&f.loop);
    assert_int_equal(f.num_runs, (LOOP_PUT_OFF_TURNS + 1) * LOOP_EVENTS_A_TURN);
    assert_int_equal(f.num_ticks, 1);
    loop_unwatch(&f.loop, fds[0], &watch[0]);
    f.loop.next_tick_ms = 0;
    f.loop.stopped = false;
    f.turns_left = 2;
    loop_run(&f.loop);
    assert_int_equal(f.num_ticks, 2); /* a turn that is not full does not put it off */
    for (int i = 0; i < LOOP_EVENTS_A_TURN; i++) {
        if (i > 0)
            loop_unwatch(&f.loop, fds[i], &watch[i]);
        close(fds[i]);
    }
    loop_free(&f.loop);
}

static void what_was_put_off_comes_before_a_tick(void **state)
{
    (void)state;
    struct fixture f;

    start(&f, 2);
    loop_add_ticker(&f.loop, on_tick, &f);
    f.task = (struct loop_task){.run = run_again, .arg = &f};
    loop_later(&f.loop, &f.task);
    f.loop.next_tick_ms = 0;
    loop_run(&f.loop);
    assert_int_equal(f.num_ticks, 1);
    assert_int_equal(f.runs_at_tick, 2);
    loop_free(&f.loop);
}

/* What happens in a pause in the middle of a turn: the time goes by, and others say something. */
static void pause_here(void *arg, uint32_t events)
{
    struct watched *w = arg;

    (void)events;
    w->f->loop.next_tick_ms = 0;
    assert_int_equal(write(w->other->pair[1], "x", 1), 1);
}

static void who_came_in_a_pause_is_heard_before_a_tick(void **state)
{
    (void)state;
    struct fixture f;
    struct watched all[2];

    start(&f, 2);
    loop_hurry(&f.loop);
    loop_add_ticker(&f.loop, on_tick, &f);
    for (int i = 0; i < 2; i++) {
        all[i] = (struct watched){.f = &f, .other = &all[1 - i]};
        all[i].watch = i == 0 ? (struct loop_watch){.on_event = pause_here, .arg = &all[0]}
                              : (struct loop_watch){.on_event = hear, .arg = &f};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, all[i].pair), 0);
        assert_true(loop_watch(&f.loop, all[i].pair[0], EPOLLIN | EPOLLET, &all[i].watch));
    }
    assert_int_equal(write(all[0].pair[1], "x", 1), 1);
    loop_run(&f.loop);
    assert_int_equal(f.num_ticks, 1);
    assert_int_equal(f.runs_at_tick, 1);
    for (int i = 0; i < 2; i++) {
        loop_unwatch(&f.loop, all[i].pair[0], &all[i].watch);
        close(all[i].pair[0]);
        close(all[i].pair[1]);
    }
    loop_free(&f.loop);
}

static void the_last_block_given_back_is_the_next_one_taken(void **state)
{
    (void)state;
    struct bufpool p = {0};
    char *all[BUFPOOL_KEEP + 5];
    char *last;

    for (size_t i = 0; i < BUFPOOL_KEEP + 5; i++)
        all[i] = bufpool_get(&p);
    assert_int_equal(p.num_out, BUFPOOL_KEEP + 5);
    last = all[0];
    bufpool_put(&p, &all[0]);
    assert_null(all[0]);
    all[0] = bufpool_get(&p);
    assert_ptr_equal(all[0], last);
    for (size_t i = 0; i < BUFPOOL_KEEP + 5; i++)
        bufpool_put(&p, &all[i]);
    assert_int_equal(p.num_out, 0);
    assert_int_equal(p.num_kept, BUFPOOL_KEEP);
    bufpool_free(&p);
}

static void close_the_other(void *arg, uint32_t events)
{
    struct watched *w = arg;

    assert_true(events & EPOLLIN);
    w->num_events++;
    loop_unwatch(&w->f->loop, w->other->pair[0], &w->other->watch);
    assert_int_equal(close(w->other->pair[0]), 0);
}

static void who_is_closed_in_a_turn_hears_no_more_in_it(void **state)
{
    (void)state;
    struct fixture f;
    struct watched all[2];

    start(&f, 2);
    loop_hurry(&f.loop);
    for (int i = 0; i < 2; i++) {
        all[i] = (struct watched){.f = &f, .other = &all[1 - i]};
        all[i].watch = (struct loop_watch){.on_event = close_the_other, .arg = &all[i]};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, all[i].pair), 0);
        assert_true(loop_watch(&f.loop, all[i].pair[0], EPOLLIN | EPOLLET, &all[i].watch));
        assert_int_equal(write(all[i].pair[1], "x", 1), 1);
    }
    loop_run(&f.loop);
    assert_int_equal(all[0].num_events + all[1].num_events, 1);
    for (int i = 0; i < 2; i++) {
        if (all[i].num_events > 0) {
            loop_unwatch(&f.loop, all[i].pair[0], &all[i].watch);
            close(all[i].pair[0]);
        }
        close(all[i].pair[1]);
    }
    loop_free(&f.loop);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    loop_stop(arg);
}

static void a_base_and_the_loop_hear_of_their_own(void **state)
{
    (void)state;
    struct fixture f;
    struct watched w = {.f = &f}, closed = {.f = &f};
    struct timeval soon = {.tv_usec = 1000};
    struct event *timer;

    start(&f, 1000);
    assert_true(loop_add_base(&f.loop, NULL));
    w.other = &closed;
    w.watch = (struct loop_watch){.on_event = close_the_other, .arg = &w};
    closed.watch = w.watch;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, w.pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, closed.pair), 0);
    assert_true(loop_watch(&f.loop, w.pair[0], EPOLLIN | EPOLLET, &w.watch));
    assert_true(loop_watch(&f.loop, closed.pair[0], EPOLLIN | EPOLLET, &closed.watch));
    f.turns_left = 1;
    assert_int_equal(write(w.pair[1], "x", 1), 1);
    loop_run(&f.loop);
    assert_int_equal(w.num_events, 1);
    timer = event_new(f.loop.base, -1, 0, on_timeout, &f.loop);
    assert_non_null(timer);
    assert_int_equal(event_add(timer, &soon), 0);
    f.loop.stopped = false;
    f.turns_left = 1000;
    loop_run(&f.loop); /* until on_timeout, long before the first tick */
    assert_true(f.num_turns < 10);
    event_free(timer);
    loop_unwatch(&f.loop, w.pair[0], &w.watch);
    close(w.pair[0]);
    close(w.pair[1]);
    close(closed.pair[1]);
    loop_free(&f.loop);
}

static void on_ready(void *owner)
{
    (*(int *)owner)++;
}

static void a_short_read_means_drained_until_the_peer_closes(void **state)
{
    (void)state;
    struct fixture f;
    struct sock s;
    int pair[2], num_ready = 0;
    char bytes[8];
    size_t n;

    start(&f, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_true(sock_open(&s, &f.loop, pair[0], on_ready, &num_ready));
    assert_int_equal(write(pair[1], "abcdefghij", 10), 10);
    loop_run(&f.loop);
    assert_true(num_ready > 0 && s.readable);
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_DONE);
    assert_true(n == 8 && s.readable);
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_DONE);
    assert_true(n == 2 && !s.readable);
    assert_int_equal(write(pair[1], "z", 1), 1);
    close(pair[1]);
    f.loop.stopped = false;
    f.turns_left = 1;
    loop_run(&f.loop);
    assert_true(s.hung_up);
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_DONE);
    assert_true(n == 1 && s.readable); /* there is more to learn: the end */
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_EOF);
    sock_close(&s);
    sock_close(&s); /* twice is fine */
    loop_free(&f.loop);
}

static void listen_on_loopback(int *out_fd, struct sockaddr_in *at)
{
    socklen_t len = sizeof *at;

    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *out_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*out_fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(listen(*out_fd, 1), 0);
    assert_int_equal(getsockname(*out_fd, (struct sockaddr *)at, &len), 0);
}

/* Until `n` bytes and, with POLLERR among `events`, an error wait: each is waited for by itself. */
static void wait_until_there(int fd, int n, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    int waiting = 0;

    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(p.revents & events, events);
    assert_int_equal(ioctl(fd, FIONREAD, &waiting), 0);
    assert_int_equal(waiting, n);
}

static void a_reset_that_came_with_the_bytes_is_found_behind_them(void **state)
{
    (void)state;
    struct linger now = {.l_onoff = 1};
    struct fixture f;
    struct sockaddr_in at;
    struct sock s;
    int listener, peer, fd, num_ready = 0;
    char bytes[8];
    size_t n;

    start(&f, 1);
    listen_on_loopback(&listener, &at);
    peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&at, sizeof at), 0);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_int_equal(write(peer, "ab", 2), 2);
    wait_until_there(fd, 2,
                     POLLIN); /* a reset that overtakes them would make the kernel drop them */
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(peer);
    wait_until_there(fd, 2, POLLERR);
    assert_true(sock_open(&s, &f.loop, fd, on_ready, &num_ready));
    loop_run(&f.loop);
    assert_true(num_ready == 1 && s.readable && s.hung_up);
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_DONE);
    assert_true(n == 2 && s.readable); /* there is more to learn: the reset */
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_FAIL);
    assert_true(errno == ECONNRESET && !s.readable);
    sock_close(&s);
    close(listener);
    loop_free(&f.loop);
}

/* Out-of-band data ends a receive before the kernel has no more (tcp(7)). */
static void a_short_read_says_nothing_where_urgent_bytes_are(void **state)
{
    (void)state;
    struct fixture f;
    struct sockaddr_in at;
    struct sock s;
    int listener, peer, fd, num_ready = 0, unacked = 1;
    char bytes[8];
    size_t n;

    start(&f, 1);
    listen_on_loopback(&listener, &at);
    peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&at, sizeof at), 0);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_int_equal(send(peer, "ab", 2, 0), 2);
    assert_int_equal(send(peer, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(peer, "cd", 2, 0), 2);
    for (int i = 0; unacked > 0 && i < 5000; i++) {
        assert_int_equal(ioctl(peer, SIOCOUTQ, &unacked), 0);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(unacked, 0); /* all is there */
    assert_true(sock_open(&s, &f.loop, fd, on_ready, &num_ready));
    loop_run(&f.loop);
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_DONE);
    assert_true(n == 2 && s.readable);
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_DONE);
    assert_true(n == 2 && bytes[0] == 'c');
    assert_int_equal(sock_recv(&s, bytes, sizeof bytes, &n), IO_AGAIN);
    assert_false(s.readable);
    sock_close(&s);
    close(peer);
    close(listener);
    loop_free(&f.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_queues_itself_runs_once_a_turn),
        cmocka_unit_test(a_task_may_forget_one_that_waits_behind_it),
        cmocka_unit_test(ticks_come_fast_when_somebody_is_in_a_hurry),
        cmocka_unit_test(a_tick_waits_for_full_turns_and_not_for_ever),
        cmocka_unit_test(what_was_put_off_comes_before_a_tick),
        cmocka_unit_test(who_came_in_a_pause_is_heard_before_a_tick),
        cmocka_unit_test(the_last_block_given_back_is_the_next_one_taken),
        cmocka_unit_test(a_short_read_means_drained_until_the_peer_closes),
        cmocka_unit_test(a_short_read_says_nothing_where_urgent_bytes_are),
        cmocka_unit_test(a_reset_that_came_with_the_bytes_is_found_behind_them),
        cmocka_unit_test(who_is_closed_in_a_turn_hears_no_more_in_it),
        cmocka_unit_test(a_base_and_the_loop_hear_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
