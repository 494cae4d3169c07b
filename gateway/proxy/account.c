/*
 * See account.h. With the log off a request costs some stores and two short copies; with it on also
 * one allocation for the texts, which are gone from the buffers (and from the table, perhaps) when
 * the request ends.
 */
#include "gateway/proxy/account.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/observe/access_log.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/policy.h"
#include "gateway/table/table.h"

/* The texts of a line, one behind the other in bytes[]. */
struct account_line {
    struct {
        uint16_t at, len;
    } texts[ACCESS_TEXT__COUNT];
    uint16_t used, cap;
    char bytes[];
};

static const uint16_t text_max[ACCESS_TEXT__COUNT] = {
#define X(sym, name, max, help) [ACCESS_##sym] = (max),
    ACCESS_TEXTS(X)
#undef X
};

static struct account *account_of(struct conn *c)
{
    return &c->x->account;
}

static size_t cut(enum access_text which, size_t len)
{
    return len < text_max[which] ? len : text_max[which];
}

/* The last word counts: what an earlier attempt said stays in bytes[], unused. */
static void set_text(struct account_line *l, enum access_text which, struct str text)
{
    size_t n = cut(which, text.n);

    if (n > (size_t)(l->cap - l->used))
        n = (size_t)(l->cap - l->used);
    l->texts[which].at = l->used;
    l->texts[which].len = (uint16_t)n;
    if (n > 0)
        memcpy(l->bytes + l->used, text.p, n);
    l->used = (uint16_t)(l->used + n);
}

/* ---- a connection, a request ----------------------------------------------------------------- */

void account_open(struct conn *c)
{
    struct account_book *b = &c->proxy->book;

    c->account.id = (uint64_t)b->worker << ACCOUNT_WORKER_SHIFT | ++b->num_conns;
    c->account.opened_ms = c->since_ms;
}

void account_begin(struct conn *c)
{
    account_of(c)->begun_us = loop_now_us(c->proxy->loop);
    c->account.num_requests++;
}

static struct str target_of(const struct conn *c, const struct h1_head *h)
{
    return h1_slice(c->in, h->target, h->target_len);
}

static void begin_line(struct conn *c, const struct h1_head *h)
{
    struct str method = h1_method(h, c->in);
    struct str host = h1_slice(c->in, h->host, h->host_len);
    struct str target = target_of(c, h);
    size_t cap = cut(ACCESS_METHOD, method.n) + cut(ACCESS_HOST, host.n) +
                 cut(ACCESS_TARGET, target.n) + text_max[ACCESS_ROUTE] + text_max[ACCESS_TENANT] +
                 text_max[ACCESS_POOL] + text_max[ACCESS_UPSTREAM];
    struct account_line *l = xmalloc(sizeof *l + cap);

    memset(l, 0, sizeof *l);
    l->cap = (uint16_t)cap;
    set_text(l, ACCESS_METHOD, method);
    set_text(l, ACCESS_HOST, host);
    set_text(l, ACCESS_TARGET, target);
    account_of(c)->line = l;
}

static uint8_t keep(char out[ACCOUNT_TEXT], struct str text)
{
    size_t n = text.n < ACCOUNT_TEXT ? text.n : ACCOUNT_TEXT;

    memcpy(out, text.p, n);
    return (uint8_t)n;
}

void account_head(struct conn *c, const struct h1_head *h)
{
    struct account *a = account_of(c);

    a->has_head = true;
    a->host_len = keep(a->host, h1_slice(c->in, h->host, h->host_len));
    if (c->proxy->book.log_is_on)
        begin_line(c, h);
}

void account_routed(struct conn *c, const struct table_route *r)
{
    struct account *a = account_of(c);

    a->revision = table_revision(c->proxy->table);
    a->route_len = keep(a->route, str_from(r->name));
    if (a->line == NULL || a->line->texts[ACCESS_ROUTE].len > 0)
        return;
    set_text(a->line, ACCESS_ROUTE, str_from(r->name));
    set_text(a->line, ACCESS_TENANT, str_from(r->route->tenant));
}

/* ---- pools ----------------------------------------------------------------------------------- */

