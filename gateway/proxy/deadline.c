/*
 * How long a connection may stay in a state, and what becomes of it then. The usual deadline is the
 * same for all connections of a state: its list is in the order in which they entered or last made
 * progress, so one look at its head will do. An exchange whose route has timeouts of its own is in
 * a wheel besides, filed under the earliest moment at which it may have to end: progress only notes
 * the time, and who is found not to be due is filed anew.
 */
#include "gateway/proxy/deadline.h"

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/h2_client.h"
#include "gateway/table/table.h"

/* Who kept a request from going on: a client that sends no body, or the endpoint. */
static enum reply blame_for_request(const struct exchange *x)
{
    return exchange_waits_for_body(x) ? REPLY_BODY_TIMEOUT : REPLY_RESPONSE_TIMEOUT;
}

static enum close_reason blame_for_response(const struct exchange *x)
{
    if (exchange_waits_for_reader(x))
        return CLOSE_CLIENT_SLOW;
    return blame_for_request(x) == REPLY_BODY_TIMEOUT ? CLOSE_BODY_TIMEOUT : CLOSE_RESPONSE_TIMEOUT;
}

/* A state has lasted too long. */
static void expire(struct conn *c)
{
    switch (c->state) {
    case CONN_IDLE:
        conn_close(c, c->proxy->draining ? CLOSE_DRAIN : CLOSE_IDLE_TIMEOUT);
        break;
    case CONN_HEAD:
        reply_send(c, REPLY_REQUEST_TIMEOUT);
        break;
    case CONN_WAIT:
        account_chosen(c, c->x->route, NULL);
        reply_come_again(c, REPLY_QUEUE_TIMEOUT, 1);
        break;
    case CONN_REQUEST:
        if (c->x->to_client.len > 0) /* interim responses that it does not read */
            conn_abort(c, CLOSE_CLIENT_SLOW);
        else
            reply_send(c, blame_for_request(c->x));
        break;
    case CONN_RESPONSE:
        conn_abort(c, blame_for_response(c->x));
        break;
    case CONN_TUNNEL:
        conn_close(c, CLOSE_TUNNEL_IDLE);
        break;
    case CONN_REPLY:
        conn_abort(c, CLOSE_CLIENT_SLOW);
        break;
    case CONN_LINGER:
        conn_close(c, c->end_reason);
        break;
    case CONN_H2_IDLE:
        h2_client_end(c, c->proxy->draining ? CLOSE_DRAIN : CLOSE_IDLE_TIMEOUT);
        break;
    default:
        WRONG("this state has no deadline");
    }
    conn_run(c);
}

/* ---- timeouts of the route's own ---- */

