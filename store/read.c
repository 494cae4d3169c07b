/* What can be asked of a store: epoch, head, and per cluster objects, change log and revision. */
#include <stdlib.h>

#include "store/store_priv.h"

const char *store_epoch(const struct store *s)
{
    OBJ_CHECK(s, STORE_MAGIC);
    return s->epoch;
}

uint64_t store_head(const struct store *s)
{
    OBJ_CHECK(s, STORE_MAGIC);
    return s->head;
}

static const char *text(sqlite3_stmt *row, int column)
{
    const char *t = (const char *)sqlite3_column_text(row, column);

    ASSERT(t != NULL); /* NOT NULL columns of a STRICT table; SQLite's allocator aborts like ours */
    return t;
}

bool store_each_object(struct store *s, const char *cluster, store_object_fn *fn, void *arg,
                       struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_EACH_OBJECT, e, "t", cluster);
    bool failed;

    while (sql_next(s, q, &failed, e))
        fn(arg, text(q, 0), text(q, 1), text(q, 2), (uint64_t)sqlite3_column_int64(q, 3));
    return !failed;
}

bool store_each_change(struct store *s, const char *cluster, uint64_t after, store_change_fn *fn,
                       void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_EACH_CHANGE, e, "ti", cluster, (int64_t)after);
    bool failed;

    while (sql_next(s, q, &failed, e))
        fn(arg, (uint64_t)sqlite3_column_int64(q, 0), text(q, 1), text(q, 2),
           sqlite3_column_int(q, 3) != 0);
    return !failed;
}

static bool number_of_cluster(struct store *s, enum sql_id id, const char *cluster, uint64_t *out,
                              struct err *e)
{
    int64_t n = 0;

    OBJ_CHECK(s, STORE_MAGIC);
    if (!sql_number(s, sql_bind(s, id, e, "t", cluster), &n, e))
        return false;
    *out = (uint64_t)n;
    return true;
}

bool store_revision(struct store *s, const char *cluster, uint64_t *out, struct err *e)
{
    return number_of_cluster(s, SQL_CLUSTER_REVISION, cluster, out, e);
}

bool store_log_floor(struct store *s, const char *cluster, uint64_t *out, struct err *e)
{
    return number_of_cluster(s, SQL_CLUSTER_FLOOR, cluster, out, e);
}
