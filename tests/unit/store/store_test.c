/* The store in one process: commits, no-ops, reopening, the change log and its compaction. */
#include "gateway/core/buf.h"
#include "store/migrate.h"
#include "tests/unit/store/fixture.h"

static int64_t fake_now;

static void on_object(void *arg, const char *kind, const char *name, const char *value,
                      uint64_t number)
{
    assert_true(buf_add_fmt(arg, "%s/%s=%s@%llu ", kind, name, value, (unsigned long long)number));
}

static void on_change(void *arg, uint64_t number, const char *kind, const char *name, bool deleted)
{
    assert_true(buf_add_fmt(arg, "%llu:%s%s/%s ", (unsigned long long)number, deleted ? "-" : "+",
                            kind, name));
}

static void objects_are(struct store *s, const char *cluster, const char *want)
{
    struct buf b;
    struct err e;

    buf_init(&b, 1 << 20);
    assert_true(store_each_object(s, cluster, on_object, &b, &e));
    char *got = buf_take(&b);

    assert_string_equal(got, want);
    free(got);
}

static void changes_are(struct store *s, const char *cluster, uint64_t after, const char *want)
{
    struct buf b;
    struct err e;

    buf_init(&b, 1 << 20);
    assert_true(store_each_change(s, cluster, after, on_change, &b, &e));
    char *got = buf_take(&b);

    assert_string_equal(got, want);
    free(got);
}

static uint64_t revision(struct store *s, const char *cluster)
{
    struct err e;
    uint64_t n = 99;

    assert_true(store_revision(s, cluster, &n, &e));
    return n;
}

static uint64_t floor_of(struct store *s, const char *cluster)
{
    struct err e;
    uint64_t n = 99;

    assert_true(store_log_floor(s, cluster, &n, &e));
    return n;
}

static int64_t count(struct store *s, const char *sql)
{
    sqlite3_stmt *q = NULL;

    assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);

    sqlite3_finalize(q);
    return n;
}

static void a_new_store_is_empty_and_has_an_epoch(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct stat st;

    assert_int_equal(store_head(s), 0);
    assert_int_equal(revision(s, "east"), 0);
    assert_int_equal(floor_of(s, "east"), 0);
    objects_are(s, "east", "");
    assert_int_equal(strspn(store_epoch(s), "0123456789"), 13);
    assert_int_equal(strlen(store_epoch(s)), 13 + 1 + 16);
    assert_int_equal(strspn(store_epoch(s) + 14, "0123456789abcdef"), 16);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    store_close(s);
}

static void a_commit_changes_only_the_revision_of_its_cluster(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_change both[] = {
        {"east", "pool", "b", "2"}, {"west", "pool", "c", "3"}, {"east", "endpoints", "b", "4"}};

    assert_int_equal(set(s, "east", "a", "1"), 1);
    assert_int_equal(commit(s, both, 3), 2);
    assert_int_equal(set(s, "west", "c", "5"), 3);
    assert_int_equal(revision(s, "east"), 2);
    assert_int_equal(revision(s, "west"), 3);
    objects_are(s, "east", "endpoints/b=4@2 pool/a=1@1 pool/b=2@2 ");
    objects_are(s, "west", "pool/c=5@3 ");
    changes_are(s, "east", 0, "1:+pool/a 2:+endpoints/b 2:+pool/b ");
    changes_are(s, "east", 1, "2:+endpoints/b 2:+pool/b ");
    changes_are(s, "west", 2, "3:+pool/c ");
    store_close(s);
}

static void no_difference_is_no_commit(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_change nothing[] = {{"east", "pool", "a", "1"}, {"east", "pool", "gone", NULL}};

    assert_int_equal(set(s, "east", "a", "1"), 1);
    assert_int_equal(commit(s, nothing, 2), 1);
    assert_int_equal(commit(s, NULL, 0), 1);
    assert_int_equal(store_head(s), 1);
    assert_int_equal(count(s, "SELECT count(*) FROM commits"), 1);
    changes_are(s, "east", 0, "1:+pool/a ");
    assert_int_equal(set(s, "east", "a", "2"), 2); /* and no number was used up */
    store_close(s);
}

