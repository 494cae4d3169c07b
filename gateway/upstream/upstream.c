/*
 * Upstream connections and their states (see upstream.h). Connects without waiting, keeps idle
 * connections while the peer keeps them, drops one that says anything unasked. Does not speak HTTP
 * and retries nothing: gateway/proxy owns what is BUSY and decides.
 */
#include "gateway/upstream/upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/obj.h"
#include "gateway/http/h2_stream.h"
#include "gateway/loop/fd_budget.h"
#include "gateway/upstream/balancer.h"
#include "gateway/upstream/h2_link.h"
#include "gateway/upstream/patience.h"

enum { UPSTREAMS_MAGIC = 0x0b57a301, UPSTREAM_MAGIC = 0x0b57a302, ENDPOINTS_MAX = 1 << 22 };

#define TO(s) (1U << UPSTREAM_##s)
static const unsigned may_go_to[UPSTREAM__COUNT] = {
    [UPSTREAM_CONNECTING] = TO(BUSY) | TO(DEAD),
    [UPSTREAM_BUSY] = TO(IDLE) | TO(DEAD),
    [UPSTREAM_IDLE] = TO(BUSY) | TO(DEAD),
    [UPSTREAM_DEAD] = 0,
};
#undef TO

static struct upstream_endpoint *endpoint_of(const struct upstream_conn *c)
{
    return c->all->endpoints[c->endpoint];
}

/* Newest first: the warm connection is taken again, the others age out. */
static void join_idle(struct upstream_endpoint *e, struct upstream_conn *c)
{
    TAILQ_INSERT_HEAD(&e->idle, c, idle_link);
    e->num_idle++;
}

static void leave_idle(struct upstream_endpoint *e, struct upstream_conn *c)
{
    TAILQ_REMOVE(&e->idle, c, idle_link);
    e->num_idle--;
}

static bool is_in_flight(const struct upstream_conn *c, enum upstream_state s)
{
    return !c->carries && (s == UPSTREAM_CONNECTING || s == UPSTREAM_BUSY);
}

static void count_flight(struct upstream_conn *c, bool begins)
{
    struct upstream_shared_endpoint *s = endpoint_of(c)->shared;

    if (!begins)
        atomic_fetch_sub_explicit(&s->in_flight, 1, memory_order_relaxed);
    else if (c->all->held == s)
        c->all->held = NULL; /* it was counted when it was held */
    else
        atomic_fetch_add_explicit(&s->in_flight, 1, memory_order_relaxed);
}

/* Of its pool; 0: as everybody's. */
static uint32_t own_idle_ms(const struct upstream_conn *c)
{
    const struct table_pool *pool = endpoint_of(c)->pool;

    return pool != NULL ? pool->spec->idle_ms : 0;
}

static struct upstream_list *list_of(struct upstream_conn *c, enum upstream_state s)
{
    bool own = s == UPSTREAM_IDLE && c->idle_timer.due_ms != 0;

    return own ? &c->all->own_idle : &c->all->states[s];
}

/* The only writer of c->state. */
static void enter(struct upstream_conn *c, enum upstream_state next)
{
    struct upstreams *u = c->all;

    OBJ_CHECK(c, UPSTREAM_MAGIC);
    ASSERT(may_go_to[c->state] & (1U << next));
    TAILQ_REMOVE(list_of(c, c->state), c, link);
    u->num[c->state]--;
    if (c->state == UPSTREAM_IDLE)
        leave_idle(endpoint_of(c), c);
    wheel_remove(&u->wheel, &c->idle_timer);
    if (is_in_flight(c, c->state) != is_in_flight(c, next))
        count_flight(c, is_in_flight(c, next));
    c->state = next;
    c->since_ms = loop_now_ms(u->loop);
    if (next == UPSTREAM_IDLE && own_idle_ms(c) != 0)
        wheel_set(&u->wheel, &c->idle_timer, c->since_ms + own_idle_ms(c));
    TAILQ_INSERT_TAIL(list_of(c, next), c, link);
    u->num[next]++;
    if (next == UPSTREAM_IDLE)
        join_idle(endpoint_of(c), c);
}

static void forget_if_gone(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = u->endpoints[id];

    if (e->standing != ENDPOINT_GONE || e->num_conns > 0)
        return;
    free(e);
    u->endpoints[id] = NULL;
    if (u->on_forgotten != NULL)
        u->on_forgotten(u->arg, id);
}

