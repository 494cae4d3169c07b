/* Inside store/ and its tests only: the object itself and the statements. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include <sqlite3.h>

#include "gateway/core/obj.h"
#include "store/store.h"

enum {
    STORE_MAGIC = 0x53744f72,
    STORE_APPLICATION_ID = 0x53426f78,
    STORE_ROW_BYTES = 100 /* what a row of history or audit counts beside its texts */
};

/* Every statement that runs more than once; the texts are in sql_texts.c. */
enum sql_id {
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_META_GET,
    SQL_META_SET,
    SQL_EPOCH_LAST,
    SQL_EPOCHS_DELETE,
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
    SQL_DOC_GET,
    SQL_DOC_SET,
    SQL_DOC_DELETE,
    SQL_EACH_DOC,
    SQL_HISTORY_ADD,
    SQL_HISTORY_SPAN,
    SQL_HISTORY_KEEP,
    SQL_HISTORY_DELETE,
    SQL_DOCS_AT,
    SQL_EACH_COMMIT,
    SQL_EACH_COMMIT_OF,
    SQL_AUDIT_ADD,
    SQL_AUDIT_LAST,
    SQL_AUDIT_SPAN,
    SQL_AUDIT_KEEP,
    SQL_AUDIT_HASH,
    SQL_AUDIT_DELETE,
    SQL_EACH_AUDIT,
    SQL_EACH_AUDIT_OF,
    SQL_AUDIT_CHAIN,
    SQL_SECRET_SET,
    SQL_SECRET_DELETE,
    SQL_SECRETS,
    SQL__COUNT
};

extern const char *const sql_texts[SQL__COUNT];

/* The end of the audit chain. */
struct audit_end {
    int64_t seq; /* of the last row there ever was, 0 = none */
    char hash[STORE_HASH_HEX + 1];
};

/* What is kept of a log; what is older or more goes. Tests lower them. */
struct log_limits {
    int64_t rows;
    int64_t bytes;
    int64_t age_ms;
};

struct store {
    unsigned magic;
    sqlite3 *db;
    sqlite3_stmt *statements[SQL__COUNT]; /* prepared at first use */
    char *path;
    int lock; /* descriptor of PATH-lock; -1: a reader */
    char epoch[STORE_EPOCH_MAX];
    uint64_t head;
    struct audit_end audit;
    /* The change log of a cluster is cut to these when an eighth over them; tests lower them. */
    int64_t log_rows_max;
    int64_t log_age_max_ms;
    int64_t commits_max; /* rows of commits that no log refers to */
    struct log_limits history_max;
    struct log_limits audit_max;
    int64_t (*now_ms)(void); /* wall clock; tests replace it */
    bool marked;             /* the file had our application id when it was opened */
    int schema;              /* its number when it was opened */
    int64_t check_until_ms;  /* monotonic: when the check at the start is given up */
};

/* Fills *e from the last error of db, in words; false. `doing` completes "while …". */
bool sql_fail(sqlite3 *db, const char *path, const char *doing, struct err *e);
/* As sql_fail, for a file that errno is about. */
bool sql_fail_errno(const char *path, const char *doing, struct err *e);

/*
 * First column of the first row of a pragma or query that runs once, as text and cut; "" when there
 * is no row. `doing` as in sql_fail.
 */
MUST_USE bool sql_word(struct store *s, const char *sql, const char *doing, char *out, size_t max,
                       struct err *e);

/*
 * The statement with its parameters bound: types has an 'i' for each int64_t, a 't' for each
 * const char * (NULL: SQL's NULL) that follow; texts must live until the statement is done. NULL
 * with *e.
 */
sqlite3_stmt *sql_bind(struct store *s, enum sql_id id, struct err *e, const char *types, ...);
/* A page of a list, those below `before` (0: all), at most `max`: `all`, or with a tenant `of`. */
sqlite3_stmt *sql_bind_page(struct store *s, enum sql_id all, enum sql_id of, const char *tenant,
                            uint64_t before, size_t max, struct err *e);

