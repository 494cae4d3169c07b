/*
 * The supervisor. One libevent loop over: a signalfd, the control socket to the proxy, the sockets
 * of the two spawners that start proxy and follower, the doorman client, and the timers of restarts
 * and of the end. It holds a copy of every listener, so that a new proxy serves where its
 * predecessor stopped. As PID 1 of a container it also reaps whatever orphans end up with it. When
 * the spawners are there it takes its own user and has no capability any more.
 *
 *     SERVING --SIGTERM--> DRAINING --proxy gone--> ENDING --follower gone--> loop ends
 *
 * With a doorman it serves on for a while after the signal: where two updates of a service overlap
 * Swarm ends a task before its successor runs, and clients would meet nobody.
 * A proxy that dies takes its follower with it (the frames socket closes); a follower that dies is
 * replaced alone. A spawner that dies ends the gateway: nothing here could make another one. Called
 * by gateway_main.c.
 */
#include "gateway/parent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/child.h"
#include "gateway/core/caps.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/doorman/client.h"
#include "gateway/spawner.h"
#include "gateway/worker/control.h"
#include "gateway/worker/hub.h"

enum {
    PARENT_MAGIC = 0x70617265,
    FRAMES_FD = 3, /* in the follower */
    FOLLOWER_ARGS_MAX = 32,
    LINGER_MAX_MS = 5000,  /* for a successor to come; not more than half of the grace */
    DRAIN_SLACK_MS = 2000, /* beyond the proxy's own deadline, then it is killed */
    FOLLOWER_END_MS = 1000,
    CONTROL_SEND_S = 2 /* a proxy that takes no message for so long hangs */
};

enum parent_state { PARENT_SERVING, PARENT_DRAINING, PARENT_ENDING, PARENT__COUNT };

struct parent {
    unsigned magic;
    const struct parent_config *config;
    enum parent_state state;
    struct event_base *base;
    int signal_fd;
    int control_fd; /* -1: no proxy */
    struct event *signal_event;
    struct event *control_event; /* NULL: no proxy */
    struct event *proxy_timer;
    struct event *follower_timer;
    struct event *end_timer;
    struct event *linger_timer;
    bool lingers; /* told to end, it serves on */
    struct kept {
        struct child child;
        struct spawner spawner;
        struct event *event;
        void (*gone)(struct parent *p, int status);
        struct parent *parent;
    } proxy, follower;
    struct doorman_client *doorman;
    uint64_t listeners_given; /* to this proxy */
    int exit_status;
};

static void start_proxy(struct parent *p);
static void start_follower(struct parent *p);

static void move_to(struct parent *p, enum parent_state to)
{
    static const bool legal[PARENT__COUNT][PARENT__COUNT] = {
        [PARENT_SERVING] = {[PARENT_DRAINING] = true, [PARENT_ENDING] = true},
        [PARENT_DRAINING] = {[PARENT_ENDING] = true},
    };
    ASSERT(legal[p->state][to]);
    p->state = to;
}

static void arm(struct event *timer, int64_t ms)
{
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (event_add(timer, &in) != 0)
        WRONG("a timer cannot be set");
}

static void end_loop(struct parent *p)
{
    if (event_base_loopbreak(p->base) != 0)
        WRONG("the event loop cannot be ended");
}

/* ---- the spawners ------------------------------------------------------------------------------
 */

/* A container is started anew then; what runs here ends with our sockets. */
static void lost_spawner(struct kept *k)
{
    log_error("what starts the %s is gone; the gateway ends", k->child.name);
    k->parent->exit_status = 1;
    end_loop(k->parent);
}

static void kill_child(struct kept *k, int number)
{
    if (k->child.running && !spawner_signal(&k->spawner, number))
        lost_spawner(k);
}

static void start_child(struct kept *k, int fd)
{
    child_begins(&k->child);
    if (!spawner_start(&k->spawner, fd))
        lost_spawner(k);
}

