/*
 * The proxy process: joins loop, proxy, listeners, frames and admin, and obeys the parent. Opens no
 * file and resolves no name. One worker today; everything it has is in struct worker, so that
 * several threads can have one each.
 *
 *     WAITING (no table) --> SERVING --> DRAINING --> ended
 */
#include "gateway/worker/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/proxy/proxy.h"
#include "gateway/table/table.h"
#include "gateway/upstream/shared.h"
#include "gateway/worker/admin.h"
#include "gateway/worker/control.h"
#include "gateway/worker/frames.h"
#include "gateway/worker/listeners.h"

enum { WORKER_MAGIC = 0x0b04ce01 };

enum worker_state { WORKER_WAITING, WORKER_SERVING, WORKER_DRAINING, WORKER__COUNT };

struct worker {
    unsigned magic;
    enum worker_state state;
    struct loop loop;
    struct metrics metrics;
    struct proxy *proxy;
    struct upstream_shared *shared;
    struct listeners listeners;
    struct frames frames;
    struct admin *admin;
    struct event *control;
    int control_fd;
    int reserve_fd;    /* given up for the descriptor that a message may bring; -1: used up */
    size_t num_wanted; /* listeners */
    int64_t drain_until_ms;
    int exit_status;
};

static void enter(struct worker *w, enum worker_state next)
{
    static const unsigned may_go_to[WORKER__COUNT] = {
        [WORKER_WAITING] = 1U << WORKER_SERVING | 1U << WORKER_DRAINING,
        [WORKER_SERVING] = 1U << WORKER_DRAINING,
    };

    ASSERT(may_go_to[w->state] & 1U << next);
    w->state = next;
}

