/*
 * Putting a backup in the place of a store. The copy gets its new epoch and its row in the audit
 * before it gets the name, so that no crash leaves a store under the name whose commit numbers the
 * gateways know with another meaning. What was there is kept. Called by `restore`, with the
 * coordinator ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "store/migrate.h"
#include "store/store_priv.h"

/* What the old store has at most; one that cannot be read says nothing. Its log is written back
 * into it meanwhile, so that it is whole in one file. */
static uint64_t last_epoch_there(const char *path)
{
    struct err unread;
    uint64_t ms = 0;
    struct store *s;

    if (access(path, F_OK) != 0 || (s = store_attach(path, false, &unread)) == NULL)
        return 0;
    if (!store_is_ours(s, &unread) || s->schema == 0 || !meta_last_epoch(s, &ms, &unread))
        ms = 0;
    store_close(s);
    return ms;
}

static bool mark(struct store *s, uint64_t after_ms, struct err *e)
{
    char detail[128];
    uint64_t own;

    if (!meta_last_epoch(s, &own, e) || !meta_new_epoch(s, own > after_ms ? own : after_ms, e))
        return false;
    snprintf(detail, sizeof(detail), "{\"commit\":%llu,\"epoch\":\"%s\"}",
             (unsigned long long)s->head, s->epoch);
    return store_audit_event(s, "operator", "restored", "", detail, e);
}

/* Copies have no log (backup.c): this one stays one file. */
static bool renew(const char *copy, uint64_t after_ms, struct err *e)
{
    struct store *s = store_attach(copy, false, e);
    bool ok = s != NULL && store_is_ours(s, e) && store_migrate(s->db, copy, e) &&
              store_load(s, e) && mark(s, after_ms, e);

    store_close(s);
    return ok;
}

/* An empty one is not worth it: a log after a clean end. */
static bool keep(const char *path, const char *suffix, const char *kept, struct err *e)
{
    struct stat st;
    char *from = xasprintf("%s%s", path, suffix);
    char *to = xasprintf("%s%s", kept, suffix);
    bool ok = (stat(from, &st) == 0 && st.st_size == 0) || link(from, to) == 0 || errno == ENOENT ||
              sql_fail_errno(path, "it was kept", e);

    free(from);
    free(to);
    return ok;
}

/*
 * The old log must be gone before the new file has its name: SQLite would play it into that. The
 * old file goes by the rename itself; a crash in between leaves it with its log kept aside, and the
 * restore is made again.
 */
static bool exchange(const char *copy, const char *path, const char *kept, struct err *e)
{
    if (!keep(path, "", kept, e) || !keep(path, "-wal", kept, e) || !store_sync_folder(path, e) ||
        !store_drop_beside(path, e))
        return false;
    if (rename(copy, path) != 0)
        return sql_fail_errno(path, "it was replaced", e);
    return store_sync_folder(path, e);
}

static bool copy_checked(const char *from, const char *copy, struct err *e)
{
    struct store_findings found;
    struct store *s;

    if (access(from, R_OK) != 0)
        return err_set_errno(e, "StoreNoFile", "--from", "The backup %s cannot be read", from);
    if (!store_check(from, &found, e) || (s = store_attach(from, true, e)) == NULL)
        return false;
    bool ok = store_copy(s->db, from, copy, e);

    store_close(s);
    return ok;
}

bool store_restore(const char *from, const char *path, struct err *e)
{
    int lock = lock_take(path, e);
    char *copy = xasprintf("%s.restoring", path);
    char *kept = xasprintf("%s.before-%lld", path, (long long)clock_wall_ms());
    bool ok = lock >= 0 && store_drop_beside(copy, e) && copy_checked(from, copy, e) &&
              renew(copy, last_epoch_there(path), e) && exchange(copy, path, kept, e);

    if (!ok && lock >= 0)
        (void)unlink(copy); /* it may never have been there */
    fd_close(&lock);
    free(copy);
    free(kept);
    return ok;
}
