/*
 * Keeps the change log bounded: a cluster's log is cut when it has an eighth more rows than it
 * should, or its oldest row is an eighth older than it should be, so that cutting is rare and its
 * cost is spread. Whole commits are cut; the floor says up to which. Commits that no log refers to
 * any more go when they are old, but never the last one: its number is the head.
 */
#include "store/store_priv.h"

static int64_t over(int64_t limit)
{
    return limit + limit / 8;
}

static bool cut_by_rows(struct store *s, int64_t cluster, int64_t *out_cut, struct err *e)
{
    int64_t rows = 0;

    if (!sql_number(s, sql_bind(s, SQL_LOG_ROWS, e, "i", cluster), &rows, e))
        return false;
    if (rows <= over(s->log_rows_max))
        return true;
    return sql_number(
        s, sql_bind(s, SQL_LOG_CUT_BY_ROWS, e, "ii", cluster, rows - s->log_rows_max - 1), out_cut,
        e);
}

static bool cut_by_age(struct store *s, int64_t cluster, int64_t *out_cut, struct err *e)
{
    int64_t now = s->now_ms();
    int64_t oldest = now;
    int64_t cut = 0;

    if (!sql_number(s, sql_bind(s, SQL_LOG_OLDEST, e, "i", cluster), &oldest, e))
        return false;
    if (now - oldest <= over(s->log_age_max_ms))
        return true;
    if (!sql_number(s, sql_bind(s, SQL_LOG_CUT_BY_AGE, e, "i", now - s->log_age_max_ms), &cut, e))
        return false;
    *out_cut = cut > *out_cut ? cut : *out_cut;
    return true;
}

/* Cuts the log up to and with this commit; the floor is the last commit that was really cut. */
static bool cut_log(struct store *s, int64_t cluster, int64_t cut, struct err *e)
{
    int64_t floor = 0;

    if (!sql_number(s, sql_bind(s, SQL_LOG_LAST_CUT, e, "ii", cluster, cut), &floor, e))
        return false;
    if (floor == 0)
        return true;
    if (!sql_run(s, sql_bind(s, SQL_LOG_DELETE, e, "ii", cluster, floor), e))
        return false;
    int64_t rows = sqlite3_changes64(s->db);

    return sql_run(s, sql_bind(s, SQL_LOG_FLOOR_SET, e, "iii", cluster, floor, rows), e) &&
           sql_run(s, sql_bind(s, SQL_COMMITS_DELETE, e, "i", s->now_ms() - s->log_age_max_ms), e);
}

bool compact_cluster(struct store *s, int64_t cluster, struct err *e)
{
    int64_t cut = 0;

    if (!cut_by_rows(s, cluster, &cut, e) || !cut_by_age(s, cluster, &cut, e))
        return false;
    return cut == 0 || cut_log(s, cluster, cut, e);
}

static bool compact_each(struct store *s, struct err *e)
{
    sqlite3_stmt *q = sql_bind(s, SQL_EACH_CLUSTER, e, "");
    bool failed;

    while (sql_next(s, q, &failed, e)) {
        if (!compact_cluster(s, sqlite3_column_int64(q, 0), e)) {
            sql_done(q);
            return false;
        }
    }
    return !failed;
}

bool compact_all(struct store *s, struct err *e)
{
    bool ok = sql_run(s, sql_bind(s, SQL_BEGIN, e, ""), e) && compact_each(s, e) &&
              sql_run(s, sql_bind(s, SQL_COMMIT, e, ""), e);

    if (!ok)
        sql_rollback(s);
    return ok;
}