static void a_change_without_effect_is_left_out_of_its_commit(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_change some[] = {{"east", "pool", "a", "1"}, {"west", "pool", "b", "2"}};

    set(s, "east", "a", "1");
    assert_int_equal(commit(s, some, 2), 2);
    assert_int_equal(revision(s, "east"), 1);
    changes_are(s, "east", 0, "1:+pool/a ");
    store_close(s);
}

static void deletes_are_logged_and_an_object_twice_in_a_commit_has_one_row(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_change twice[] = {{"east", "pool", "a", "2"}, {"east", "pool", "a", NULL}};

    set(s, "east", "a", "1");
    assert_int_equal(commit(s, twice, 2), 2);
    objects_are(s, "east", "");
    changes_are(s, "east", 0, "1:+pool/a 2:-pool/a ");
    assert_int_equal(count(s, "SELECT log_rows FROM clusters"), 2);
    store_close(s);
}

static void reopened_it_is_the_same(void **state)
{
    (void)state;
    struct store *s = open_store();
    char epoch[STORE_EPOCH_MAX];

    snprintf(epoch, sizeof(epoch), "%s", store_epoch(s));
    set(s, "east", "quo'te\n", "{\"v\":\"\xc3\xa9\"}");
    store_close(s);
    s = open_store();
    assert_string_equal(store_epoch(s), epoch);
    assert_int_equal(store_head(s), 1);
    objects_are(s, "east", "pool/quo'te\n={\"v\":\"\xc3\xa9\"}@1 ");
    assert_int_equal(set(s, "east", "b", "1"), 2);
    store_close(s);
}

static void author_cause_and_time_are_kept(void **state)
{
    (void)state;
    struct store *s = open_store();

    set(s, "east", "a", "1");
    assert_int_equal(count(s, "SELECT count(*) FROM commits WHERE author = 'labels' AND "
                              "cause = 'test' AND at_ms > 1600000000000"),
                     1);
    store_close(s);
}

static void a_second_process_is_told_that_it_is_locked(void **state)
{
    (void)state;
    struct store *s = open_store();

    open_fails("StoreLocked", "second coordinator");
    set(s, "east", "a", "1");
    store_close(s);
}

static void sql_in_file(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct store *s = open_store();

    set(s, "east", "a", "1");
    store_close(s);
    sql_in_file("PRAGMA user_version = 9999");
    open_fails("StoreNewer", "newer program");
    sql_in_file("PRAGMA user_version = 3");
    s = open_store();
    objects_are(s, "east", "pool/a=1@1 ");
    store_close(s);
}

static void somebody_elses_database_is_refused(void **state)
{
    (void)state;
    sql_in_file("CREATE TABLE precious (x)");
    open_fails("StoreForeign", "other program");
    sql_in_file("PRAGMA application_id = 7; DROP TABLE precious");
    open_fails("StoreForeign", "other program");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    char noise[8192];

    (void)state;
    memset(noise, 'x', sizeof(noise));
    write_at(0, noise, sizeof(noise));
    open_fails("StoreCorrupt", "move the file");
}

/* Offset of a page of the file that holds this text, and is not looked at when the file is opened.
 */
static off_t page_with(const char *text)
{
    char page[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t at = 0;

    assert_true(fd >= 0);
    while (pread(fd, page, sizeof(page), at) == (ssize_t)sizeof(page) &&
           memmem(page, sizeof(page), text, strlen(text)) == NULL)
        at += (off_t)sizeof(page);
    close(fd);
    return at;
}

static void a_damaged_page_is_found_at_open(void **state)
{
    (void)state;
    struct store *s = open_store();
    char name[32];
    char noise[4096];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "service-%d", i);
        set(s, "east", name, "a value that takes some room in the file");
    }
    store_close(s);
    memset(noise, 0x5a, sizeof(noise));
    write_at(page_with("a value that takes"), noise, sizeof(noise));
    open_fails("StoreCorrupt", "is damaged");
}