static void on_spawner(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* the spawner's */
    (void)what;
    struct kept *k = arg;
    struct parent *p;
    struct spawner_msg m;
    OBJ_CAST(p, k->parent, PARENT_MAGIC);
    enum io r = spawner_recv(&k->spawner, &m);
    if (r == IO_AGAIN)
        return;
    if (r != IO_DONE) {
        lost_spawner(k);
    } else if (m.type == SPAWNER_STARTED) {
        k->child.pid = m.value;
        log_info("the %s is pid %d", k->child.name, m.value);
    } else if (m.type == SPAWNER_FAILED) {
        log_error("the %s cannot be started: %s", k->child.name, strerror(m.value));
        k->gone(p, W_EXITCODE(1, 0));
    } else if (m.type == SPAWNER_ENDED) {
        k->gone(p, m.value);
    }
}

/* ---- the control socket ------------------------------------------------------------------------
 */

static void close_control(struct parent *p)
{
    if (p->control_event != NULL)
        event_free(p->control_event);
    p->control_event = NULL;
    fd_close(&p->control_fd);
}

/* A proxy that cannot be told something is of no use any more: it is replaced. */
static void tell_proxy(struct parent *p, const struct control_msg *m, const int *fd)
{
    if (p->control_fd < 0)
        return;
    enum io r = fd_send(p->control_fd, m, sizeof(*m), fd, fd != NULL ? 1 : 0);
    if (r == IO_DONE)
        return;
    log_error("the proxy takes no messages (%s); it is ended",
              r == IO_FAIL ? strerror(errno) : "its socket is full or closed");
    close_control(p);
    kill_child(&p->proxy, SIGKILL);
}

static void give_listener(struct parent *p, struct control_msg *m, const char *name, int fd)
{
    m->type = CONTROL_LISTENER;
    snprintf(m->name, sizeof(m->name), "%s", name);
    p->listeners_given++;
    tell_proxy(p, m, &fd);
}

/* ---- the doorman -------------------------------------------------------------------------------
 */

static void on_listener_added(void *arg, const struct doorman_entry *entry, int fd)
{
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    struct control_msg m = {.kind = entry->kind == DOORMAN_HTTPS ? CONTROL_HTTPS : CONTROL_HTTP,
                            .shard = entry->shard,
                            .num_shards = entry->num_shards};
    give_listener(p, &m, entry->name, fd);
}

static void on_listener_withdrawn(void *arg, const char *name)
{
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    struct control_msg m = {.type = CONTROL_FORGET};
    snprintf(m.name, sizeof(m.name), "%s", name);
    tell_proxy(p, &m, NULL);
}

/* The proxy is not ready before it has polled a whole list once. */
static void on_listed(void *arg, size_t num_listeners, bool complete, bool changed)
{
    (void)num_listeners;
    (void)changed;
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    struct control_msg m = {.type = CONTROL_LISTED};
    if (complete)
        tell_proxy(p, &m, NULL);
}

static const struct doorman_client_ops doorman_ops = {
    .added = on_listener_added,
    .withdrawn = on_listener_withdrawn,
    .listed = on_listed,
};

static void on_table(struct parent *p, uint64_t revision)
{
    log_info("the proxy serves from revision %llu", (unsigned long long)revision);
    if (p->config->doorman != NULL && p->doorman == NULL && p->state == PARENT_SERVING)
        p->doorman = doorman_client_new(p->base, p->config->doorman, &doorman_ops, p);
}

/* `settled`: of the listeners given to this proxy. Behind an older count more are on their way. */
static void on_serving(struct parent *p, uint64_t settled)
{
    if (p->doorman != NULL && p->state == PARENT_SERVING && settled == p->listeners_given)
        doorman_client_serving(p->doorman);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
    (void)what; /* only EV_READ is asked for */
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    struct control_msg m;
    int fds[FD_PASS_MAX];
    size_t n = 0;
    size_t num_fds = 0;
    enum io r = fd_recv(fd, &m, sizeof(m), &n, fds, &num_fds);
    for (size_t i = 0; i < num_fds; i++)
        fd_close(&fds[i]); /* the proxy has nothing to give */
    if (r == IO_AGAIN)
        return;
    if (r != IO_DONE) {
        close_control(p); /* it is dying; SIGCHLD follows */
        return;
    }
    if (n == sizeof(m) && m.type == CONTROL_TABLE)
        on_table(p, m.revision);
    else if (n == sizeof(m) && m.type == CONTROL_SERVING)
        on_serving(p, m.revision);
    else
        log_warn("the proxy sent a message of type %u and %zu bytes, which means nothing", m.type,
                 n);
}

