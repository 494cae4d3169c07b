/*
 * A write made from history: the documents of a tenant, or of a cluster, as they were after a
 * commit. What labels made cannot be written back, the labels are the service's: where a service's
 * labels differ from what they were, a pin holds the old ones until it is released; endpoints
 * follow the tasks all the while. A service that is not there any more is named. Tokens are never
 * rolled back: what was revoked stays revoked.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/catalog.h"
#include "clusters/labels/labels.h"
#include "clusters/write_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

/* A document that was different then. */
struct then {
    enum intent_kind kind;
    char *tenant;
    char *name;
    char *value; /* NULL: it was not there */
    int64_t created_ms;
};

struct history {
    struct coordinator *c;
    struct then *all;
    size_t num;
};

static void on_then(void *arg, const struct store_doc *d, const char *then, int64_t created_ms)
{
    struct history *h = arg;
    enum intent_kind kind;

    if (!intent_kind_from_name(d->kind, &kind))
        return;
    if ((h->num & (h->num - 1)) == 0) /* at 0 and at each power of two */
        h->all = xrealloc(h->all, (h->num > 0 ? h->num * 2 : 1) * sizeof h->all[0]);
    h->all[h->num++] = (struct then){kind, xstrdup(d->tenant), xstrdup(d->name),
                                     then != NULL ? xstrdup(then) : NULL, created_ms};
}

static void history_clear(struct history *h)
{
    for (size_t i = 0; i < h->num; i++) {
        free(h->all[i].tenant);
        free(h->all[i].name);
        free(h->all[i].value);
    }
    free(h->all);
}

