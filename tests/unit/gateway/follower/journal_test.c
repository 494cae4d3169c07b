/* The state file: written, read, damaged in many ways, on disks that are full. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/follower/journal.h"

struct place {
    char dir[64];
    char *file;
    struct holding holding; /* of the writer */
    struct journal *journal;
};

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof(*p));
    snprintf(p->dir, sizeof(p->dir), "/tmp/journal_test.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->file = xasprintf("%s/table.ndjson", p->dir);
    holding_init(&p->holding);
    p->journal = journal_new(p->dir, "east");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"table.ndjson", "table.ndjson.new", "lock"};
    struct place *p = *state;
    journal_free(p->journal);
    holding_free(&p->holding);
    for (size_t i = 0; i < 3; i++) {
        char *path = xasprintf("%s/%s", p->dir, names[i]);
        if (unlink(path) != 0)
            assert_int_equal(access(path, F_OK), -1);
        free(path);
    }
    assert_int_equal(rmdir(p->dir), 0);
    free(p->file);
    free(p);
    return 0;
}

/* Commits name=value (NULL: deleted) as the next revision, and journals it. */
static void commit(struct place *p, const char *name, const char *value, bool snapshot)
{
    struct holding_changes c;
    struct err e = {0};
    struct digest d = {{0}};
    char hex[65];
    const struct holding_object *o;
    size_t pos = 0;
    holding_changes_init(&c);
    assert_true(holding_changes_add(&c, ROUTE_KIND_POOL, str_from(name),
                                    value != NULL ? str_from(value) : (struct str){NULL, 0}, &e));
    while (!snapshot && (o = holding_next(&p->holding, &pos)) != NULL)
        if (!str_eq(o->name, str_from(name)))
            digest_add(&d, o->kind, o->name, o->value);
    if (value != NULL)
        digest_add(&d, ROUTE_KIND_POOL, str_from(name), str_from(value));
    digest_hex(&d, hex);
    assert_true(holding_commit(&p->holding, &c, snapshot, NULL, hex, &e));
    p->holding.valid = true;
    p->holding.revision++;
    memcpy(p->holding.epoch, "1000-a", 7);
    journal_commit(p->journal, &p->holding, &c, snapshot);
    holding_changes_clear(&c);
    journal_sync(p->journal);
}

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = xmalloc(8 << 20);
    assert_non_null(f);
    *n = fread(text, 1, (8 << 20) - 1, f);
    text[*n] = '\0';
    assert_int_equal(fclose(f), 0);
    return text;
}