/* ---- the proxy ---------------------------------------------------------------------------------
 */

/* In the proxy, as it was when its spawner was made. */
static int be_proxy(void *arg, int control_fd)
{
    const struct parent_config *c = arg;
    struct hub_config config = {
        .control_fd = control_fd,
        .admin_fd = c->admin_fd,
        .id = c->id,
        .node = c->node,
        .num_workers = c->num_workers,
        .num_listeners = c->listeners->num,
        .doorman = c->doorman != NULL,
    };
    return hub_run(&config);
}

static bool open_control(struct parent *p, int pair[2])
{
    struct timeval limit = {.tv_sec = CONTROL_SEND_S};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
        log_error("there is no control socket for the proxy: %s", strerror(errno));
        return false;
    }
    p->control_fd = pair[0];
    p->control_event = event_new(p->base, pair[0], EV_READ | EV_PERSIST, on_control, p);
    if (p->control_event == NULL || event_add(p->control_event, NULL) != 0)
        WRONG("the control socket cannot be watched");
    return true;
}

/* What a new proxy must have: our own, and the doorman's as far as they are held. */
static void give_listeners(struct parent *p)
{
    struct sockets *own = p->config->listeners;
    p->listeners_given = 0;
    for (size_t i = 0; i < own->num; i++) {
        struct control_msg m = {
            .kind = CONTROL_HTTP, .shard = own->all[i].shard, .num_shards = own->all[i].num_shards};
        give_listener(p, &m, own->all[i].name, own->all[i].fd);
    }
    if (p->doorman == NULL)
        return;
    doorman_client_each(p->doorman, on_listener_added, p);
    on_listed(p, doorman_client_num_listeners(p->doorman), doorman_client_complete(p->doorman),
              true);
}

static void start_proxy(struct parent *p)
{
    int pair[2] = {-1, -1};
    if (p->state != PARENT_SERVING || p->proxy.child.running)
        return;
    if (!open_control(p, pair)) {
        arm(p->proxy_timer, CHILD_BACK_OFF_MAX_MS);
        return;
    }
    start_child(&p->proxy, pair[1]);
    fd_close(&pair[1]);
    give_listeners(p);
    start_follower(p);
}

/* ---- the follower ------------------------------------------------------------------------------
 */

static int be_follower(void *arg, int frames_fd)
{
    const struct parent_config *c = arg;
    char number[8];
    char program[] = "signalbox-follower";
    char option[] = "--frames-fd";
    char *argv[FOLLOWER_ARGS_MAX + 4] = {program, option, number};
    size_t n = 3;
    snprintf(number, sizeof(number), "%d", FRAMES_FD);
    for (const char *const *a = c->follower_argv; *a != NULL; a++) {
        ASSERT(n < FOLLOWER_ARGS_MAX);
        argv[n++] = (char *)(uintptr_t)*a; /* execv takes char *const[] and changes nothing */
    }
    bool placed = frames_fd == FRAMES_FD ? fd_set_cloexec(frames_fd, false)
                                         : dup2(frames_fd, FRAMES_FD) == FRAMES_FD;
    if (placed)
        execv(c->follower, argv);
    log_error("%s cannot be run: %s", c->follower, strerror(errno));
    return 127;
}

static void start_follower(struct parent *p)
{
    int pair[2];
    struct control_msg m = {.type = CONTROL_FRAMES};
    if (p->state == PARENT_ENDING || p->follower.child.running || p->control_fd < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("there is no frames socket for the follower: %s", strerror(errno));
        arm(p->follower_timer, CHILD_BACK_OFF_MAX_MS);
        return;
    }
    start_child(&p->follower, pair[0]);
    fd_close(&pair[0]);
    tell_proxy(p, &m, &pair[1]);
    fd_close(&pair[1]);
}

