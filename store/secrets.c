/*
 * What was last seen of Swarm's secrets, so that the first answers after a start know them. No
 * commit goes with it: it changes no table. Called by the coordinator.
 */
#include "store/store_priv.h"

static bool keep_one(struct store *s, const struct store_secret *x, struct err *e)
{
    return sql_run(s,
                   sql_bind(s, SQL_SECRET_SET, e, "ttittttt", x->id, x->name, (int64_t)x->version,
                            x->created_at, x->updated_at, x->labels, x->tenant, x->expires),
                   e);
}

static bool keep_all(struct store *s, const struct store_secret *set, size_t num_set,
                     const char *const *gone, size_t num_gone, struct err *e)
{
    for (size_t i = 0; i < num_gone; i++)
        if (!sql_run(s, sql_bind(s, SQL_SECRET_DELETE, e, "t", gone[i]), e))
            return false;
    for (size_t i = 0; i < num_set; i++)
        if (!keep_one(s, &set[i], e))
            return false;
    return sql_run(s, sql_bind(s, SQL_COMMIT, e, ""), e);
}

bool store_keep_secrets(struct store *s, const struct store_secret *set, size_t num_set,
                        const char *const *gone, size_t num_gone, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    if (!sql_run(s, sql_bind(s, SQL_BEGIN, e, ""), e))
        return false;
    if (keep_all(s, set, num_set, gone, num_gone, e))
        return true;
    sql_rollback(s);
    return false;
}

bool store_each_secret(struct store *s, store_secret_fn *fn, void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_SECRETS, e, "");
    bool failed;

    while (sql_next(s, q, &failed, e))
        fn(arg, &(struct store_secret){.id = sql_text(q, 0),
                                       .name = sql_text(q, 1),
                                       .version = (uint64_t)sqlite3_column_int64(q, 2),
                                       .created_at = sql_text(q, 3),
                                       .updated_at = sql_text(q, 4),
                                       .labels = sql_text(q, 5),
                                       .tenant = sql_text(q, 6),
                                       .expires = sql_text(q, 7)});
    return !failed;
}
