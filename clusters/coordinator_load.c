/*
 * What the store knows, at the start: tables, change logs, epochs, documents, and which clusters
 * the last run had. Everything is read before anything is handed on, so that a store that breaks
 * off in the middle leaves no half table. Tables are handed on first: streams need nothing else,
 * and documents, which take several times as long to understand, only matter to who writes. Called
 * by coordinator.c when the store has been opened.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/catalog.h"
#include "clusters/coordinator_priv.h"
#include "clusters/gateways.h"
#include "clusters/publish/publish.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

enum { NAMES_MAX = 64 << 10 };

static const char names_key[] = "clusters"; /* of the last run, each between two blanks */

struct row {
    char *kind;
    char *name;
    char *value; /* NULL: it was deleted */
    uint64_t commit;
};

struct rows {
    struct row *all;
    size_t num;
    size_t room;
};

static void rows_add(struct rows *r, const char *kind, const char *name, const char *value,
                     uint64_t commit)
{
    if (r->num == r->room) {
        r->room = r->room * 2 + 64;
        r->all = xrealloc(r->all, r->room * sizeof r->all[0]);
    }
    r->all[r->num++] =
        (struct row){xstrdup(kind), xstrdup(name), value != NULL ? xstrdup(value) : NULL, commit};
}

static void rows_clear(struct rows *r)
{
    for (size_t i = 0; i < r->num; i++) {
        free(r->all[i].kind);
        free(r->all[i].name);
        free(r->all[i].value);
    }
    free(r->all);
    *r = (struct rows){0};
}

static void on_object(void *arg, const char *kind, const char *name, const char *value,
                      uint64_t commit)
{
    rows_add(arg, kind, name, value, commit);
}

static void on_change(void *arg, uint64_t commit, const char *kind, const char *name, bool deleted)
{
    if (deleted)
        rows_add(arg, kind, name, NULL, commit);
}

void coordinator_stamp(struct cluster *cl, const char *name, uint64_t commit)
{
    struct stamp *s = map_get(&cl->commits, str_from(name));

    if (s == NULL) {
        s = xcalloc(1, sizeof *s);
        ASSERT(map_put(&cl->commits, str_from(name), s) == NULL);
    }
    s->commit = commit > s->commit ? commit : s->commit;
}

static bool read_cluster(struct coordinator *c, struct cluster *cl, struct rows *rows,
                         struct err *e)
{
    return store_epoch_of(c->store, cl->name, cl->epoch, e) &&
           store_log_floor(c->store, cl->name, &cl->floor, e) &&
           store_revision(c->store, cl->name, &cl->revision, e) &&
           store_each_object(c->store, cl->name, on_object, rows, e) &&
           store_each_change(c->store, cl->name, cl->floor, on_change, rows, e);
}

static void hand_on(struct coordinator *c, struct cluster *cl, const struct row *r)
{
    enum route_kind kind;

    if (!route_kind_from_name(r->kind, &kind)) {
        log_warn("cluster %s: the store holds a \"%s\", a kind that this program does not know",
                 cl->name, r->kind);
        return;
    }
    if (r->value == NULL) {
        publish_load_delete(c->publish, cl->name, kind, r->name, r->commit);
        return;
    }
    backlog_note(&cl->backlog, kind, r->name, r->value);
    coordinator_stamp(cl, r->name, r->commit);
    publish_load_object(c->publish, cl->name, kind, r->name, r->value, r->commit);
}

/* Everything of one cluster; nothing is handed on when it cannot all be read. */
bool coordinator_load_cluster(struct coordinator *c, struct cluster *cl, struct err *e)
{
    struct rows rows = {0};
    bool ok = read_cluster(c, cl, &rows, e);

    for (size_t i = 0; i < rows.num && ok; i++)
        hand_on(c, cl, &rows.all[i]);
    cl->loaded = ok;
    rows_clear(&rows);
    return ok;
}

/* True when the last run had this cluster; a store that does not say comes from a run that had. */
static bool had(const char *names, const char *cluster)
{
    char *word = xasprintf(" %s ", cluster);
    bool found = names[0] == '\0' || strstr(names, word) != NULL;

    free(word);
    return found;
}

static char *gateways_key(const struct cluster *cl)
{
    return xasprintf("gateways %s", cl->name);
}

/* Whoever was there is waited for: it is no matter for a start when this cannot be read. */
static void recall_gateways(struct coordinator *c, struct cluster *cl)
{
    char *key = gateways_key(cl);
    char *lines = xcalloc(1, GATEWAYS_TEXT_MAX + 1);
    struct err why = {0};

    if (store_recall(c->store, key, lines, GATEWAYS_TEXT_MAX + 1, &why))
        gateways_recall(cl->gateways, lines, clock_mono_ms());
    else
        log_warn("cluster %s: which gateways it had is not known: %s", cl->name, why.text);
    cl->gateways_kept = gateways_version(cl->gateways);
    free(lines);
    free(key);
}

static void remember_gateways(struct coordinator *c, struct cluster *cl)
{
    char *key = gateways_key(cl);
    struct err why = {0};
    struct buf b;

    buf_init(&b, GATEWAYS_TEXT_MAX);
    gateways_write(cl->gateways, &b);
    if (store_remember(c->store, key, b.len > 0 ? b.bytes : "", &why))
        cl->gateways_kept = gateways_version(cl->gateways);
    else
        log_debug("cluster %s: its gateways are not kept: %s", cl->name, why.text);
    buf_free(&b);
    free(key);
}

void coordinator_remember_gateways(struct coordinator *c)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        struct cluster *cl = c->clusters[i];

        if (c->store != NULL && c->batch == NULL && cl->loaded &&
            cl->gateways_kept != gateways_version(cl->gateways))
            remember_gateways(c, cl);
    }
}

