/* See describe.h. Reads connections and changes nothing. */
#include "gateway/proxy/describe.h"

#include <inttypes.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/policy.h"

/* The idle ones last: nothing happens in them. */
static const enum conn_state order[] = {CONN_HEAD,     CONN_WAIT,    CONN_CONNECT, CONN_REQUEST,
                                        CONN_RESPONSE, CONN_TUNNEL,  CONN_REPLY,   CONN_LINGER,
                                        CONN_H2,       CONN_H2_IDLE, CONN_IDLE};

bool describe_state(struct str name, int *out_state)
{
    for (int s = 0; s < CONN_DEAD; s++)
        if (str_eq(name, str_from(conn_state_name((enum conn_state)s)))) {
            *out_state = s;
            return true;
        }
    return false;
}

static bool add_states(struct proxy *p, size_t worker, struct buf *out)
{
    bool ok = buf_add_fmt(out, "{\"worker\":%zu,\"connections\":%zu,\"states\":{", worker,
                          proxy_num_conns(p));

    for (int s = 0; ok && s < CONN_DEAD; s++)
        ok = buf_add_fmt(out, "%s\"%s\":%zu", s > 0 ? "," : "", conn_state_name((enum conn_state)s),
                         p->num_in[s]);
    return ok && buf_add_str(out, STR("}}\n"));
}

const char *describe_endpoint(const struct conn *c)
{
    const struct upstream_endpoint *e = NULL;

    if (c->x != NULL && c->x->up != NULL)
        e = upstreams_endpoint(&c->proxy->ups, c->x->up->endpoint);
    return e != NULL ? e->text : "";
}

static bool add_text(struct buf *out, const char *before, struct str text)
{
    return buf_add_str(out, str_from(before)) && buf_add_json(out, text);
}

static bool add_request(const struct conn *c, struct buf *out)
{
    const struct account *a = &c->x->account;

    return add_text(out, ",\"host\":", (struct str){a->host, a->host_len}) &&
           add_text(out, ",\"route\":", (struct str){a->route, a->route_len}) &&
           add_text(out, ",\"endpoint\":", str_from(describe_endpoint(c))) &&
           buf_add_fmt(out, ",\"attempts\":%u,\"status\":%u", c->x->attempts, a->status);
}

/* Without progress since. */
static int64_t since_ms(const struct conn *c)
{
    return c->x != NULL && c->x->times != NULL ? c->x->progress_ms : c->since_ms;
}

static bool add_connection(struct conn *c, int64_t now_ms, struct buf *out)
{
    return buf_add_fmt(out, "{\"id\":%" PRIu64, c->account.id) &&
           add_text(out, ",\"client\":", policy_client(c)) &&
           add_text(out, ",\"state\":", str_from(conn_state_name(c->state))) &&
           buf_add_fmt(out,
                       ",\"age_ms\":%" PRId64 ",\"idle_ms\":%" PRId64 ",\"requests\":%" PRIu64
                       ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
                       now_ms - c->account.opened_ms, now_ms - since_ms(c), c->account.num_requests,
                       c->sock.received, c->sock.sent) &&
           (c->x == NULL || add_request(c, out)) && buf_add_str(out, STR("}\n"));
}

/* False: the line does not fit; what was there before stays. */
static bool add_line(struct conn *c, int64_t now_ms, struct buf *out)
{
    size_t before = out->len;

    if (add_connection(c, now_ms, out))
        return true;
    out->len = before;
    out->bytes[before] = '\0';
    return false;
}

bool describe_connections(struct proxy *p, size_t worker, int state, size_t limit, struct buf *out)
{
    int64_t now_ms = loop_now_ms(p->loop);

    if (!add_states(p, worker, out))
        return false;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct conn *c;

        if (state != DESCRIBE_ALL && state != (int)order[i])
            continue;
        TAILQ_FOREACH(c, &p->conns[order[i]], link)
        {
            if (limit-- == 0)
                return true;
            if (!add_line(c, now_ms, out))
                return false;
        }
    }
    return true;
}
