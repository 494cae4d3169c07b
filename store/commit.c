/*
 * One commit: objects, change log, revisions, author and cause in one transaction. Whatever fails
 * on the way, the transaction is left and nothing has happened. Called by the coordinator.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

/* A cluster that this commit changes. */
struct touched {
    const char *name; /* borrowed from the changes */
    int64_t id;
    int64_t num_rows; /* added to its change log */
};

struct commit {
    struct store *s;
    int64_t number;
    struct touched *clusters;
    size_t num_clusters;
    size_t last; /* index of the cluster used last: changes come cluster by cluster */
};

static bool cluster_id(struct store *s, const char *name, int64_t *out, struct err *e)
{
    *out = 0;
    if (!sql_number(s, sql_bind(s, SQL_CLUSTER_ID, e, "t", name), out, e))
        return false;
    if (*out != 0)
        return true;
    if (!sql_run(s, sql_bind(s, SQL_CLUSTER_ADD, e, "t", name), e))
        return false;
    *out = sqlite3_last_insert_rowid(s->db);
    return true;
}

/* NULL with *e. Lent until the next call. */
static struct touched *touch(struct commit *c, const char *name, struct err *e)
{
    int64_t id;

    if (c->num_clusters > 0 && strcmp(c->clusters[c->last].name, name) == 0)
        return &c->clusters[c->last];
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (strcmp(c->clusters[i].name, name) == 0) {
            c->last = i;
            return &c->clusters[i];
        }
    }
    if (!cluster_id(c->s, name, &id, e))
        return NULL;
    c->clusters = xrealloc(c->clusters, (c->num_clusters + 1) * sizeof(*c->clusters));
    c->clusters[c->num_clusters] = (struct touched){name, id, 0};
    c->last = c->num_clusters++;
    return &c->clusters[c->last];
}

/* A row of the change log; an object that changes twice in a commit has one row, the last. */
static bool log_change(struct commit *c, struct touched *t, const struct store_change *change,
                       struct err *e)
{
    int64_t deleted = change->value == NULL ? 1 : 0;

    if (!sql_run(c->s,
                 sql_bind(c->s, SQL_CHANGE_ADD, e, "iitti", t->id, c->number, change->kind,
                          change->name, deleted),
                 e))
        return false;
    if (sqlite3_changes(c->s->db) > 0) {
        t->num_rows++;
        return true;
    }
    return sql_run(c->s,
                   sql_bind(c->s, SQL_CHANGE_AGAIN, e, "iitti", t->id, c->number, change->kind,
                            change->name, deleted),
                   e);
}

static bool apply(struct commit *c, const struct store_change *change, struct err *e)
{
    struct touched *t = touch(c, change->cluster, e);
    sqlite3_stmt *q;

    if (t == NULL)
        return false;
    if (change->value != NULL)
        q = sql_bind(c->s, SQL_OBJECT_SET, e, "ittti", t->id, change->kind, change->name,
                     change->value, c->number);
    else
        q = sql_bind(c->s, SQL_OBJECT_DELETE, e, "itt", t->id, change->kind, change->name);
    if (!sql_run(c->s, q, e))
        return false;
    if (sqlite3_changes(c->s->db) == 0)
        return true; /* it was so already */
    return log_change(c, t, change, e);
}

/* Revisions and the length of the log of those clusters that really changed. */
static bool finish_clusters(struct commit *c, bool *out_any, struct err *e)
{
    *out_any = false;
    for (size_t i = 0; i < c->num_clusters; i++) {
        const struct touched *t = &c->clusters[i];

        if (t->num_rows == 0)
            continue;
        *out_any = true;
        if (!sql_run(c->s,
                     sql_bind(c->s, SQL_CLUSTER_TOUCH, e, "iii", t->id, c->number, t->num_rows),
                     e) ||
            !compact_cluster(c->s, t->id, e))
            return false;
    }
    return true;
}

static bool write_all(struct commit *c, const struct store_change *changes, size_t num_changes,
                      bool *out_any, struct err *e)
{
    for (size_t i = 0; i < num_changes; i++)
        if (!apply(c, &changes[i], e))
            return false;
    return finish_clusters(c, out_any, e);
}

/* A struct for the two words of the audit would have one user: seven parameters with the error. */
/* NOLINTNEXTLINE(readability-function-size) */
bool store_commit(struct store *s, const struct store_change *changes, size_t num_changes,
                  const char *author, const char *cause, uint64_t *out_commit, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    struct commit c = {.s = s, .number = (int64_t)s->head + 1};
    bool any = false;
    bool ok = true;

    *out_commit = s->head;
    if (num_changes == 0)
        return true;
    ok = sql_run(s, sql_bind(s, SQL_BEGIN, e, ""), e) &&
         sql_run(s, sql_bind(s, SQL_COMMIT_ADD, e, "iitt", c.number, s->now_ms(), author, cause),
                 e) &&
         write_all(&c, changes, num_changes, &any, e);
    if (ok && any)
        ok = sql_run(s, sql_bind(s, SQL_COMMIT, e, ""), e);
    if (!ok || !any) {
        sql_rollback(s);
    } else {
        s->head = (uint64_t)c.number;
        *out_commit = s->head;
    }
    free(c.clusters);
    return ok;
}
