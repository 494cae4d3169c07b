/*
 * See prober.h. A probe is a connection of its own, closed when it has its answer: what a kept one
 * says proves nothing about the next. A response counts by its status alone and is parsed as
 * strictly as any other; its body is not read. A pool of h2c is asked in HTTP/2 (probe_h2.h).
 * Choosing endpoints is upstream/balancer.h's.
 */
#include "gateway/worker/prober.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/http/h1_head.h"
#include "gateway/loop/fd_budget.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"
#include "gateway/observe/exposition.h"
#include "gateway/observe/metrics.h"
#include "gateway/observe/pool_series.h"
#include "gateway/table/table.h"
#include "gateway/upstream/health.h"
#include "gateway/upstream/shared.h"
#include "gateway/worker/probe_h2.h"

enum { PROBER_MAGIC = 0x04b0be01, PROBE_MAGIC = 0x04b0be02, INTERIM_MAX = 8, WHY_BYTES = 128 };

enum probe_state { PROBE_WAITING, PROBE_CONNECTING, PROBE_ASKING };

struct probe {
    unsigned magic;
    enum probe_state state;
    struct prober *all;
    const struct table_pool *pool; /* in force */
    const struct table_endpoint *endpoint;
    bool kept; /* during an adoption: it goes on */
    struct health_state health;
    struct event timer;
    struct sock sock;
    struct probe_h2 *h2; /* while ASKING in HTTP/2; else NULL */
    char *block;         /* while ASKING: first the request, then what came of the response */
    size_t request_len, sent, received;
    unsigned num_interim;
    TAILQ_ENTRY(probe) link;
};

struct prober {
    unsigned magic;
    struct loop *loop;
    struct upstream_shared *shared;
    struct metrics *metrics;
    uint64_t random;
    size_t num_under_way;
    struct probe **by_id; /* by endpoint id; NULL: it is not probed */
    size_t num_ids;
    TAILQ_HEAD(, probe) all;
    struct h1_head head; /* of the response that is looked at */
};

/* ---- results --------------------------------------------------------------------------------- */

static uint64_t next_random(struct prober *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return p->random;
}

static void wait_ms(struct probe *b, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    ASSERT(event_add(&b->timer, &tv) == 0);
}

static void leave_connection(struct probe *b)
{
    if (b->state == PROBE_WAITING)
        return;
    probe_h2_free(b->h2);
    b->h2 = NULL;
    sock_close(&b->sock);
    bufpool_put(&b->all->loop->bufs, &b->block);
    b->all->num_under_way--;
    b->state = PROBE_WAITING;
}

static void tell_workers(struct probe *b)
{
    struct upstream_shared_endpoint *e = upstream_shared_get(b->all->shared, b->endpoint->id);

    if (!b->health.unhealthy)
        upstream_shared_warm(b->all->shared, e, loop_now_ms(b->all->loop));
    upstream_shared_set_unhealthy(b->all->shared, e, b->health.unhealthy);
}

static void finish(struct probe *b, bool good, const char *why)
{
    const struct pool_health *rule = b->pool->spec->health;
    struct metrics *m = b->all->metrics;

    leave_connection(b);
    metrics_add(&m->health_checks, 1);
    if (!good)
        metrics_add(&m->health_failures, 1);
    if (health_after(&b->health, good, rule)) {
        metrics_add(&m->health_changes, 1);
        tell_workers(b);
        if (good)
            log_info("pool=%s endpoint=%s is healthy again", b->pool->name, b->endpoint->text);
        else
            log_warn("pool=%s endpoint=%s is unhealthy, it gets no requests: %s", b->pool->name,
                     b->endpoint->text, why);
    }
    wait_ms(b, health_wait_ms(rule, false, next_random(b->all)));
}

