/*
 * What the store knows, at the start: tables, change logs, epochs, and which clusters the last run
 * had. Everything is read before anything is handed on, so that a store that breaks off in the
 * middle leaves no half table. Called by coordinator.c when the store has been opened.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/diff.h"
#include "clusters/coordinator_priv.h"
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
    ASSERT(diff_table_add(&cl->loaded, r->kind, r->name, r->value)); /* the kind is known */
    coordinator_stamp(cl, r->name, r->commit);
    publish_load_object(c->publish, cl->name, kind, r->name, r->value, r->commit);
}

/* True when the last run had this cluster; a store that does not say comes from a run that had. */
static bool had(const char *names, const char *cluster)
{
    char *word = xasprintf(" %s ", cluster);
    bool found = names[0] == '\0' || strstr(names, word) != NULL;

    free(word);
    return found;
}

/* A cluster that has a table is served at once; the others wait for hold.h's leave. */
static void take_cluster(struct coordinator *c, struct cluster *cl, const struct rows *rows,
                         const char *names)
{
    for (size_t i = 0; i < rows->num; i++)
        hand_on(c, cl, &rows->all[i]);
    diff_table_sort(&cl->loaded);
    log_info("cluster %s: %zu objects in the store at revision %llu of epoch %s", cl->name,
             cl->loaded.num_objects, (unsigned long long)cl->revision, cl->epoch);
    cl->since_ms = clock_mono_ms();
    if (cl->revision == 0)
        cl->held = HELD_NEW;
    else if (!had(names, cl->name))
        cl->held = HELD_RETURNED;
    else
        coordinator_serve(c, cl);
}

bool coordinator_load(struct coordinator *c, struct err *e)
{
    struct rows *rows = xcalloc(c->num_clusters + 1, sizeof *rows);
    char *names = xcalloc(1, NAMES_MAX);
    bool ok = store_recall(c->store, names_key, names, NAMES_MAX, e);

    for (size_t i = 0; i < c->num_clusters && ok; i++)
        ok = read_cluster(c, &c->clusters[i], &rows[i], e);
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (ok)
            take_cluster(c, &c->clusters[i], &rows[i], names);
        rows_clear(&rows[i]);
    }
    free(rows);
    free(names);
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
        c->remembered = buf_add_fmt(&b, " %s ", c->clusters[i].name);
    if (!c->remembered)
        err_set(&why, "TooLarge", "", "their names have more than %d bytes", (int)NAMES_MAX);
    else
        c->remembered = store_remember(c->store, names_key, b.bytes, &why);
    if (!c->remembered)
        log_warn("the store does not know which clusters this run has: %s", why.text);
    c->remembered = true; /* the next start serves at once what it might have held: no more */
    buf_free(&b);
}
