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

/* The only writer of c->state. */
static void enter(struct upstream_conn *c, enum upstream_state next)
{
    struct upstreams *u = c->all;

    OBJ_CHECK(c, UPSTREAM_MAGIC);
    ASSERT(may_go_to[c->state] & (1U << next));
    TAILQ_REMOVE(&u->states[c->state], c, link);
    u->num[c->state]--;
    if (c->state == UPSTREAM_IDLE)
        leave_idle(endpoint_of(c), c);
    c->state = next;
    c->since_ms = loop_now_ms(u->loop);
    TAILQ_INSERT_TAIL(&u->states[next], c, link);
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

void upstream_close(struct upstream_conn *c)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    if (c->state == UPSTREAM_DEAD)
        return;
    sock_close(&c->sock);
    c->on_ready = NULL;
    enter(c, UPSTREAM_DEAD);
    endpoint_of(c)->num_conns--;
    forget_if_gone(c->all, c->endpoint);
    loop_bury(c->all->loop, &c->grave);
}

static void end_connect(struct upstream_conn *c, int failure)
{
    if (failure == 0) {
        enter(c, UPSTREAM_BUSY);
        c->on_ready(c->owner);
        return;
    }
    c->failure = failure;
    metrics_add(&c->all->metrics->connect_failures, 1);
    upstreams_suspect(c->all, c->endpoint);
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
    end_connect(c, failure);
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

static bool on_tick(void *arg, int64_t now_ms)
{
    struct upstreams *u;
    struct upstream_conn *c;

    OBJ_CAST(u, arg, UPSTREAMS_MAGIC);
    while ((c = TAILQ_FIRST(&u->states[UPSTREAM_CONNECTING])) != NULL &&
           now_ms - c->since_ms >= UPSTREAM_CONNECT_MS)
        end_connect(c, ETIMEDOUT);
    while ((c = TAILQ_FIRST(&u->states[UPSTREAM_IDLE])) != NULL &&
           now_ms - c->since_ms >= UPSTREAM_IDLE_MS)
        upstream_close(c);
    return u->num[UPSTREAM_CONNECTING] > 0;
}

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
    loop_add_ticker(l, on_tick, u);
}

void upstreams_free(struct upstreams *u)
{
    struct upstream_conn *c;

    OBJ_CHECK(u, UPSTREAMS_MAGIC);
    for (int i = 0; i < UPSTREAM_DEAD; i++)
        while ((c = TAILQ_FIRST(&u->states[i])) != NULL)
            upstream_close(c);
    for (size_t i = 0; i < u->num_endpoints; i++)
        free(u->endpoints[i]);
    free(u->endpoints);
    u->endpoints = NULL;
    u->num_endpoints = 0;
}

struct upstream_endpoint *upstreams_endpoint(struct upstreams *u, uint32_t id)
{
    return id < u->num_endpoints ? u->endpoints[id] : NULL;
}

static struct upstream_endpoint *make_endpoint(struct upstreams *u, uint32_t id)
{
    if (id >= u->num_endpoints) {
        size_t num = u->num_endpoints * 2 > id ? u->num_endpoints * 2 : (size_t)id + 64;

        ASSERT(id < ENDPOINTS_MAX); /* ids are dense by contract */
        u->endpoints = xrealloc(u->endpoints, num * sizeof(void *));
        memset(u->endpoints + u->num_endpoints, 0, (num - u->num_endpoints) * sizeof(void *));
        u->num_endpoints = num;
    }
    if (u->endpoints[id] == NULL) {
        u->endpoints[id] = xcalloc(1, sizeof(struct upstream_endpoint));
        TAILQ_INIT(&u->endpoints[id]->idle);
    }
    return u->endpoints[id];
}

static void close_idle(struct upstream_endpoint *e)
{
    struct upstream_conn *c;

    while ((c = TAILQ_FIRST(&e->idle)) != NULL)
        upstream_close(c);
}

