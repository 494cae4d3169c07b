/*
 * What the parent asks of a spawner, and what becomes of the processes: start, end, kill, users,
 * descriptors, the death of the parent and of the spawner. The child under test writes a word to
 * the descriptor that it was given and then does what its number says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/core/caps.h"
#include "gateway/core/fd.h"
#include "gateway/spawner.h"

enum { PATIENCE_MS = 5000, UID = 65111 };

/* What a child says of itself. */
struct word {
    pid_t pid, ppid;
    uid_t uid;
    gid_t gid;
    int num_groups;
    uint64_t caps;
    int num_open; /* besides 0, 1, 2 */
    int no_new_privs, dumpable;
    bool is_term_blocked, is_int_ignored;
};

static void describe(struct word *w)
{
    sigset_t mask;
    struct sigaction on_int;

    memset(w, 0, sizeof *w);
    w->pid = getpid();
    w->ppid = getppid();
    w->uid = geteuid();
    w->gid = getegid();
    w->num_groups = getgroups(0, NULL);
    if (!caps_permitted(&w->caps) || sigprocmask(SIG_SETMASK, NULL, &mask) != 0 ||
        sigaction(SIGINT, NULL, &on_int) != 0)
        _exit(99);
    w->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    w->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    w->is_term_blocked = sigismember(&mask, SIGTERM) != 0;
    w->is_int_ignored = on_int.sa_handler == SIG_IGN;
    for (int fd = 3; fd < 1024; fd++)
        w->num_open += fcntl(fd, F_GETFD) >= 0;
}

/* arg: the exit status; below 0 it stays until it is killed, below -1 it does not hear SIGTERM. */
static int run(void *arg, int fd)
{
    const int *how = arg;
    struct word w;

    describe(&w);
    if (*how < -1)
        signal(SIGTERM, SIG_IGN);
    if (write(fd, &w, sizeof w) != (ssize_t)sizeof w)
        return 98;
    while (*how < 0)
        pause();
    return *how;
}

static bool refuse(void *arg, struct err *e)
{
    (void)arg;
    return err_set(e, "Test", "", "this is user %u", geteuid());
}

static int fds_of_child[2] = {-1, -1};

static struct spawner_config config_of(int *how)
{
    return (struct spawner_config){
        .name = "child", .uid = (uid_t)-1, .keep_fd = -1, .run = run, .arg = how};
}

static struct spawner_msg next(struct spawner *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    struct spawner_msg m;

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(spawner_recv(s, &m), IO_DONE);
    return m;
}

/* Its word, and its pid as the spawner tells it. */
static struct word start(struct spawner *s)
{
    struct word w;

    assert_int_equal(pipe2(fds_of_child, O_CLOEXEC), 0);
    assert_true(spawner_start(s, fds_of_child[1]));
    close(fds_of_child[1]);
    struct spawner_msg m = next(s);

    assert_int_equal(m.type, SPAWNER_STARTED);
    assert_int_equal(read(fds_of_child[0], &w, sizeof w), sizeof w);
    assert_int_equal(m.value, w.pid);
    return w;
}

/* The child had the only writing end. */
static void assert_child_gone(void)
{
    struct pollfd p = {.fd = fds_of_child[0], .events = POLLIN};
    char byte;

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(read(fds_of_child[0], &byte, 1), 0);
    close(fds_of_child[0]);
}

static void end(struct spawner *s)
{
    int status;

    spawner_close(s);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_int_equal(status, 0);
}

static void test_a_child_starts_ends_and_starts_again(void **state)
{
    int how = 7;
    struct spawner_config c = config_of(&how);
    struct spawner s;

    (void)state;
    assert_true(spawner_new(&s, &c, NULL));
    for (int i = 0; i < 20; i++) {
        struct word w = start(&s);
        struct spawner_msg m = next(&s);

        assert_int_equal(w.ppid, s.pid);
        assert_int_equal(m.type, SPAWNER_ENDED);
        assert_true(WIFEXITED(m.value) && WEXITSTATUS(m.value) == 7);
        assert_child_gone();
    }
    end(&s);
}

static void test_what_a_child_has(void **state)
{
    int how = 0;
    int kept = open("/dev/null", O_RDONLY);
    int not_kept = open("/dev/null", O_RDONLY);
    struct spawner_config c = config_of(&how);
    struct spawner s;

    (void)state;
    c.keep_fd = kept;
    assert_true(kept >= 0 && not_kept >= 0 && spawner_new(&s, &c, NULL));
    struct word w = start(&s);

    assert_int_equal(w.num_open, 2); /* its own, and the one to keep */
    assert_int_equal(w.caps, 0);
    assert_int_equal(w.no_new_privs, 1);
    assert_int_equal(w.dumpable, 0);
    assert_true(!w.is_term_blocked && w.is_int_ignored);
    assert_int_equal(next(&s).type, SPAWNER_ENDED);
    assert_child_gone();
    end(&s);
    close(kept);
    close(not_kept);
}

static void test_a_child_under_another_user(void **state)
{
    int how = -1;
    struct spawner_config c = config_of(&how);
    struct spawner s;

    (void)state;
    if (!caps_can_change_ids()) { /* that they share a user then is said by users.c */
        print_message("not root: users cannot be changed\n");
        return;
    }
    c.uid = UID;
    assert_true(spawner_new(&s, &c, NULL));
    struct word w = start(&s);

    assert_true(w.uid == UID && w.gid == UID && w.num_groups == 0);
    assert_int_equal(w.caps, 0);
    assert_int_equal(w.dumpable, 0);
    assert_true(spawner_signal(&s, SIGKILL));
    assert_int_equal(next(&s).value, SIGKILL);
    assert_child_gone();
    end(&s);
}