/* ---- ends and signals --------------------------------------------------------------------------
 */

/* The proxy is gone for good: the follower ends, then we do. */
static void begin_end(struct parent *p, int exit_status)
{
    move_to(p, PARENT_ENDING);
    p->exit_status = exit_status;
    close_control(p);
    if (!p->follower.child.running) {
        end_loop(p);
        return;
    }
    kill_child(&p->follower, SIGTERM);
    arm(p->end_timer, FOLLOWER_END_MS);
}

static void on_proxy_gone(struct parent *p, int status)
{
    int64_t wait_ms = child_ended(&p->proxy.child, status);
    close_control(p);
    if (p->state == PARENT_DRAINING) {
        begin_end(p, WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1);
        return;
    }
    if (p->doorman != NULL)
        doorman_client_draining(p->doorman);
    kill_child(&p->follower, SIGTERM);
    arm(p->proxy_timer, wait_ms);
}

static void on_follower_gone(struct parent *p, int status)
{
    int64_t wait_ms = child_ended(&p->follower.child, status);
    if (p->state == PARENT_ENDING)
        end_loop(p);
    else if (p->control_fd >= 0)
        arm(p->follower_timer, wait_ms);
}

/* Proxy and follower are their spawners' children; a spawner's end shows in its socket. */
static void reap(void)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        log_debug("reaped pid %d", (int)pid);
}

static void begin_drain(struct parent *p)
{
    struct control_msg m = {.type = CONTROL_DRAIN, .deadline_ms = p->config->stop_grace_ms};
    move_to(p, PARENT_DRAINING);
    log_info("draining: what is in flight has %lld ms to finish",
             (long long)p->config->stop_grace_ms);
    if (p->doorman != NULL)
        doorman_client_draining(p->doorman);
    if (!p->proxy.child.running) {
        begin_end(p, 1);
        return;
    }
    sockets_close(p->config->listeners); /* first: the proxy empties their queues and closes them */
    tell_proxy(p, &m, NULL);
    arm(p->end_timer, p->config->stop_grace_ms + DRAIN_SLACK_MS);
}

static int64_t linger_ms(const struct parent *p)
{
    int64_t half = p->config->stop_grace_ms / 2;
    if (p->doorman == NULL || p->lingers)
        return 0;
    return half < LINGER_MAX_MS ? half : LINGER_MAX_MS;
}

static void on_stop_signal(struct parent *p)
{
    int64_t linger = linger_ms(p);
    if (p->state == PARENT_SERVING && linger > 0) {
        log_info("told to end: serving on for %lld ms, so that a successor can come",
                 (long long)linger);
        p->lingers = true;
        arm(p->linger_timer, linger);
        return;
    }
    if (p->state == PARENT_SERVING) {
        begin_drain(p);
        return;
    }
    log_warn("told to end a second time: what is in flight is cut");
    kill_child(&p->proxy, SIGKILL);
    kill_child(&p->follower, SIGKILL);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)what; /* only EV_READ is asked for */
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            reap();
        else if (info.ssi_signo == SIGHUP)
            log_info("SIGHUP means nothing here: tables and tokens are followed as they change");
        else
            on_stop_signal(p);
    }
}

static void on_proxy_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    start_proxy(p);
}

static void on_follower_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    start_follower(p);
}

static void on_linger_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    if (p->state == PARENT_SERVING)
        begin_drain(p);
}

static void on_end_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct parent *p;
    OBJ_CAST(p, arg, PARENT_MAGIC);
    struct kept *k = p->state == PARENT_DRAINING ? &p->proxy : &p->follower;
    log_warn("the %s did not end in time; it is killed", k->child.name);
    kill_child(k, SIGKILL);
}

static struct event *new_timer(struct parent *p, event_callback_fn fn)
{
    struct event *ev = event_new(p->base, -1, 0, fn, p);
    ASSERT(ev != NULL);
    return ev;
}