void upstreams_set(struct upstreams *u, uint32_t id, const struct sockaddr *addr,
                   socklen_t addr_len, bool goes)
{
    struct upstream_endpoint *e = make_endpoint(u, id);

    e->standing = goes ? ENDPOINT_GOES : ENDPOINT_SERVES;
    ASSERT(addr_len <= sizeof e->addr);
    memcpy(&e->addr, addr, addr_len);
    e->addr_len = addr_len;
    e->rr_pool = NULL;
    if (goes)
        close_idle(e);
}

void upstreams_doubt(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);

    if (e != NULL && e->standing != ENDPOINT_GONE)
        e->standing = ENDPOINT_DOUBTED;
}

void upstreams_settle(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);

    if (e == NULL || e->standing != ENDPOINT_DOUBTED)
        return;
    close_idle(e);
    e->standing = ENDPOINT_GONE;
    forget_if_gone(u, id);
}

bool upstreams_usable(struct upstreams *u, uint32_t id, bool suspects_too)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);

    if (e == NULL || e->standing != ENDPOINT_SERVES)
        return false;
    return suspects_too || e->suspect_until_ms == 0 || e->suspect_until_ms <= loop_now_ms(u->loop);
}

void upstreams_suspect(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);

    if (e != NULL)
        e->suspect_until_ms = loop_now_ms(u->loop) + UPSTREAM_SUSPECT_MS;
}

/* One look into the socket: the peer's FIN may wait there although its event has not come yet. */
static bool looks_alive(struct upstream_conn *c)
{
    char byte;

    return recv(c->sock.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

struct upstream_conn *upstreams_take_idle(struct upstreams *u, uint32_t id, bool warm)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);
    struct upstream_conn *c;

    if (e == NULL)
        return NULL;
    while ((c = TAILQ_FIRST(&e->idle)) != NULL) {
        if (!warm)
            break;
        if (loop_now_ms(u->loop) - c->since_ms > UPSTREAM_WARM_MS)
            return NULL;
        if (looks_alive(c))
            break;
        upstream_close(c);
    }
    if (c != NULL) {
        enter(c, UPSTREAM_BUSY);
        metrics_add(&u->metrics->reuses, 1);
    }
    return c;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
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

void upstream_be_patient(struct upstream_conn *c)
{
    OBJ_CHECK(c, UPSTREAM_MAGIC);
    if (!c->patient)
        c->patient = set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UPSTREAM_PATIENT_MS);
}

struct upstream_conn *upstreams_connect(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);
    struct upstream_conn *c;
    int fd;

    ASSERT(e != NULL);
    metrics_add(&u->metrics->connects, 1);
    fd = open_socket(e->addr.ss_family);
    if (fd < 0)
        return NULL;
    if (connect(fd, (const struct sockaddr *)&e->addr, e->addr_len) != 0 && errno != EINPROGRESS) {
        fd_close(&fd);
        return NULL;
    }
    c = xcalloc(1, sizeof *c);
    if (!sock_open(&c->sock, u->loop, fd, on_sock_ready, c)) {
        free(c);
        return NULL;
    }
    c->magic = UPSTREAM_MAGIC;
    c->all = u;
    c->endpoint = id;
    c->since_ms = loop_now_ms(u->loop);
    c->sock.writable = false; /* its edge is the end of the connect */
    c->grave = (struct loop_grave){.bury = bury, .dead = c};
    TAILQ_INSERT_TAIL(&u->states[UPSTREAM_CONNECTING], c, link);
    u->num[UPSTREAM_CONNECTING]++;
    e->num_conns++;
    loop_hurry(u->loop);
    return c;
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
    if (c->patient)
        c->patient =
            !set_option(c->sock.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UPSTREAM_USER_TIMEOUT_MS);
    if (c->patient || c->sock.readable || e->standing != ENDPOINT_SERVES ||
        e->num_idle >= UPSTREAM_IDLE_MAX)
        upstream_close(c);
    else
        enter(c, UPSTREAM_IDLE);
}

bool upstream_saw_nothing(const struct upstream_conn *c, uint64_t sent_before)
{
    uint64_t acked = sock_acked_bytes(&c->sock);

    return acked <= sent_before + 1; /* the SYN may count as one */
}
