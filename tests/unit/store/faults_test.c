/*
 * The store on file systems that are full, read-only or have lost bytes: small ones, mounted by the
 * test in a mount namespace of its own (root only). What was acknowledged is there afterwards; what
 * was refused can be done again on the same store once there is room.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <time.h>

#include "gateway/core/clock.h"
#include "tests/unit/store/fixture.h"

enum { BIG = 200000 };

static char filler[sizeof(dir) + 16];

static int own_mounts(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        fail_msg("this test mounts small file systems, which needs root");
    return 0;
}

static int mount_small(void **state)
{
    setup(state);
    snprintf(filler, sizeof(filler), "%s/filler", dir);
    return mount("tmpfs", dir, "tmpfs", 0, "size=1m");
}

static int unmount_small(void **state)
{
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
    return teardown(state);
}

/* Takes what is free but for about `leave` bytes. */
static void fill(long leave)
{
    static char block[4096];
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    off_t size = 0;

    assert_true(fd >= 0);
    memset(block, 'f', sizeof(block));
    while (write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
        size += (off_t)sizeof(block);
    assert_int_equal(ftruncate(fd, size > leave ? size - leave : 0), 0);
    close(fd);
}

static void make_room(void)
{
    assert_int_equal(unlink(filler), 0);
}

static void commit_fails(struct store *s, const char *value, const char *code)
{
    struct store_change c = {"east", "pool", "a", value};
    uint64_t before = store_head(s);
    uint64_t number = 0;
    struct err e = {0};

    assert_false(store_commit(s, &c, 1, "labels", "test", &number, &e));
    assert_string_equal(e.code, code);
    assert_int_equal(store_head(s), before);
}

static void value_is(struct store *s, const char *want)
{
    sqlite3_stmt *q = NULL;

    assert_int_equal(
        sqlite3_prepare_v2(s->db, "SELECT value FROM objects WHERE name = 'a'", -1, &q, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(q, 0), want);
    sqlite3_finalize(q);
}

static char *big_value(void)
{
    char *v = xcalloc(1, BIG + 1);

    memset(v, 'b', BIG);
    return v;
}

/* ---- full ---------------------------------------------------------------------------------------
 */

static void no_room_for_a_single_page_refuses_until_there_is(void **state)
{
    (void)state;
    struct store *s = open_store();

    set(s, "east", "a", "1");
    fill(0);
    for (int i = 0; i < 3; i++)
        commit_fails(s, "2", "StoreFull");
    value_is(s, "1");
    make_room();
    assert_int_equal(set(s, "east", "a", "2"), 2);
    store_close(s);
    s = open_store();
    value_is(s, "2");
    store_close(s);
}

static void room_that_ends_in_the_middle_of_a_commit_undoes_it(void **state)
{
    (void)state;
    struct store *s = open_store();
    char *big = big_value();

    set(s, "east", "a", "1");
    fill(BIG / 2);
    commit_fails(s, big, "StoreFull");
    value_is(s, "1");
    assert_int_equal(set(s, "east", "a", "small"), 2); /* what fits still goes in */
    make_room();
    assert_int_equal(set(s, "east", "a", big), 3);
    store_close(s);
    s = open_store();
    value_is(s, big);
    store_close(s);
    free(big);
}

/* The log has room, being written over from its beginning; the file has none to grow. */
static int acknowledge_and_die_without_room_to_check_point(void)
{
    char value[8192];
    struct err e = {0};
    uint64_t number = 0;
    struct store *s = store_open(path, &e);
    struct store_change c = {"east", "pool", "a", value};

    if (s == NULL ||
        sqlite3_exec(s->db, "PRAGMA wal_autocheckpoint = 4", NULL, NULL, NULL) != SQLITE_OK)
        return 100;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 8; i++) { /* the log gets its length, the file one big object */
        value[0] = (char)('a' + i);
        if (!store_commit(s, &c, 1, "test", "test", &number, &e))
            return 101;
    }
    fill(0);
    for (int i = 0; i < 40; i++) { /* each a new object: the file would have to grow */
        char name[16];

        snprintf(name, sizeof(name), "n%d", i);
        c.name = name;
        if (!store_commit(s, &c, 1, "test", "test", &number, &e))
            return strcmp(e.code, "StoreFull") == 0 ? (int)number : 102;
    }
    return 103;
}

static void what_was_acknowledged_without_room_to_check_point_is_there(void **state)
{
    (void)state;
    int acknowledged = in_child(acknowledge_and_die_without_room_to_check_point);

    assert_in_range(acknowledged, 8, 99);
    make_room();
    struct store *s = open_store();

    assert_int_equal(store_head(s), acknowledged);
    set(s, "east", "a", "1");
    store_close(s);
}

static void a_full_disk_does_not_keep_the_store_from_being_opened_and_read(void **state)
{
    (void)state;
    struct store *s = open_store();

    set(s, "east", "a", "1");
    store_close(s);
    fill(0);
    s = open_store();
    value_is(s, "1");
    commit_fails(s, "2", "StoreFull");
    make_room();
    assert_int_equal(set(s, "east", "a", "2"), 2);
    store_close(s);
}

static void a_store_cannot_be_made_on_a_full_disk_and_can_later(void **state)
{
    (void)state;
    fill(0);
    open_fails("StoreFull", "free space");
    open_fails("StoreFull", "free space");
    make_room();
    store_close(open_store());
}

static struct store_commit_rq document(struct store_doc_change *d, const char *value)
{
    *d = (struct store_doc_change){"acme", "route", "web", value, 1};
    return (struct store_commit_rq){
        .docs = d, .num_docs = 1, .author = "a", .cause = "c", .diff_json = value};
}

static void a_full_disk_refuses_a_whole_batch_and_its_audit(void **state)
{
    struct store_doc_change d[2];
    char *big = big_value();
    struct store_commit_rq all[] = {document(&d[0], "1"), document(&d[1], big)};
    char head[STORE_HASH_HEX + 1];
    struct err e = {0};
    uint64_t rows;

    (void)state;
    struct store *s = open_store();

    set(s, "east", "a", "1");
    store_audit_head(s, head);
    fill(BIG / 2);
    for (int i = 0; i < 3; i++) {
        assert_false(store_commit_batch(s, all, 2, &e));
        assert_string_equal(e.code, "StoreFull");
        assert_int_equal(store_head(s), 1);
        assert_string_equal(all[1].head, head);
    }
    assert_true(store_audit_verify(s, head, &rows, &e));
    assert_int_equal(rows, 1);
    make_room();
    assert_true(store_commit_batch(s, all, 2, &e));
    assert_int_equal(all[1].number, 3);
    assert_true(store_audit_verify(s, head, &rows, &e));
    assert_int_equal(rows, 3);
    store_close(s);
    free(big);
}

static void a_backup_without_room_is_refused_and_leaves_the_one_before(void **state)
{
    char to[sizeof(path) + 8];
    struct store_findings found;
    struct err e = {0};

    (void)state;
    struct store *s = open_store();

    snprintf(to, sizeof(to), "%s.backup", path);
    set(s, "east", "a", "1");
    assert_true(store_backup(path, to, &e));
    set(s, "east", "a", "2");
    fill(16384);
    assert_false(store_backup(path, to, &e));
    assert_string_equal(e.code, "StoreFull");
    store_close(s);
    assert_true(store_check(to, &found, &e));
    assert_int_equal(found.head, 1);
    assert_false(store_restore(to, path, &e));
    assert_string_equal(e.code, "StoreFull");
    s = open_store();
    assert_int_equal(store_head(s), 2);
    store_close(s);
    make_room();
    assert_true(store_restore(to, path, &e));
    s = open_store();
    value_is(s, "1");
    store_close(s);
}

/* ---- read-only ----------------------------------------------------------------------------------
 */

static void remount(unsigned long flags)
{
    assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT | flags, "size=1m"), 0);
}