/* A cluster that has a table is served at once; the others wait for hold.h's leave. */
static void take_cluster(struct coordinator *c, struct cluster *cl, const struct rows *rows,
                         const char *names)
{
    for (size_t i = 0; i < rows->num; i++)
        hand_on(c, cl, &rows->all[i]);
    log_info("cluster %s: %zu objects in the store at revision %llu of epoch %s", cl->name,
             cl->backlog.objects.len, (unsigned long long)cl->revision, cl->epoch);
    cl->loaded = true;
    recall_gateways(c, cl);
    cl->since_ms = clock_mono_ms();
    if (cl->revision == 0)
        cl->held = HELD_NEW;
    else if (!had(names, cl->name))
        cl->held = HELD_RETURNED;
    else
        coordinator_serve(c, cl);
}

/* ---- documents ----------------------------------------------------------------------------------
 */

/* One that a newer program wrote is kept, and has no effect. */
static void plan_document(struct coordinator *c, const struct write_document *d)
{
    struct errs *faults;
    struct intent *intent;

    if (d->kind == INTENT_SERVICE)
        return; /* history only */
    faults = xcalloc(1, sizeof *faults);
    intent = intent_read(d->kind, d->tenant, d->name, d->created_ms, str_from(d->value), faults);
    ASSERT(!errs_has(faults, "NoMemory")); /* one that is there must not pass for one that is not */
    if (intent != NULL)
        plan_put(c->plan, intent);
    else
        log_warn("the %s \"%s\" of tenant \"%s\" in the store has no effect: %s",
                 intent_kind_name(d->kind), d->name, d->tenant, faults->all[0].text);
    free(faults);
}

struct reading {
    struct coordinator *c;
    struct catalog *documents;
};

static void on_document(void *arg, const struct store_doc *row)
{
    struct reading *r = arg;
    enum intent_kind kind;

    if (intent_kind_from_name(row->kind, &kind))
        catalog_put(r->documents, &(struct write_document){kind, row->tenant, row->name, row->value,
                                                           row->set_by, row->created_ms});
    else
        coordinator_found_newer(r->c, "The store holds", row->kind, row->name);
}

static bool plan_one(void *arg, const struct write_document *d)
{
    plan_document(arg, d);
    return true;
}

/* The clusters that documents define get their places; they are read with the rest. */
static bool add_cluster(void *arg, const struct write_document *d)
{
    struct coordinator *c = arg;

    plan_document(c, d);
    if (plan_intent(c->plan, INTENT_CLUSTER, "", d->name) != NULL &&
        coordinator_find(c, d->name) == NULL) {
        (void)coordinator_cluster_new(c, d->name, false);
        publish_add_cluster(c->publish, d->name);
    }
    return true;
}

static void take_clusters(struct coordinator *c, const struct rows *rows, const char *names)
{
    for (size_t i = 0; i < c->num_clusters; i++)
        take_cluster(c, c->clusters[i], &rows[i], names);
    c->head = store_head(c->store);
    store_audit_head(c->store, c->audit_head);
}

static void plan_documents(struct coordinator *c)
{
    for (int kind = 0; kind < INTENT_KIND__COUNT; kind++) {
        if (kind != INTENT_CLUSTER)
            catalog_each(c->catalog, (enum intent_kind)kind, NULL, plan_one, c);
    }
}

static bool read_clusters(struct coordinator *c, struct rows *rows, struct err *e)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (!read_cluster(c, c->clusters[i], &rows[i], e))
            return false;
    }
    return true;
}

/* A catalog of all documents, or NULL. */
static struct catalog *read_documents(struct coordinator *c, struct err *e)
{
    struct reading r = {c, catalog_new()};

    if (store_each_doc(c->store, on_document, &r, e))
        return r.documents;
    catalog_free(r.documents);
    return NULL;
}

static bool load(struct coordinator *c, const char *names, struct err *e)
{
    struct catalog *documents = read_documents(c, e);
    struct rows *rows;
    bool ok;

    if (documents == NULL)
        return false;
    catalog_free(c->catalog);
    c->catalog = documents;
    catalog_each(documents, INTENT_CLUSTER, NULL, add_cluster, c);
    rows = xcalloc(c->num_clusters + 1, sizeof *rows);
    ok = read_clusters(c, rows, e);
    if (ok)
        take_clusters(c, rows, names);
    for (size_t i = 0; i < c->num_clusters; i++)
        rows_clear(&rows[i]);
    free(rows);
    if (ok)
        plan_documents(c);
    return ok;
}

bool coordinator_load(struct coordinator *c, struct err *e)
{
    char *names = xcalloc(1, NAMES_MAX);
    bool ok = store_recall(c->store, names_key, names, NAMES_MAX, e) && load(c, names, e);

    free(names);
    if (ok)
        coordinator_recall_secrets(c);
    return ok;
}

void coordinator_remember(struct coordinator *c)
{
    struct buf b;
    struct err why = {0};

    if (c->remembered)
        return;
    buf_init(&b, NAMES_MAX - 1);
    c->remembered = true;
    for (size_t i = 0; i < c->num_clusters && c->remembered; i++)
        c->remembered = buf_add_fmt(&b, " %s ", c->clusters[i]->name);
    if (!c->remembered)
        err_set(&why, "TooLarge", "", "their names have more than %d bytes", (int)NAMES_MAX);
    else
        c->remembered = store_remember(c->store, names_key, b.bytes, &why);
    if (!c->remembered)
        log_warn("the store does not know which clusters this run has: %s", why.text);
    c->remembered = true; /* the next start serves at once what it might have held: no more */
    buf_free(&b);
}
