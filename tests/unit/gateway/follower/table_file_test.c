/* A followed table file, with real files and a real loop. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/follower/table_file.h"

/* What came, in short: "|" a snapshot, a set or delete by its name, a commit by its number. */
struct place {
    char dir[64];
    char path[96];
    char other[96];
    struct event_base *base;
    struct table_file *file;
    struct buf seen;
    bool closed; /* the reader is told to wait */
    bool unsent; /* frames came since the last piece ended */
};

static void on_snapshot(void *arg)
{
    struct place *p = arg;
    assert_true(buf_add(&p->seen, "|", 1));
}

static void on_frame(void *arg, const struct frame *f, struct str line)
{
    struct place *p = arg;
    p->unsent = true;
    assert_true(line.n > 10 && line.p[line.n - 1] == '}');
    if (f->type == FRAME_COMMIT)
        assert_true(buf_add_fmt(&p->seen, "%d", (int)f->revision));
    else
        assert_true(buf_add_fmt(&p->seen, "%s%s", f->type == FRAME_DELETE ? "-" : "", f->name));
}

static void on_piece(void *arg)
{
    struct place *p = arg;
    p->unsent = false;
}

static bool may_read(void *arg)
{
    const struct place *p = arg;
    return !p->closed;
}

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof(*p));
    snprintf(p->dir, sizeof(p->dir), "/tmp/table_file_test.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/table", p->dir);
    snprintf(p->other, sizeof(p->other), "%s/other", p->dir);
    p->base = event_base_new();
    buf_init(&p->seen, 1 << 20);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    table_file_free(p->file);
    event_base_free(p->base);
    buf_free(&p->seen);
    if (unlink(p->path) != 0)
        assert_int_equal(access(p->path, F_OK), -1);
    assert_int_equal(rmdir(p->dir), 0);
    free(p);
    return 0;
}

static void follow(struct place *p)
{
    struct err e = {0};
    struct table_file_config config = {.base = p->base,
                                       .path = p->path,
                                       .on_snapshot = on_snapshot,
                                       .on_frame = on_frame,
                                       .on_piece = on_piece,
                                       .may_read = may_read,
                                       .arg = p};
    p->file = table_file_new(&config, &e);
    assert_non_null(p->file);
}

/* "a -b 3" as lines of a table; words that are no such thing are written as they are. */
static void write_words(const char *path, int flags, const char *words)
{
    char text[2000];
    size_t n = 0;
    struct str rest = str_from(words);
    struct str w;
    while (str_split(&rest, ' ', &w) && w.n > 0) {
        if (w.p[0] == '-')
            n += (size_t)snprintf(text + n, sizeof(text) - n,
                                  "{\"delete\":{\"kind\":\"pool\",\"name\":\"%.*s\"}}\n",
                                  (int)w.n - 1, w.p + 1);
        else if (strchr("{N", w.p[0]) != NULL)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s\n", STR_ARG(w));
        else if (w.p[0] >= '0' && w.p[0] <= '9')
            n += (size_t)snprintf(text + n, sizeof(text) - n, "{\"commit\":{\"revision\":%.*s}}\n",
                                  STR_ARG(w));
        else
            n += (size_t)snprintf(text + n, sizeof(text) - n,
                                  "{\"set\":{\"kind\":\"pool\",\"name\":\"%.*s\",\"value\":{}}}\n",
                                  STR_ARG(w));
    }
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t)n);
    assert_int_equal(close(fd), 0);
}

static void append(struct place *p, const char *words)
{
    write_words(p->path, O_APPEND, words);
}

/* Runs the loop until `wanted` was seen; fails with what was seen instead after 3 s. */
static void expect(struct place *p, const char *wanted)
{
    struct timeval step = {.tv_usec = 2000};
    int64_t end = clock_mono_ms() + 3000;
    while (!str_eq(buf_str(&p->seen), str_from(wanted)) && clock_mono_ms() < end) {
        assert_int_equal(event_base_loopexit(p->base, &step), 0);
        assert_int_equal(event_base_dispatch(p->base), 0);
    }
    assert_string_equal(p->seen.len > 0 ? p->seen.bytes : "", wanted);
    assert_false(p->unsent);
    buf_clear(&p->seen);
}