static void bury(void *dead)
{
    struct upstream_conn *c;

    OBJ_CAST(c, dead, UPSTREAM_MAGIC);
    TAILQ_REMOVE(&c->all->states[UPSTREAM_DEAD], c, link);
    c->all->num[UPSTREAM_DEAD]--;
    OBJ_KILL(c);
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

static void end_patience(struct upstream_conn *c)
{
    if (!c->patient)
        return;
    c->patient = false;
    TAILQ_REMOVE(&c->all->patient, c, patient_link);
    c->all->num_patient--;
}

void upstream_close(struct upstream_conn *c)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    if (c->state == UPSTREAM_DEAD)
        return;
    end_patience(c);
    if (c->failure != 0) /* else the kernel goes on sending to a dead node */
        sock_reset(&c->sock);
    else
        sock_close(&c->sock);
    c->on_ready = NULL;
    enter(c, UPSTREAM_DEAD);
    endpoint_of(c)->num_conns--;
    forget_if_gone(c->all, c->endpoint);
    loop_bury(c->all->loop, &c->grave);
}

void upstream_end_connect(struct upstream_conn *c, int failure)
{
    if (failure == 0) {
        if (c->connect_ms > UPSTREAM_CONNECT_MS)
            (void)set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, c->user_timeout_ms);
        enter(c, UPSTREAM_BUSY);
        c->on_ready(c->owner);
        return;
    }
    c->failure = failure;
    if (c->over == NULL)
        metrics_add(&c->all->metrics->connect_failures, 1);
    c->on_ready(c->owner);
    upstream_close(c);
}

/* While connecting the first edge is its end, whichever it is. */
static void check_connect(struct upstream_conn *c)
{
    int failure = 0;
    socklen_t len = sizeof failure;

    if (!c->sock.writable)
        return;
    if (getsockopt(c->sock.fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0)
        failure = errno;
    upstream_end_connect(c, failure);
}

static void on_sock_ready(void *owner)
{
    struct upstream_conn *c;

    OBJ_CAST(c, owner, UPSTREAM_MAGIC);
    switch (c->state) {
    case UPSTREAM_CONNECTING:
        check_connect(c);
        break;
    case UPSTREAM_BUSY:
        c->on_ready(c->owner);
        break;
    case UPSTREAM_IDLE:
        if (c->sock.readable) /* an end, or bytes that nobody asked for */
            upstream_close(c);
        break;
    default:
        WRONG("an event of a dead upstream connection");
    }
}

/* ---- patience ---- */

void upstream_be_patient(struct upstream_conn *c)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    if (c->over != NULL)
        c = h2_link_carrier(c->over);
    if (c == NULL)
        return;
    if (c->patient || !set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UPSTREAM_PATIENT_MS))
        return;
    /* Without it (before Linux 6.15) a node that dies while its application pauses is noticed at
     * the next probe, which comes ever later: at last CONN_BODY_IDLE_MS ends the request. */
    if (!c->asks_often)
        (void)set_option(c->sock.fd, IPPROTO_TCP, UPSTREAM_TCP_RTO_MAX_MS, UPSTREAM_RTO_MAX_MS);
    c->asks_often = true;
    c->patient = true;
    TAILQ_INSERT_TAIL(&c->all->patient, c, patient_link);
    c->all->num_patient++;
}

/* False: the short time-out cannot be set again. */
static bool be_impatient(struct upstream_conn *c)
{
    if (c->patient && !set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, c->user_timeout_ms))
        return false;
    end_patience(c);
    return true;
}

static void fail_busy(struct upstream_conn *c, int why)
{
    c->failure = why;
    end_patience(c);
    c->sock.readable = true; /* the owner's next read tells it */
    c->on_ready(c->owner);
}

static void poll_patient(struct upstreams *u)
{
    struct upstream_conn *c;

    u->in_doubt = false;
    /* Owners that are told of a failure may close any connection: never hold on to a next one. */
    for (size_t n = u->num_patient; n > 0 && (c = TAILQ_FIRST(&u->patient)) != NULL; n--) {
        struct sock_flight f;
        enum patience p = sock_flight(&c->sock, &f) ? patience_judge(&f) : PATIENCE_KEEP;

        TAILQ_REMOVE(&u->patient, c, patient_link);
        TAILQ_INSERT_TAIL(&u->patient, c, patient_link);
        u->in_doubt |= p == PATIENCE_DOUBT;
        if (p == PATIENCE_OVER)
            (void)be_impatient(c); /* it stays patient when that fails */
        else if (p == PATIENCE_DEAD)
            fail_busy(c, ETIMEDOUT);
    }
}

