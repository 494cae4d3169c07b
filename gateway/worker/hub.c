/*
 * See hub.h. Everything that concerns all workers passes here: a table is in force when every
 * worker has adopted it, an endpoint's id is free when every worker has forgotten it, a listener
 * counts when its workers poll it, the proxy is drained when every worker is. Opens no file,
 * resolves no name and touches no connection of a user.
 */
#include "gateway/worker/hub.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/loop/fd_budget.h"
#include "gateway/observe/access_log.h"
#include "gateway/observe/pool_series.h"
#include "gateway/proxy/crowd.h"
#include "gateway/proxy/proxy.h"
#include "gateway/table/table.h"
#include "gateway/upstream/shared.h"
#include "gateway/worker/admin.h"
#include "gateway/worker/collect.h"
#include "gateway/worker/confine.h"
#include "gateway/worker/control.h"
#include "gateway/worker/errand.h"
#include "gateway/worker/frames.h"
#include "gateway/worker/listeners.h"
#include "gateway/worker/prober.h"
#include "gateway/worker/telemetry.h"
#include "gateway/worker/worker.h"

enum { HUB_MAGIC = 0x04b00001, OPEN_AT_START_MAX = 1024, PIPES_MAX = 128 };

enum hub_state { HUB_WAITING, HUB_SERVING, HUB_DRAINING, HUB_ENDED, HUB__COUNT };

struct hub {
    unsigned magic;
    enum hub_state state;
    const struct hub_config *config;
    struct loop loop;
    struct mailbox mailbox;
    struct metrics metrics; /* what no worker counts */
    struct upstream_shared *shared;
    struct crowd *crowd;
    struct fd_budget budget;
    struct worker *workers[WORKERS_MAX];
    size_t num_workers, num_drained;
    struct frames frames;
    const struct table *table; /* in force in every worker; NULL: none */
    uint8_t *forgotten_by;     /* by endpoint id: how many workers; see on_forgotten */
    size_t num_ids;
    uint64_t listeners_given;   /* by the parent, in this proxy's life */
    uint64_t listeners_settled; /* of these: their workers have them */
    bool list_was_whole;        /* the doorman's */
    struct collector collector;
    struct access_log *log;
    struct pool_series *series;
    struct prober *prober;
    struct telemetry *telemetry;
    struct admin *admin;
    struct event *control;
    int64_t drain_until_ms;
    int exit_status;
};

static void enter(struct hub *h, enum hub_state next)
{
    static const unsigned may_go_to[HUB__COUNT] = {
        [HUB_WAITING] = 1U << HUB_SERVING | 1U << HUB_DRAINING | 1U << HUB_ENDED,
        [HUB_SERVING] = 1U << HUB_DRAINING | 1U << HUB_ENDED,
        [HUB_DRAINING] = 1U << HUB_ENDED,
    };

    ASSERT(may_go_to[h->state] & 1U << next);
    h->state = next;
}

static void end(struct hub *h, int exit_status)
{
    if (h->state == HUB_ENDED)
        return;
    enter(h, HUB_ENDED);
    h->exit_status = exit_status;
    loop_stop(&h->loop);
}

static void tell_parent(struct hub *h, enum control_type type, uint64_t revision)
{
    struct control_msg m = {.type = (uint32_t)type, .revision = revision};

    if (fd_send(h->config->control_fd, &m, sizeof m, NULL, 0) != IO_DONE)
        log_warn("the parent does not take a message: %s", strerror(errno));
}

