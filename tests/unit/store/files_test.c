/*
 * Whole files of the store: the copy before a migration, backups made while commits go on, restores
 * and what they keep, checks of what was damaged.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "store/migrate.h"
#include "store/writer.h"
#include "tests/unit/store/fixture.h"

static char other[sizeof(path) + 16];

static const char *beside(const char *suffix)
{
    snprintf(other, sizeof(other), "%s%s", path, suffix);
    return other;
}

static uint64_t put(struct store *s, const char *name, const char *value)
{
    struct store_doc_change d = {"acme", "route", name, value, 1};
    struct store_commit_rq rq = {.docs = &d, .num_docs = 1, .author = "a", .cause = "c"};
    struct err e = {0};

    if (!store_commit_batch(s, &rq, 1, &e))
        fail_msg("%s: %s", e.code, e.text);
    return rq.number;
}

static struct store_findings check_ok(const char *file)
{
    struct store_findings found;
    struct err e = {0};

    if (!store_check(file, &found, &e))
        fail_msg("%s: %s: %s", file, e.code, e.text);
    return found;
}

static void check_fails(const char *file, const char *code, const char *word)
{
    struct store_findings found;
    struct err e = {0};

    assert_false(store_check(file, &found, &e));
    assert_string_equal(e.code, code);
    if (strstr(e.text, word) == NULL)
        fail_msg("no \"%s\" in: %s", word, e.text);
}

static void back_up(const char *to)
{
    struct err e = {0};

    if (!store_backup(path, to, &e))
        fail_msg("%s: %s", e.code, e.text);
}

static size_t num_files(const char *word)
{
    struct dirent *d;
    DIR *all = opendir(dir);
    size_t n = 0;

    assert_non_null(all);
    while ((d = readdir(all)) != NULL)
        n += d->d_name[0] != '.' && strstr(d->d_name, word) != NULL;
    closedir(all);
    return n;
}

static void sql_in(const char *file, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- migration ----------------------------------------------------------------------------------
 */

static void make_first_schema(void)
{
    char mark[64];

    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = 1",
             STORE_APPLICATION_ID);
    sql_in(path, store_migrations[0].sql);
    sql_in(path, mark);
    sql_in(path,
           "INSERT INTO meta VALUES ('epoch', '1700000000000-00'); INSERT INTO commits VALUES "
           "(7, 1700000000000, 'swarm', 'observed'); INSERT INTO clusters VALUES (1, 'east', "
           "7, 0, 1); INSERT INTO objects VALUES (1, 'pool', 'a', '1', 7); INSERT INTO changes "
           "VALUES (1, 7, 'pool', 'a', 0)");
}

static void a_store_is_copied_before_it_is_migrated(void **state)
{
    (void)state;
    make_first_schema();
    assert_int_equal(check_ok(path).schema, 1);
    struct store *s = open_store();

    assert_int_equal(store_head(s), 7);
    assert_int_equal(put(s, "web", "1"), 8);
    store_close(s);
    struct store_findings found = check_ok(path);

    assert_int_equal(found.schema, 3);
    assert_int_equal(found.head, 8);
    assert_int_equal(found.audit_rows, 1);
    found = check_ok(beside(".before-schema-3"));
    assert_int_equal(found.schema, 1);
    assert_int_equal(found.head, 7);
    assert_int_equal(num_files("before-schema"), 1);
    assert_int_equal(num_files("partial"), 0);
}

/* As the version before left it: documents, their history and the audit stay. */
static void a_store_of_schema_2_keeps_its_documents(void **state)
{
    static const struct store_secret secret = {"id1", "web.key", 7, "", "", "{}", "acme", ""};
    struct err e = {0};

    (void)state;
    make_first_schema();
    sql_in(path, store_migrations[1].sql);
    sql_in(path, "PRAGMA user_version = 2; INSERT INTO documents VALUES "
                 "('acme', 'pool', 'web', '{}', 7, 1700000000000)");
    struct store *s = open_store();

    assert_true(store_keep_secrets(s, &secret, 1, NULL, 0, &e));
    store_close(s);
    struct store_findings found = check_ok(path);

    assert_int_equal(found.schema, 3);
    assert_int_equal(found.documents, 1);
    found = check_ok(beside(".before-schema-3"));
    assert_int_equal(found.schema, 2);
    assert_int_equal(found.documents, 1);
}

