/*
 * Words under names that outlive a run, and the epochs among them: of the store, made with it, and
 * of single clusters, taken later. Called by open.c and the coordinator.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/store_priv.h"

static const char store_key[] = "epoch";

bool store_recall(struct store *s, const char *key, char *out, size_t max, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_META_GET, e, "t", key);
    bool failed;
    size_t n;

    out[0] = '\0';
    if (!sql_next(s, q, &failed, e))
        return !failed;
    n = (size_t)sqlite3_column_bytes(q, 0);
    if (n < max) {
        memcpy(out, sqlite3_column_text(q, 0), n);
        out[n] = '\0';
    }
    sql_done(q);
    return n < max || err_set(e, "StoreCorrupt", "--store",
                              "The store %s has a \"%s\" of %zu bytes, longer than it can be.",
                              s->path, key, n);
}

bool store_remember(struct store *s, const char *key, const char *value, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    return sql_run(s, sql_bind(s, SQL_META_SET, e, "tt", key, value), e);
}

bool meta_number(struct store *s, const char *key, int64_t *out, struct err *e)
{
    char text[32];

    if (!store_recall(s, key, text, sizeof(text), e))
        return false;
    if (text[0] != '\0')
        *out = strtoll(text, NULL, 10);
    return true;
}

bool meta_set_number(struct store *s, const char *key, int64_t value, struct err *e)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    return store_remember(s, key, text, e);
}

/* "<unix ms>-<16 hex digits>": now, or right after `after_ms` where the clock is behind it. */
static bool make_epoch(struct store *s, const char *key, uint64_t after_ms, char *out,
                       struct err *e)
{
    int64_t now = s->now_ms();
    uint64_t ms = now > 0 && (uint64_t)now > after_ms ? (uint64_t)now : after_ms + 1;
    char made[STORE_EPOCH_MAX];
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set_errno(e, "StoreFailed", "--store", "No random bytes for a new epoch");
    snprintf(made, sizeof(made), "%llu-%016llx", (unsigned long long)ms,
             (unsigned long long)random);
    if (!store_remember(s, key, made, e))
        return false;
    memcpy(out, made, sizeof(made));
    return true;
}

bool meta_load_epoch(struct store *s, struct err *e)
{
    return store_recall(s, store_key, s->epoch, sizeof(s->epoch), e) &&
           (s->epoch[0] != '\0' || make_epoch(s, store_key, 0, s->epoch, e));
}

bool meta_last_epoch(struct store *s, uint64_t *out_ms, struct err *e)
{
    int64_t ms = 0;

    if (!sql_number(s, sql_bind(s, SQL_EPOCH_LAST, e, ""), &ms, e))
        return false;
    *out_ms = ms > 0 ? (uint64_t)ms : 0;
    return true;
}

/* The store's own, later than all: clusters that had one of their own have it no more. */
bool meta_new_epoch(struct store *s, uint64_t after_ms, struct err *e)
{
    return sql_run(s, sql_bind(s, SQL_EPOCHS_DELETE, e, ""), e) &&
           make_epoch(s, store_key, after_ms, s->epoch, e);
}

static char *cluster_key(const char *cluster)
{
    return xasprintf("epoch/%s", cluster);
}

bool store_epoch_of(struct store *s, const char *cluster, char out[STORE_EPOCH_MAX], struct err *e)
{
    char *key = cluster_key(cluster);
    bool ok = store_recall(s, key, out, STORE_EPOCH_MAX, e);

    if (ok && out[0] == '\0')
        memcpy(out, s->epoch, STORE_EPOCH_MAX);
    free(key);
    return ok;
}

bool store_renew_epoch(struct store *s, const char *cluster, uint64_t after_ms,
                       char out[STORE_EPOCH_MAX], struct err *e)
{
    char *key = cluster_key(cluster);
    bool ok = make_epoch(s, key, after_ms, out, e);

    free(key);
    return ok;
}