static void send_errand(struct hub *h, struct errand *e)
{
    errand_send(e, &h->mailbox, h->workers, h->num_workers);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* A version on its way into the workers. */
struct adoption {
    struct errand errand;
    struct hub *hub;
    const struct table *table;
    struct table_delta *delta;
};

static void adopt(void *arg, struct worker *w)
{
    const struct adoption *a = arg;

    worker_adopt(w, a->table, a->delta);
}

/* Workers polled what they had when they adopted their first table; from now on, at once. */
static void tell_serving(struct hub *h)
{
    if (h->state == HUB_SERVING && h->listeners_given > 0 &&
        h->listeners_settled == h->listeners_given)
        tell_parent(h, CONTROL_SERVING, h->listeners_given);
}

static void begin_serving(struct hub *h)
{
    uint64_t revision = table_revision(h->table);

    enter(h, HUB_SERVING);
    log_info("table: revision %llu is in force, %zu routes; serving", (unsigned long long)revision,
             table_num_routes(h->table));
    tell_parent(h, CONTROL_TABLE, revision);
    tell_serving(h);
}

static void end_adoption(void *arg)
{
    struct adoption *a = arg;
    struct hub *h = a->hub;

    prober_adopt(h->prober, a->delta);
    table_delta_unref(&a->delta);
    table_unref(&h->table);
    h->table = a->table;
    free(a);
    metrics_add(&h->metrics.adoptions, 1);
    log_debug("table: revision %llu is in force, %zu routes",
              (unsigned long long)table_revision(h->table), table_num_routes(h->table));
    frames_in_force(&h->frames);
    if (h->state == HUB_WAITING)
        begin_serving(h);
}

static void on_commit(void *arg, const struct table_commit *commit)
{
    struct hub *h;
    struct adoption *a = xcalloc(1, sizeof *a);

    OBJ_CAST(h, arg, HUB_MAGIC);
    metrics_add(&h->metrics.refusals, commit->num_refusals);
    a->errand = (struct errand){.obey = adopt, .done = end_adoption, .arg = a};
    a->hub = h;
    a->table = commit->table;
    a->delta = commit->delta;
    table_delta_ref(a->delta);
    send_errand(h, &a->errand);
}

/* An id is free when as many workers as there are have let it go. */
static void forget_id(struct hub *h, uint32_t id)
{
    if (id >= h->num_ids) {
        size_t num = h->num_ids * 2 > id ? h->num_ids * 2 : (size_t)id + 1024;

        h->forgotten_by = xrealloc(h->forgotten_by, num);
        memset(h->forgotten_by + h->num_ids, 0, num - h->num_ids);
        h->num_ids = num;
    }
    if (++h->forgotten_by[id] < h->num_workers)
        return;
    h->forgotten_by[id] = 0;
    upstream_shared_clear(h->shared, id);
    table_release_id(h->frames.builder, id);
}

static void on_forgotten(void *arg, const uint32_t *ids, size_t num)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    for (size_t i = 0; i < num; i++)
        forget_id(h, ids[i]);
}

/* ---- listeners ------------------------------------------------------------------------------- */

/* A listener on its way to the workers that poll it, or its name when they shall forget it. */
struct listening {
    struct errand errand;
    struct hub *hub;
    struct listen_socket *socket;
    atomic_bool failed;
    char name[CONTROL_NAME_MAX];
};

static void listen_at(void *arg, struct worker *w)
{
    struct listening *l = arg;

    if (!worker_listen(w, l->name, l->socket))
        atomic_store_explicit(&l->failed, true, memory_order_relaxed);
}

static void end_listening(void *arg)
{
    struct listening *l = arg;
    struct hub *h = l->hub;
    bool failed = atomic_load_explicit(&l->failed, memory_order_relaxed);

    listen_socket_unref(&l->socket);
    free(l);
    if (failed) /* then it is never told that all are polled */
        return;
    h->listeners_settled++;
    tell_serving(h);
}

/*
 * Worker i polls shard i, or, when there are more shards, also those that are i modulo the number
 * of workers. When there are fewer, several workers poll one shard: each connection wakes them all
 * and the first one has it, which costs a little and leaves no worker idle.
 */
static size_t workers_of(const struct hub *h, uint32_t shard, uint32_t num_shards,
                         struct worker *out[WORKERS_MAX])
{
    size_t num = 0;

    if (num_shards == 0)
        num_shards = 1;
    for (size_t i = 0; i < h->num_workers; i++)
        if (num_shards >= h->num_workers ? shard % h->num_workers == i
                                         : i % num_shards == shard % num_shards)
            out[num++] = h->workers[i];
    return num;
}

static struct listening *new_listening(struct hub *h, const char *name)
{
    struct listening *l = xcalloc(1, sizeof *l);

    l->hub = h;
    memcpy(l->name, name, sizeof l->name);
    l->errand = (struct errand){.obey = listen_at, .done = end_listening, .arg = l};
    return l;
}