static void close_due(struct upstreams *u, int64_t now_ms)
{
    struct wheel_entry *e;

    while ((e = wheel_turn(&u->wheel, now_ms)) != NULL) {
        struct upstream_conn *c;

        OBJ_CAST(c, e->owner, UPSTREAM_MAGIC);
        /* It has left the wheel, and with it says no more which list it is in. */
        TAILQ_REMOVE(&u->own_idle, c, link);
        TAILQ_INSERT_TAIL(&u->states[UPSTREAM_IDLE], c, link);
        upstream_close(c);
    }
}

static bool on_tick(void *arg, int64_t now_ms)
{
    struct upstreams *u;
    struct upstream_conn *c, *next;

    OBJ_CAST(u, arg, UPSTREAMS_MAGIC);
    /* All of them: routes may have deadlines of their own. With one that carries, all that wait for
     * it end: after each the list is another. */
    for (c = TAILQ_FIRST(&u->states[UPSTREAM_CONNECTING]); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (now_ms - c->since_ms < c->connect_ms)
            continue;
        upstream_end_connect(c, ETIMEDOUT);
        next = TAILQ_FIRST(&u->states[UPSTREAM_CONNECTING]);
    }
    while ((c = TAILQ_FIRST(&u->states[UPSTREAM_IDLE])) != NULL &&
           now_ms - c->since_ms >= UPSTREAM_IDLE_MS)
        upstream_close(c);
    h2_links_tick(u, now_ms);
    close_due(u, now_ms);
    if (u->in_doubt || now_ms - u->polled_ms >= UPSTREAM_POLL_MS) {
        u->polled_ms = now_ms;
        poll_patient(u);
    }
    return u->num[UPSTREAM_CONNECTING] > 0 || u->in_doubt;
}

/* ---- endpoints ---- */

void upstreams_init(struct upstreams *u, struct loop *l, struct metrics *m,
                    struct upstream_shared *shared)
{
    memset(u, 0, sizeof *u);
    u->magic = UPSTREAMS_MAGIC;
    u->loop = l;
    u->metrics = m;
    u->shared = shared;
    for (int i = 0; i < UPSTREAM__COUNT; i++)
        TAILQ_INIT(&u->states[i]);
    TAILQ_INIT(&u->links);
    TAILQ_INIT(&u->patient);
    TAILQ_INIT(&u->own_idle);
    wheel_init(&u->wheel, loop_now_ms(l));
    loop_add_ticker(l, on_tick, u);
}

void upstreams_free(struct upstreams *u)
{
    struct upstream_conn *c;

    OBJ_CHECK(u, UPSTREAMS_MAGIC);
    h2_links_free(u);
    for (int i = 0; i < UPSTREAM_DEAD; i++)
        while ((c = TAILQ_FIRST(&u->states[i])) != NULL)
            upstream_close(c);
    while ((c = TAILQ_FIRST(&u->own_idle)) != NULL)
        upstream_close(c);
    for (size_t i = 0; i < u->num_endpoints; i++) {
        if (u->endpoints[i] != NULL)
            balancer_free(u->endpoints[i]->balancer);
        free(u->endpoints[i]);
    }
    free(u->endpoints);
    u->endpoints = NULL;
    u->num_endpoints = 0;
}

struct upstream_endpoint *upstreams_endpoint(struct upstreams *u, uint32_t id)
{
    return id < u->num_endpoints ? u->endpoints[id] : NULL;
}

static void make_room(struct upstreams *u, uint32_t id)
{
    size_t num = u->num_endpoints * 2 > id ? u->num_endpoints * 2 : (size_t)id + 64;

    ASSERT(id < ENDPOINTS_MAX); /* ids are dense by contract */
    u->endpoints = xrealloc(u->endpoints, num * sizeof(void *));
    memset(u->endpoints + u->num_endpoints, 0, (num - u->num_endpoints) * sizeof(void *));
    u->num_endpoints = num;
}

