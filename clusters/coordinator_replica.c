/*
 * Documents to Swarm's own store and back, and who may write at all. Every commit's documents go to
 * clusters/replica; what Swarm holds is taken in place of this store's when another coordinator
 * went on from there; while the fence is not held nothing is committed, and once it is lost nothing
 * is published either. What labels make is not sent: it is rebuilt from Swarm anyway.
 */
#include "clusters/coordinator_priv.h"

#include <string.h>

#include "clusters/catalog.h"
#include "clusters/publish/publish.h"
#include "clusters/replica/replica.h"
#include "clusters/write_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

static bool is_kept(const struct store_doc_change *d)
{
    enum intent_kind kind;

    return intent_kind_from_name(d->kind, &kind) && kind != INTENT_SERVICE;
}

void coordinator_replicate(struct coordinator *c, const struct store_commit_rq *rq)
{
    struct replica_doc *docs;
    size_t num = 0;

    if (c->replica == NULL)
        return;
    docs = xcalloc(rq->num_docs + 1, sizeof *docs);
    for (size_t i = 0; i < rq->num_docs; i++) {
        const struct store_doc_change *d = &rq->docs[i];

        if (is_kept(d))
            docs[num++] =
                (struct replica_doc){d->tenant, d->kind, d->name, d->value, d->created_ms};
    }
    replica_push(c->replica, rq->number, docs, num);
    free(docs);
}

uint64_t coordinator_durable(const struct coordinator *c)
{
    struct replica_status status;

    if (c->replica == NULL)
        return 0;
    replica_status(c->replica, &status);
    return status.durable;
}

bool coordinator_may_be_durable(const struct coordinator *c, struct err *why)
{
    struct replica_status status;

    if (c->replica == NULL)
        return err_set(why, "NotReplicated", "durable",
                       "this coordinator keeps no documents in Swarm's store (--replica off)");
    replica_status(c->replica, &status);
    return status.too_large.code == NULL ||
           err_set(why, "TooMuch", "durable", "%s", status.too_large.text);
}

void coordinator_found_newer(struct coordinator *c, const char *where, const char *kind,
                             const char *name)
{
    if (c->newer.code != NULL)
        return;
    err_set(
        &c->newer, "NewerDocuments", "",
        "%s a document of the kind \"%.63s\" (\"%.63s\"), which a newer program wrote: run that "
        "one again, or delete such documents with it",
        where, kind, name);
    log_warn("%s", c->newer.text);
}

bool coordinator_may_commit(const struct coordinator *c, struct err *why)
{
    struct replica_status status;

    if (c->replica == NULL)
        return true;
    if (c->newer.code != NULL) {
        *why = c->newer;
        return false;
    }
    if (c->fence == REPLICA_FENCE_HELD && c->replica_loaded)
        return true;
    if (c->fence == REPLICA_FENCE_LOST)
        return err_set(why, "Fenced", "",
                       "another coordinator (%.63s) has taken over: this one changes nothing any "
                       "more",
                       c->fence_holder);
    replica_status(c->replica, &status);
    return err_set(why, "Fencing", "",
                   "it is being settled with Swarm whether this coordinator may write%s%s",
                   status.last_error.code ? ": " : "", status.last_error.text);
}

/* ---- from Swarm ---------------------------------------------------------------------------------
 */

static bool next_document(void *arg, struct replica_doc *out)
{
    const struct write_document *d = catalog_walk_next(arg);

    if (d == NULL)
        return false;
    *out = (struct replica_doc){d->tenant, intent_kind_name(d->kind), d->name, d->value,
                                d->created_ms};
    return true;
}

static void end_walk(void *arg)
{
    catalog_walk_free(arg);
}

static void send_snapshot(struct coordinator *c)
{
    const struct replica_source source = {next_document, end_walk,
                                          catalog_walk_new(c->catalog, INTENT_SERVICE)};

    replica_snapshot(c->replica, c->head, &source);
}

static void on_snapshot(void *arg)
{
    struct coordinator *c;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (c->newer.code == NULL) /* it would be without what we do not know */
        send_snapshot(c);
}

/* What Swarm holds becomes what we hold. */
struct restore {
    struct write *w;
    struct map theirs;
};

