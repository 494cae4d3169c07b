/* The hub with real workers, seen from its parent and its follower, which are this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/worker/control.h"
#include "gateway/worker/hub.h"

enum { NUM_WORKERS = 3, COMMITS = 200 };

#define TABLE                                                                          \
    "{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{}}}\n"                      \
    "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":[]}}}\n" \
    "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],"   \
    "\"forward\":[{\"pool\":\"p\"}]}}}\n"                                              \
    "{\"commit\":{\"revision\":1}}\n"

struct scene {
    pid_t hub;   /* a process of its own, because it confines itself; 0: buried */
    int control; /* our end */
    int frames;  /* likewise; -1: no follower yet */
    char lines[1 << 16];
    size_t lines_len;
};

static int set_up(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    int pair[2];

    log_init("hub_test", LOG_ERROR);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    s->control = pair[0];
    s->frames = -1;
    s->hub = fork();
    assert_true(s->hub >= 0);
    if (s->hub == 0) {
        struct hub_config config = {
            .control_fd = pair[1], .admin_fd = -1, .num_workers = NUM_WORKERS, .num_listeners = 1};

        close(pair[0]);
        _exit(hub_run(&config));
    }
    close(pair[1]);
    *state = s;
    return 0;
}

static int exit_status(struct scene *s)
{
    int status;

    assert_int_equal(waitpid(s->hub, &status, 0), s->hub);
    s->hub = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Its end comes with the parent's, if it has not come before. */
static int tear_down(void **state)
{
    struct scene *s = *state;

    fd_close(&s->control);
    if (s->hub != 0)
        assert_int_equal(exit_status(s), 1);
    fd_close(&s->frames);
    free(s);
    return 0;
}

static void tell(struct scene *s, struct control_msg m, int fd)
{
    assert_int_equal(fd_send(s->control, &m, sizeof m, &fd, fd >= 0 ? 1 : 0), IO_DONE);
    if (fd >= 0)
        close(fd);
}

static void follow(struct scene *s)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fd_close(&s->frames);
    s->frames = pair[0];
    s->lines_len = 0;
    tell(s, (struct control_msg){.type = CONTROL_FRAMES}, pair[1]);
}

static void say(const struct scene *s, const char *lines)
{
    assert_true(fd_write_all(s->frames, lines, strlen(lines)));
}

/* The next line of the answers. */
static void hear(struct scene *s, char *out, size_t cap)
{
    const char *newline;

    while ((newline = memchr(s->lines, '\n', s->lines_len)) == NULL) {
        ssize_t n = read(s->frames, s->lines + s->lines_len, sizeof s->lines - s->lines_len);

        assert_true(n > 0);
        s->lines_len += (size_t)n;
    }
    snprintf(out, cap, "%.*s", (int)(newline - s->lines), s->lines);
    s->lines_len -= (size_t)(newline + 1 - s->lines);
    memmove(s->lines, newline + 1, s->lines_len);
}

static void expect(struct scene *s, enum control_type type, uint64_t revision)
{
    struct control_msg m;
    int fds[FD_PASS_MAX];
    size_t len, num;

    assert_int_equal(fd_recv(s->control, &m, sizeof m, &len, fds, &num), IO_DONE);
    assert_int_equal(m.type, type);
    assert_int_equal(m.revision, revision);
}

/* A listener on a port of its own; the port. */
static in_port_t give(struct scene *s, enum control_kind kind, const char *name, uint32_t shard,
                      uint32_t num_shards)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct control_msg m = {
        .type = CONTROL_LISTENER, .kind = kind, .shard = shard, .num_shards = num_shards};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    snprintf(m.name, sizeof m.name, "%s", name);
    tell(s, m, fd);
    return addr.sin_port;
}

/* False: refused, or reset while it waited in the queue of a listener that was closed. */
static bool is_answered(in_port_t port)
{
    static const char request[] = "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n";
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};
    char reply[64] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0;

    ok = ok && fd_write_all(fd, request, sizeof request - 1) && read(fd, reply, 12) == 12;
    if (ok)
        assert_memory_equal(reply, "HTTP/1.1 503", 12);
    close(fd);
    return ok;
}

static void serving_is_told_with_the_number_of_listeners_given(void **state)
{
    struct scene *s = *state;

    give(s, CONTROL_HTTP, "a#0", 0, 1);
    give(s, CONTROL_HTTPS, "b#0", 0, 1);
    follow(s);
    say(s, TABLE);
    expect(s, CONTROL_TABLE, 1);
    expect(s, CONTROL_SERVING, 2);
    give(s, CONTROL_HTTP, "c#0", 0, 1);
    expect(s, CONTROL_SERVING, 3);
    tell(s, (struct control_msg){.type = CONTROL_FORGET, .name = "c#0"}, -1);
    give(s, CONTROL_HTTP, "d#0", 0, 1);
    expect(s, CONTROL_SERVING, 4);
}