static void test_signals(void **state)
{
    static const struct {
        int how, number, status;
    } all[] = {{-1, SIGTERM, SIGTERM}, {-1, SIGKILL, SIGKILL}, {-2, SIGKILL, SIGKILL}};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int how = all[i].how;
        struct spawner_config c = config_of(&how);
        struct spawner s;

        assert_true(spawner_new(&s, &c, NULL));
        (void)start(&s);
        assert_true(spawner_signal(&s, SIGHUP)); /* not passed on: it would mean nothing good */
        assert_true(spawner_signal(&s, all[i].number));
        struct spawner_msg m = next(&s);

        assert_true(m.type == SPAWNER_ENDED && m.value == all[i].status);
        assert_true(spawner_signal(&s, SIGKILL)); /* nobody is there: nothing happens */
        assert_child_gone();
        end(&s);
    }
}

static void test_no_second_child(void **state)
{
    int how = -1;
    struct spawner_config c = config_of(&how);
    struct spawner s;
    int other[2];

    (void)state;
    assert_true(spawner_new(&s, &c, NULL));
    (void)start(&s);
    assert_int_equal(pipe2(other, O_CLOEXEC), 0);
    assert_true(spawner_start(&s, other[1]));
    close(other[1]);
    assert_int_equal(read(other[0], &(char){0}, 1), 0); /* let go, unused */
    close(other[0]);
    assert_true(spawner_signal(&s, SIGKILL));
    assert_int_equal(next(&s).type, SPAWNER_ENDED);
    assert_child_gone();
    end(&s);
}

/* A child that hears no SIGTERM dies all the same when the parent's end of the socket closes. */
static void test_the_child_dies_with_the_parent(void **state)
{
    int how = -2;
    struct spawner_config c = config_of(&how);
    struct spawner s;

    (void)state;
    assert_true(spawner_new(&s, &c, NULL));
    (void)start(&s);
    end(&s);
    assert_child_gone();
}

static void test_the_child_dies_with_the_spawner(void **state)
{
    int how = -2;
    int status;
    struct spawner_config c = config_of(&how);
    struct spawner_msg m;
    struct spawner s;

    (void)state;
    assert_true(spawner_new(&s, &c, NULL));
    (void)start(&s);
    assert_int_equal(kill(s.pid, SIGKILL), 0);
    assert_child_gone();
    assert_int_equal(spawner_recv(&s, &m), IO_EOF);
    assert_false(spawner_start(&s, 0));
    assert_false(spawner_signal(&s, SIGKILL));
    spawner_close(&s);
    assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
}

/* Signals for the whole group are not its business: only the parent decides on an end. */
static void test_the_spawner_outlives_signals(void **state)
{
    int how = 3;
    struct spawner_config c = config_of(&how);
    struct spawner s;

    (void)state;
    assert_true(spawner_new(&s, &c, NULL));
    assert_int_equal(kill(s.pid, SIGTERM), 0);
    assert_int_equal(kill(s.pid, SIGINT), 0);
    assert_int_equal(kill(s.pid, SIGHUP), 0);
    (void)start(&s);
    assert_int_equal(WEXITSTATUS(next(&s).value), 3);
    assert_child_gone();
    end(&s);
}

static void test_a_refusal_comes_with_its_sentence(void **state)
{
    int how = 0;
    int status;
    struct spawner_config c = config_of(&how);
    struct spawner s;
    struct err e = {0};
    char wanted[64];
    uid_t uid = caps_can_change_ids() ? UID : geteuid();

    (void)state;
    c.prepare = refuse;
    c.uid = uid == UID ? UID : (uid_t)-1;
    assert_false(spawner_new(&s, &c, &e));
    snprintf(wanted, sizeof wanted, "this is user %u", uid);
    assert_string_equal(e.text, wanted);
    assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
}

/* What is not understood is logged, and the spawner goes on. */
static void test_messages_that_mean_nothing(void **state)
{
    static const uint32_t types[] = {0, SPAWNER_READY, 77,
                                     SPAWNER_START /* without a descriptor */};
    int how = 0;
    struct spawner_config c = config_of(&how);
    struct spawner s;

    (void)state;
    assert_true(spawner_new(&s, &c, NULL));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct spawner_msg m = {.type = types[i]};

        assert_int_equal(fd_send(s.fd, &m, sizeof m, NULL, 0), IO_DONE);
        assert_int_equal(fd_send(s.fd, &m, 3, NULL, 0), IO_DONE);
    }
    (void)start(&s);
    assert_int_equal(next(&s).type, SPAWNER_ENDED);
    assert_child_gone();
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_starts_ends_and_starts_again),
        cmocka_unit_test(test_what_a_child_has),
        cmocka_unit_test(test_a_child_under_another_user),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_no_second_child),
        cmocka_unit_test(test_the_child_dies_with_the_parent),
        cmocka_unit_test(test_the_child_dies_with_the_spawner),
        cmocka_unit_test(test_the_spawner_outlives_signals),
        cmocka_unit_test(test_a_refusal_comes_with_its_sentence),
        cmocka_unit_test(test_messages_that_mean_nothing),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