struct upstream_endpoint *upstreams_use(struct upstreams *u, const struct table_endpoint *ep)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, ep->id);

    if (e != NULL)
        return e;
    if (ep->id >= u->num_endpoints)
        make_room(u, ep->id);
    e = xcalloc(1, sizeof *e);
    TAILQ_INIT(&e->idle);
    TAILQ_INIT(&e->links);
    e->shared = upstream_shared_get(u->shared, ep->id);
    e->standing = ep->state == ENDPOINT_DRAINING ? ENDPOINT_GOES : ENDPOINT_SERVES;
    e->addr = ep->addr;
    e->addr_len = (uint8_t)ep->addr_len;
    memcpy(e->text, ep->text, sizeof e->text);
    u->endpoints[ep->id] = e;
    return e;
}

static void drop_balancer(struct upstream_endpoint *e)
{
    balancer_free(e->balancer);
    e->balancer = NULL;
}

static void close_idle(struct upstream_endpoint *e)
{
    struct upstream_conn *c;

    while ((c = TAILQ_FIRST(&e->idle)) != NULL)
        upstream_close(c);
    h2_links_retire(e);
}

void upstreams_stays(struct upstreams *u, const struct table_pool *pool,
                     const struct table_endpoint *ep)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, ep->id);

    if (e == NULL)
        return;
    e->standing = ep->state == ENDPOINT_DRAINING ? ENDPOINT_GOES : ENDPOINT_SERVES;
    e->pool = pool;
    drop_balancer(e);
    if (e->standing == ENDPOINT_GOES)
        close_idle(e);
}

void upstreams_leaves(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);

    if (e == NULL) {
        if (u->on_forgotten != NULL)
            u->on_forgotten(u->arg, id);
        return;
    }
    close_idle(e);
    e->standing = ENDPOINT_GONE;
    e->pool = NULL;
    drop_balancer(e);
    forget_if_gone(u, id);
}

/* ---- connections ---- */

static bool speaks_h2(const struct upstream_endpoint *e)
{
    return e->pool != NULL && e->pool->spec->protocol == POOL_H2C;
}

struct upstream_conn *upstreams_take_idle(struct upstreams *u, uint32_t id, bool warm)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);
    struct upstream_conn *c;

    if (e == NULL)
        return NULL;
    if (speaks_h2(e))
        return h2_link_take(u, e, warm);
    while ((c = TAILQ_FIRST(&e->idle)) != NULL) {
        if (!warm && !c->bodiless)
            break;
        if (warm && loop_now_ms(u->loop) - c->since_ms > UPSTREAM_WARM_MS)
            return NULL;
        /* The peer's FIN may wait although its event has not come yet, or the body of a response
         * that has none, which would be taken for the next response. */
        if (sock_is_silent(&c->sock))
            break;
        upstream_close(c);
    }
    if (c != NULL) {
        c->bodiless = false;
        enter(c, UPSTREAM_BUSY);
        metrics_add(&u->metrics->reuses, 1);
    }
    return c;
}

/* Probes find a node that died while we wait for its answer, the user timeout one that we send to.
 */
static int open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && !(set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
                     set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UPSTREAM_USER_TIMEOUT_MS) &&
                     set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
                     set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, UPSTREAM_PROBE_S) &&
                     set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1)))
        fd_close(&fd);
    return fd;
}

/* Few descriptors are left: the connection that has waited longest is the least useful one. */
static bool spare_descriptor(struct upstreams *u)
{
    struct upstream_conn *c = TAILQ_FIRST(&u->states[UPSTREAM_IDLE]);

    if (c == NULL)
        c = TAILQ_FIRST(&u->own_idle);
    if (fd_budget_may_connect(u->loop->budget))
        return true;
    if (c == NULL)
        return false;
    upstream_close(c);
    return true;
}

/* It is CONNECTING or, a stream, BUSY at once. */
static void join(struct upstream_conn *c, struct upstreams *u, uint32_t endpoint)
{
    struct upstream_endpoint *e = u->endpoints[endpoint];

    c->magic = UPSTREAM_MAGIC;
    c->all = u;
    c->endpoint = endpoint;
    c->user_timeout_ms = UPSTREAM_USER_TIMEOUT_MS;
    c->connect_ms = UPSTREAM_CONNECT_MS;
    c->since_ms = loop_now_ms(u->loop);
    c->idle_timer.owner = c;
    c->grave = (struct loop_grave){.bury = bury, .dead = c};
    TAILQ_INSERT_TAIL(&u->states[c->state], c, link);
    u->num[c->state]++;
    e->num_conns++;
    if (is_in_flight(c, c->state))
        count_flight(c, true);
}

