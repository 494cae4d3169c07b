/*
 * What can be asked of a store: epoch, head, commits, and per cluster objects, change log and
 * revision. Documents and the audit have files of their own.
 */
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

bool store_each_object(struct store *s, const char *cluster, store_object_fn *fn, void *arg,
                       struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_EACH_OBJECT, e, "t", cluster);
    bool failed;

    while (sql_next(s, q, &failed, e))
        fn(arg, sql_text(q, 0), sql_text(q, 1), sql_text(q, 2),
           (uint64_t)sqlite3_column_int64(q, 3));
    return !failed;
}

bool store_each_change(struct store *s, const char *cluster, uint64_t after, store_change_fn *fn,
                       void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_EACH_CHANGE, e, "ti", cluster, (int64_t)after);
    bool failed;

    while (sql_next(s, q, &failed, e))
        fn(arg, (uint64_t)sqlite3_column_int64(q, 0), sql_text(q, 1), sql_text(q, 2),
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

/* NOLINTNEXTLINE(readability-function-size): seven parameters with the error, as in the header */
bool store_each_commit(struct store *s, const char *tenant, uint64_t before, size_t max,
                       store_commit_fn *fn, void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind_page(s, SQL_EACH_COMMIT, SQL_EACH_COMMIT_OF, tenant, before, max, e);
    bool failed;

    while (sql_next(s, q, &failed, e)) {
        const struct store_commit_row row = {.number = (uint64_t)sqlite3_column_int64(q, 0),
                                             .at_ms = sqlite3_column_int64(q, 1),
                                             .author = sql_text(q, 2),
                                             .cause = sql_text(q, 3),
                                             .tenant = sql_text(q, 4),
                                             .diff_json = sql_text(q, 5),
                                             .hash = sql_text(q, 6),
                                             .prev = sql_text(q, 7)};

        fn(arg, &row);
    }
    return !failed;
}
