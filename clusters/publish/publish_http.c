/*
 * The two resources of the stream listener: a table drives method, path and handler. Every request
 * shows the token of the cluster it names before anything is said about that cluster. Runs on the
 * publisher's thread; what a report says is checked in report.c and handed on as news.
 */
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "clusters/publish/epoch.h"
#include "clusters/publish/listener.h"
#include "clusters/publish/publish_priv.h"
#include "clusters/publish/reply.h"
#include "clusters/publish/report.h"
#include "clusters/publish/target.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/wire/frame.h"

enum { ID_MAX = 128, NAME_MAX_BYTES = 63 };

struct stream_request {
    struct evhttp_request *req;
    struct target target;
    struct str vars[TARGET_VARS_MAX];
    struct publish_cluster *cluster;
};

/* ---- GET /v1/clusters/{c}/stream ----------------------------------------------------------------
 */

struct stream_query {
    char gateway[ID_MAX + 1];
    char node[ID_MAX * 2 + 1];
    char epoch[FRAME_EPOCH_MAX + 1];
    uint64_t from;
    bool asks; /* to resume */
};

/* An id or a node's name: printable ASCII without blanks, so that it can stand in logs and URLs. */
static bool read_word(struct str value, const char *what, char *out, size_t max, struct err *e)
{
    if (value.n > max)
        return err_set(e, "BadQuery", what, "\"%s\" has at most %zu bytes", what, max);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] <= 0x20 || value.p[i] >= 0x7f)
            return err_set(e, "BadQuery", what, "\"%s\" may hold printable ASCII only", what);
    }
    if (value.n != 0)
        memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return true;
}

static bool read_query(const struct target *t, struct stream_query *q, struct err *e)
{
    static const char *const known[] = {"epoch", "from", "gateway", "node", NULL};
    struct str epoch = {0};
    struct str from = {0};
    struct str gateway = {0};
    struct str node = {0};
    bool has_epoch = target_param(t, "epoch", &epoch);
    bool has_from = target_param(t, "from", &from);

    memset(q, 0, sizeof *q);
    if (!target_only_params(t, known, e))
        return false;
    if (has_epoch != has_from)
        return err_set(e, "BadQuery", has_epoch ? "from" : "epoch",
                       "\"epoch\" and \"from\" come together or not at all");
    q->asks = has_from;
    if (has_from && !str_to_u64(from, INT64_MAX, &q->from))
        return err_set(e, "BadQuery", "from", "\"from\" must be a revision, a decimal number");
    if (target_param(t, "gateway", &gateway) &&
        !read_word(gateway, "gateway", q->gateway, sizeof q->gateway - 1, e))
        return false;
    if (target_param(t, "node", &node) && !read_word(node, "node", q->node, sizeof q->node - 1, e))
        return false;
    return read_word(epoch, "epoch", q->epoch, sizeof q->epoch - 1, e);
}

/* Who asks in vain is news all the same: what it holds decides whether its cluster is served. */
static void tell_waiting(struct publish *p, const struct publish_cluster *c,
                         const struct stream_query *q)
{
    const struct publish_news news = {
        .type = PUBLISH_NEWS_WAITS,
        .cluster = c->name,
        .gateway = q->gateway,
        .node = q->node,
        .epoch = q->epoch,
        .applied = q->from,
        .routes = q->asks ? -1 : 0,
        .refusals_json = "[]",
        .stats = "",
        .at_ms = clock_wall_ms(),
    };

    if (q->gateway[0] != '\0')
        (void)p->config.on_news(p->config.news_arg, &news); /* refused: it asks again in seconds */
}