static void give_to_workers(struct hub *h, const struct control_msg *m, struct listen_socket *s)
{
    struct listening *l = new_listening(h, m->name);
    struct worker *pollers[WORKERS_MAX];
    size_t num = workers_of(h, m->shard, m->num_shards, pollers);

    l->socket = s;
    errand_send(&l->errand, &h->mailbox, pollers, num);
}

static void take_listener(struct hub *h, const struct control_msg *m, int fd)
{
    struct listen_socket *s;

    h->listeners_given++;
    if (m->kind != CONTROL_HTTP) {
        log_warn("listener=%s asks for TLS, which is not built yet: it is not served", m->name);
        fd_close(&fd);
        h->listeners_settled++;
        tell_serving(h);
        return;
    }
    if (h->state == HUB_DRAINING) {
        fd_close(&fd);
        return;
    }
    s = listen_socket_new(fd, &h->budget);
    if (s == NULL || !confine_listener(&s->fd)) {
        log_error("listener=%s cannot be used: %s", m->name, strerror(errno));
        listen_socket_unref(&s);
        return;
    }
    give_to_workers(h, m, s);
}

static void forget_name(void *arg, struct worker *w)
{
    const struct listening *l = arg;

    worker_forget(w, l->name);
}

static void forget_listener(struct hub *h, const char *name)
{
    struct listening *l = new_listening(h, name);

    l->errand.obey = forget_name;
    l->errand.done = free;
    send_errand(h, &l->errand);
}

/* ---- the end --------------------------------------------------------------------------------- */

static size_t num_conns(const struct hub *h)
{
    size_t num = 0;

    for (size_t i = 0; i < h->num_workers; i++)
        num += proxy_num_conns(worker_proxy(h->workers[i]));
    return num;
}

static void drain(void *arg, struct worker *w)
{
    (void)arg;
    worker_drain(w);
}

static void begin_drain(struct hub *h, int64_t deadline_ms)
{
    struct errand *e;

    if (h->state != HUB_WAITING && h->state != HUB_SERVING)
        return;
    enter(h, HUB_DRAINING);
    h->drain_until_ms = loop_now_ms(&h->loop) + deadline_ms;
    loop_hurry(&h->loop);
    e = xcalloc(1, sizeof *e);
    *e = (struct errand){.obey = drain, .done = free, .arg = e};
    send_errand(h, e);
    log_info("draining: %zu connections are open", num_conns(h));
}

static void on_drained(void *arg)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    if (++h->num_drained == h->num_workers)
        end(h, 0);
}

static bool on_tick(void *arg, int64_t now_ms)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    if (h->state == HUB_DRAINING && now_ms >= h->drain_until_ms) {
        log_warn("the time to drain is over: %zu connections are cut", num_conns(h));
        end(h, 0);
    }
    return h->state == HUB_DRAINING;
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void obey(struct hub *h, const struct control_msg *m, int *fd)
{
    bool needs_fd = m->type == CONTROL_LISTENER || m->type == CONTROL_FRAMES;

    if (needs_fd != (*fd >= 0)) {
        log_error("the parent sent a message of type %u with a wrong descriptor", m->type);
        return;
    }
    switch (m->type) {
    case CONTROL_LISTENER:
        take_listener(h, m, *fd);
        *fd = -1;
        break;
    case CONTROL_FRAMES:
        frames_attach(&h->frames, *fd);
        *fd = -1;
        break;
    case CONTROL_FORGET:
        forget_listener(h, m->name);
        break;
    case CONTROL_LISTED:
        h->list_was_whole = true;
        break;
    case CONTROL_DRAIN:
        begin_drain(h, m->deadline_ms);
        break;
    default:
        log_error("the parent sent a message of unknown type %u", m->type);
        break;
    }
}