static void a_backup_on_a_read_only_file_system_can_be_checked_and_restored(void **state)
{
    char restored[] = "/tmp/sb-restored-XXXXXX";
    struct store_findings found;
    struct err e = {0};

    (void)state;
    struct store *s = open_store();

    set(s, "east", "a", "1");
    store_close(s);
    char *from = xasprintf("%s.backup", path);
    char *to = NULL;

    assert_true(store_backup(path, from, &e));
    remount(MS_RDONLY);
    assert_true(store_check(from, &found, &e));
    assert_int_equal(found.head, 1);
    assert_non_null(mkdtemp(restored));
    to = xasprintf("%s/store.db", restored);
    assert_true(store_restore(from, to, &e));
    assert_true(store_check(to, &found, &e));
    assert_int_equal(found.audit_rows, 2);
    assert_false(store_restore(from, path, &e));
    assert_string_equal(e.code, "StoreReadOnly");
    remount(0);
    assert_int_equal(unlink(to), 0);
    free(to);
    to = xasprintf("%s/store.db-lock", restored);
    assert_int_equal(unlink(to), 0);
    assert_int_equal(rmdir(restored), 0); /* nothing else was left */
    free(to);
    free(from);
}

static void a_read_only_file_system_is_said_and_mended_in_place(void **state)
{
    (void)state;
    remount(MS_RDONLY);
    open_fails("StoreReadOnly", "write its folder"); /* none yet */
    remount(0);
    struct store *s = open_store();

    set(s, "east", "a", "1");
    store_close(s);
    remount(MS_RDONLY);
    open_fails("StoreReadOnly", "chown, remount");
    remount(0);
    s = open_store();
    value_is(s, "1");
    store_close(s);
}