static void no_folder_is_said_so(void **state)
{
    struct err e = {0};

    (void)state;
    assert_null(store_open("/nonexistent/folder/store.db", &e));
    assert_string_equal(e.code, "StoreNoDirectory");
}

static void a_full_disk_loses_nothing_and_can_be_tried_again(void **state)
{
    (void)state;
    struct store *s = open_store();
    char *big = xmalloc(200001);
    struct store_change many[] = {{"east", "pool", "small", "2"}, {"east", "pool", "big", big}};
    struct err e = {0};
    uint64_t number;

    memset(big, 'b', 200000);
    big[200000] = '\0';
    set(s, "east", "small", "1");
    assert_int_equal(sqlite3_exec(s->db, "PRAGMA max_page_count = 20", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_false(store_commit(s, many, 2, "labels", "test", &number, &e));
    assert_string_equal(e.code, "StoreFull");
    assert_int_equal(store_head(s), 1);
    objects_are(s, "east", "pool/small=1@1 ");
    assert_int_equal(set(s, "east", "small", "3"), 2); /* what fits still goes in */
    assert_int_equal(sqlite3_exec(s->db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(commit(s, many, 2), 3);
    store_close(s);
    free(big);
}

static void a_failure_in_the_middle_of_a_commit_undoes_its_beginning(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_change changes[] = {{"east", "pool", "a", "2"}, {"new", "pool", "forbidden", "1"}};
    struct err e = {0};
    uint64_t number;

    set(s, "east", "a", "1");
    assert_int_equal(
        sqlite3_exec(s->db,
                     "CREATE TEMP TRIGGER stop BEFORE INSERT ON main.changes "
                     "WHEN new.name = 'forbidden' BEGIN SELECT RAISE(ABORT, 'no'); END",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_false(store_commit(s, changes, 2, "labels", "test", &number, &e));
    assert_string_equal(e.code, "StoreFailed");
    objects_are(s, "east", "pool/a=1@1 ");
    assert_int_equal(count(s, "SELECT count(*) FROM clusters"), 1);
    assert_int_equal(set(s, "east", "a", "3"), 2);
    store_close(s);
}

static void the_log_is_cut_by_rows_in_whole_commits(void **state)
{
    (void)state;
    struct store *s = open_store();
    char value[16];

    s->log_rows_max = 8; /* cut when over 9 */
    for (int i = 1; i <= 9; i++) {
        snprintf(value, sizeof(value), "%d", i);
        set(s, "east", "a", value);
    }
    set(s, "west", "w", "1"); /* 10 */
    assert_int_equal(floor_of(s, "east"), 0);
    set(s, "east", "a", "11");
    assert_int_equal(floor_of(s, "east"), 2);
    assert_int_equal(floor_of(s, "west"), 0);
    changes_are(
        s, "east", 2,
        "3:+pool/a 4:+pool/a 5:+pool/a 6:+pool/a 7:+pool/a 8:+pool/a 9:+pool/a 11:+pool/a ");
    assert_int_equal(count(s, "SELECT log_rows FROM clusters WHERE name = 'east'"), 8);
    objects_are(s, "east", "pool/a=11@11 ");
    store_close(s);
}

static void one_commit_longer_than_the_log_leaves_only_the_floor(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct store_change changes[5];
    char names[5][16];

    s->log_rows_max = 2;
    for (int i = 0; i < 5; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        changes[i] = (struct store_change){"east", "pool", names[i], "1"};
    }
    commit(s, changes, 5);
    assert_int_equal(floor_of(s, "east"), 1);
    assert_int_equal(revision(s, "east"), 1); /* who is at 1 needs nothing */
    changes_are(s, "east", 1, "");
    assert_int_equal(set(s, "east", "n0", "2"), 2);
    changes_are(s, "east", 1, "2:+pool/n0 ");
    store_close(s);
}

static int64_t read_fake_clock(void)
{
    return fake_now;
}

static void the_log_is_cut_by_age_and_old_commits_go_with_it(void **state)
{
    (void)state;
    struct store *s = open_store();

    s->now_ms = read_fake_clock;
    s->log_age_max_ms = 800;
    fake_now = 1000;
    set(s, "east", "a", "1");
    set(s, "quiet", "q", "1");
    fake_now = 1500;
    set(s, "east", "a", "2");
    fake_now = 1900; /* the oldest is exactly an eighth over: not yet */
    set(s, "east", "a", "3");
    assert_int_equal(floor_of(s, "east"), 0);
    fake_now = 2000;
    set(s, "east", "a", "4");
    assert_int_equal(floor_of(s, "east"), 1);
    assert_int_equal(floor_of(s, "quiet"), 0);
    changes_are(s, "east", 1, "3:+pool/a 4:+pool/a 5:+pool/a ");
    assert_int_equal(count(s, "SELECT count(*) FROM commits WHERE number = 1"), 0);
    assert_int_equal(count(s, "SELECT count(*) FROM commits WHERE number = 2"), 1);
    store_close(s);
}

static void the_head_outlives_every_compaction(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct err e;

    s->now_ms = read_fake_clock;
    fake_now = 1000;
    set(s, "east", "a", "1");
    set(s, "east", "a", "2");
    s->log_age_max_ms = 10;
    fake_now = 5000000;
    assert_true(compact_all(s, &e));
    assert_int_equal(floor_of(s, "east"), 2);
    store_close(s);
    s = open_store();
    assert_int_equal(store_head(s), 2);
    assert_int_equal(revision(s, "east"), 2);
    assert_int_equal(set(s, "east", "a", "3"), 3);
    store_close(s);
}

static void many_objects_in_one_commit_are_quick_enough(void **state)
{
    (void)state;
    enum { NUM = 30000 };
    struct store *s = open_store();
    struct store_change *changes = xcalloc(NUM, sizeof(*changes));
    char(*names)[16] = xcalloc(NUM, sizeof(*names));

    for (int i = 0; i < NUM; i++) {
        snprintf(names[i], sizeof(names[i]), "s%d", i);
        changes[i] = (struct store_change){"east", "pool", names[i], "{}"};
    }
    assert_int_equal(commit(s, changes, NUM), 1);
    assert_int_equal(commit(s, changes, NUM), 1);
    assert_int_equal(count(s, "SELECT count(*) FROM objects"), NUM);
    store_close(s);
    free(changes);
    free(names);
}

static void migrations_are_numbered_without_gaps(void **state)
{
    (void)state;
    assert_true(store_num_migrations > 0);
    for (size_t i = 0; i < store_num_migrations; i++)
        assert_int_equal(store_migrations[i].number, i + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_new_store_is_empty_and_has_an_epoch),
        TEST(a_commit_changes_only_the_revision_of_its_cluster),
        TEST(no_difference_is_no_commit),
        TEST(a_change_without_effect_is_left_out_of_its_commit),
        TEST(deletes_are_logged_and_an_object_twice_in_a_commit_has_one_row),
        TEST(reopened_it_is_the_same),
        TEST(author_cause_and_time_are_kept),
        TEST(a_second_process_is_told_that_it_is_locked),
        TEST(a_newer_schema_is_refused_and_left_alone),
        TEST(somebody_elses_database_is_refused),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_damaged_page_is_found_at_open),
        TEST(no_folder_is_said_so),
        TEST(a_full_disk_loses_nothing_and_can_be_tried_again),
        TEST(a_failure_in_the_middle_of_a_commit_undoes_its_beginning),
        TEST(the_log_is_cut_by_rows_in_whole_commits),
        TEST(one_commit_longer_than_the_log_leaves_only_the_floor),
        TEST(the_log_is_cut_by_age_and_old_commits_go_with_it),
        TEST(the_head_outlives_every_compaction),
        TEST(many_objects_in_one_commit_are_quick_enough),
        TEST(migrations_are_numbered_without_gaps),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