/* True when this follower can be served now. */
static bool is_served(const struct publish_cluster *c, const struct stream_query *q, struct err *e)
{
    if (!ledger_is_open(c->ledger))
        return err_set(e, "NotReady", "",
                       "cluster %s is not served yet; the coordinator's /readyz says why", c->name);
    if (q->asks && epoch_is_later(q->epoch, ledger_epoch(c->ledger)))
        return err_set(e, "LaterEpoch", "epoch",
                       "your table of cluster %s is of a later epoch than the coordinator's; it "
                       "must take a later one first",
                       c->name);
    if (q->asks && q->gateway[0] != '\0' && strcmp(q->epoch, ledger_epoch(c->ledger)) == 0 &&
        q->from > ledger_revision(c->ledger))
        return err_set(e, "LaterRevision", "from",
                       "your table of cluster %s is newer than the coordinator's store; it must "
                       "take a later epoch first",
                       c->name);
    return true;
}

static void open_stream(struct publish *p, struct stream_request *rq)
{
    struct publish_cluster *c = rq->cluster;
    struct stream_query q;
    struct subscriber *s;
    struct err why = {0};
    bool resume;

    if (!read_query(&rq->target, &q, &why)) {
        reply_problem(rq->req, 400, &why);
        return;
    }
    if (!is_served(c, &q, &why)) {
        tell_waiting(p, c, &q);
        reply_later(rq->req, 503, 1, &why);
        return;
    }
    resume = q.asks && strcmp(q.epoch, ledger_epoch(c->ledger)) == 0 &&
             ledger_can_resume(c->ledger, q.from);
    listener_keep(p->listener, rq->req);
    s = subscriber_new(c->ledger, rq->req, resume, q.from);
    s->on_closed = publish_on_closed;
    s->arg = p;
    TAILQ_INSERT_TAIL(&c->subscribers, s, next);
    log_info("cluster %s: stream to gateway \"%s\" begins with a %s at revision %llu", c->name,
             q.gateway, resume ? "delta" : "snapshot",
             (unsigned long long)ledger_revision(c->ledger));
    subscriber_start(s, q.gateway, q.node);
    if (s->state != SUBSCRIBER_CLOSED)
        publish_tell(p, s, PUBLISH_NEWS_CONNECTED, c->name);
}

/* ---- POST /v1/clusters/{c}/gateways/{id}/report -------------------------------------------------
 */

/* The body in one piece; it lives as long as the request. */
static struct str body_of(struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n = evbuffer_get_length(in);
    const unsigned char *p = n != 0 ? evbuffer_pullup(in, -1) : NULL;

    ASSERT(n == 0 || p != NULL);
    return (struct str){(const char *)p, n};
}

static void tell_report(struct publish *p, struct stream_request *rq, const char *gateway,
                        const struct report *r)
{
    const struct publish_news news = {
        .type = PUBLISH_NEWS_REPORT,
        .cluster = rq->cluster->name,
        .gateway = gateway,
        .node = r->node,
        .applied = r->applied,
        .refusals_json = r->refusals_json,
        .stats = r->stats,
        .stats_refused = r->stats_refusal.code != NULL,
        .num_refusals = r->num_refusals,
        .epoch = r->epoch,
        .routes = r->routes,
        .at_ms = clock_wall_ms(),
    };
    struct err why = {0};

    if (p->config.on_news(p->config.news_arg, &news)) {
        reply_empty(rq->req);
        return;
    }
    err_set(&why, "Busy", "", "too many reports wait already");
    reply_later(rq->req, 503, 1, &why);
}

static void take_report(struct publish *p, struct stream_request *rq)
{
    static const char *const none[] = {NULL};
    char gateway[ID_MAX + 1];
    struct report r;
    struct err why = {0};

    if (!target_only_params(&rq->target, none, &why) ||
        !read_word(rq->vars[1], "gateway", gateway, sizeof gateway - 1, &why) ||
        !report_parse(body_of(rq->req), &r, &why)) {
        reply_problem(rq->req, 400, &why);
        return;
    }
    if (r.stats_refusal.code != NULL)
        log_debug("cluster %s: the numbers of gateway \"%s\" are not usable: %s: %s",
                  rq->cluster->name, gateway, r.stats_refusal.field, r.stats_refusal.text);
    tell_report(p, rq, gateway, &r);
    report_free(&r);
}

/* ---- dispatch -----------------------------------------------------------------------------------
 */

