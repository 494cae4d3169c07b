/*
 * The proxy of one worker as the worker sees it: takes clients, adopts tables, drains. Requests are
 * handled in the other files of this folder.
 */
#include "gateway/proxy/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/observe/exposition.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/deadline.h"
#include "gateway/proxy/h2_client.h"
#include "gateway/table/table.h"

enum { PROXY_MAGIC = 0x1a0c5901 };

static bool on_tick(void *arg, int64_t now_ms)
{
    struct proxy *p;

    OBJ_CAST(p, arg, PROXY_MAGIC);
    return deadline_tick(p, now_ms);
}

static void on_forgotten(void *arg, uint32_t id)
{
    struct proxy *p;

    OBJ_CAST(p, arg, PROXY_MAGIC);
    account_forgotten(p, id);
    if (p->on_forgotten != NULL)
        p->on_forgotten(p->arg, id);
}

struct proxy *proxy_new(struct loop *l, struct metrics *m, struct upstream_shared *shared,
                        void (*tell_forgotten)(void *arg, uint32_t id), void *arg)
{
    struct proxy *p = xcalloc(1, sizeof *p);

    p->magic = PROXY_MAGIC;
    p->loop = l;
    p->metrics = m;
    for (int i = 0; i < CONN__COUNT; i++)
        TAILQ_INIT(&p->conns[i]);
    if (getrandom(&p->random, sizeof p->random, 0) != sizeof p->random || p->random == 0)
        p->random = 1;
    retry_budget_init(&p->budget, loop_now_ms(l));
    wheel_init(&p->wheel, loop_now_ms(l));
    wheel_init(&p->rates, loop_now_ms(l));
    admission_init(p);
    if (gethostname(p->id, sizeof p->id - 1) != 0)
        memcpy(p->id, "unknown", sizeof "unknown");
    upstreams_init(&p->ups, l, m, shared);
    p->ups.on_forgotten = on_forgotten;
    p->ups.arg = p;
    p->on_forgotten = tell_forgotten;
    p->arg = arg;
    loop_add_ticker(l, on_tick, p);
    return p;
}

void proxy_on_place(struct proxy *p, void (*tell)(void *arg, size_t worker))
{
    p->on_place = tell;
}

void proxy_look(struct proxy *p)
{
    OBJ_CHECK(p, PROXY_MAGIC);
    admission_look(p);
}

void proxy_free(struct proxy *p)
{
    struct conn *c;

    if (p == NULL)
        return;
    OBJ_CHECK(p, PROXY_MAGIC);
    for (int s = 0; s < CONN_DEAD; s++)
        while ((c = TAILQ_FIRST(&p->conns[s])) != NULL)
            conn_abort(c, CLOSE_DRAIN);
    upstreams_free(&p->ups);
    loop_bury_now(p->loop);
    conn_free_spare(p);
    account_free(p);
    pin_drop(&p->pin);
    OBJ_KILL(p);
}

void proxy_take(struct proxy *p, int fd, const struct sockaddr_storage *peer, struct str listener)
{
    struct conn *c;

    OBJ_CHECK(p, PROXY_MAGIC);
    metrics_add(&p->metrics->accepted, 1);
    c = conn_new(p, fd, peer); /* NULL: no memory for its event; the socket is closed */
    if (c == NULL || p->crowd == NULL || p->table == NULL)
        return;
    if (!crowd_enter(p->crowd, crowd_key(p->crowd, 'l', listener),
                     table_settings(p->table)->connections, &c->in_listener))
        conn_close(c, CLOSE_LISTENER_FULL);
    else if (!conn_count_client(c))
        conn_close(c, CLOSE_CLIENT_FULL);
}

static struct conn *find_shed(struct proxy *p)
{
    struct conn *c = TAILQ_FIRST(&p->conns[CONN_IDLE]);
    struct conn *h2 = TAILQ_FIRST(&p->conns[CONN_H2_IDLE]);

    if (c == NULL || (h2 != NULL && h2->since_ms < c->since_ms))
        c = h2;
    if (c != NULL)
        return c;
    c = TAILQ_FIRST(&p->conns[CONN_HEAD]);
    return c != NULL && loop_now_ms(p->loop) - c->since_ms >= CONN_SHED_HEAD_MS ? c : NULL;
}

bool proxy_can_shed(struct proxy *p)
{
    return find_shed(p) != NULL;
}