/* Which of the route's pools has this endpoint; they lend their endpoints. */
static struct str pool_of(const struct conn *c, const struct table_route *r,
                          const struct table_endpoint *ep)
{
    struct str name = str_from(r->route->forward[0].pool);

    for (size_t i = 0; r->route->num_forward > 1 && i < r->route->num_forward; i++) {
        struct str one = str_from(r->route->forward[i].pool);
        const struct table_pool *pool = table_pool(c->proxy->table, one);

        if (pool != NULL && ep >= pool->all && ep < pool->all + pool->num_endpoints)
            name = one;
    }
    return name;
}

static void make_room(struct account_book *b, uint32_t id)
{
    size_t num = b->num_numbers * 2 > id ? b->num_numbers * 2 : (size_t)id + 64;

    b->numbers = xrealloc(b->numbers, num * sizeof b->numbers[0]);
    memset(b->numbers + b->num_numbers, 0, (num - b->num_numbers) * sizeof b->numbers[0]);
    b->num_numbers = num;
}

static struct pool_counters *counters_of(struct conn *c, const struct table_route *r,
                                         const struct table_endpoint *ep)
{
    struct account_book *b = &c->proxy->book;

    if (ep->id >= b->num_numbers)
        make_room(b, ep->id);
    if (b->numbers[ep->id] == 0)
        b->numbers[ep->id] =
            (uint16_t)(pool_series_hold(b->series, b->worker, pool_of(c, r, ep)) + 1);
    return pool_series_counters(b->series, b->worker, (uint16_t)(b->numbers[ep->id] - 1));
}

static void enter_pool(struct account *a, struct pool_counters *pool)
{
    if (a->pool == pool)
        return;
    if (a->pool != NULL)
        pool_counters_leave(a->pool);
    a->pool = pool;
    metrics_add(&pool->in_flight, 1);
}

/* Nobody of the route could be asked: its first pool has the blame. */
static void blame_first_pool(struct conn *c, const struct table_route *r)
{
    struct account_book *b = &c->proxy->book;
    uint16_t number;

    if (account_of(c)->pool != NULL)
        return;
    number = pool_series_hold(b->series, b->worker, str_from(r->route->forward[0].pool));
    enter_pool(account_of(c), pool_series_counters(b->series, b->worker, number));
    pool_series_drop(b->series, b->worker, number);
}

void account_chosen(struct conn *c, const struct table_route *r, const struct table_endpoint *ep)
{
    struct account *a = account_of(c);

    if (c->proxy->book.series != NULL && ep != NULL)
        enter_pool(a, counters_of(c, r, ep));
    else if (c->proxy->book.series != NULL)
        blame_first_pool(c, r);
    if (a->pool != NULL && ep != NULL && c->x->failure != FAILED_NOT)
        metrics_add(&a->pool->retries, 1);
    if (a->line == NULL)
        return;
    if (ep == NULL) {
        if (a->line->texts[ACCESS_POOL].len == 0)
            set_text(a->line, ACCESS_POOL, str_from(r->route->forward[0].pool));
        return;
    }
    a->line->used = (uint16_t)(a->line->used - a->line->texts[ACCESS_POOL].len -
                               a->line->texts[ACCESS_UPSTREAM].len);
    set_text(a->line, ACCESS_POOL, pool_of(c, r, ep));
    set_text(a->line, ACCESS_UPSTREAM, str_from(ep->text));
}

void account_forgotten(struct proxy *p, uint32_t id)
{
    struct account_book *b = &p->book;

    if (id >= b->num_numbers || b->numbers[id] == 0)
        return;
    pool_series_drop(b->series, b->worker, (uint16_t)(b->numbers[id] - 1));
    b->numbers[id] = 0;
}

/* ---- on the way ------------------------------------------------------------------------------ */

void account_connecting(struct conn *c)
{
    account_of(c)->connect_us = loop_now_us(c->proxy->loop);
}

void account_connected(struct conn *c)
{
    metrics_observe(&c->proxy->metrics->connect_time,
                    loop_now_us(c->proxy->loop) - account_of(c)->connect_us);
}

void account_failed(struct conn *c)
{
    if (account_of(c)->pool != NULL)
        metrics_add(&account_of(c)->pool->failures, 1);
}

void account_answered(struct conn *c)
{
    if (account_of(c)->answered_us == 0)
        account_of(c)->answered_us = loop_now_us(c->proxy->loop);
}

