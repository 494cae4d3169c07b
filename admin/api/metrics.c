/*
 * GET /v1/clusters/{cluster}/metrics: what the gateways of a cluster last reported, as one
 * exposition for Prometheus, and what the coordinator itself knows of them. A gateway says numbers
 * and nothing else: names and labels must be those of the lists that gateways are built from
 * (gateway/observe/metrics.h), the labels cluster, gateway and node are ours. What does not fit
 * that is left out and counted, so that one bad gateway spoils its own numbers only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "clusters/coordinator.h"
#include "clusters/publish/reply.h"
#include "clusters/publish/stats.h"
#include "gateway/core/check.h"
#include "gateway/observe/exposition.h"

enum { PAGE_MAX = 64 << 20, LABELS_MAX = 2048 };

/* The coordinator's own: symbol, name, type, help. */
#define OWN_METRICS(X)                                                                        \
    X(LIVE, "signalbox_gateway_live", "gauge", "1: it lives, by its Swarm task or its lease") \
    X(CONNECTED, "signalbox_gateway_connected", "gauge", "1: it has a stream open")           \
    X(APPLIED, "signalbox_gateway_applied_revision", "gauge",                                 \
      "the revision in force in its proxy, as it reported")                                   \
    X(BEHIND, "signalbox_gateway_behind", "gauge",                                            \
      "1: the cluster's newest revision is not in force there, or nobody knows")              \
    X(AGE, "signalbox_gateway_report_age_seconds", "gauge", "since its last report")          \
    X(LEFT_OUT, "signalbox_gateway_samples_left_out", "gauge",                                \
      "numbers of its last report that are not shown: unknown, malformed or too many; -1: all")

enum own {
#define X(sym, name, type, help) OWN_##sym,
    OWN_METRICS(X)
#undef X
        OWN__COUNT
};

static const struct exposition_metric own_metrics[OWN__COUNT] = {
#define X(sym, name, type, help) [OWN_##sym] = {name, type, "", help},
    OWN_METRICS(X)
#undef X
};

static const struct exposition_metric cluster_revision = {"signalbox_cluster_revision", "gauge", "",
                                                          "the cluster's newest revision"};

struct gateway {
    const struct coordinator_gateway *seen; /* a copy; its strings are lent for this turn */
    struct buf labels;                      /* cluster, gateway, node */
    int64_t left_out;
};

/* One number that will be shown. */
struct shown {
    enum metric metric;
    const char *suffix;
    uint32_t gateway;
    uint32_t order; /* buckets by their bounds, the others as they came */
    struct str labels;
    int64_t value;
};

struct page {
    const char *cluster;
    struct gateway *gateways;
    struct coordinator_gateway *seen;
    size_t num, cap;
    struct shown *all;
    size_t num_shown, cap_shown;
    size_t bytes; /* about, of what will be shown */
    struct buf out;
    bool fits;
};

/* ---- gathering ---------------------------------------------------------------------------------
 */

/* The labels are those of the list, in its order; of a histogram's bucket, a bound. */
static bool labels_are(const char *names, struct str labels, uint32_t *order)
{
    struct str wanted = str_from(names), want, name, value;

    if (names[0] == '\0' || labels.n == 0)
        return names[0] == '\0' && labels.n == 0;
    while (wanted.p != NULL && str_split(&wanted, ',', &want)) {
        if (labels.p == NULL || !stats_label(&labels, &name, &value) || !str_eq(name, want))
            return false;
        if (str_eq(name, STR("le"))) {
            int bound = exposition_bound(value);

            if (bound < 0)
                return false;
            *order = (uint32_t)bound;
        }
    }
    return labels.p == NULL;
}

static bool find(const struct stats_sample *s, struct shown *out)
{
    const struct exposition_metric *m;

    out->metric = exposition_find(s->name, &out->suffix);
    if (out->metric == METRIC__COUNT)
        return false;
    m = exposition_describe(out->metric);
    if (strcmp(m->type, "histogram") == 0 && strcmp(out->suffix, "_bucket") != 0)
        return s->labels.n == 0;
    return labels_are(m->labels, s->labels, &out->order);
}

static void add_shown(struct page *p, const struct shown *one)
{
    if (p->num_shown == p->cap_shown) {
        p->cap_shown = p->cap_shown != 0 ? p->cap_shown * 2 : 1024;
        p->all = xrealloc(p->all, p->cap_shown * sizeof p->all[0]);
    }
    p->all[p->num_shown++] = *one;
}

static void take_samples(struct page *p, uint32_t at)
{
    struct gateway *g = &p->gateways[at];
    struct str rest = str_from(g->seen->stats);
    struct stats_sample s;
    struct shown one = {.gateway = at};

    while (stats_next(&rest, &s)) {
        size_t bytes = s.name.n + s.labels.n + g->labels.len + 32;

        one.order = METRICS_BUCKETS_NUM + 1 + (uint32_t)p->num_shown;
        if (!find(&s, &one) || p->bytes + bytes > PAGE_MAX / 2) {
            g->left_out++;
            continue;
        }
        p->bytes += bytes;
        one.labels = s.labels;
        one.value = s.value;
        add_shown(p, &one);
    }
    if (g->seen->stats_refused)
        g->left_out = -1;
}