struct upstream_conn *upstream_new_stream(struct h2_link *over, struct upstreams *u,
                                          uint32_t endpoint, bool connected)
{
    struct upstream_conn *c = xcalloc(1, sizeof *c);

    c->state = connected ? UPSTREAM_BUSY : UPSTREAM_CONNECTING;
    c->over = over;
    c->num_requests = connected ? 1 : 0; /* it is as good as kept: it may have gone meanwhile */
    join(c, u, endpoint);
    return c;
}

struct upstream_conn *upstream_dial(struct upstreams *u, struct upstream_endpoint *e, uint32_t id,
                                    bool carries)
{
    struct upstream_conn *c;
    int fd;

    metrics_add(&u->metrics->connects, 1);
    if (!spare_descriptor(u)) {
        errno = EMFILE;
        return NULL;
    }
    fd = open_socket(e->addr.any.sa_family);
    if (fd < 0)
        return NULL;
    if (connect(fd, &e->addr.any, e->addr_len) != 0 && errno != EINPROGRESS) {
        fd_close(&fd);
        return NULL;
    }
    c = xcalloc(1, sizeof *c);
    if (!sock_open(&c->sock, u->loop, fd, on_sock_ready, c)) {
        free(c);
        return NULL;
    }
    c->sock.writable = false; /* its edge is the end of the connect */
    c->carries = carries;
    join(c, u, id);
    loop_hurry(u->loop);
    return c;
}

struct upstream_conn *upstreams_connect(struct upstreams *u, const struct table_endpoint *ep)
{
    struct upstream_endpoint *e = upstreams_use(u, ep);

    return speaks_h2(e) ? h2_link_connect(u, e, ep->id) : upstream_dial(u, e, ep->id, false);
}

/* The user timeout ends a connect as well (tcp(7)): it must not come first. If it does, because the
 * option could not be set, the connect has failed early. */
void upstream_wait_for(struct upstream_conn *c, uint32_t connect_ms)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    c->connect_ms = connect_ms;
    if (c->over != NULL) /* the others on it wait no less */
        c = h2_link_carrier(c->over);
    if (connect_ms > c->connect_ms)
        c->connect_ms = connect_ms;
    if (connect_ms > UPSTREAM_CONNECT_MS)
        (void)set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)connect_ms + 1000);
}

void upstream_own(struct upstream_conn *c, void (*on_ready)(void *owner), void *owner)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    c->on_ready = on_ready;
    c->owner = owner;
}

void upstream_release(struct upstream_conn *c)
{
    struct upstream_endpoint *e = endpoint_of(c);

    upstream_own(c, NULL, NULL);
    if (c->over != NULL || !be_impatient(c) || c->sock.readable || e->standing != ENDPOINT_SERVES ||
        e->num_idle >= UPSTREAM_IDLE_MAX)
        upstream_close(c);
    else
        enter(c, UPSTREAM_IDLE);
}

void upstream_carries_tunnel(struct upstream_conn *c)
{
    ASSERT(c->over == NULL); /* HTTP/2 has no 101 */
    c->user_timeout_ms = UPSTREAM_TUNNEL_MS;
    /* Rarer probes only when they have the time for more than one. */
    if (c->patient || set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UPSTREAM_TUNNEL_MS))
        (void)set_option(c->sock.fd, IPPROTO_TCP, TCP_KEEPIDLE, UPSTREAM_TUNNEL_PROBE_S);
}

enum io upstream_recv(struct upstream_conn *c, void *p, size_t cap, size_t *out_n)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    if (c->failure == 0)
        return sock_recv(&c->sock, p, cap, out_n);
    *out_n = 0;
    errno = c->failure;
    return IO_FAIL;
}

enum io upstream_splice(struct upstream_conn *c, struct pipe *p, size_t max, size_t *out_n)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    if (c->failure == 0)
        return sock_splice_in(&c->sock, p, max, out_n);
    *out_n = 0;
    errno = c->failure;
    return IO_FAIL;
}

bool upstream_saw_nothing(const struct upstream_conn *c, uint64_t sent_before)
{
    uint64_t acked = sock_acked_bytes(&c->sock);

    if (c->over != NULL)
        return h2_stream_is_untouched(c->sock.stream);
    return acked <= sent_before + 1; /* the SYN may count as one */
}