MUST_USE bool sql_run(struct store *s, sqlite3_stmt *bound, struct err *e); /* no rows wanted */
/* First column of the first row; *out is left alone when there is none (or it is NULL). */
MUST_USE bool sql_number(struct store *s, sqlite3_stmt *bound, int64_t *out, struct err *e);
/* True for a row; false at the end or with *failed. The statement is reset when it gives false. */
MUST_USE bool sql_next(struct store *s, sqlite3_stmt *bound, bool *failed, struct err *e);
void sql_done(sqlite3_stmt *bound); /* for who stops before the end; NULL is fine */
const char *sql_text(sqlite3_stmt *row, int column); /* of a NOT NULL column; lent */
void sql_finalize_all(struct store *s);

/* Leaves the transaction, if one is open. */
void sql_rollback(struct store *s);

/* lock.c: the lock that one process has. -1 with *e, StoreLocked when it is another's. */
int lock_take(const char *path, struct err *e);

/* open.c: parts of opening that whole-file work needs. */
/* The connection and its settings only; no lock, no check. Reading: a file that cannot be written
 * will do. */
struct store *store_attach(const char *path, bool reading, struct err *e);
MUST_USE bool store_is_ours(struct store *s, struct err *e); /* application id, schema's number */
MUST_USE bool store_load(struct store *s, struct err *e);    /* epoch, head, end of the chain */

/* backup.c: all pages, as one moment has them, into a new file, fsynced, with no log beside it; one
 * that is there is replaced. No check of them. */
MUST_USE bool store_copy(sqlite3 *from, const char *path, const char *to, struct err *e);
MUST_USE bool store_sync_folder(const char *path, struct err *e);
/* What SQLite leaves beside a file, and would play into another one of that name. */
MUST_USE bool store_drop_beside(const char *path, struct err *e);

/* meta.c */
MUST_USE bool meta_load_epoch(struct store *s, struct err *e);                   /* read or made */
MUST_USE bool meta_new_epoch(struct store *s, uint64_t after_ms, struct err *e); /* of all */
MUST_USE bool meta_last_epoch(struct store *s, uint64_t *out_ms, struct err *e); /* latest of all */
/* A number under a name; *out is left alone when there is none. */
MUST_USE bool meta_number(struct store *s, const char *key, int64_t *out, struct err *e);
MUST_USE bool meta_set_number(struct store *s, const char *key, int64_t value, struct err *e);

/* Commits on their way, in one transaction (commit.c). */
struct batch {
    struct store *s;
    const struct store_commit_rq *rq; /* the commit under way */
    int64_t number;                   /* that it has, or would have */
    int64_t head;                     /* of the commits so far */
    int64_t now_ms;
    bool made; /* it differs, its row is there */
    struct audit_end audit;
    struct touched *clusters; /* of the commit under way */
    size_t num_clusters;
    size_t last; /* index of the cluster used last: changes come cluster by cluster */
};
/* The commit under way differs from what was: gives it its row, once. */
MUST_USE bool batch_differs(struct batch *b, struct err *e);

/* documents.c: one document of the commit under way, with its history. */
MUST_USE bool documents_apply(struct batch *b, const struct store_doc_change *change,
                              struct err *e);

/* audit.c */
MUST_USE bool audit_load(struct store *s, struct err *e);
/* A row after *end, which moves on; seq, hash and prev of `row` are not looked at. */
MUST_USE bool audit_append(struct store *s, struct audit_end *end,
                           const struct store_audit_row *row, struct err *e);
/* Keeps what is left of the chain verifiable; rows up to and with `last` go. */
MUST_USE bool audit_cut(struct store *s, int64_t last, struct err *e);

/* compact.c: inside a transaction. */
extern const char history_floor_key[]; /* meta: up to and with which commit it was cut */
MUST_USE bool compact_cluster(struct store *s, int64_t cluster, struct err *e);
MUST_USE bool compact_logs(struct store *s, struct err *e); /* history and audit, when too long */
MUST_USE bool compact_rest(struct store *s, struct err *e); /* every cluster, and commits */
MUST_USE bool compact_all(struct store *s, struct err *e);  /* in a transaction of its own */

#endif