static void tell_parent(struct worker *w, enum control_type type, uint64_t revision)
{
    struct control_msg m = {.type = (uint32_t)type, .revision = revision};

    if (fd_send(w->control_fd, &m, sizeof m, NULL, 0) != IO_DONE)
        log_warn("the parent does not take a message: %s", strerror(errno));
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void on_commit(void *arg, const struct table_commit *commit)
{
    struct worker *w;
    uint64_t revision = table_revision(commit->table);

    OBJ_CAST(w, arg, WORKER_MAGIC);
    metrics_add(&w->metrics.refusals, commit->num_refusals);
    proxy_adopt(w->proxy, commit->table, commit->changes, commit->num_changes);
    log_debug("table: revision %llu is in force, %zu routes", (unsigned long long)revision,
              table_num_routes(commit->table));
    if (w->state != WORKER_WAITING)
        return;
    enter(w, WORKER_SERVING);
    listeners_poll(&w->listeners);
    log_info("table: revision %llu is in force, %zu routes; serving", (unsigned long long)revision,
             table_num_routes(commit->table));
    tell_parent(w, CONTROL_TABLE, revision);
    if (w->listeners.num > 0)
        tell_parent(w, CONTROL_SERVING, 0);
}

static void on_forgotten(void *arg, uint32_t id)
{
    struct worker *w;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    upstream_shared_clear(w->shared, id);
    table_release_id(w->frames.builder, id);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void take_listener(struct worker *w, const struct control_msg *m, int fd)
{
    if (m->kind != CONTROL_HTTP) {
        log_warn("listener=%s asks for TLS, which is not built yet: it is not served", m->name);
        fd_close(&fd);
        return;
    }
    if (w->state == WORKER_DRAINING) {
        fd_close(&fd);
        return;
    }
    if (listeners_add(&w->listeners, m->name, fd) && w->state == WORKER_SERVING)
        tell_parent(w, CONTROL_SERVING, 0);
}

static void begin_drain(struct worker *w, int64_t deadline_ms)
{
    if (w->state == WORKER_DRAINING)
        return;
    enter(w, WORKER_DRAINING);
    w->drain_until_ms = loop_now_ms(&w->loop) + deadline_ms;
    proxy_drain(w->proxy);
    listeners_stop(&w->listeners);
    log_info("draining: %zu connections are open", proxy_num_conns(w->proxy));
}

static void obey(struct worker *w, const struct control_msg *m, int *fd)
{
    bool needs_fd = m->type == CONTROL_LISTENER || m->type == CONTROL_FRAMES;

    if (needs_fd != (*fd >= 0)) {
        log_error("the parent sent a message of type %u with a wrong descriptor", m->type);
        return;
    }
    switch (m->type) {
    case CONTROL_LISTENER:
        take_listener(w, m, *fd);
        *fd = -1;
        break;
    case CONTROL_FRAMES:
        frames_attach(&w->frames, *fd);
        *fd = -1;
        break;
    case CONTROL_FORGET:
        listeners_forget(&w->listeners, m->name);
        break;
    case CONTROL_DRAIN:
        begin_drain(w, m->deadline_ms);
        break;
    default:
        log_error("the parent sent a message of unknown type %u", m->type);
        break;
    }
}

static void on_control(evutil_socket_t sock, short what, void *arg)
{
    (void)what;
    struct worker *w;
    struct control_msg m;
    int fds[FD_PASS_MAX];
    size_t len, num_fds;
    enum io io;
    int fd = -1;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    fd_close(&w->reserve_fd);
    io = fd_recv(sock, &m, sizeof m, &len, fds, &num_fds);
    if (io == IO_AGAIN)
        return;
    if (io == IO_FAIL && errno == EMSGSIZE) {
        log_error("a message of the parent did not come whole: it is ignored");
        return;
    }
    if (io != IO_DONE) {
        log_error("the parent is gone: ending");
        w->exit_status = 1;
        loop_stop(&w->loop);
        return;
    }
    if (num_fds > 0)
        fd = fds[0];
    for (size_t i = 1; i < num_fds; i++)
        fd_close(&fds[i]);
    m.name[sizeof m.name - 1] = '\0';
    if (len == sizeof m)
        obey(w, &m, &fd);
    else
        log_error("the parent sent a message of %zu bytes", len);
    fd_close(&fd);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static const char *why_not_ready(void *arg)
{
    struct worker *w;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    if (w->state == WORKER_WAITING)
        return "no table is in force yet";
    if (w->state == WORKER_DRAINING)
        return "the gateway is draining";
    if (w->listeners.num_polled < w->num_wanted || w->listeners.num_polled < w->listeners.num)
        return "not every listener is served yet";
    return NULL;
}

static bool write_metrics(void *arg, struct buf *b)
{
    struct worker *w;
    const struct table *t;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    t = proxy_table(w->proxy);
    return proxy_write_metrics(w->proxy, b) &&
           metrics_write_one(b, "signalbox_table_revision", "gauge", "revision in force",
                             t != NULL ? table_revision(t) : 0) &&
           metrics_write_one(b, "signalbox_table_routes", "gauge", "routes in force",
                             t != NULL ? table_num_routes(t) : 0);
}

static bool on_tick(void *arg, int64_t now_ms)
{
    struct worker *w;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    if (w->state == WORKER_DRAINING && now_ms >= w->drain_until_ms) {
        log_warn("the time to drain is over: %zu connections are cut", proxy_num_conns(w->proxy));
        loop_stop(&w->loop);
    }
    return w->state == WORKER_DRAINING;
}

/* Clients take every descriptor there is; what the parent sends must still find one. */
static void keep_reserve(struct worker *w)
{
    if (w->reserve_fd < 0) /* -1 again while there is none: the next turn tries */
        w->reserve_fd = fcntl(w->control_fd, F_DUPFD_CLOEXEC, 0);
}

static void on_turn_end(void *arg)
{
    struct worker *w;

    OBJ_CAST(w, arg, WORKER_MAGIC);
    keep_reserve(w);
    if (w->state == WORKER_DRAINING && proxy_num_conns(w->proxy) == 0)
        loop_stop(&w->loop);
}

/* A connection of a client and one to an endpoint each cost a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit rl;

    if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_cur == rl.rlim_max)
        return;
    rl.rlim_cur = rl.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
        log_warn("the limit of descriptors cannot be raised: %s", strerror(errno));
}

static bool start(struct worker *w, const struct worker_config *config, struct err *e)
{
    struct admin_ops ops = {why_not_ready, write_metrics, w};

    w->magic = WORKER_MAGIC;
    w->control_fd = config->control_fd;
    w->reserve_fd = -1;
    w->num_wanted = config->num_listeners > 0 ? config->num_listeners : 1;
    if (!loop_init(&w->loop, e))
        return false;
    w->loop.on_turn_end = on_turn_end;
    w->loop.turn_end_arg = w;
    w->shared = upstream_shared_new();
    w->proxy = proxy_new(&w->loop, &w->metrics, w->shared, on_forgotten, w);
    listeners_init(&w->listeners, &w->loop, w->proxy, &w->metrics);
    frames_init(&w->frames, &w->loop, on_commit, w);
    loop_add_ticker(&w->loop, on_tick, w);
    w->control = event_new(w->loop.base, w->control_fd, EV_READ | EV_PERSIST, on_control, w);
    if (w->control == NULL || event_add(w->control, NULL) != 0)
        return err_set(e, "NoControl", "", "the parent's socket cannot be watched");
    if (config->admin_fd >= 0) {
        w->admin = admin_new(w->loop.base, config->admin_fd, &ops, e);
        if (w->admin == NULL)
            return false;
    }
    return true;
}

static void stop(struct worker *w)
{
    admin_free(w->admin);
    event_free(w->control);
    listeners_free(&w->listeners);
    proxy_free(w->proxy);
    upstream_shared_free(w->shared);
    frames_free(&w->frames);
    loop_free(&w->loop);
    fd_close(&w->reserve_fd);
}

int worker_run(const struct worker_config *config)
{
    struct worker w = {0};
    struct err e = {0};

    /* Whole groups are signalled by terminals and systemd: only the parent decides on an end. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGINT, SIG_IGN) == SIG_ERR ||
        signal(SIGTERM, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR)
        log_warn("signals cannot be set: %s", strerror(errno));
    raise_descriptor_limit();
    if (!start(&w, config, &e)) {
        log_error("the proxy cannot start: %s", e.text);
        return 1;
    }
    loop_run(&w.loop);
    stop(&w);
    return w.exit_status;
}