static void take_gateway(void *arg, const struct coordinator_gateway *seen)
{
    struct page *p = arg;

    if (p->num == p->cap) {
        p->cap = p->cap != 0 ? p->cap * 2 : 16;
        p->seen = xrealloc(p->seen, p->cap * sizeof p->seen[0]);
    }
    p->seen[p->num++] = *seen;
}

static void take_all(struct page *p)
{
    p->gateways = xcalloc(p->num + 1, sizeof p->gateways[0]);
    for (size_t i = 0; i < p->num; i++) {
        struct gateway *g = &p->gateways[i];

        g->seen = &p->seen[i];
        buf_init(&g->labels, LABELS_MAX);
        p->fits = p->fits && exposition_add_label(&g->labels, "cluster", str_from(p->cluster)) &&
                  exposition_add_label(&g->labels, "gateway", str_from(g->seen->id)) &&
                  exposition_add_label(&g->labels, "node", str_from(g->seen->node));
        take_samples(p, (uint32_t)i);
    }
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static int by_metric(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;

    if (x->metric != y->metric)
        return x->metric < y->metric ? -1 : 1;
    if (x->gateway != y->gateway)
        return x->gateway < y->gateway ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void print_sample(struct page *p, const struct shown *s, struct buf *labels)
{
    buf_clear(labels);
    p->fits = p->fits && buf_add_str(labels, buf_str(&p->gateways[s->gateway].labels)) &&
              (s->labels.n == 0 || (buf_add(labels, ",", 1) && buf_add_str(labels, s->labels))) &&
              exposition_sample(&p->out, exposition_describe(s->metric)->name, s->suffix,
                                buf_str(labels), s->value);
}

static void print_samples(struct page *p)
{
    struct buf labels;

    buf_init(&labels, LABELS_MAX + STATS_BYTES_MAX);
    if (p->num_shown > 0)
        qsort(p->all, p->num_shown, sizeof p->all[0], by_metric);
    for (size_t i = 0; i < p->num_shown; i++) {
        if (i == 0 || p->all[i].metric != p->all[i - 1].metric)
            p->fits = p->fits && exposition_head(&p->out, exposition_describe(p->all[i].metric));
        print_sample(p, &p->all[i], &labels);
    }
    buf_free(&labels);
}

static int64_t own_value(const struct gateway *g, enum own which,
                         const struct coordinator_cluster *cluster)
{
    switch (which) {
    case OWN_LIVE:
        return g->seen->state == COORDINATOR_GATEWAY_LIVE;
    case OWN_CONNECTED:
        return g->seen->connected;
    case OWN_APPLIED:
        return (int64_t)g->seen->applied;
    case OWN_BEHIND:
        return !g->seen->reported || g->seen->applied < cluster->revision ||
               strcmp(g->seen->epoch, cluster->epoch) != 0;
    case OWN_AGE:
        return g->seen->last_report_ms_ago * 1000;
    case OWN_LEFT_OUT:
        return g->left_out;
    case OWN__COUNT:
        break;
    }
    WRONG("a metric without a value");
}

static void print_own(struct page *p, const struct coordinator_cluster *cluster)
{
    struct buf labels;

    buf_init(&labels, LABELS_MAX);
    p->fits = p->fits && exposition_add_label(&labels, "cluster", str_from(p->cluster)) &&
              exposition_head(&p->out, &cluster_revision) &&
              exposition_sample(&p->out, cluster_revision.name, "", buf_str(&labels),
                                (int64_t)cluster->revision);
    for (int i = 0; i < OWN__COUNT; i++) {
        p->fits = p->fits && exposition_head(&p->out, &own_metrics[i]);
        for (size_t k = 0; k < p->num; k++)
            if (i != OWN_AGE || p->gateways[k].seen->reported)
                p->fits =
                    p->fits && exposition_sample(&p->out, own_metrics[i].name, "",
                                                 buf_str(&p->gateways[k].labels),
                                                 own_value(&p->gateways[k], (enum own)i, cluster));
    }
    buf_free(&labels);
}

static void page_free(struct page *p)
{
    for (size_t i = 0; i < p->num; i++)
        buf_free(&p->gateways[i].labels);
    free(p->gateways);
    free(p->seen);
    free(p->all);
    buf_free(&p->out);
}

void api_get_metrics(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct page p = {.cluster = cluster, .fits = true};
    struct coordinator_cluster seen;
    struct err why = {0};

    if (!api_named_cluster(call, cluster))
        return;
    ASSERT(coordinator_cluster(call->coordinator, cluster, &seen));
    buf_init(&p.out, PAGE_MAX);
    coordinator_each_gateway(call->coordinator, cluster, take_gateway, &p);
    take_all(&p);
    print_own(&p, &seen);
    print_samples(&p);
    if (p.fits) {
        reply_text(call->req, "text/plain; version=0.0.4; charset=utf-8", &p.out);
    } else {
        err_set(&why, "TooLarge", "", "the answer would be larger than %d bytes", (int)PAGE_MAX);
        reply_later(call->req, 503, 60, &why);
    }
    page_free(&p);
}