static void expect_nothing(struct place *p)
{
    struct timeval step = {.tv_usec = 650000}; /* over one look of the slow kind */
    assert_int_equal(event_base_loopexit(p->base, &step), 0);
    assert_int_equal(event_base_dispatch(p->base), 0);
    assert_int_equal(p->seen.len, 0);
}

static void what_is_appended_comes_at_once(void **state)
{
    struct place *p = *state;

    append(p, "a b 1");
    follow(p);
    expect(p, "|ab1");
    int64_t before = clock_mono_ms();
    append(p, "c 2");
    expect(p, "c2");
    append(p, "-a 3");
    expect(p, "-a3");
    assert_true(clock_mono_ms() - before < 400); /* not by the slow look */
    expect_nothing(p);
}

static void a_half_line_waits_for_its_newline(void **state)
{
    struct place *p = *state;

    append(p, "a 1");
    follow(p);
    expect(p, "|a1");
    int fd = open(p->path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "{\"commit\":{\"rev", 15), 15);
    expect_nothing(p);
    assert_int_equal(write(fd, "ision\":7}}\n", 11), 11);
    assert_int_equal(close(fd), 0);
    expect(p, "7");
}

static void a_rename_over_it_is_a_new_snapshot(void **state)
{
    struct place *p = *state;

    append(p, "a 1");
    follow(p);
    expect(p, "|a1");
    write_words(p->other, O_TRUNC, "b c 9");
    assert_int_equal(rename(p->other, p->path), 0);
    expect(p, "|bc9");
    append(p, "d 10");
    expect(p, "d10");
}

static void a_truncation_and_an_edit_in_place_are_new_snapshots(void **state)
{
    struct place *p = *state;

    append(p, "a b 1");
    follow(p);
    expect(p, "|ab1");
    write_words(p->path, O_TRUNC, "x 2");
    expect(p, "|x2");
    usleep(20000); /* mtime counts in ticks of the kernel */
    write_words(p->path, 0, "y 2");
    expect(p, "|y2");
    write_words(p->path, 0, "z -a 4 w");
    expect(p, "|z-a4w");
}

static void only_the_last_commit_of_the_past_is_given_on(void **state)
{
    struct place *p = *state;

    append(p, "a 1 -a 2 b 3 late");
    follow(p);
    expect(p, "|a-ab3late"); /* 1 and 2 are history: a proxy that serves must not see it again */
    append(p, "4 c 5");
    expect(p, "4c5");
}

static void bad_lines_cost_only_themselves(void **state)
{
    struct place *p = *state;

    append(p, "a NONSENSE {\"hello\":1} {\"ack\":{\"revision\":1}} b {\"set\":{}} 1");
    follow(p);
    expect(p, "|ab1");
}

static void a_file_that_comes_later_is_taken_then_and_one_that_goes_stays_in_force(void **state)
{
    struct place *p = *state;

    follow(p);
    expect_nothing(p);
    append(p, "a 1");
    expect(p, "|a1");
    assert_int_equal(unlink(p->path), 0);
    expect_nothing(p);
    append(p, "b 2");
    expect(p, "|b2");
}

static void a_reader_that_waits_misses_nothing(void **state)
{
    struct place *p = *state;

    append(p, "a 1");
    p->closed = true;
    follow(p);
    expect_nothing(p);
    p->closed = false;
    table_file_resume(p->file);
    expect(p, "|a1");
}

static void a_directory_that_is_not_there_is_refused(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct table_file_config config = {.base = p->base,
                                       .path = "/nonexistent/table",
                                       .on_snapshot = on_snapshot,
                                       .on_frame = on_frame,
                                       .on_piece = on_piece,
                                       .may_read = may_read,
                                       .arg = p};

    assert_null(table_file_new(&config, &e));
    assert_string_equal(e.field, "--table");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_appended_comes_at_once),
        TEST(a_half_line_waits_for_its_newline),
        TEST(a_rename_over_it_is_a_new_snapshot),
        TEST(a_truncation_and_an_edit_in_place_are_new_snapshots),
        TEST(only_the_last_commit_of_the_past_is_given_on),
        TEST(bad_lines_cost_only_themselves),
        TEST(a_file_that_comes_later_is_taken_then_and_one_that_goes_stays_in_force),
        TEST(a_reader_that_waits_misses_nothing),
        TEST(a_directory_that_is_not_there_is_refused),
    };

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