static void __attribute__((format(printf, 2, 3))) fail(struct probe *b, const char *fmt, ...)
{
    char why[WHY_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, sizeof why, fmt, args); /* cut is fine */
    va_end(args);
    finish(b, false, why);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void write_request(struct probe *b)
{
    const struct pool_health *rule = b->pool->spec->health;
    int n;

    b->block = bufpool_get(&b->all->loop->bufs);
    n = snprintf(b->block, BUFPOOL_BYTES,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: signalbox-health\r\nAccept: */*\r\n"
                 "Connection: close\r\n\r\n",
                 rule->path, rule->host != NULL ? rule->host : b->endpoint->text);
    ASSERT(n > 0 && n < BUFPOOL_BYTES); /* objects_pool has bounded both */
    b->request_len = (size_t)n;
    b->sent = b->received = 0;
    b->num_interim = 0;
}

static enum io send_some(struct probe *b, size_t *out_n)
{
    struct iovec iov = {b->block + b->sent, b->request_len - b->sent};

    if (b->h2 != NULL)
        return probe_h2_send(b->h2, iov.iov_base, iov.iov_len, out_n);
    *out_n = 0;
    return b->sock.writable ? sock_send(&b->sock, &iov, 1, out_n) : IO_AGAIN;
}

/* False: it ended, or the socket takes no more at the moment. */
static bool send_request(struct probe *b)
{
    while (b->sent < b->request_len) {
        size_t n;

        switch (send_some(b, &n)) {
        case IO_DONE:
            b->sent += n;
            break;
        case IO_AGAIN:
            return false;
        default:
            fail(b, "%s", strerror(errno));
            return false;
        }
    }
    return true;
}

/* False: the probe has ended. */
static bool judge(struct probe *b)
{
    struct h1_head *h = &b->all->head;

    for (;;) {
        h1_head_init(h, H1_RESPONSE);
        switch (h1_head_parse(h, b->block, b->received)) {
        case H1_MORE:
            if (b->received < BUFPOOL_BYTES)
                return true;
            fail(b, "its head is too large");
            return false;
        case H1_REFUSED:
            fail(b, "it does not speak HTTP: %s", h1_refusal_text(h->refusal));
            return false;
        case H1_DONE:
            break;
        }
        if (h->status >= 200 || h->status == 101 || ++b->num_interim > INTERIM_MAX)
            break;
        b->received -= h->len;
        memmove(b->block, b->block + h->len, b->received);
    }
    if (health_is_good(h->status, b->pool->spec->health))
        finish(b, true, NULL);
    else
        fail(b, "status %u", h->status);
    return false;
}

static enum io receive_some(struct probe *b, size_t *out_n)
{
    char *room = b->block + b->received;
    size_t num_room = BUFPOOL_BYTES - b->received;

    if (b->h2 != NULL)
        return probe_h2_recv(b->h2, room, num_room, out_n);
    return b->sock.readable ? sock_recv(&b->sock, room, num_room, out_n) : IO_AGAIN;
}

static void read_response(struct probe *b)
{
    for (;;) {
        size_t n;

        switch (receive_some(b, &n)) {
        case IO_DONE:
            b->received += n;
            if (!judge(b))
                return;
            break;
        case IO_AGAIN:
            return;
        case IO_EOF:
            fail(b, "it closed before it answered");
            return;
        case IO_FAIL:
            fail(b, "%s", strerror(errno));
            return;
        }
    }
}

static void ask(struct probe *b)
{
    if (b->pool->spec->protocol == POOL_H2C) {
        b->h2 = probe_h2_new(b->all->loop, &b->sock);
        if (b->h2 == NULL) { /* that says nothing about the endpoint */
            leave_connection(b);
            wait_ms(b, PROBER_BUSY_MS);
            return;
        }
    }
    b->state = PROBE_ASKING;
    write_request(b);
}

static void on_connected(struct probe *b)
{
    int failure = 0;
    socklen_t len = sizeof failure;

    if (!b->sock.writable)
        return;
    if (getsockopt(b->sock.fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0)
        failure = errno;
    if (failure != 0) {
        fail(b, "%s", strerror(failure));
    } else if (!b->pool->spec->health->http) {
        finish(b, true, NULL);
    } else {
        ask(b);
    }
}

static void on_sock_ready(void *owner)
{
    struct probe *b;

    OBJ_CAST(b, owner, PROBE_MAGIC);
    if (b->state == PROBE_CONNECTING)
        on_connected(b);
    if (b->state == PROBE_ASKING && send_request(b))
        read_response(b);
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* -1: errno. */
static int open_connection(const struct probe *b)
{
    const struct table_endpoint *ep = b->endpoint;
    union table_addr addr = ep->addr;
    uint16_t port = b->pool->spec->health->port;
    int fd = socket(addr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (port != 0 && addr.any.sa_family == AF_INET)
        addr.v4.sin_port = htons(port);
    else if (port != 0)
        addr.v6.sin6_port = htons(port);
    if (fd >= 0 && connect(fd, &addr.any, ep->addr_len) != 0 && errno != EINPROGRESS)
        fd_close(&fd);
    return fd;
}

static bool is_our_want(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
}

/* For want of something of ours it is put off: that says nothing about the endpoint. */
static void begin(struct probe *b)
{
    struct prober *p = b->all;
    int fd;

    if (p->num_under_way >= PROBER_AT_ONCE || !fd_budget_may_connect(p->loop->budget)) {
        wait_ms(b, PROBER_BUSY_MS);
        return;
    }
    fd = open_connection(b);
    if (fd < 0 && !is_our_want(errno)) {
        fail(b, "%s", strerror(errno));
        return;
    }
    if (fd < 0 || !sock_open(&b->sock, p->loop, fd, on_sock_ready, b)) {
        wait_ms(b, PROBER_BUSY_MS);
        return;
    }
    b->sock.writable = false; /* its edge is the end of the connect */
    b->state = PROBE_CONNECTING;
    p->num_under_way++;
    wait_ms(b, b->pool->spec->health->timeout_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct probe *b;

    OBJ_CAST(b, arg, PROBE_MAGIC);
    if (b->state == PROBE_WAITING)
        begin(b);
    else
        fail(b,
             b->state == PROBE_CONNECTING ? "no connection within %u ms" : "no answer within %u ms",
             (unsigned)b->pool->spec->health->timeout_ms);
}

/* ---- the table ------------------------------------------------------------------------------- */

static struct probe *probe_of(const struct prober *p, uint32_t id)
{
    return id < p->num_ids ? p->by_id[id] : NULL;
}

static struct probe *add_probe(struct prober *p, uint32_t id)
{
    struct probe *b = xcalloc(1, sizeof *b);

    if (id >= p->num_ids) {
        size_t num = p->num_ids * 2 > id ? p->num_ids * 2 : (size_t)id + 64;

        p->by_id = xrealloc(p->by_id, num * sizeof(void *));
        memset(p->by_id + p->num_ids, 0, (num - p->num_ids) * sizeof(void *));
        p->num_ids = num;
    }
    b->magic = PROBE_MAGIC;
    b->all = p;
    b->sock.fd = -1;
    ASSERT(event_assign(&b->timer, p->loop->base, -1, 0, on_timer, b) == 0);
    TAILQ_INSERT_TAIL(&p->all, b, link);
    p->by_id[id] = b;
    return b;
}

/* Whether or not its endpoint is still there, nobody says any more that it is unhealthy. */
static void drop_probe(struct probe *b)
{
    uint32_t id = b->endpoint->id;
    struct upstream_shared_endpoint *e = upstream_shared_find(b->all->shared, id);

    if (e != NULL)
        upstream_shared_set_unhealthy(b->all->shared, e, false);
    leave_connection(b);
    ASSERT(event_del(&b->timer) == 0);
    TAILQ_REMOVE(&b->all->all, b, link);
    b->all->by_id[id] = NULL;
    OBJ_KILL(b);
}

static void keep_or_add(struct prober *p, const struct table_pool *pool)
{
    for (uint32_t i = 0; pool->spec->health != NULL && i < pool->num_live; i++) {
        struct probe *b = probe_of(p, pool->all[i].id);
        bool is_new = b == NULL;

        if (is_new)
            b = add_probe(p, pool->all[i].id);
        b->pool = pool;
        b->endpoint = &pool->all[i];
        b->kept = true;
        if (is_new)
            wait_ms(b, health_wait_ms(pool->spec->health, true, next_random(p)));
    }
}

void prober_adopt(struct prober *p, const struct table_delta *d)
{
    OBJ_CHECK(p, PROBER_MAGIC);
    for (size_t i = 0; i < d->num; i++) {
        const struct table_pool *before = d->all[i].before, *after = d->all[i].after;
        struct probe *b;

        for (uint32_t k = 0; before != NULL && k < before->num_endpoints; k++)
            if ((b = probe_of(p, before->all[k].id)) != NULL)
                b->kept = false;
        if (after != NULL)
            keep_or_add(p, after);
        for (uint32_t k = 0; before != NULL && k < before->num_endpoints; k++)
            if ((b = probe_of(p, before->all[k].id)) != NULL && !b->kept)
                drop_probe(b);
    }
}

struct prober *prober_new(struct loop *l, struct upstream_shared *shared, struct metrics *m)
{
    struct prober *p = xcalloc(1, sizeof *p);

    p->magic = PROBER_MAGIC;
    p->loop = l;
    p->shared = shared;
    p->metrics = m;
    if (getrandom(&p->random, sizeof p->random, 0) != sizeof p->random || p->random == 0)
        p->random = 1;
    TAILQ_INIT(&p->all);
    return p;
}

void prober_free(struct prober *p)
{
    if (p == NULL)
        return;
    OBJ_CHECK(p, PROBER_MAGIC);
    for (size_t id = 0; id < p->num_ids; id++)
        if (p->by_id[id] != NULL)
            drop_probe(p->by_id[id]);
    free(p->by_id);
    OBJ_KILL(p);
}

/* ---- what it tells --------------------------------------------------------------------------- */

static uint32_t count_unhealthy(const struct prober *p, const struct table_pool *pool)
{
    uint32_t num = 0;

    for (uint32_t i = 0; i < pool->num_live; i++) {
        const struct probe *b = probe_of(p, pool->all[i].id);

        num += b != NULL && b->health.unhealthy;
    }
    return num;
}

/* Of each pool that has any, by the probe of its first endpoint; not of more than have series. */
void prober_write_metrics(const struct prober *p, struct exposition *x)
{
    const struct probe *b;
    size_t num_series = 0;

    exposition_one(x, METRIC_UNHEALTHY, upstream_shared_num_unhealthy(p->shared));
    exposition_metric(x, METRIC_POOL_UNHEALTHY);
    TAILQ_FOREACH(b, &p->all, link)
    {
        uint32_t num = b->endpoint == &b->pool->all[0] ? count_unhealthy(p, b->pool) : 0;

        if (num == 0 || ++num_series > POOL_SERIES_MAX)
            continue;
        exposition_label(x, "pool", str_from(b->pool->name));
        exposition_value(x, "", num);
    }
}