void account_status(struct conn *c, unsigned status, bool is_tunnel)
{
    account_of(c)->status = (uint16_t)status;
    account_of(c)->is_tunnel = is_tunnel;
}

void account_reply(struct conn *c, enum reply which, int status)
{
    account_of(c)->status = (uint16_t)status;
    account_of(c)->reply = reply_label(which);
    metrics_add(&c->proxy->book.replies[which], 1);
}

void account_refusal(struct conn *c, enum h1_refusal why)
{
    account_of(c)->reply = h1_refusal_label(why);
    metrics_add(&c->proxy->book.refused[why], 1);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void write_line(struct conn *c, enum close_reason why, int64_t now_us, uint64_t received,
                       uint64_t sent)
{
    struct account *a = account_of(c);
    struct str texts[ACCESS_TEXT__COUNT] = {{0}};
    const struct access_record r = {
        .begun_us = a->begun_us,
        .status = a->status,
        .bytes_in = (int64_t)received,
        .bytes_out = (int64_t)sent,
        .duration_us = now_us - a->begun_us,
        .upstream_us = a->answered_us != 0 ? a->answered_us - a->begun_us : -1,
        .attempts = c->x->attempts,
        .revision = (int64_t)a->revision,
        .connection = (int64_t)c->account.id,
        .request = (int64_t)c->account.num_requests,
        .protocol = !a->has_head         ? ""
                    : c->carrier != NULL ? "HTTP/2.0"
                    : c->x->minor == 0   ? "HTTP/1.0"
                                         : "HTTP/1.1",
        .reply = a->reply != NULL ? a->reply : "",
        .end = close_reason_label(why),
    };

    for (int i = 0; a->line != NULL && i < ACCESS_TEXT__COUNT; i++)
        texts[i] = (struct str){a->line->bytes + a->line->texts[i].at, a->line->texts[i].len};
    texts[ACCESS_CLIENT] = policy_client(c);
    access_log_add(c->proxy->book.log, c->proxy->book.worker, &r, texts);
}

static void count_pool(struct account *a, int64_t us)
{
    struct pool_counters *pool = a->pool;

    metrics_add(&pool->requests[a->status / 100 < POOL_CLASSES ? a->status / 100 : 0], 1);
    if (!a->is_tunnel) {
        metrics_add(&pool->timed, 1);
        metrics_add(&pool->duration_us, (uint64_t)us);
    }
    pool_counters_leave(pool);
    a->pool = NULL;
}

void account_end(struct conn *c, enum close_reason why)
{
    uint64_t later, received, sent;
    struct account *a;
    int64_t now_us;

    if (c->x == NULL || account_of(c)->begun_us == 0)
        return;
    a = account_of(c);
    now_us = loop_now_us(c->proxy->loop);
    if (now_us == a->begun_us) /* an answer of ours, within one turn */
        now_us = clock_mono_us();
    later = a->has_head && !a->is_tunnel ? c->in_len - c->x->body_end : 0;
    received = c->sock.received - c->account.received_before - later;
    sent = c->sock.sent - c->account.sent_before;
    c->account.received_before += received;
    c->account.sent_before += sent;
    metrics_add(&c->proxy->metrics->received_bytes, received);
    metrics_add(&c->proxy->metrics->sent_bytes, sent);
    if (!a->is_tunnel)
        metrics_observe(&c->proxy->metrics->request_time, now_us - a->begun_us);
    if (c->proxy->book.log_is_on)
        write_line(c, why, now_us, received, sent);
    if (a->pool != NULL)
        count_pool(a, now_us - a->begun_us);
    free(a->line);
    a->line = NULL;
    a->begun_us = 0;
}

void account_adopted(struct proxy *p)
{
    struct account_book *b = &p->book;

    if (b->log == NULL)
        return;
    b->log_is_on = table_settings(p->table)->access_log;
    access_log_switch(b->log, b->worker, b->log_is_on);
}

void account_free(struct proxy *p)
{
    if (p->book.log != NULL)
        access_log_switch(p->book.log, p->book.worker, false);
    free(p->book.numbers);
    p->book.numbers = NULL;
    p->book.num_numbers = 0;
}