static void watch_spawner(struct parent *p, struct kept *k)
{
    k->parent = p;
    k->event = event_new(p->base, k->spawner.fd, EV_READ | EV_PERSIST, on_spawner, k);
    if (k->event == NULL || event_add(k->event, NULL) != 0)
        WRONG("a spawner cannot be watched");
}

static bool set_up(struct parent *p)
{
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    p->base = event_base_new();
    if (p->base == NULL || sigprocmask(SIG_BLOCK, &watched, NULL) != 0 ||
        (p->signal_fd = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC)) < 0) {
        log_error("the parent cannot be set up: %s", strerror(errno));
        return false;
    }
    p->signal_event = event_new(p->base, p->signal_fd, EV_READ | EV_PERSIST, on_signal, p);
    p->proxy_timer = new_timer(p, on_proxy_due);
    p->follower_timer = new_timer(p, on_follower_due);
    p->end_timer = new_timer(p, on_end_due);
    p->linger_timer = new_timer(p, on_linger_due);
    if (p->signal_event == NULL || event_add(p->signal_event, NULL) != 0)
        WRONG("signals cannot be watched");
    watch_spawner(p, &p->proxy);
    watch_spawner(p, &p->follower);
    return true;
}

static void tear_down(struct parent *p)
{
    doorman_client_free(p->doorman);
    close_control(p);
    event_free(p->signal_event);
    event_free(p->proxy.event);
    event_free(p->follower.event);
    event_free(p->proxy_timer);
    event_free(p->follower_timer);
    event_free(p->end_timer);
    event_free(p->linger_timer);
    event_base_free(p->base);
    fd_close(&p->signal_fd);
}

/* First of all: from what these are forked, they know the flags and nothing else. */
static bool make_spawners(struct parent *p, struct err *e)
{
    const struct users *users = &p->config->users;
    if (!caps_lock())
        return err_set_errno(e, "NoPrivileges", "", "privileges cannot be given up");
    struct spawner_config proxy = {.name = p->proxy.child.name,
                                   .uid = users->apart ? users->proxy : (uid_t)-1,
                                   .keep_fd = p->config->admin_fd,
                                   .run = be_proxy,
                                   .arg = (void *)(uintptr_t)p->config};
    struct spawner_config follower = proxy;
    follower.name = p->follower.child.name;
    follower.uid = users->apart ? users->follower : (uid_t)-1;
    follower.keep_fd = -1;
    follower.prepare = p->config->prepare_follower;
    follower.run = be_follower;
    return spawner_new(&p->follower.spawner, &follower, e) &&
           spawner_new(&p->proxy.spawner, &proxy, e);
}

/* After this line there is nothing that this process may do and others may not. */
static bool give_up_privileges(const struct users *users, struct err *e)
{
    if (users->apart && !caps_change_ids(users->parent, users->parent))
        return err_set_errno(e, "NoUser", "--users", "user %u cannot be taken on", users->parent);
    if (!caps_lock() || !caps_set(0))
        return err_set_errno(e, "NoPrivileges", "", "privileges cannot be given up");
    return true;
}

int parent_run(const struct parent_config *config)
{
    struct err e = {0};
    struct parent p = {
        .magic = PARENT_MAGIC,
        .config = config,
        .control_fd = -1,
        .signal_fd = -1,
        .proxy = {.child = {.name = "proxy"}, .spawner = {.fd = -1}, .gone = on_proxy_gone},
        .follower = {.child = {.name = "follower"},
                     .spawner = {.fd = -1},
                     .gone = on_follower_gone},
        .exit_status = 1};
    bool ready = make_spawners(&p, &e) && give_up_privileges(&config->users, &e);
    if (!ready)
        log_error("%s", e.text);
    if (ready && set_up(&p)) {
        start_proxy(&p);
        if (event_base_dispatch(p.base) < 0)
            log_error("the event loop failed");
        tear_down(&p);
    }
    spawner_close(&p.proxy.spawner);
    spawner_close(&p.follower.spawner);
    return ready ? p.exit_status : 2;
}