static void spill(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* What a new process would hold; -1: refused, else the revision (0: none). */
static int64_t reload(struct place *p, const char *cluster, size_t *out_num)
{
    struct journal *j = journal_new(p->dir, cluster);
    struct holding h;
    struct err e = {0};
    int64_t revision = -1;
    holding_init(&h);
    if (journal_load(j, &h, NULL, &e)) {
        revision = h.valid ? (int64_t)h.revision : 0;
    } else {
        assert_non_null(strstr(e.text, p->file));
        assert_false(h.valid);
        assert_int_equal(holding_num_objects(&h), 0);
    }
    if (out_num != NULL)
        *out_num = holding_num_objects(&h);
    holding_free(&h);
    journal_free(j);
    return revision;
}

static void write_four(struct place *p)
{
    commit(p, "a", "{\"x\":1}", true);
    commit(p, "b", "{}", false);
    commit(p, "a", NULL, false);
    commit(p, "c", "{\"list\":[1, 2]}", false);
}

static void no_file_is_an_empty_start(void **state)
{
    assert_int_equal(reload(*state, "east", NULL), 0);
}

static void what_was_committed_is_there_after_a_restart(void **state)
{
    struct place *p = *state;
    size_t num;
    struct stat st;

    write_four(p);
    assert_int_equal(reload(p, "east", &num), 4);
    assert_int_equal(num, 2);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_restarted_follower_appends_where_the_last_one_stopped(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct stat before, after;
    size_t num;

    write_four(p);
    journal_free(p->journal);
    p->journal = journal_new(p->dir, "east");
    holding_free(&p->holding);
    assert_true(journal_load(p->journal, &p->holding, NULL, &e));
    assert_int_equal(stat(p->file, &before), 0);
    commit(p, "d", "{}", false);
    assert_int_equal(stat(p->file, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(after.st_size > before.st_size);
    assert_int_equal(reload(p, "east", &num), 5);
    assert_int_equal(num, 3);
}

/* Cut anywhere: the last commit that is whole counts, and never anything else. */
static void a_truncated_tail_costs_what_it_held(void **state)
{
    struct place *p = *state;
    size_t n;

    write_four(p);
    char *text = slurp(p->file, &n);
    for (size_t cut = 0; cut <= n; cut++) {
        int64_t whole = 0;
        for (const char *at = text;
             (at = memmem(at, cut - (size_t)(at - text), "{\"commit", 8)) != NULL;) {
            const char *end = memchr(at, '\n', cut - (size_t)(at - text));
            if (end == NULL)
                break;
            whole++;
            at = end;
        }
        spill(p->file, text, cut);
        assert_int_equal(reload(p, "east", NULL), whole == 0 ? -1 : whole);
    }
    free(text);
}

static void an_append_after_a_truncated_tail_gives_a_whole_file(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    size_t n;

    write_four(p);
    char *text = slurp(p->file, &n);
    spill(p->file, text, n - 20);
    free(text);
    journal_free(p->journal);
    p->journal = journal_new(p->dir, "east");
    holding_free(&p->holding);
    assert_true(journal_load(p->journal, &p->holding, NULL, &e));
    assert_int_equal(p->holding.revision, 3);
    commit(p, "z", "{}", false);
    assert_int_equal(reload(p, "east", NULL), 4);
}

static void torn_bytes_at_the_end_are_a_truncated_tail(void **state)
{
    struct place *p = *state;
    size_t n;

    write_four(p);
    char *text = slurp(p->file, &n);
    memset(text + n, 0, 100);
    text[n + 50] = '\n';
    spill(p->file, text, n + 100);
    assert_int_equal(reload(p, "east", NULL), 4);
    free(text);
}

static void what_was_altered_is_refused(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\"x\":1", "\"x\":2"},               /* a value */
        {"\"name\":\"b\"", "\"name\":\"B\""}, /* a name */
        {"{\"delete\"", "{\"deleTe\""},       /* no frame any more */
        {"\"revision\":3", "\"revision\":1"}, /* goes back */
        {"[1, 2]", "[1,  2]"},                /* the last commit's bytes */
        {"\"1000-a\"", "\"a-1000\""},
        {"{\"hello\"", "{\"hullo\""},
        {"\"mode\":\"snapshot\"", "\"mode\":\"delta\""},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"b\"",
         "{\"patch\":{\"kind\":\"pool\",\"name\":\"b\""},
        {"{\"hello\":{", "{\"hello\":{\"version\":2,"}, /* written by a later program */
        {",\"value\":{}}}\n", "\n"},                    /* cut out of the middle */
        {"\"value\":{}", "\"value\":{\0\1\2}"},
        {"\"digest\":\"", "\"digest\":\"0"},
        {"{\"checksum\"", "{\"chocksum\""},
        {"\"sha256\":\"", "\"sha256\":\"0"},
        {"\"pool\",\"name\":\"a\"", "\"pool\", \"name\":\"a\""}, /* the same to a reader */
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n;
        holding_free(&p->holding);
        write_four(p);
        char *text = slurp(p->file, &n);
        char *at = strstr(text, rows[i].from);
        assert_non_null(at);
        struct buf b;
        buf_init(&b, 1 << 20);
        assert_true(buf_add(&b, text, (size_t)(at - text)) &&
                    buf_add_str(&b, str_from(rows[i].to)) &&
                    buf_add_str(&b, str_from(at + strlen(rows[i].from))));
        spill(p->file, b.bytes, b.len);
        assert_int_equal(reload(p, "east", NULL), -1);
        buf_free(&b);
        free(text);
    }
}

/* The checksum of what write_four wrote first. */
static char *checksum_in(char *text)
{
    char *checksum = strstr(text, "{\"checksum\"");
    assert_non_null(checksum);
    return checksum;
}

/* Written by an earlier program, or by hand. */
static void a_snapshot_without_a_checksum_is_believed_for_its_digest(void **state)
{
    struct place *p = *state;
    size_t n;
    size_t num;

    write_four(p);
    char *text = slurp(p->file, &n);
    char *checksum = checksum_in(text);
    char *after = strchr(checksum, '\n') + 1;
    memmove(checksum, after, (size_t)(text + n + 1 - after));
    spill(p->file, text, strlen(text));
    assert_int_equal(reload(p, "east", &num), 4);
    assert_int_equal(num, 2);
    strstr(text, "\"x\":1")[4] = '2';
    spill(p->file, text, strlen(text));
    assert_int_equal(reload(p, "east", NULL), -1);
    free(text);
}

static void a_checksum_vouches_for_nothing_that_comes_after_it(void **state)
{
    static const char more[] = "{\"set\":{\"kind\":\"pool\",\"name\":\"more\",\"value\":{}}}\n";
    struct place *p = *state;
    size_t n;
    struct buf b;

    write_four(p);
    char *text = slurp(p->file, &n);
    char *after = strchr(checksum_in(text), '\n') + 1;
    buf_init(&b, 1 << 20);
    assert_true(buf_add(&b, text, (size_t)(after - text)) && buf_add_str(&b, str_from(more)) &&
                buf_add_str(&b, str_from(after)));
    spill(p->file, b.bytes, b.len);
    assert_int_equal(reload(p, "east", NULL), -1);
    buf_free(&b);
    free(text);
}

static void a_sum_that_is_not_the_commits_is_refused(void **state)
{
    struct place *p = *state;
    size_t n;

    write_four(p);
    char *text = slurp(p->file, &n);
    char *digit = strstr(text, "\"sum\":\"") + strlen("\"sum\":\"");
    *digit = *digit == '0' ? '1' : '0';
    spill(p->file, text, n);
    assert_int_equal(reload(p, "east", NULL), -1);
    free(text);
}

static void reordered_commits_are_refused(void **state)
{
    struct place *p = *state;
    size_t n;

    write_four(p);
    char *text = slurp(p->file, &n);
    char *second = strchr(strstr(text, "\"revision\":1,\"digest"), '\n') + 1;
    char *third = strchr(strstr(text, "\"revision\":2,\"digest"), '\n') + 1;
    char *fourth = strchr(strstr(text, "\"revision\":3,\"digest"), '\n') + 1;
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_true(buf_add(&b, text, (size_t)(second - text)) &&
                buf_add(&b, third, (size_t)(fourth - third)) &&
                buf_add(&b, second, (size_t)(third - second)) && buf_add_str(&b, str_from(fourth)));
    assert_int_equal(b.len, n);
    spill(p->file, b.bytes, b.len);
    assert_int_equal(reload(p, "east", NULL), -1);
    buf_free(&b);
    free(text);
}

static void another_clusters_table_is_refused_and_replaced(void **state)
{
    struct place *p = *state;

    write_four(p);
    assert_int_equal(reload(p, "west", NULL), -1);
    journal_free(p->journal);
    p->journal = journal_new(p->dir, "west");
    holding_free(&p->holding);
    commit(p, "w", "{}", true);
    assert_int_equal(reload(p, "west", NULL), 1);
}

static void a_journal_that_outgrows_its_snapshot_is_written_anew(void **state)
{
    static char value[20000];
    struct place *p = *state;
    struct stat st;
    off_t largest = 0;

    memset(value, 'v', sizeof(value) - 1);
    memcpy(value, "{\"v\":\"", 6);
    memcpy(value + sizeof(value) - 3, "\"}", 3);
    commit(p, "a", "{}", true);
    for (int i = 0; i < 200; i++) {
        value[10] = (char)('a' + i % 26);
        commit(p, "a", value, false);
        assert_int_equal(stat(p->file, &st), 0);
        largest = st.st_size > largest ? st.st_size : largest;
    }
    assert_true(largest > 1 << 20);
    assert_true(largest < (1 << 20) + 3 * (off_t)sizeof(value));
    assert_int_equal(reload(p, "east", NULL), 201);
}

static void what_is_no_journal_is_refused(void **state)
{
    struct place *p = *state;
    size_t size = (size_t)FRAME_LINE_MAX + 100;
    char *huge = xmalloc(size);

    spill(p->file, "", 0);
    assert_int_equal(reload(p, "east", NULL), -1);
    spill(p->file, "\0\1\2\377binary\n\n\0", 13);
    assert_int_equal(reload(p, "east", NULL), -1);
    memset(huge, 'x', size); /* one line that never ends */
    spill(p->file, huge, size);
    assert_int_equal(reload(p, "east", NULL), -1);
    for (size_t i = 0; i < size; i++)
        huge[i] = (char)(i * 2654435761U >> 13);
    spill(p->file, huge, size);
    assert_int_equal(reload(p, "east", NULL), -1);
    free(huge);
    assert_int_equal(unlink(p->file), 0);
    assert_int_equal(mkdir(p->file, 0700), 0);
    assert_int_equal(reload(p, "east", NULL), -1);
    assert_int_equal(rmdir(p->file), 0);
    assert_int_equal(symlink("/etc/passwd", p->file), 0);
    assert_int_equal(reload(p, "east", NULL), -1);
}

static void a_damaged_file_is_complained_of_until_it_is_replaced(void **state)
{
    struct place *p = *state;
    struct err e = {0};

    spill(p->file, "junk\n", 5);
    assert_string_equal(journal_complaint(p->journal), "");
    assert_false(journal_load(p->journal, &p->holding, NULL, &e));
    assert_non_null(strstr(journal_complaint(p->journal), "is refused"));
    commit(p, "a", "{}", true);
    assert_string_equal(journal_complaint(p->journal), "");
    assert_int_equal(reload(p, "east", NULL), 1);
}

struct shown {
    int num;
    char order[16]; /* last byte of each name, upper case = deleted */
};

static void show(void *arg, enum route_kind kind, struct str name, struct str value)
{
    struct shown *s = arg;

    assert_int_equal(kind, ROUTE_KIND_POOL);
    char c = name.p[name.n - 1];
    s->order[s->num++] = value.p != NULL ? c : (char)(c - 'a' + 'A');
}

static void a_reader_is_shown_all_that_is_loaded_in_its_order(void **state)
{
    struct place *p = *state;
    struct shown shown = {0};
    struct journal_reader reader = {.part = show, .arg = &shown};
    struct journal *j = journal_new(p->dir, "east");
    struct holding h;
    struct err e = {0};
    size_t n;

    write_four(p);
    char *text = slurp(p->file, &n);
    spill(p->file, text, n - 10); /* what has no commit is not shown */
    holding_init(&h);
    assert_true(journal_load(j, &h, &reader, &e));
    assert_string_equal(shown.order, "abA");
    free(text);
    holding_free(&h);
    journal_free(j);
}

static void a_directory_that_is_no_directory_is_survived(void **state)
{
    struct place *p = *state;
    struct err e = {0};

    assert_int_equal(rmdir(p->dir), 0);
    commit(p, "a", "{}", true);
    assert_non_null(strstr(journal_complaint(p->journal), "No such file or directory"));
    spill(p->dir, "x", 1);
    journal_retry(p->journal, &p->holding);
    assert_non_null(strstr(journal_complaint(p->journal), "Not a directory"));
    struct journal *other = journal_new(p->dir, "east");
    struct holding h;
    holding_init(&h);
    assert_false(journal_load(other, &h, NULL, &e));
    journal_free(other);
    assert_int_equal(unlink(p->dir), 0);
    assert_int_equal(mkdir(p->dir, 0700), 0);
    journal_retry(p->journal, &p->holding);
    assert_string_equal(journal_complaint(p->journal), "");
    assert_int_equal(reload(p, "east", NULL), 1);
}

/* The file has to be there after the next tick, though the descriptor would take more bytes. */
static void a_file_or_directory_that_is_taken_away_is_written_anew(void **state)
{
    struct place *p = *state;
    char *lock_path = xasprintf("%s/lock", p->dir);

    write_four(p);
    assert_int_equal(unlink(p->file), 0);
    commit(p, "d", "{}", false);
    assert_int_equal(reload(p, "east", NULL), 0);
    journal_retry(p->journal, &p->holding);
    assert_int_equal(reload(p, "east", NULL), 5);
    assert_int_equal(unlink(p->file), 0);
    assert_int_equal(unlink(lock_path), 0);
    assert_int_equal(rmdir(p->dir), 0);
    assert_int_equal(mkdir(p->dir, 0700), 0);
    journal_retry(p->journal, &p->holding);
    assert_int_equal(reload(p, "east", NULL), 5);
    assert_int_equal(access(lock_path, F_OK), 0);
    commit(p, "e", "{}", false);
    assert_int_equal(reload(p, "east", NULL), 6);
    free(lock_path);
}

/* RLIMIT_FSIZE is a disk that is full as far as this process is concerned. */
static void a_full_disk_is_survived_and_the_table_written_when_there_is_room(void **state)
{
    struct place *p = *state;
    struct rlimit all, little;
    size_t num;

    write_four(p);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    little = all;
    little.rlim_cur = 300;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    for (int i = 0; i < 20; i++)
        commit(p, i % 2 == 0 ? "e" : "f", "{\"long\":\"value\"}", false);
    journal_retry(p->journal, &p->holding);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    assert_int_equal(p->holding.revision, 24);
    assert_non_null(strstr(journal_complaint(p->journal), "File too large"));
    int64_t kept = reload(p, "east", NULL); /* the last that fitted, nothing half */
    assert_in_range(kept, 4, 23);
    journal_retry(p->journal, &p->holding);
    assert_string_equal(journal_complaint(p->journal), "");
    assert_int_equal(reload(p, "east", &num), 24);
    assert_int_equal(num, 4);
    commit(p, "g", "{}", false);
    assert_int_equal(reload(p, "east", NULL), 25);
}

static void two_writers_do_not_mix(void **state)
{
    struct place *p = *state;
    struct place other = *p;
    struct err e = {0};

    write_four(p);
    holding_init(&other.holding);
    other.journal = journal_new(p->dir, "east");
    assert_true(journal_load(other.journal, &other.holding, NULL, &e));
    commit(&other, "o", "{}", false); /* cannot be kept: p writes here */
    assert_non_null(strstr(journal_complaint(other.journal), "another process"));
    journal_retry(other.journal, &other.holding);
    assert_non_null(strstr(journal_complaint(other.journal), "another process"));
    commit(p, "p", "{}", false);
    assert_int_equal(reload(p, "east", NULL), 5);
    journal_free(p->journal); /* p ends: the other takes over with its whole table */
    p->journal = NULL;
    journal_retry(other.journal, &other.holding);
    assert_string_equal(journal_complaint(other.journal), "");
    commit(&other, "q", "{}", false);
    assert_int_equal(reload(p, "east", NULL), 6);
    holding_free(&other.holding);
    journal_free(other.journal);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_file_is_an_empty_start),
        TEST(what_was_committed_is_there_after_a_restart),
        TEST(a_restarted_follower_appends_where_the_last_one_stopped),
        TEST(a_truncated_tail_costs_what_it_held),
        TEST(an_append_after_a_truncated_tail_gives_a_whole_file),
        TEST(torn_bytes_at_the_end_are_a_truncated_tail),
        TEST(what_was_altered_is_refused),
        TEST(a_snapshot_without_a_checksum_is_believed_for_its_digest),
        TEST(a_checksum_vouches_for_nothing_that_comes_after_it),
        TEST(a_sum_that_is_not_the_commits_is_refused),
        TEST(reordered_commits_are_refused),
        TEST(what_is_no_journal_is_refused),
        TEST(a_damaged_file_is_complained_of_until_it_is_replaced),
        TEST(a_reader_is_shown_all_that_is_loaded_in_its_order),
        TEST(a_directory_that_is_no_directory_is_survived),
        TEST(a_file_or_directory_that_is_taken_away_is_written_anew),
        TEST(another_clusters_table_is_refused_and_replaced),
        TEST(a_journal_that_outgrows_its_snapshot_is_written_anew),
        TEST(a_full_disk_is_survived_and_the_table_written_when_there_is_room),
        TEST(two_writers_do_not_mix),
    };

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