static const struct endpoint {
    enum evhttp_cmd_type method;
    const char *method_name;
    const char *pattern;
    void (*run)(struct publish *p, struct stream_request *rq);
} endpoints[] = {
    {EVHTTP_REQ_GET, "GET", "/v1/clusters/{c}/stream", open_stream},
    {EVHTTP_REQ_POST, "POST", "/v1/clusters/{c}/gateways/{id}/report", take_report},
};

static const struct endpoint *find_endpoint(struct stream_request *rq)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (target_matches(&rq->target, endpoints[i].pattern, rq->vars))
            return &endpoints[i];
    }
    return NULL;
}

static void refuse_other(struct stream_request *rq)
{
    struct err why = {0};

    err_set(&why, "OtherCluster", "Authorization", "this token is good for another cluster");
    reply_problem(rq->req, 403, &why);
}

static void refuse_throttled(struct stream_request *rq, const char *address)
{
    struct err why = {0};

    log_debug("stream: %s shows too many bad tokens", address);
    err_set(&why, "TooManyFailures", "", "too many bad tokens came from your address");
    reply_later(rq->req, 429, 60, &why);
}

static void warn_of_token(struct publish *p, const char *address, const char *cluster,
                          const char *what)
{
    unsigned withheld;

    if (!quiet_may_say(&p->quiet, clock_mono_ms(), &withheld))
        return;
    log_warn("stream: %s asked for cluster %s with %s", address, cluster, what);
    if (withheld > 0)
        log_warn("stream: %u more bad tokens were not logged", withheld);
}

/* True when the request's token opens the cluster it names; else it has been answered. */
static bool may_enter(struct publish *p, struct stream_request *rq, const char *cluster)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(rq->req);
    struct str token;
    char *address = NULL;
    uint16_t port = 0;

    if (!reply_bearer(rq->req, &token)) {
        reply_unauthorized(rq->req, "signalbox stream");
        return false;
    }
    evhttp_connection_get_peer(evcon, &address, &port);
    switch (p->config.access(p->config.access_arg, cluster, token, address)) {
    case PUBLISH_ALLOWED:
        listener_trust(p->listener, rq->req);
        return true;
    case PUBLISH_OTHER_CLUSTER:
        warn_of_token(p, address, cluster, "another cluster's token");
        refuse_other(rq);
        return false;
    case PUBLISH_THROTTLED:
        refuse_throttled(rq, address);
        return false;
    case PUBLISH_UNKNOWN_TOKEN:
        break;
    }
    warn_of_token(p, address, cluster, "an unknown token");
    reply_unauthorized(rq->req, "signalbox stream");
    return false;
}

static void dispatch(struct publish *p, struct stream_request *rq)
{
    const struct endpoint *ep = find_endpoint(rq);
    char cluster[NAME_MAX_BYTES + 1];
    struct err why = {0};

    if (ep == NULL) {
        err_set(&why, "NotFound", "", "there is no such resource on the stream listener");
        reply_problem(rq->req, 404, &why);
        return;
    }
    if (evhttp_request_get_command(rq->req) != ep->method) {
        reply_not_allowed(rq->req, ep->method_name);
        return;
    }
    if (!read_word(rq->vars[0], "cluster", cluster, sizeof cluster - 1, &why)) {
        reply_problem(rq->req, 400, &why);
        return;
    }
    if (!may_enter(p, rq, cluster))
        return;
    rq->cluster = publish_find(p, cluster);
    if (rq->cluster == NULL) {
        err_set(&why, "NotFound", "", "this coordinator has no cluster \"%s\"", cluster);
        reply_problem(rq->req, 404, &why);
        return;
    }
    ep->run(p, rq);
}

void publish_on_request(void *arg, struct evhttp_request *req)
{
    struct stream_request rq = {.req = req};
    struct publish *p;
    struct err why = {0};

    OBJ_CAST(p, arg, PUBLISH_MAGIC);
    if (!target_parse(str_from(evhttp_request_get_uri(req)), &rq.target, &why)) {
        reply_problem(req, 400, &why);
        return;
    }
    dispatch(p, &rq);
}
