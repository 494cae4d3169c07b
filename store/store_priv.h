/* Inside store/ and its tests only: the object itself and the statements. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include <sqlite3.h>

#include "gateway/core/obj.h"
#include "store/store.h"

enum { STORE_MAGIC = 0x53744f72, STORE_APPLICATION_ID = 0x53426f78 };

/* Every statement that runs more than once; the texts are in sql.c. */
enum sql_id {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_GET,
    SQL_META_SET,
    SQL_HEAD,
    SQL_CLUSTER_ID,
    SQL_CLUSTER_ADD,
    SQL_CLUSTER_TOUCH,
    SQL_CLUSTER_REVISION,
    SQL_CLUSTER_FLOOR,
    SQL_COMMIT_ADD,
    SQL_OBJECT_SET,
    SQL_OBJECT_DELETE,
    SQL_CHANGE_ADD,
    SQL_CHANGE_AGAIN,
    SQL_EACH_OBJECT,
    SQL_EACH_CHANGE,
    SQL_EACH_CLUSTER,
    SQL_LOG_ROWS,
    SQL_LOG_OLDEST,
    SQL_LOG_CUT_BY_ROWS,
    SQL_LOG_CUT_BY_AGE,
    SQL_LOG_LAST_CUT,
    SQL_LOG_DELETE,
    SQL_LOG_FLOOR_SET,
    SQL_COMMITS_DELETE,
    SQL__COUNT
};

struct store {
    unsigned magic;
    sqlite3 *db;
    sqlite3_stmt *statements[SQL__COUNT]; /* prepared at first use */
    char *path;
    char epoch[STORE_EPOCH_MAX];
    uint64_t head;
    /* The change log of a cluster is cut to these when an eighth over them; tests lower them. */
    int64_t log_rows_max;
    int64_t log_age_max_ms;
    int64_t (*now_ms)(void); /* wall clock; tests replace it */
    bool marked;             /* the file had our application id when it was opened */
    int64_t check_until_ms;  /* monotonic: when the check at the start is given up */
};

/* Fills *e from the last error of db, in words; false. `doing` completes "while …". */
bool sql_fail(sqlite3 *db, const char *path, const char *doing, struct err *e);

/*
 * The statement with its parameters bound: types has an 'i' for each int64_t, a 't' for each
 * const char * that follow; texts must live until the statement is done. NULL with *e.
 */
sqlite3_stmt *sql_bind(struct store *s, enum sql_id id, struct err *e, const char *types, ...);

MUST_USE bool sql_run(struct store *s, sqlite3_stmt *bound, struct err *e); /* no rows wanted */
/* First column of the first row; *out is left alone when there is none (or it is NULL). */
MUST_USE bool sql_number(struct store *s, sqlite3_stmt *bound, int64_t *out, struct err *e);
/* True for a row; false at the end or with *failed. The statement is reset when it gives false. */
MUST_USE bool sql_next(struct store *s, sqlite3_stmt *bound, bool *failed, struct err *e);
void sql_done(sqlite3_stmt *bound); /* for who stops before the end; NULL is fine */
void sql_finalize_all(struct store *s);

/* Leaves the transaction, if one is open. */
void sql_rollback(struct store *s);

/* meta.c: the store's epoch, read or made. */
MUST_USE bool meta_load_epoch(struct store *s, struct err *e);

/* compact.c: inside a transaction. */
MUST_USE bool compact_cluster(struct store *s, int64_t cluster, struct err *e);
MUST_USE bool compact_all(struct store *s, struct err *e); /* in a transaction of its own */

#endif
