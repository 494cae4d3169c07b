/*
 * Keeps every log bounded. A cluster's change log is cut when it has an eighth more rows than it
 * should, or its oldest row is an eighth older than it should be, so that cutting is rare and its
 * cost is spread; the history of documents and the audit, whose rows are larger, when a
 * sixty-fourth over their rows, bytes or age. Whole commits are cut from logs and history; a floor
 * says up to which. Commits that no log refers to any more go when they are old or too many, but
 * never the last one: its number is the head.
 */
#include "store/store_priv.h"

const char history_floor_key[] = "history/floor";

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

static bool drop_commits(struct store *s, struct err *e)
{
    return sql_run(s,
                   sql_bind(s, SQL_COMMITS_DELETE, e, "ii", s->now_ms() - s->log_age_max_ms,
                            (int64_t)s->head - s->commits_max),
                   e);
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
           drop_commits(s, e);
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

/* ---- history and audit --------------------------------------------------------------------------
 */

/* What a log holds: rows are numbered without gaps from the first to the last. */
struct span {
    int64_t first;
    int64_t last;
    int64_t bytes;
    int64_t first_at_ms;
    int64_t total;    /* of the last row, see the migration */
    int64_t last_key; /* what its rows are cut by: commit number or row */
};

/* False without *failed: the log is empty. */
static bool look(struct store *s, enum sql_id id, struct span *out, bool *failed, struct err *e)
{
    sqlite3_stmt *q = sql_bind(s, id, e, "");

    if (!sql_next(s, q, failed, e))
        return false;
    *out = (struct span){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1),
                         sqlite3_column_int64(q, 2), sqlite3_column_int64(q, 3),
                         sqlite3_column_int64(q, 4), sqlite3_column_int64(q, 5)};
    sql_done(q);
    return true;
}

static bool beyond(int64_t have, int64_t limit)
{
    return have > limit + limit / 64;
}

static bool too_long(const struct span *p, const struct log_limits *max, int64_t now)
{
    return beyond(p->last - p->first + 1, max->rows) || beyond(p->bytes, max->bytes) ||
           beyond(now - p->first_at_ms, max->age_ms);
}

/* *out_cut: everything up to and with it may go; 0 = nothing. The first row that all limits allow
 * stays, and its commit with it. */
static bool find_cut(struct store *s, enum sql_id span, enum sql_id keep,
                     const struct log_limits *max, int64_t *out_cut, struct err *e)
{
    int64_t now = s->now_ms();
    int64_t first_kept = 0;
    struct span p;
    bool failed;

    *out_cut = 0;
    if (!look(s, span, &p, &failed, e))
        return !failed;
    if (!too_long(&p, max, now))
        return true;
    if (!sql_number(s,
                    sql_bind(s, keep, e, "iii", p.last - max->rows, p.total - max->bytes,
                             now - max->age_ms),
                    &first_kept, e))
        return false;
    *out_cut = first_kept > 0 ? first_kept - 1 : p.last_key;
    return true;
}

static bool compact_history(struct store *s, struct err *e)
{
    int64_t floor;

    if (!find_cut(s, SQL_HISTORY_SPAN, SQL_HISTORY_KEEP, &s->history_max, &floor, e))
        return false;
    return floor == 0 || (meta_set_number(s, history_floor_key, floor, e) &&
                          sql_run(s, sql_bind(s, SQL_HISTORY_DELETE, e, "i", floor), e));
}

bool compact_logs(struct store *s, struct err *e)
{
    int64_t last;

    if (!compact_history(s, e) ||
        !find_cut(s, SQL_AUDIT_SPAN, SQL_AUDIT_KEEP, &s->audit_max, &last, e))
        return false;
    return last == 0 || audit_cut(s, last, e);
}

/* ---- all ----------------------------------------------------------------------------------------
 */

bool compact_rest(struct store *s, struct err *e)
{
    return compact_each(s, e) && drop_commits(s, e);
}

bool compact_all(struct store *s, struct err *e)
{
    bool ok = sql_run(s, sql_bind(s, SQL_BEGIN, e, ""), e) && compact_logs(s, e) &&
              compact_rest(s, e) && sql_run(s, sql_bind(s, SQL_COMMIT, e, ""), e);

    if (!ok)
        sql_rollback(s);
    return ok;
}