static void every_shard_has_a_worker_whatever_their_number(void **state)
{
    struct scene *s = *state;
    in_port_t ports[8];
    uint64_t given = 0;

    follow(s);
    say(s, TABLE);
    expect(s, CONTROL_TABLE, 1);
    for (uint32_t num = 1; num <= 8; num++) {
        for (uint32_t i = 0; i < num; i++) {
            ports[i] = give(s, CONTROL_HTTP, "x", i, num);
            expect(s, CONTROL_SERVING, ++given);
        }
        for (uint32_t i = 0; i < num; i++)
            for (int turn = 0; turn < 4; turn++)
                assert_true(is_answered(ports[i]));
    }
}

static void a_forgotten_listener_is_closed_by_all_its_workers(void **state)
{
    struct scene *s = *state;
    in_port_t port;

    follow(s);
    say(s, TABLE);
    expect(s, CONTROL_TABLE, 1);
    port = give(s, CONTROL_HTTP, "a", 0, 1);
    expect(s, CONTROL_SERVING, 1);
    assert_true(is_answered(port));
    tell(s, (struct control_msg){.type = CONTROL_FORGET, .name = "a"}, -1);
    for (int i = 0; is_answered(port); i++) { /* told one after the other */
        assert_true(i < 1000);
        usleep(1000);
    }
}

static void acks_come_in_order_each_behind_its_own_nacks(void **state)
{
    struct scene *s = *state;
    char line[512], wanted[128];

    follow(s);
    for (int i = 1; i <= COMMITS; i++) {
        snprintf(line, sizeof line,
                 "{\"set\":{\"kind\":\"route\",\"name\":\"r%d\",\"value\":{\"hosts\":[]}}}\n"
                 "{\"commit\":{\"revision\":%d}}\n",
                 i, i);
        say(s, line);
    }
    for (int i = 1; i <= COMMITS; i++) {
        hear(s, line, sizeof line);
        snprintf(wanted, sizeof wanted, "{\"nack\":{\"kind\":\"route\",\"name\":\"r%d\"", i);
        assert_memory_equal(line, wanted, strlen(wanted));
        hear(s, line, sizeof line);
        snprintf(wanted, sizeof wanted, "{\"ack\":{\"revision\":%d}}", i);
        assert_string_equal(line, wanted);
    }
}

/* The ids of endpoints that every worker has forgotten are given again: else they run out. */
static void endpoints_that_come_and_go_are_adopted_by_all(void **state)
{
    struct scene *s = *state;
    char line[512];

    follow(s);
    say(s, TABLE);
    hear(s, line, sizeof line);
    for (int i = 2; i <= COMMITS; i++) {
        snprintf(line, sizeof line,
                 "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":"
                 "[{\"address\":\"127.0.0.1\",\"port\":%d}]}}}\n{\"commit\":{\"revision\":%d}}\n",
                 i, i);
        say(s, line);
        hear(s, line, sizeof line);
    }
    snprintf(line + 256, 128, "{\"ack\":{\"revision\":%d}}", COMMITS);
    assert_string_equal(line, line + 256);
}

static void a_new_follower_hears_nothing_of_the_old_ones_table(void **state)
{
    struct scene *s = *state;
    char line[128];

    for (int i = 0; i < 20; i++) {
        follow(s);
        say(s, TABLE);
        follow(s);
        say(s, "{\"commit\":{\"revision\":7}}\n");
        hear(s, line, sizeof line);
        assert_string_equal(line, "{\"ack\":{\"revision\":7}}");
    }
}

static void a_drained_hub_ends_with_0(void **state)
{
    struct scene *s = *state;
    in_port_t port;

    port = give(s, CONTROL_HTTP, "a", 0, 1);
    follow(s);
    say(s, TABLE);
    expect(s, CONTROL_TABLE, 1);
    expect(s, CONTROL_SERVING, 1);
    assert_true(is_answered(port));
    tell(s, (struct control_msg){.type = CONTROL_DRAIN, .deadline_ms = 10000}, -1);
    assert_int_equal(exit_status(s), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(serving_is_told_with_the_number_of_listeners_given),
        TEST(every_shard_has_a_worker_whatever_their_number),
        TEST(a_forgotten_listener_is_closed_by_all_its_workers),
        TEST(acks_come_in_order_each_behind_its_own_nacks),
        TEST(endpoints_that_come_and_go_are_adopted_by_all),
        TEST(a_new_follower_hears_nothing_of_the_old_ones_table),
        TEST(a_drained_hub_ends_with_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