static bool on_ours(void *arg, const struct write_document *d)
{
    struct restore *r = arg;
    struct str key;
    char *text = write_key(d->kind, d->tenant, d->name, &key);

    if (map_get(&r->theirs, key) == NULL)
        write_add_op(r->w, &(struct write_op){d->kind, d->tenant, d->name, NULL, WRITE_ALWAYS, 0},
                     0);
    free(text);
    return true;
}

static void take_one(struct restore *r, const struct replica_doc *d)
{
    enum intent_kind kind;
    struct str key;
    char *text;

    if (!intent_kind_from_name(d->kind, &kind))
        WRONG("on_loaded has looked at all of them");
    text = write_key(kind, d->tenant, d->name, &key);
    (void)map_put(&r->theirs, key, r);
    free(text);
    write_add_op(r->w, &(struct write_op){kind, d->tenant, d->name, d->value, WRITE_ALWAYS, 0},
                 d->created_ms);
}

/* Swarm's documents in place of ours, as one write that nobody judges: they were, once. */
static void take(struct coordinator *c, const struct replica_loaded *l)
{
    const struct write_request rq = {
        .author = "swarm", .cause = "taken from Swarm's store", .done = NULL};
    struct restore r = {.w = write_new(c, &rq)};
    struct err why = {0};

    map_init(&r.theirs);
    r.w->restored = true;
    for (size_t i = 0; i < l->num; i++)
        take_one(&r, &l->docs[i]);
    for (int kind = 0; kind < INTENT_KIND__COUNT; kind++) {
        if (kind != INTENT_SERVICE)
            catalog_each(c->catalog, (enum intent_kind)kind, NULL, on_ours, &r);
    }
    map_free(&r.theirs, NULL);
    log_info("%zu documents of commit %llu are taken from Swarm's store", l->num,
             (unsigned long long)l->commit);
    c->skip_to = l->commit;
    if (write_enqueue(r.w, &why) == NULL)
        WRONG("nothing else is written before");
}

static bool knows_all(struct coordinator *c, const struct replica_loaded *l)
{
    enum intent_kind kind;

    for (size_t i = 0; i < l->num; i++)
        if (!intent_kind_from_name(l->docs[i].kind, &kind))
            coordinator_found_newer(c, "Swarm's store holds", l->docs[i].kind, l->docs[i].name);
    return c->newer.code == NULL;
}

static void on_loaded(void *arg, const struct replica_loaded *l)
{
    struct coordinator *c;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    if (!knows_all(c, l))
        return;
    c->replica_loaded = true;
    if (!l->ours || c->head < l->commit)
        take(c, l);
    else if (c->head > l->commit)
        send_snapshot(c);
    coordinator_turn_soon(c);
}

static void on_durable(void *arg, uint64_t commit)
{
    struct coordinator *c;

    (void)commit;
    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    write_wait_review(c, NULL);
}

static void on_fence(void *arg, enum replica_fence state, const char *who)
{
    struct coordinator *c;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    c->fence = state;
    (void)snprintf(c->fence_holder, sizeof c->fence_holder, "%s", who);
    if (state == REPLICA_FENCE_LOST) {
        log_error("another coordinator (%s) has taken over: this one publishes nothing any more",
                  who);
        for (size_t i = 0; i < c->num_clusters; i++)
            publish_close(c->publish, c->clusters[i]->name);
    }
    coordinator_turn_soon(c);
}

bool coordinator_replica_start(struct coordinator *c, struct err *e)
{
    const struct coordinator_config *docker = &c->config;
    struct replica_config config = {
        .docker = docker->docker,
        .docker_tls_ca = docker->docker_tls_ca,
        .docker_tls_cert = docker->docker_tls_cert,
        .docker_tls_key = docker->docker_tls_key,
        .name = c->config.replica.name,
        .coordinator = c->config.replica.who,
        .store = store_epoch(c->store),
        .commit = c->head,
        .on_loaded = on_loaded,
        .on_snapshot = on_snapshot,
        .on_durable = on_durable,
        .on_fence = on_fence,
        .arg = c,
    };

    if (c->config.replica.name == NULL)
        return true;
    memcpy(config.key, c->config.replica.key, sizeof config.key);
    c->fence = REPLICA_FENCE_ASKING;
    c->replica = replica_new(c->base, &config, e);
    return c->replica != NULL;
}