static void a_store_that_cannot_be_copied_is_not_migrated(void **state)
{
    (void)state;
    make_first_schema();
    assert_int_equal(mkdir(beside(".before-schema-3"), 0700), 0);
    open_fails("StoreFailed", "put in its place");
    assert_int_equal(check_ok(path).schema, 1);
    assert_int_equal(num_files("partial"), 0);
    assert_int_equal(rmdir(other), 0);
    store_close(open_store());
}

/* ---- backup -------------------------------------------------------------------------------------
 */

struct busy {
    struct store *s;
    atomic_bool enough;
    uint64_t num;
};

static void *commit_on(void *arg)
{
    struct busy *b = arg;
    char value[16];

    while (!atomic_load(&b->enough)) {
        snprintf(value, sizeof(value), "%llu", (unsigned long long)++b->num);
        put(b->s, "web", value);
    }
    return NULL;
}

static void a_backup_is_one_moment_of_a_store_that_is_being_written(void **state)
{
    struct busy b = {0};
    pthread_t thread;
    char big[4000];
    char name[16];

    (void)state;
    b.s = open_store();
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    for (int i = 0; i < 400; i++) { /* more pages than one step copies */
        snprintf(name, sizeof(name), "n%d", i);
        put(b.s, name, big);
    }
    assert_int_equal(pthread_create(&thread, NULL, commit_on, &b), 0);
    uint64_t last = 0;

    for (int i = 0; i < 5; i++) {
        back_up(beside(".backup"));
        struct store_findings found = check_ok(other);

        assert_true(found.head > last);
        assert_int_equal(found.audit_rows, found.head);
        last = found.head;
    }
    atomic_store(&b.enough, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(b.num > 5);
    assert_int_equal(num_files("backup"), 1); /* one file, and no log beside it */
    store_close(b.s);
}

static void a_backup_that_fails_leaves_the_one_before(void **state)
{
    struct err e = {0};

    (void)state;
    struct store *s = open_store();

    put(s, "web", "1");
    store_close(s);
    back_up(beside(".backup"));
    sql_in(path, "UPDATE audit SET author = 'somebody else'");
    assert_false(store_backup(path, other, &e));
    assert_string_equal(e.code, "AuditBroken");
    assert_int_equal(check_ok(other).head, 1);
    assert_int_equal(num_files("unchecked"), 0);
    assert_false(store_backup("/tmp/sb-store-none/x", other, &e));
    assert_false(store_backup(path, "/tmp/sb-store-none/x", &e));
}

/* ---- restore ------------------------------------------------------------------------------------
 */

static void restore_fails(const char *from, const char *code)
{
    struct err e = {0};

    assert_false(store_restore(from, path, &e));
    assert_string_equal(e.code, code);
    assert_int_equal(num_files("restoring"), 0);
}

static void on_doc(void *arg, const struct store_doc *d)
{
    snprintf(arg, 16, "%s", d->value);
}

static void value_is(struct store *s, const char *want)
{
    char value[16] = "";
    struct err e;

    assert_true(store_each_doc(s, on_doc, value, &e));
    assert_string_equal(value, want);
}

static void a_restore_brings_back_what_was_with_a_later_epoch_for_all(void **state)
{
    char backup[sizeof(other)];
    char later[STORE_EPOCH_MAX];
    char now[STORE_EPOCH_MAX];
    char head[STORE_HASH_HEX + 1];
    uint64_t rows;
    struct err e = {0};

    (void)state;
    struct store *s = open_store();

    put(s, "web", "1");
    assert_true(store_renew_epoch(s, "west", 1, later, &e));
    store_audit_head(s, head);
    snprintf(backup, sizeof(backup), "%s", beside(".backup"));
    back_up(backup);
    put(s, "web", "2");
    assert_true(store_renew_epoch(s, "east", 4000000000000, later, &e)); /* later than any clock */
    restore_fails(backup, "StoreLocked");
    store_close(s);
    assert_true(store_restore(backup, path, &e));
    s = open_store();
    value_is(s, "1");
    assert_true(strcmp(store_epoch(s), later) > 0);
    assert_true(store_epoch_of(s, "east", now, &e));
    assert_string_equal(now, store_epoch(s));
    assert_true(store_epoch_of(s, "west", now, &e));
    assert_string_equal(now, store_epoch(s));
    assert_true(store_audit_verify(s, head, &rows, &e));
    assert_int_equal(rows, 2); /* the commit, and the restore itself */
    assert_int_equal(put(s, "web", "3"), 2);
    store_close(s);
    assert_int_equal(num_files(".before-1"), 1);
    assert_int_equal(num_files("restoring"), 0);
}

static int commit_and_die(void)
{
    put(open_store(), "web", "in the log only");
    return 0;
}

static const char *kept_file(const char *end)
{
    static char name[sizeof(dir) + 300];
    struct dirent *d;
    DIR *all = opendir(dir);

    assert_non_null(all);
    name[0] = '\0';
    while ((d = readdir(all)) != NULL) {
        size_t n = strlen(d->d_name);

        if (strstr(d->d_name, ".before-") != NULL && n > strlen(end) &&
            strcmp(d->d_name + n - strlen(end), end) == 0)
            snprintf(name, sizeof(name), "%s/%s", dir, d->d_name);
    }
    closedir(all);
    return name;
}

static void the_old_store_is_kept_whole_even_what_stood_in_its_log(void **state)
{
    struct store_findings found;
    struct err e = {0};

    (void)state;
    struct store *s = open_store();

    put(s, "web", "1");
    store_close(s);
    back_up(beside(".backup"));
    assert_int_equal(in_child(commit_and_die), 0);
    assert_true(store_restore(other, path, &e));
    assert_int_equal(num_files(".before-"), 1); /* its log was written back into it */
    found = check_ok(kept_file(""));
    assert_int_equal(found.head, 2);
    s = open_store();
    assert_int_equal(store_head(s), 1); /* the log was not played into the backup */
    value_is(s, "1");
    store_close(s);
}

static void a_damaged_store_and_a_missing_one_can_be_restored(void **state)
{
    struct err e = {0};

    (void)state;
    struct store *s = open_store();

    put(s, "web", "1");
    store_close(s);
    back_up(beside(".backup"));
    assert_int_equal(in_child(commit_and_die), 0);
    write_at(0, "damaged damaged", 15);
    open_fails("StoreCorrupt", "Restore a backup");
    assert_true(store_restore(other, path, &e));
    assert_int_equal(num_files(".before-"),
                     2); /* and its log, which was not played into the backup */
    assert_int_equal(kept_file("-wal")[0], '/');
    s = open_store();
    assert_int_equal(store_head(s), 1);
    value_is(s, "1");
    store_close(s);
    assert_int_equal(unlink(path), 0);
    assert_true(store_restore(other, path, &e));
    s = open_store();
    value_is(s, "1");
    store_close(s);
}

static void what_is_no_good_is_not_restored_and_changes_nothing(void **state)
{
    char bad[sizeof(other)];

    (void)state;
    struct store *s = open_store();

    put(s, "web", "1");
    store_close(s);
    snprintf(bad, sizeof(bad), "%s", beside(".bad"));
    restore_fails(bad, "StoreNoFile");
    back_up(bad);
    sql_in(bad, "UPDATE audit SET detail = 'x'");
    restore_fails(bad, "AuditBroken");
    back_up(bad);
    sql_in(bad, "PRAGMA user_version = 99");
    restore_fails(bad, "StoreNewer");
    unlink(bad);
    sql_in(bad, "CREATE TABLE precious (x)");
    restore_fails(bad, "StoreForeign");
    unlink(bad);
    sql_in(bad, "CREATE TABLE x (y); DROP TABLE x");
    restore_fails(bad, "StoreForeign");
    assert_int_equal(truncate(bad, 100), 0);
    restore_fails(bad, "StoreCorrupt");
    s = open_store();
    value_is(s, "1");
    store_close(s);
    assert_int_equal(num_files(".before-"), 0);
}

static void an_old_backup_is_restored_and_brought_up(void **state)
{
    char old[sizeof(other)];
    struct err e = {0};

    (void)state;
    make_first_schema();
    snprintf(old, sizeof(old), "%s", beside(".old"));
    assert_int_equal(rename(path, old), 0);
    assert_true(store_restore(old, path, &e));
    struct store *s = open_store();

    assert_int_equal(store_head(s), 7);
    assert_string_not_equal(store_epoch(s), "1700000000000-00");
    assert_int_equal(put(s, "web", "1"), 8);
    store_close(s);
    assert_int_equal(check_ok(old).schema, 1); /* the backup is as it was */
}

/* ---- check --------------------------------------------------------------------------------------
 */

static void a_check_finds_what_is_wrong(void **state)
{
    (void)state;
    struct store *s = open_store();
    char head[STORE_HASH_HEX + 1];

    for (int i = 0; i < 100; i++)
        set(s, "east", "a", i % 2 ? "1" : "2");
    put(s, "web", "1");
    store_audit_head(s, head);
    struct store_findings found = check_ok(path); /* while it is open */

    assert_int_equal(found.head, 101);
    assert_int_equal(found.documents, 1);
    assert_int_equal(found.audit_rows, 101);
    assert_string_equal(found.audit_head, head);
    store_close(s);
    back_up(beside(".copy"));
    sql_in(other, "PRAGMA foreign_keys = OFF; DELETE FROM commits WHERE number = 50");
    check_fails(other, "StoreCorrupt", "a row of changes");
    sql_in(other, "INSERT INTO commits VALUES (50, 1, 'a', 'c', '')");
    check_ok(other);
    sql_in(other, "DELETE FROM audit WHERE seq = 50");
    check_fails(other, "AuditBroken", "row 50");
    back_up(other);
    sql_in(other, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 "
                  "WHERE name = 'commits_by_time'");
    check_fails(other, "StoreCorrupt", "Restore a backup");
    check_fails("/tmp/sb-store-none/x", "StoreMissing", "no store at /tmp/sb-store-none/x");
}

/* ---- the writer's thread ------------------------------------------------------------------------
 */

struct answers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t num;
    uint64_t last;
    struct err e;
};