static int64_t own(uint32_t ms, int64_t usual_ms)
{
    return ms != 0 ? ms : usual_ms;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_under_way(const struct conn *c)
{
    return c->state == CONN_WAIT || c->state == CONN_CONNECT || c->state == CONN_REQUEST ||
           c->state == CONN_RESPONSE;
}

/* How long it may stand still, as things are now. */
static int64_t patience_ms(const struct conn *c)
{
    static const struct route_timeouts usual;
    const struct route_timeouts *t = c->x->times != NULL ? c->x->times : &usual;
    int64_t body_ms = own(t->body_idle, CONN_BODY_IDLE_MS);

    switch (c->state) {
    case CONN_WAIT:
        return c->x->admission.wait_until_ms - c->x->progress_ms;
    case CONN_REQUEST:
        return blame_for_request(c->x) == REPLY_BODY_TIMEOUT ? body_ms
                                                             : own(t->response, CONN_ANSWER_MS);
    case CONN_RESPONSE:
        return blame_for_response(c->x) == CLOSE_RESPONSE_TIMEOUT
                   ? own(t->response_idle, CONN_BODY_IDLE_MS)
                   : body_ms;
    case CONN_TUNNEL:
        return own(t->tunnel_idle, CONN_TUNNEL_IDLE_MS);
    default: /* the list of the state has its deadline, or upstream has */
        return INT64_MAX / 2;
    }
}

/* The least that patience_ms may become without a change of state. */
static int64_t least_patience_ms(const struct conn *c)
{
    const struct route_timeouts *t = c->x->times;

    if (c->state == CONN_REQUEST)
        return sooner(own(t->body_idle, CONN_BODY_IDLE_MS), own(t->response, CONN_ANSWER_MS));
    if (c->state == CONN_RESPONSE)
        return sooner(own(t->body_idle, CONN_BODY_IDLE_MS),
                      own(t->response_idle, CONN_BODY_IDLE_MS));
    return patience_ms(c);
}

static int64_t end_ms(const struct exchange *x)
{
    return x->times != NULL && x->times->total != 0 ? x->begun_ms + x->times->total : INT64_MAX / 2;
}

/* Files it under due_ms, or under its total end when that comes first. */
static void file(struct conn *c, int64_t due_ms)
{
    if (is_under_way(c))
        due_ms = sooner(due_ms, end_ms(c->x));
    wheel_set(&c->proxy->wheel, &c->x->timer, due_ms);
    loop_hurry(c->proxy->loop);
}

void deadline_begin(struct conn *c)
{
    struct exchange *x = c->x;

    x->times = x->route->route->timeouts;
    if (x->times == NULL)
        return;
    x->timer.owner = c;
    x->begun_ms = loop_now_ms(c->proxy->loop);
    deadline_entered(c);
}

void deadline_entered(struct conn *c)
{
    c->x->progress_ms = loop_now_ms(c->proxy->loop);
    file(c, c->x->progress_ms + least_patience_ms(c));
}

void deadline_wait(struct conn *c)
{
    struct exchange *x = c->x;

    x->timer.owner = c;
    x->progress_ms = loop_now_ms(c->proxy->loop);
    file(c, x->admission.wait_until_ms);
}

/* The time that the whole exchange may take is over. */
static void expire_total(struct conn *c)
{
    if (c->state == CONN_RESPONSE || c->x->to_client.len > 0)
        conn_abort(c, CLOSE_TOTAL_TIMEOUT);
    else
        reply_send(c, REPLY_TOTAL_TIMEOUT);
    conn_run(c);
}

static void look_at(struct conn *c, int64_t now_ms)
{
    if (is_under_way(c) && now_ms >= end_ms(c->x))
        expire_total(c);
    else if (now_ms - c->x->progress_ms >= patience_ms(c))
        expire(c);
    else
        file(c, sooner(c->x->progress_ms + patience_ms(c), now_ms + least_patience_ms(c)));
}

/* ---- the lists ---- */

/* The list's deadline is not this one's. */
static bool has_its_own(const struct conn *c)
{
    return c->x != NULL && c->x->times != NULL &&
           (c->state == CONN_REQUEST || c->state == CONN_RESPONSE || c->state == CONN_TUNNEL);
}

static void walk_list(struct proxy *p, enum conn_state s, int64_t deadline_ms, int64_t now_ms)
{
    struct conn *c;

    while ((c = TAILQ_FIRST(&p->conns[s])) != NULL && now_ms - c->since_ms >= deadline_ms) {
        if (has_its_own(c))
            conn_requeue(c);
        else
            expire(c);
    }
}

static void end_tunnels(struct proxy *p)
{
    struct conn *c;

    while ((c = TAILQ_FIRST(&p->conns[CONN_TUNNEL])) != NULL)
        conn_close(c, CLOSE_DRAIN);
}

bool deadline_tick(struct proxy *p, int64_t now_ms)
{
    const struct route_settings *s = p->table != NULL ? table_settings(p->table) : NULL;
    int64_t idle_ms = p->draining ? CONN_DRAIN_IDLE_MS
                      : s != NULL ? s->idle_timeout_ms
                                  : CONN_IDLE_MS;
    struct wheel_entry *e;

    walk_list(p, CONN_IDLE, idle_ms, now_ms);
    walk_list(p, CONN_H2_IDLE, idle_ms, now_ms);
    walk_list(p, CONN_HEAD, s != NULL ? s->head_ms : CONN_HEAD_MS, now_ms);
    walk_list(p, CONN_REQUEST, CONN_ANSWER_MS, now_ms); /* upstream has a deadline for connects */
    walk_list(p, CONN_RESPONSE, CONN_BODY_IDLE_MS, now_ms);
    walk_list(p, CONN_TUNNEL, CONN_TUNNEL_IDLE_MS, now_ms);
    walk_list(p, CONN_REPLY, CONN_REPLY_MS, now_ms);
    walk_list(p, CONN_LINGER, CONN_LINGER_MS, now_ms);
    h2_client_tick(p, now_ms);
    rate_tick(p, now_ms);
    while ((e = wheel_turn(&p->wheel, now_ms)) != NULL)
        look_at(e->owner, now_ms);
    if (p->draining && s != NULL && now_ms - p->drained_ms >= s->drain_ms)
        end_tunnels(p);
    admission_tick(p);
    return p->draining || p->wheel.num > 0;
}