static void on_control(evutil_socket_t sock, short what, void *arg)
{
    (void)what;
    struct hub *h;
    struct control_msg m;
    int fds[FD_PASS_MAX];
    size_t len, num_fds;
    enum io io;
    int fd = -1;

    OBJ_CAST(h, arg, HUB_MAGIC);
    io = fd_recv(sock, &m, sizeof m, &len, fds, &num_fds);
    if (io == IO_AGAIN)
        return;
    if (io == IO_FAIL && errno == EMSGSIZE) {
        log_error("a message of the parent did not come whole: it is ignored");
        return;
    }
    if (io != IO_DONE) {
        log_error("the parent is gone: ending");
        end(h, 1);
        return;
    }
    if (num_fds > 0)
        fd = fds[0];
    for (size_t i = 1; i < num_fds; i++)
        fd_close(&fds[i]);
    m.name[sizeof m.name - 1] = '\0';
    if (len == sizeof m)
        obey(h, &m, &fd);
    else
        log_error("the parent sent a message of %zu bytes", len);
    fd_close(&fd);
}

/* ---- the admin listener ---------------------------------------------------------------------- */

static const char *why_not_ready(void *arg)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    if (h->state == HUB_WAITING)
        return "no table is in force yet";
    if (h->state != HUB_SERVING)
        return "the gateway is draining";
    if (h->config->doorman && !h->list_was_whole)
        return "the doorman has not given every listener yet";
    if (h->listeners_given < h->config->num_listeners || h->listeners_given == 0 ||
        h->listeners_settled < h->listeners_given)
        return "not every listener is served yet";
    return NULL;
}

static size_t num_workers(void *arg)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return h->num_workers;
}

static const struct metrics *metrics_of(void *arg, size_t i)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return i < h->num_workers ? worker_metrics(h->workers[i]) : &h->metrics;
}

static struct proxy *proxy_of(void *arg, size_t i)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    ASSERT(i < h->num_workers);
    return worker_proxy(h->workers[i]);
}

static const struct table *table_in_force(void *arg)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return h->table;
}

static const struct frames_status *follower_status(void *arg)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return &h->frames.status;
}

static struct collection *collect(void *arg, const struct collect_request *rq)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return collect_start(&h->collector, rq);
}

static bool send_stats(void *arg, struct str json)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return frames_send_stats(&h->frames, json);
}

static bool write_metrics(void *arg, struct buf *b)
{
    struct hub *h;

    OBJ_CAST(h, arg, HUB_MAGIC);
    return telemetry_write(h->telemetry, b);
}

/* ---- the hub --------------------------------------------------------------------------------- */

/*
 * Of all workers together: half of what an unprivileged user may have at full size (pipe(7),
 * pipe-user-pages-soft), so that a gateway and its successor both get theirs, and no more than a
 * 32nd of the descriptors.
 */
static size_t num_pipes_each(size_t num_workers)
{
    struct rlimit limit;
    size_t num;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        WRONG("the limit of descriptors cannot be read");
    num = limit.rlim_cur / 64 < PIPES_MAX ? (size_t)limit.rlim_cur / 64 : PIPES_MAX;
    num /= num_workers;
    return num < PIPEPOOL_MAX ? num : PIPEPOOL_MAX;
}

static bool make_workers(struct hub *h, struct err *e)
{
    for (unsigned i = 0; i < h->config->num_workers; i++) {
        struct worker_setup setup = {.index = i,
                                     .shared = h->shared,
                                     .crowd = h->crowd,
                                     .budget = &h->budget,
                                     .num_pipes = num_pipes_each(h->config->num_workers),
                                     .all = h->workers,
                                     .hub = &h->mailbox,
                                     .log = h->log,
                                     .series = h->series,
                                     .node = h->config->node,
                                     .on_forgotten = on_forgotten,
                                     .on_drained = on_drained,
                                     .arg = h};

        h->workers[i] = worker_new(&setup, e);
        if (h->workers[i] == NULL)
            return false;
        h->num_workers++;
    }
    return true;
}

static bool start_workers(struct hub *h, struct err *e)
{
    for (size_t i = 0; i < h->num_workers; i++)
        if (!worker_start(h->workers[i], e))
            return false;
    return true;
}