void proxy_shed(struct proxy *p)
{
    struct conn *c = find_shed(p);

    if (c != NULL)
        conn_close(c, CLOSE_SHED);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The ids of a pool's endpoints, sorted; free() them. NULL is a pool without any. */
static uint32_t *sort_ids(const struct table_pool *pool, size_t *out_num)
{
    uint32_t *ids;

    *out_num = pool != NULL ? pool->num_endpoints : 0;
    ids = xmalloc((*out_num + 1) * sizeof *ids);
    for (size_t i = 0; i < *out_num; i++)
        ids[i] = pool->all[i].id;
    qsort(ids, *out_num, sizeof *ids, by_value);
    return ids;
}

static bool has_id(const uint32_t *ids, size_t num, uint32_t id)
{
    return bsearch(&id, ids, num, sizeof *ids, by_value) != NULL;
}

/* Who comes beside others warms up; the first ones have nobody who could stand in. */
static void welcome(struct upstreams *u, const struct table_pool *before,
                    const struct table_pool *after)
{
    size_t num;
    uint32_t *ids;

    if (before == NULL || before->num_live == 0 || after->spec->slow_start_ms == 0)
        return;
    ids = sort_ids(before, &num);
    for (size_t i = 0; i < after->num_live; i++)
        if (!has_id(ids, num, after->all[i].id))
            upstreams_arrives(u, after->all[i].id);
    free(ids);
}

/* Endpoints keep their ids while they are in the table, and an id is of one pool only. */
static void adopt_pool(struct upstreams *u, const struct table_pool *before,
                       const struct table_pool *after)
{
    size_t num;
    uint32_t *ids = sort_ids(after, &num);

    for (size_t i = 0; i < num; i++)
        upstreams_stays(u, after, &after->all[i]);
    if (after != NULL)
        welcome(u, before, after);
    for (size_t i = 0; before != NULL && i < before->num_endpoints; i++)
        if (!has_id(ids, num, before->all[i].id))
            upstreams_leaves(u, before->all[i].id);
    free(ids);
}

void proxy_adopt(struct proxy *p, const struct table *t, const struct table_change *changes,
                 size_t num_changes)
{
    OBJ_CHECK(p, PROXY_MAGIC);
    for (size_t i = 0; i < num_changes; i++)
        adopt_pool(&p->ups, changes[i].before, changes[i].after);
    recall_clear(&p->recall);
    pin_drop(&p->pin);
    p->pin = pin_new(t);
    p->table = t;
    account_adopted(p);
}

void proxy_observe(struct proxy *p, const struct proxy_observers *o)
{
    OBJ_CHECK(p, PROXY_MAGIC);
    p->book.worker = o->worker;
    p->book.log = o->log;
    p->book.series = o->series;
    p->crowd = o->crowd;
}

void proxy_set_node(struct proxy *p, const char *id)
{
    OBJ_CHECK(p, PROXY_MAGIC);
    p->ups.node = table_node(str_from(id));
}

const struct table *proxy_table(const struct proxy *p)
{
    return p->table;
}

void proxy_drain(struct proxy *p)
{
    struct conn *c, *next;

    OBJ_CHECK(p, PROXY_MAGIC);
    p->draining = true;
    p->drained_ms = loop_now_ms(p->loop);
    loop_hurry(p->loop);
    /* Idle ones get their moment from now on, not from when they became idle. */
    TAILQ_FOREACH(c, &p->conns[CONN_IDLE], link)
    c->since_ms = loop_now_ms(p->loop);
    TAILQ_FOREACH(c, &p->conns[CONN_H2_IDLE], link)
    h2_client_drain(c);
    TAILQ_FOREACH(c, &p->conns[CONN_H2], link)
    h2_client_drain(c);
    for (c = TAILQ_FIRST(&p->conns[CONN_TUNNEL]); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link); /* WebSockets are told, which may end this one */
        conn_run(c);
    }
}

size_t proxy_num_conns(const struct proxy *p)
{
    return metrics_get(&p->num_conns);
}

typedef const _Atomic uint64_t *counter_fn(const struct proxy *p, int i);

static const _Atomic uint64_t *closed_counter(const struct proxy *p, int i)
{
    return &p->closed[i];
}

static const _Atomic uint64_t *reply_counter(const struct proxy *p, int i)
{
    return &p->book.replies[i];
}

static const _Atomic uint64_t *refused_counter(const struct proxy *p, int i)
{
    return &p->book.refused[i];
}

static void write_sum(struct exposition *x, struct proxy *const *all, size_t num,
                      const char *reason, counter_fn *counter, int which)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < num; i++)
        sum += metrics_get(counter(all[i], which));
    exposition_label(x, "reason", str_from(reason));
    exposition_value(x, "", (int64_t)sum);
}

void proxy_write_metrics(struct proxy *const *all, size_t num, struct exposition *x)
{
    uint64_t conns = 0, streams = 0;

    exposition_metric(x, METRIC_WORKER_CONNECTIONS);
    for (size_t i = 0; i < num; i++) {
        char worker[24];

        snprintf(worker, sizeof worker, "%zu", i);
        exposition_label(x, "worker", str_from(worker));
        exposition_value(x, "", (int64_t)proxy_num_conns(all[i]));
        conns += proxy_num_conns(all[i]);
        streams += metrics_get(&all[i]->num_streams);
    }
    exposition_one(x, METRIC_CONNECTIONS, (int64_t)conns);
    exposition_one(x, METRIC_STREAMS, (int64_t)streams);
    exposition_one(x, METRIC_EJECTED, upstream_shared_num_ejected(all[0]->ups.shared));
    exposition_metric(x, METRIC_CLOSED);
    for (int i = 0; i < CLOSE__COUNT; i++)
        write_sum(x, all, num, close_reason_label((enum close_reason)i), closed_counter, i);
    exposition_metric(x, METRIC_REPLIES);
    for (int i = 0; i < REPLY__COUNT; i++)
        write_sum(x, all, num, reply_label((enum reply)i), reply_counter, i);
    exposition_metric(x, METRIC_REFUSED);
    for (int i = 0; i < H1_REFUSAL__COUNT; i++)
        write_sum(x, all, num, h1_refusal_label((enum h1_refusal)i), refused_counter, i);
}
