/*
 * The texts of the statements, prepared by sql.c at first use. What a statement is for and how its
 * parameters are meant is said where it is bound.
 */
#include "store/store_priv.h"

/* The hash before a row: of the row before it, else what compaction left ("SEQ HASH"), else zeros.
 */
#define PREV                                                                            \
    "coalesce((SELECT p.hash FROM audit p WHERE p.seq = a.seq - 1), "                   \
    "(SELECT substr(value, instr(value, ' ') + 1) FROM meta WHERE key = 'audit/cut'), " \
    "printf('%064d', 0))"

#define COMMIT_ROWS                                                                   \
    "SELECT c.number, c.at_ms, c.author, c.cause, c.tenant, coalesce(a.detail, ''), " \
    "coalesce(a.hash, ''), iif(a.seq IS NULL, '', " PREV ") "                         \
    "FROM commits c LEFT JOIN audit a ON a.number = c.number AND a.number > 0 "

#define AUDIT_ROWS                                                                   \
    "SELECT a.seq, a.number, a.at_ms, a.author, a.action, a.tenant, a.detail, " PREV \
    ", a.hash FROM audit a "

const char *const sql_texts[SQL__COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN DEFERRED",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [SQL_META_SET] = "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                     "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [SQL_EPOCH_LAST] = "SELECT max(CAST(value AS INTEGER)) FROM meta "
                       "WHERE key = 'epoch' OR key LIKE 'epoch/%'", /* CAST reads up to the '-' */
    [SQL_EPOCHS_DELETE] = "DELETE FROM meta WHERE key LIKE 'epoch/%'",
    [SQL_HEAD] = "SELECT max(number) FROM commits",
    [SQL_CLUSTER_ID] = "SELECT id FROM clusters WHERE name = ?1",
    [SQL_CLUSTER_ADD] = "INSERT INTO clusters (name) VALUES (?1)",
    [SQL_CLUSTER_TOUCH] =
        "UPDATE clusters SET revision = ?2, log_rows = log_rows + ?3 WHERE id = ?1",
    [SQL_CLUSTER_REVISION] = "SELECT revision FROM clusters WHERE name = ?1",
    [SQL_CLUSTER_FLOOR] = "SELECT log_floor FROM clusters WHERE name = ?1",
    [SQL_COMMIT_ADD] =
        "INSERT INTO commits (number, at_ms, author, cause, tenant) VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_OBJECT_SET] =
        "INSERT INTO objects (cluster, kind, name, value, set_by) VALUES (?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT (cluster, kind, name) DO UPDATE SET value = excluded.value, "
        "set_by = excluded.set_by WHERE value IS NOT excluded.value",
    [SQL_OBJECT_DELETE] = "DELETE FROM objects WHERE cluster = ?1 AND kind = ?2 AND name = ?3",
    [SQL_CHANGE_ADD] = "INSERT OR IGNORE INTO changes (cluster, number, kind, name, deleted) "
                       "VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_CHANGE_AGAIN] = "UPDATE changes SET deleted = ?5 "
                         "WHERE cluster = ?1 AND number = ?2 AND kind = ?3 AND name = ?4",
    [SQL_EACH_OBJECT] = "SELECT o.kind, o.name, o.value, o.set_by FROM objects o JOIN clusters c "
                        "ON c.id = o.cluster "
                        "WHERE c.name = ?1 ORDER BY o.kind, o.name",
    [SQL_EACH_CHANGE] =
        "SELECT h.number, h.kind, h.name, h.deleted FROM changes h JOIN clusters c "
        "ON c.id = h.cluster WHERE c.name = ?1 AND h.number > ?2 ORDER BY h.number, h.kind, h.name",
    [SQL_EACH_CLUSTER] = "SELECT id FROM clusters",
    [SQL_LOG_ROWS] = "SELECT log_rows FROM clusters WHERE id = ?1",
    [SQL_LOG_OLDEST] = "SELECT c.at_ms FROM changes h JOIN commits c ON c.number = h.number "
                       "WHERE h.cluster = ?1 ORDER BY h.number LIMIT 1",
    [SQL_LOG_CUT_BY_ROWS] =
        "SELECT number FROM changes WHERE cluster = ?1 ORDER BY number LIMIT 1 OFFSET ?2",
    [SQL_LOG_CUT_BY_AGE] =
        "SELECT number FROM commits WHERE at_ms < ?1 ORDER BY at_ms DESC, number DESC LIMIT 1",
    [SQL_LOG_LAST_CUT] = "SELECT max(number) FROM changes WHERE cluster = ?1 AND number <= ?2",
    [SQL_LOG_DELETE] = "DELETE FROM changes WHERE cluster = ?1 AND number <= ?2",
    [SQL_LOG_FLOOR_SET] =
        "UPDATE clusters SET log_floor = ?2, log_rows = log_rows - ?3 WHERE id = ?1",
    [SQL_COMMITS_DELETE] =
        "DELETE FROM commits WHERE (at_ms < ?1 OR number <= ?2) "
        "AND number < (SELECT max(number) FROM commits) "
        "AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.number = commits.number) "
        "AND NOT EXISTS (SELECT 1 FROM document_history h WHERE h.number = commits.number)",
    [SQL_DOC_GET] = "SELECT value, created_ms FROM documents "
                    "WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
    [SQL_DOC_SET] =
        "INSERT INTO documents (tenant, kind, name, value, created_ms, set_by) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (tenant, kind, name) DO UPDATE SET "
        "value = excluded.value, created_ms = excluded.created_ms, set_by = excluded.set_by",
    [SQL_DOC_DELETE] = "DELETE FROM documents WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
    [SQL_EACH_DOC] = "SELECT tenant, kind, name, value, set_by, created_ms FROM documents "
                     "ORDER BY tenant, kind, name",
    /* The first row of a document in a commit says what was before the commit. */
    [SQL_HISTORY_ADD] = "INSERT OR IGNORE INTO document_history "
                        "(number, tenant, kind, name, before, before_created_ms, total) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, iif(?5 IS NULL, NULL, ?6), ?7 + coalesce("
                        "(SELECT total FROM document_history ORDER BY id DESC LIMIT 1), 0))",
    [SQL_HISTORY_SPAN] =
        "SELECT f.id, l.id, l.total - f.total, c.at_ms, l.total, l.number "
        "FROM (SELECT id, total, number FROM document_history ORDER BY id LIMIT 1) f "
        "JOIN (SELECT id, total, number FROM document_history ORDER BY id DESC LIMIT 1) l "
        "JOIN commits c ON c.number = f.number",
    [SQL_HISTORY_KEEP] =
        "SELECT h.number FROM document_history h CROSS JOIN commits c ON c.number = h.number "
        "WHERE h.id > ?1 AND h.total > ?2 AND c.at_ms >= ?3 ORDER BY h.id LIMIT 1",
    [SQL_HISTORY_DELETE] = "DELETE FROM document_history WHERE number <= ?1",
    [SQL_DOCS_AT] = "SELECT h.tenant, h.kind, h.name, d.value, d.set_by, d.created_ms, h.before, "
                    "h.before_created_ms FROM document_history h LEFT JOIN documents d "
                    "ON d.tenant = h.tenant AND d.kind = h.kind AND d.name = h.name "
                    "WHERE h.number > ?1 AND h.number = (SELECT min(x.number) FROM "
                    "document_history x WHERE x.tenant = h.tenant "
                    "AND x.kind = h.kind AND x.name = h.name AND x.number > ?1) "
                    "AND (?2 IS NULL OR h.tenant = ?2) "
                    "AND (h.before IS NOT d.value OR h.before_created_ms IS NOT d.created_ms) "
                    "ORDER BY h.tenant, h.kind, h.name",
    [SQL_EACH_COMMIT] = COMMIT_ROWS "WHERE c.number < ?1 ORDER BY c.number DESC LIMIT ?2",
    [SQL_EACH_COMMIT_OF] =
        COMMIT_ROWS "WHERE c.number < ?1 AND c.tenant = ?3 ORDER BY c.number DESC LIMIT ?2",
    [SQL_AUDIT_ADD] =
        "INSERT INTO audit (seq, number, at_ms, author, action, tenant, detail, hash, total) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 + coalesce("
        "(SELECT total FROM audit ORDER BY seq DESC LIMIT 1), 0))",
    [SQL_AUDIT_LAST] = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
    [SQL_AUDIT_SPAN] = "SELECT f.seq, l.seq, l.total - f.total, f.at_ms, l.total, l.seq "
                       "FROM (SELECT seq, total, at_ms FROM audit ORDER BY seq LIMIT 1) f "
                       "JOIN (SELECT seq, total FROM audit ORDER BY seq DESC LIMIT 1) l",
    [SQL_AUDIT_KEEP] = "SELECT seq FROM audit "
                       "WHERE seq > ?1 AND total > ?2 AND at_ms >= ?3 ORDER BY seq LIMIT 1",
    [SQL_AUDIT_HASH] = "SELECT hash FROM audit WHERE seq = ?1",
    [SQL_AUDIT_DELETE] = "DELETE FROM audit WHERE seq <= ?1",
    [SQL_EACH_AUDIT] = AUDIT_ROWS "WHERE a.seq < ?1 ORDER BY a.seq DESC LIMIT ?2",
    [SQL_EACH_AUDIT_OF] =
        AUDIT_ROWS "WHERE a.seq < ?1 AND a.tenant = ?3 ORDER BY a.seq DESC LIMIT ?2",
    [SQL_AUDIT_CHAIN] = "SELECT seq, number, at_ms, author, action, tenant, detail, hash "
                        "FROM audit ORDER BY seq",
    [SQL_SECRET_SET] = "INSERT OR REPLACE INTO secrets "
                       "(id, name, version, created_at, updated_at, labels, tenant, expires) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_SECRET_DELETE] = "DELETE FROM secrets WHERE id = ?1",
    [SQL_SECRETS] = "SELECT id, name, version, created_at, updated_at, labels, tenant, expires "
                    "FROM secrets ORDER BY id",
};
