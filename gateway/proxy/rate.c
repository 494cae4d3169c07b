/* See rate.h. */
#include "gateway/proxy/rate.h"

#include "gateway/http/h2_session.h"
#include "gateway/http/h2_stream.h"
#include "gateway/proxy/conn.h"
#include "gateway/table/table.h"

static uint32_t least_of(const struct proxy *p, const struct route *r)
{
    return r->limits != NULL && r->limits->min_rate >= 0 ? (uint32_t)r->limits->min_rate
                                                         : table_settings(p->table)->min_rate;
}

/* ---- a sample -------------------------------------------------------------------------------- */

static enum rate_of waits_for(const struct conn *c)
{
    const struct exchange *x = c->x;
    bool has_body = !x->intact || x->body_end > x->head_len;

    if (c->state == CONN_REQUEST && has_body && exchange_waits_for_body(x))
        return RATE_OF_SENDER;
    if (c->state != CONN_RESPONSE || !exchange_waits_for_reader(x))
        return RATE_OF_NOBODY;
    return c->carrier != NULL && h2_stream_is_held(c->sock.stream) ? RATE_OF_WINDOW
                                                                   : RATE_OF_READER;
}

/* UINT64_MAX: nobody knows. */
static uint64_t moved(const struct conn *c, enum rate_of of)
{
    switch (of) {
    case RATE_OF_NOBODY:
        break;
    case RATE_OF_SENDER:
        return c->sock.received;
    case RATE_OF_READER:
        return sock_acked_bytes(c->carrier != NULL ? &c->carrier->sock : &c->sock);
    case RATE_OF_WINDOW:
        return c->sock.sent;
    }
    return 0;
}

static bool is_too_slow(const struct rate *r, enum rate_of of, uint64_t now_moved, int64_t now_ms)
{
    int64_t asked = (int64_t)r->least * (now_ms - r->since_ms) / 1000;

    return of != RATE_OF_NOBODY && of == r->of && now_moved != UINT64_MAX &&
           now_moved - r->moved < (uint64_t)asked;
}

static void take_sample(struct conn *c, int64_t now_ms)
{
    struct rate *r = &c->x->rate;
    enum rate_of of = waits_for(c);
    uint64_t now_moved = moved(c, of);

    if (c->state == CONN_TUNNEL)
        return;
    if (is_too_slow(r, of, now_moved, now_ms)) {
        if (of == RATE_OF_SENDER)
            reply_send(c, REPLY_BODY_SLOW);
        else
            conn_abort(c, CLOSE_CLIENT_SLOW);
        conn_run(c);
        return;
    }
    r->of = of;
    r->moved = now_moved;
    r->since_ms = now_ms;
    wheel_set(&c->proxy->rates, &r->timer, now_ms + table_settings(c->proxy->table)->min_rate_ms);
}

/* ---- when ------------------------------------------------------------------------------------ */

void rate_begin(struct conn *c)
{
    struct rate *r = &c->x->rate;
    int64_t now_ms;

    r->least = least_of(c->proxy, c->x->route->route);
    if (r->least == 0)
        return;
    now_ms = loop_now_ms(c->proxy->loop);
    r->timer.owner = c;
    r->since_ms = now_ms;
    wheel_set(&c->proxy->rates, &r->timer, now_ms + table_settings(c->proxy->table)->min_rate_ms);
}

void rate_end(struct conn *c)
{
    wheel_remove(&c->proxy->rates, &c->x->rate.timer);
}

void rate_tick(struct proxy *p, int64_t now_ms)
{
    struct wheel_entry *e;

    while ((e = wheel_turn(&p->rates, now_ms)) != NULL)
        take_sample(e->owner, now_ms);
}

int64_t rate_longest_ms(const struct proxy *p)
{
    const struct route_settings *s = p->table != NULL ? table_settings(p->table) : NULL;

    if (s == NULL || s->min_rate == 0)
        return INT64_MAX;
    return s->min_rate_ms + (int64_t)H2_TX_MAX * 1000 / s->min_rate;
}