static void on_done(void *arg, struct store_commit_rq *all, size_t num, const struct err *e)
{
    struct answers *a = arg;

    pthread_mutex_lock(&a->lock);
    a->num++;
    a->last = all[num - 1].number;
    a->e = *e;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

static void wait_for(struct answers *a, size_t num)
{
    pthread_mutex_lock(&a->lock);
    while (a->num < num)
        pthread_cond_wait(&a->wake, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static void the_writer_commits_and_tells_failures_and_ends_after_its_batch(void **state)
{
    struct answers a = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    struct store_doc_change d = {"acme", "route", "web", "1", 1};
    struct store_commit_rq rq = {.docs = &d, .num_docs = 1, .author = "a", .cause = "c"};
    struct err e = {0};

    (void)state;
    struct store *s = open_store();
    struct store_writer *w = store_writer_new(s, on_done, &a, &e);

    assert_non_null(w);
    store_writer_submit(w, &rq, 1);
    wait_for(&a, 1);
    assert_null(a.e.code);
    assert_int_equal(a.last, 1);
    assert_int_equal(store_head(s), 1); /* between batches the store is the caller's */
    assert_int_equal(sqlite3_exec(s->db,
                                  "CREATE TEMP TRIGGER poison BEFORE UPDATE ON documents BEGIN "
                                  "SELECT RAISE(ABORT, 'no'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    d.value = "2";
    store_writer_submit(w, &rq, 1);
    wait_for(&a, 2);
    assert_string_equal(a.e.code, "StoreFailed");
    assert_int_equal(a.last, 1);
    assert_int_equal(sqlite3_exec(s->db, "DROP TRIGGER temp.poison", NULL, NULL, NULL), SQLITE_OK);
    store_writer_submit(w, &rq, 1);
    store_writer_free(w); /* at once */
    assert_int_equal(a.num, 3);
    assert_int_equal(store_head(s), 2);
    value_is(s, "2");
    store_close(s);
    store_writer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_store_is_copied_before_it_is_migrated),
        TEST(a_store_of_schema_2_keeps_its_documents),
        TEST(a_store_that_cannot_be_copied_is_not_migrated),
        TEST(a_backup_is_one_moment_of_a_store_that_is_being_written),
        TEST(a_backup_that_fails_leaves_the_one_before),
        TEST(a_restore_brings_back_what_was_with_a_later_epoch_for_all),
        TEST(the_old_store_is_kept_whole_even_what_stood_in_its_log),
        TEST(a_damaged_store_and_a_missing_one_can_be_restored),
        TEST(what_is_no_good_is_not_restored_and_changes_nothing),
        TEST(an_old_backup_is_restored_and_brought_up),
        TEST(a_check_finds_what_is_wrong),
        TEST(the_writer_commits_and_tells_failures_and_ends_after_its_batch),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