static const struct then *find_then(const struct history *h, enum intent_kind kind,
                                    const char *tenant, const char *name)
{
    for (size_t i = 0; i < h->num; i++) {
        const struct then *t = &h->all[i];

        if (t->kind == kind && strcmp(t->tenant, tenant) == 0 && strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

/* Its value after the commit; NULL: it was not there. Lent. */
static const char *value_then(const struct history *h, enum intent_kind kind, const char *tenant,
                              const char *name)
{
    const struct then *t = find_then(h, kind, tenant, name);
    const struct write_document *now;

    if (t != NULL)
        return t->value;
    now = catalog_get(h->c->catalog, kind, tenant, name);
    return now != NULL ? now->value : NULL;
}

/* ---- documents ----------------------------------------------------------------------------------
 */

static bool is_of(const char *value, enum intent_kind kind, const struct then *t,
                  const char *cluster)
{
    struct errs *faults = xcalloc(1, sizeof *faults);
    struct intent *i =
        value != NULL ? intent_read(kind, t->tenant, t->name, 0, str_from(value), faults) : NULL;
    bool is = i != NULL && i->cluster != NULL && strcmp(i->cluster, cluster) == 0;

    intent_free(i);
    free(faults);
    return is;
}

/* Does the document, as it is or was, belong to what is rolled back? */
static bool concerns(const struct history *h, const struct then *t, const char *cluster)
{
    const struct write_document *now;

    switch (t->kind) {
    case INTENT_ROUTE:
    case INTENT_POOL:
    case INTENT_ENDPOINTS:
    case INTENT_CERTIFICATE:
        break;
    case INTENT_SETTINGS:
        return cluster != NULL && strcmp(t->name, cluster) == 0;
    case INTENT_CLUSTER:
    case INTENT_TENANT:
    case INTENT_OWNERSHIP:
    case INTENT_TOKEN:
    case INTENT_PIN: /* by the services */
    case INTENT_SERVICE:
    case INTENT_KIND__COUNT:
        return false;
    }
    now = catalog_get(h->c->catalog, t->kind, t->tenant, t->name);
    return cluster == NULL || is_of(t->value, t->kind, t, cluster) ||
           (now != NULL && is_of(now->value, t->kind, t, cluster));
}

static void add_documents(struct write *w, const struct history *h, const char *cluster)
{
    for (size_t i = 0; i < h->num; i++) {
        const struct then *t = &h->all[i];

        if (concerns(h, t, cluster))
            write_add_op(w,
                         &(struct write_op){t->kind, t->tenant, t->name, t->value, WRITE_ALWAYS, 0},
                         t->created_ms);
    }
}

/* ---- services -----------------------------------------------------------------------------------
 */

enum { LABELS_TEXT_MAX = 6 * INTENT_VALUE_MAX }; /* each byte may be an escape */

/* The labels, as a JSON object, of a service's document or of a pin; free(). The history has
 * nothing that cannot be read. */
static char *labels_of(enum intent_kind kind, const char *tenant, const char *service,
                       const char *value)
{
    struct errs *faults = xcalloc(1, sizeof *faults);
    struct intent *i = intent_read(kind, tenant, service, 0, str_from(value), faults);
    const struct intent_pair *all = i == NULL            ? NULL
                                    : kind == INTENT_PIN ? i->as.pin.labels
                                                         : i->as.service.labels;
    size_t num = i == NULL            ? 0
                 : kind == INTENT_PIN ? i->as.pin.num_labels
                                      : i->as.service.num_labels;
    struct buf b;

    buf_init(&b, LABELS_TEXT_MAX);
    ASSERT(buf_add_str(&b, STR("{")));
    for (size_t k = 0; k < num; k++)
        ASSERT(buf_add_str(&b, k > 0 ? STR(",") : STR("")) &&
               buf_add_json(&b, str_from(all[k].key)) && buf_add_str(&b, STR(":")) &&
               buf_add_json(&b, str_from(all[k].value)));
    ASSERT(buf_add_str(&b, STR("}")));
    intent_free(i);
    free(faults);
    return buf_take(&b);
}

/* What was in force then: a pin's labels, else the service's own; "{}" when there was none. free().
 */
static char *labels_then(const struct history *h, const char *tenant, const char *service)
{
    const char *pin = value_then(h, INTENT_PIN, tenant, service);
    const char *own = value_then(h, INTENT_SERVICE, tenant, service);

    if (pin != NULL)
        return labels_of(INTENT_PIN, tenant, service, pin);
    return own != NULL ? labels_of(INTENT_SERVICE, tenant, service, own) : xstrdup("{}");
}

static void add_pin(struct write *w, const char *tenant, const char *service, const char *labels,
                    uint64_t to)
{
    char *value = xasprintf("{\"commit\":%llu,\"labels\":%s,\"service\":\"%s\"}",
                            (unsigned long long)to, labels, service);

    write_add_op(w, &(struct write_op){INTENT_PIN, tenant, service, value, WRITE_ALWAYS, 0}, 0);
    free(value);
}

static void add_lost(struct write *w, const char *service)
{
    w->lost = xrealloc(w->lost, (w->num_lost + 1) * sizeof(char *));
    w->lost[w->num_lost++] = xstrdup(service);
}

static bool has_labels(const struct write_document *d, const char *labels)
{
    char *now = labels_of(d->kind, d->tenant, d->name, d->value);
    bool same = strcmp(now, labels) == 0;

    free(now);
    return same;
}

static void add_service(struct write *w, const struct history *h, const char *tenant,
                        const char *service, uint64_t to)
{
    const struct catalog *docs = h->c->catalog;
    const struct write_document *now = catalog_get(docs, INTENT_SERVICE, tenant, service);
    const struct write_document *pin = catalog_get(docs, INTENT_PIN, tenant, service);
    char *labels = labels_then(h, tenant, service);

    if (now == NULL && value_then(h, INTENT_SERVICE, tenant, service) != NULL)
        add_lost(w, service);
    else if (now != NULL && !has_labels(now, labels))
        add_pin(w, tenant, service, labels, to);
    else if (pin != NULL)
        write_add_op(w, &(struct write_op){INTENT_PIN, tenant, service, NULL, WRITE_ALWAYS, 0}, 0);
    free(labels);
}

struct in_cluster {
    const char *service;
    const char *cluster;
    bool found;
};

static void on_service(void *arg, const struct compile_service *s)
{
    struct in_cluster *in = arg;

    if (strcmp(s->name, in->service) == 0 && strcmp(s->cluster, in->cluster) == 0)
        in->found = true;
}

/* Is it in this cluster now, or did its label name it then? */
static bool service_concerns(const struct history *h, const struct then *t, const char *cluster)
{
    struct in_cluster in = {.service = t->name, .cluster = cluster};
    char *label;

    if (cluster == NULL)
        return true;
    plan_each_service(h->c->plan, on_service, &in);
    label = xasprintf("\"" LABELS_SERVICE_CLUSTER "\":\"%s\"", cluster);
    in.found = in.found || (t->value != NULL && strstr(t->value, label) != NULL);
    free(label);
    return in.found;
}

static void add_services(struct write *w, const struct history *h, const char *cluster, uint64_t to)
{
    for (size_t i = 0; i < h->num; i++) {
        const struct then *t = &h->all[i];
        bool twice =
            t->kind == INTENT_PIN && find_then(h, INTENT_SERVICE, t->tenant, t->name) != NULL;

        if ((t->kind == INTENT_SERVICE || t->kind == INTENT_PIN) && !twice &&
            service_concerns(h, t, cluster))
            add_service(w, h, t->tenant, t->name, to);
    }
}

struct write *coordinator_rollback(struct coordinator *c, const char *tenant, const char *cluster,
                                   uint64_t to, const struct write_request *rq, struct err *e)
{
    struct write *w;

    ASSERT((tenant == NULL) != (cluster == NULL));
    if (!coordinator_may_commit(c, e) || (rq->durable && !coordinator_may_be_durable(c, e)))
        return NULL;
    w = write_new(c, rq);
    w->rollback = xcalloc(1, sizeof *w->rollback);
    w->rollback->tenant = tenant != NULL ? xstrdup(tenant) : NULL;
    w->rollback->cluster = cluster != NULL ? xstrdup(cluster) : NULL;
    w->rollback->to = to;
    return write_enqueue(w, e);
}

/* Once is enough: what is observed while it waits came after it. */
bool write_rollback_is_due(struct write *w)
{
    bool due = w->owner->staged.len == 0 && (w->owner->seen.len == 0 || w->rollback->waited);

    w->rollback->waited = true;
    return due;
}

bool write_rollback_make(struct write *w)
{
    struct history h = {.c = w->owner};
    const struct rollback *r = w->rollback;
    struct err why = {0};
    bool ok = false;

    if (h.c->reader == NULL)
        err_set(&why, "NotRead", "", "the store is not open yet");
    else
        ok = store_docs_at(h.c->reader, r->to, r->tenant, on_then, &h, &why);
    if (ok) {
        add_documents(w, &h, r->cluster);
        add_services(w, &h, r->cluster, r->to);
    } else {
        write_refuse(w, strcmp(why.code, "Compacted") == 0 ? 410 : 503, why.code, why.field,
                     why.text);
    }
    history_clear(&h);
    return ok;
}
