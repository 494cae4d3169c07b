/*
 * What is compiled becomes what is committed: the differences of all clusters as one commit of the
 * store, then to each cluster its own part. A commit that fails leaves everything as it was.
 * Called by coordinator.c at the end of a turn, and each second after a failure.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/diff.h"
#include "clusters/coordinator_priv.h"
#include "clusters/publish/publish.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"

static int object_order(const void *a, const void *b)
{
    const struct compile_object *x = a;
    const struct compile_object *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Does any object of the sorted table have this name? */
static bool table_names(const struct compile_cluster *table, const char *name)
{
    for (int kind = 0; kind < ROUTE_KIND__COUNT; kind++) {
        const struct compile_object key = {.kind = (enum route_kind)kind, .name = (char *)name};

        if (table->num_objects != 0 &&
            bsearch(&key, table->objects, table->num_objects, sizeof key, object_order) != NULL)
            return true;
    }
    return false;
}

/* The differences of one cluster, as its neighbours want them. */
struct delta {
    struct diff_change *changes; /* NULL when num is 0 */
    size_t num;
};

static void publish_delta(struct coordinator *c, struct cluster *cl, const struct delta *d,
                          uint64_t commit)
{
    struct publish_change *out = xcalloc(d->num, sizeof *out);

    for (size_t i = 0; i < d->num; i++) {
        const struct diff_change *ch = &d->changes[i];

        out[i] = (struct publish_change){ch->kind, ch->name, ch->value};
        if (ch->value != NULL || table_names(cl->table, ch->name))
            coordinator_stamp(cl, ch->name, commit);
        else
            free(map_remove(&cl->commits, str_from(ch->name)));
    }
    cl->revision = commit;
    publish_commit(c->publish, cl->name, commit, out, d->num);
    free(out);
    log_info("cluster %s: commit %llu changes %zu objects", cl->name, (unsigned long long)commit,
             d->num);
}

void coordinator_serve(struct coordinator *c, struct cluster *cl)
{
    if (cl->served)
        return;
    cl->served = true;
    publish_epoch(c->publish, cl->name, cl->epoch);
    publish_serve(c->publish, cl->name, cl->revision, cl->floor);
}

/* A cluster that is held has no differences: what the store has of it stays. */
static size_t diff_all(const struct coordinator *c, struct delta *deltas)
{
    size_t total = 0;

    for (size_t i = 0; i < c->num_clusters; i++) {
        if (c->clusters[i].held != HELD_NOT)
            continue;
        deltas[i].num =
            diff_tables(c->clusters[i].table, &c->compiled->clusters[i], &deltas[i].changes);
        total += deltas[i].num;
    }
    return total;
}

static bool commit_all(struct coordinator *c, const struct delta *deltas, size_t total,
                       uint64_t *out_commit, struct err *e)
{
    struct store_change *rows = xcalloc(total, sizeof *rows);
    size_t n = 0;
    bool ok;

    for (size_t i = 0; i < c->num_clusters; i++) {
        for (size_t k = 0; k < deltas[i].num; k++) {
            const struct diff_change *ch = &deltas[i].changes[k];

            rows[n++] = (struct store_change){c->clusters[i].name, route_kind_name(ch->kind),
                                              ch->name, ch->value};
        }
    }
    ok = store_commit(c->store, rows, n, "swarm", "observed", out_commit, e);
    free(rows);
    return ok;
}

/* What is compiled is now what is committed; the tables that were, go. */
static void adopt_compiled(struct coordinator *c)
{
    if (c->committed != c->compiled)
        compile_free(c->committed);
    c->committed = c->compiled;
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (c->clusters[i].held != HELD_NOT)
            continue;
        c->clusters[i].table = &c->committed->clusters[i];
        diff_table_clear(&c->clusters[i].loaded);
    }
}

static void announce(struct coordinator *c, const struct delta *deltas, uint64_t commit)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        struct cluster *cl = &c->clusters[i];

        if (cl->held != HELD_NOT)
            continue;
        coordinator_serve(c, cl);
        cl->table = &c->compiled->clusters[i];
        if (deltas[i].num != 0)
            publish_delta(c, cl, &deltas[i], commit);
    }
}

void coordinator_commit(struct coordinator *c)
{
    struct delta *deltas = xcalloc(c->num_clusters + 1, sizeof *deltas);
    size_t total = diff_all(c, deltas);
    uint64_t commit = 0;
    struct err why = {0};

    if (total == 0 || commit_all(c, deltas, total, &commit, &why)) {
        if (c->store_failure.code != NULL)
            log_info("the store takes commits again");
        c->store_failure = (struct err){0};
        announce(c, deltas, commit);
        for (size_t i = 0; i < c->num_clusters; i++)
            free(deltas[i].changes); /* they point into the table that goes */
        adopt_compiled(c);
        coordinator_remember(c);
    } else {
        coordinator_store_failed(c, &why,
                                 "the store does not take the commit, nothing of it is published");
        for (size_t i = 0; i < c->num_clusters; i++)
            free(deltas[i].changes);
    }
    free(deltas);
}