/* What is open so far is the hub's own, or its workers'; close_range(2) left nothing above it. */
static uint32_t count_free_descriptors(void)
{
    struct rlimit limit;
    uint32_t num_open = 0;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        WRONG("the limit of descriptors cannot be read");
    if (limit.rlim_cur > INT32_MAX)
        limit.rlim_cur = INT32_MAX;
    for (int fd = 0; fd < OPEN_AT_START_MAX; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            num_open++;
    return limit.rlim_cur > num_open ? (uint32_t)limit.rlim_cur - num_open : 0;
}

static void start_telemetry(struct hub *h)
{
    const struct telemetry_ops ops = {
        .num_workers = num_workers,
        .metrics_of = metrics_of,
        .proxy_of = proxy_of,
        .table = table_in_force,
        .status = follower_status,
        .send_stats = send_stats,
        .budget = &h->budget,
        .log = h->log,
        .series = h->series,
        .prober = h->prober,
        .arg = h,
    };

    h->telemetry = telemetry_new(h->loop.base, &ops);
}

static bool start_admin(struct hub *h, struct err *e)
{
    const struct admin_ops ops = {
        .why_not_ready = why_not_ready,
        .write_metrics = write_metrics,
        .status = follower_status,
        .collect = collect,
        .arg = h,
    };
    int fd = h->config->admin_fd;

    if (!fd_set_nonblock(fd, true) || !confine_listener(&fd))
        return err_set_errno(e, "NoAdmin", "--admin", "the admin listener cannot be moved");
    h->admin = admin_new(h->loop.base, fd, &ops, e);
    return h->admin != NULL;
}

static bool start(struct hub *h, struct err *e)
{
    h->shared = upstream_shared_new();
    h->crowd = crowd_new();
    h->series = pool_series_new(h->config->num_workers, POOL_SERIES_MAX);
    h->log = access_log_new(h->config->num_workers, STDOUT_FILENO, e);
    if (h->log == NULL)
        return false;
    frames_init(&h->frames, &h->loop, on_commit, h);
    loop_add_ticker(&h->loop, on_tick, h);
    if (!mailbox_init(&h->mailbox, &h->loop, e) || !make_workers(h, e))
        return false;
    collector_init(&h->collector, &h->mailbox, h->workers, h->num_workers);
    h->control =
        event_new(h->loop.base, h->config->control_fd, EV_READ | EV_PERSIST, on_control, h);
    if (h->control == NULL || event_add(h->control, NULL) != 0)
        return err_set(e, "NoControl", "", "the parent's socket cannot be watched");
    h->loop.budget = &h->budget;
    h->prober = prober_new(&h->loop, h->shared, &h->metrics);
    start_telemetry(h);
    if (h->config->admin_fd >= 0 && !start_admin(h, e))
        return false;
    fd_budget_init(&h->budget, count_free_descriptors());
    return start_workers(h, e) && confine_enter(e);
}

/* Workers first; what they still had to say is heard before what it is about goes. */
static void stop(struct hub *h)
{
    collector_free(&h->collector);
    admin_free(h->admin);
    telemetry_free(h->telemetry);
    prober_free(h->prober);
    if (h->control != NULL)
        event_free(h->control);
    for (size_t i = 0; i < h->num_workers; i++)
        worker_end(h->workers[i]);
    if (h->mailbox.magic != 0)
        mailbox_empty(&h->mailbox);
    for (size_t i = 0; i < h->num_workers; i++)
        worker_free(h->workers[i]);
    mailbox_free(&h->mailbox);
    access_log_free(h->log);
    pool_series_free(h->series);
    table_unref(&h->table);
    frames_free(&h->frames);
    upstream_shared_free(h->shared);
    crowd_free(h->crowd);
    free(h->forgotten_by);
    loop_free(&h->loop);
}

int hub_run(const struct hub_config *config)
{
    struct hub h = {.magic = HUB_MAGIC, .config = config, .exit_status = 1};
    struct err e = {0};

    ASSERT(config->num_workers >= 1 && config->num_workers <= WORKERS_MAX);
    /* Whole groups are signalled by terminals and systemd: only the parent decides on an end. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGINT, SIG_IGN) == SIG_ERR ||
        signal(SIGTERM, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR)
        log_warn("signals cannot be set: %s", strerror(errno));
    fd_raise_limit(); /* a connection of a client and one to an endpoint each cost a descriptor */
    if (!loop_init(&h.loop, &e) || !loop_add_base(&h.loop, &e)) {
        log_error("the proxy cannot start: %s", e.text);
        return 1;
    }
    if (confine_reserve(&e) && start(&h, &e))
        loop_run(&h.loop);
    else
        log_error("the proxy cannot start: %s", e.text);
    stop(&h);
    return h.exit_status;
}