/* ---- locked -------------------------------------------------------------------------------------
 */

static void a_lock_of_the_shell_is_said_at_once_and_waited_for_by_the_caller(void **state)
{
    sqlite3 *shell = NULL;

    (void)state;
    store_close(open_store());
    assert_int_equal(sqlite3_open(path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    int64_t begin = clock_mono_ms();

    open_fails("StoreLocked", "fuser -v");
    assert_in_range(clock_mono_ms() - begin, 0, 1000);
    sqlite3_close(shell);
    store_close(open_store());
}

/* ---- damaged ------------------------------------------------------------------------------------
 */

static int commit_and_die(void)
{
    struct err e = {0};
    struct store *s = store_open(path, &e);
    char value[32];
    uint64_t number;

    for (int i = 1; s != NULL && i <= 20; i++) {
        struct store_change c = {"east", "pool", "a", value};

        snprintf(value, sizeof(value), "%d", i);
        if (!store_commit(s, &c, 1, "test", "test", &number, &e))
            return 1;
    }
    return s != NULL ? 0 : 2; /* without closing: all of it is in the log */
}

static void wal_path(char out[64])
{
    snprintf(out, 64, "%s-wal", path);
}

static off_t size_of(const char *file)
{
    struct stat st;

    assert_int_equal(stat(file, &st), 0);
    return st.st_size;
}

static void scribble(const char *file, off_t at, size_t n)
{
    char noise[256];
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    memset(noise, 0xa5, sizeof(noise));
    assert_true(fd >= 0 && n <= sizeof(noise));
    assert_int_equal(pwrite(fd, noise, n, at), n);
    close(fd);
}

/* Wherever the log is damaged, what stands before is whole: value and head belong together. */
static void a_damaged_log_gives_whole_commits_up_to_the_damage(void **state)
{
    char wal[64];
    char want[32];

    (void)state;
    wal_path(wal);
    for (int part = 0; part < 10; part++) {
        assert_int_equal(in_child(commit_and_die), 0);
        scribble(wal, size_of(wal) * part / 10 + 40, 100);
        struct store *s = open_store();

        assert_true(store_head(s) <= 20);
        if (store_head(s) > 0) {
            snprintf(want, sizeof(want), "%llu", (unsigned long long)store_head(s));
            value_is(s, want);
        }
        store_close(s);
        unlink(path);
    }
}

static void a_log_that_was_cut_short_gives_whole_commits(void **state)
{
    char wal[64];
    char want[32];

    (void)state;
    wal_path(wal);
    assert_int_equal(in_child(commit_and_die), 0);
    assert_int_equal(truncate(wal, size_of(wal) - 5000), 0);
    struct store *s = open_store();

    assert_in_range(store_head(s), 1, 19);
    snprintf(want, sizeof(want), "%llu", (unsigned long long)store_head(s));
    value_is(s, want);
    store_close(s);
}

static void an_empty_file_beside_a_log_is_left_as_it_is(void **state)
{
    char wal[64];

    (void)state;
    wal_path(wal);
    assert_int_equal(in_child(commit_and_die), 0);
    off_t size = size_of(wal);

    assert_int_equal(truncate(path, 0), 0);
    open_fails("StoreCorrupt", "move both away");
    assert_int_equal(size_of(wal), size);
    assert_int_equal(size_of(path), 0);
}

static void an_empty_file_alone_becomes_a_new_store(void **state)
{
    (void)state;
    write_at(0, "", 0);
    struct store *s = open_store();

    assert_int_equal(store_head(s), 0);
    store_close(s);
}

static void fill_store(void)
{
    struct store *s = open_store();
    char name[32];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "service-%d", i);
        set(s, "east", name, "a value that takes some room in the file");
    }
    store_close(s);
}

static void a_file_that_was_cut_short_is_corrupt(void **state)
{
    (void)state;
    fill_store();
    assert_int_equal(truncate(path, size_of(path) / 2), 0);
    open_fails("StoreCorrupt", "Restore a backup");
    assert_int_equal(truncate(path, 50), 0);
    open_fails("StoreCorrupt", "Restore a backup");
}

static void a_damaged_header_is_corrupt(void **state)
{
    (void)state;
    fill_store();
    scribble(path, 0, 16);
    open_fails("StoreCorrupt", "Restore a backup");
}

static void a_missing_or_foreign_shared_memory_file_does_not_matter(void **state)
{
    char shm[64];
    int fd;

    (void)state;
    assert_int_equal(in_child(commit_and_die), 0);
    snprintf(shm, sizeof(shm), "%s-shm", path);
    unlink(shm);
    fd = open(shm, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "nonsense", 8), 8);
    close(fd);
    struct store *s = open_store();

    assert_int_equal(store_head(s), 20);
    store_close(s);
}

static void a_folder_in_its_place_is_said_so(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    open_fails("StoreNoFile", "is a folder");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    open_fails("StoreNoFile", "no regular file");
}

/* ---- epochs and words ---------------------------------------------------------------------------
 */

static int64_t in_1970(void)
{
    return 1000;
}

static void a_cluster_gets_an_epoch_after_the_one_that_is_named(void **state)
{
    char epoch[STORE_EPOCH_MAX];
    char again[STORE_EPOCH_MAX];
    struct err e;

    (void)state;
    struct store *s = open_store();

    assert_true(store_epoch_of(s, "east", epoch, &e));
    assert_string_equal(epoch, store_epoch(s));
    s->now_ms = in_1970; /* the clock is behind */
    assert_true(store_renew_epoch(s, "east", 1800000000000, epoch, &e));
    assert_int_equal(strncmp(epoch, "1800000000001-", 14), 0);
    assert_true(store_epoch_of(s, "west", again, &e));
    assert_string_equal(again, store_epoch(s));
    store_close(s);
    s = open_store();
    assert_true(store_epoch_of(s, "east", again, &e));
    assert_string_equal(again, epoch);
    assert_true(store_renew_epoch(s, "east", 5, again, &e)); /* the clock is ahead of it: now */
    assert_true(strtoull(again, NULL, 10) > 1700000000000);
    store_close(s);
}

static void words_are_kept_and_too_long_ones_refused(void **state)
{
    char out[8];
    struct err e;

    (void)state;
    struct store *s = open_store();

    assert_true(store_recall(s, "k", out, sizeof(out), &e));
    assert_string_equal(out, "");
    assert_true(store_remember(s, "k", "1234567", &e));
    assert_true(store_recall(s, "k", out, sizeof(out), &e));
    assert_string_equal(out, "1234567");
    assert_true(store_remember(s, "k", "12345678", &e));
    assert_false(store_recall(s, "k", out, sizeof(out), &e));
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SMALL(f) cmocka_unit_test_setup_teardown(f, mount_small, unmount_small)
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        SMALL(no_room_for_a_single_page_refuses_until_there_is),
        SMALL(room_that_ends_in_the_middle_of_a_commit_undoes_it),
        SMALL(what_was_acknowledged_without_room_to_check_point_is_there),
        SMALL(a_full_disk_does_not_keep_the_store_from_being_opened_and_read),
        SMALL(a_store_cannot_be_made_on_a_full_disk_and_can_later),
        SMALL(a_full_disk_refuses_a_whole_batch_and_its_audit),
        SMALL(a_backup_without_room_is_refused_and_leaves_the_one_before),
        SMALL(a_backup_on_a_read_only_file_system_can_be_checked_and_restored),
        SMALL(a_read_only_file_system_is_said_and_mended_in_place),
        TEST(a_lock_of_the_shell_is_said_at_once_and_waited_for_by_the_caller),
        TEST(a_damaged_log_gives_whole_commits_up_to_the_damage),
        TEST(a_log_that_was_cut_short_gives_whole_commits),
        TEST(an_empty_file_beside_a_log_is_left_as_it_is),
        TEST(an_empty_file_alone_becomes_a_new_store),
        TEST(a_file_that_was_cut_short_is_corrupt),
        TEST(a_damaged_header_is_corrupt),
        TEST(a_missing_or_foreign_shared_memory_file_does_not_matter),
        TEST(a_folder_in_its_place_is_said_so),
        TEST(a_cluster_gets_an_epoch_after_the_one_that_is_named),
        TEST(words_are_kept_and_too_long_ones_refused),
#undef TEST
#undef SMALL
    };

    return cmocka_run_group_tests(tests, own_mounts, NULL);
}
