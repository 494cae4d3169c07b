/*
 * The store against the world outside its process: kill -9 in the middle of commits, a file size
 * limit, folders and files that cannot be written. Each in a child of its own. More rounds:
 * SIGNALBOX_STORE_KILLS=500.
 */
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/store/fixture.h"

enum { ROUNDS = 20, NOBODY = 65534, OBJECTS_A_COMMIT = 5 };

/* Every object of a commit has the commit's number as its value. */
static bool commit_next(struct store *s, uint64_t *out, struct err *e)
{
    struct store_change changes[OBJECTS_A_COMMIT];
    char names[OBJECTS_A_COMMIT][16];
    char value[32];

    snprintf(value, sizeof(value), "%llu", (unsigned long long)store_head(s) + 1);
    for (int i = 0; i < OBJECTS_A_COMMIT; i++) {
        snprintf(names[i], sizeof(names[i]), "o%d", i % 100);
        changes[i] = (struct store_change){"east", "pool", names[i], value};
    }
    return store_commit(s, changes, OBJECTS_A_COMMIT, "test", "crash", out, e);
}

/* The child: commits for ever and acknowledges each number on the pipe. */
static _Noreturn void commit_for_ever(int out)
{
    struct err e;
    struct store *s = store_open(path, &e);
    uint64_t number;

    while (s != NULL && commit_next(s, &number, &e))
        if (write(out, &number, sizeof(number)) != (ssize_t)sizeof(number))
            break;
    _exit(3);
}

struct seen {
    uint64_t head;
    size_t num;
};

static void on_object(void *arg, const char *kind, const char *name, const char *value,
                      uint64_t number)
{
    struct seen *seen = arg;

    (void)kind;
    (void)name;
    assert_int_equal(number, seen->head);
    assert_int_equal(strtoull(value, NULL, 10), seen->head);
    seen->num++;
}

/* Whole commits only, and none that was acknowledged is missing. */
static uint64_t check(uint64_t acknowledged)
{
    struct err e = {0};
    struct store *s = store_open(path, &e);
    uint64_t revision;

    if (s == NULL)
        fail_msg("%s: %s", e.code, e.text);
    struct seen seen = {store_head(s), 0};

    assert_true(seen.head >= acknowledged);
    assert_true(seen.head <= acknowledged + 1); /* at most the one that was not acknowledged yet */
    assert_true(store_each_object(s, "east", on_object, &seen, &e));
    assert_int_equal(seen.num, seen.head > 0 ? OBJECTS_A_COMMIT : 0);
    assert_true(store_revision(s, "east", &revision, &e));
    assert_int_equal(revision, seen.head);
    store_close(s);
    return seen.head;
}

static uint64_t kill_once(long after_us, uint64_t acknowledged)
{
    int pipefd[2];
    struct timespec pause = {0, after_us * 1000};
    uint64_t number;
    int status;

    assert_int_equal(pipe(pipefd), 0);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        close(pipefd[0]);
        commit_for_ever(pipefd[1]);
    }
    close(pipefd[1]);
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(pipefd[0], &number, sizeof(number)) == (ssize_t)sizeof(number))
        acknowledged = number;
    close(pipefd[0]);
    return acknowledged;
}

static void kill_9_loses_no_acknowledged_commit(void **state)
{
    const char *more = getenv("SIGNALBOX_STORE_KILLS");
    long rounds = more != NULL ? strtol(more, NULL, 10) : ROUNDS;
    uint64_t head = 0;

    (void)state;
    for (long i = 0; i < rounds; i++)
        head = check(kill_once(20000 + (i * 7919) % 200000, head));
    assert_true(head > 0);
    print_message("%ld kills, %llu commits\n", rounds, (unsigned long long)head);
}

static int fill_until_full(void)
{
    struct rlimit small = {600000, 600000};
    struct err e = {0};
    struct store *s = store_open(path, &e);
    char value[20001];
    uint64_t number = 0;
    struct store_change change = {"east", "pool", "big", value};

    if (s == NULL)
        return 1;
    signal(SIGXFSZ, SIG_IGN); /* then the write fails with EFBIG */
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 100; i++) {
        uint64_t head = store_head(s);

        memset(value, 'a' + i % 20, sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        if (store_commit(s, &change, 1, "test", "full", &number, &e))
            continue;
        if (strcmp(e.code, "StoreFull") != 0 || store_head(s) != head)
            return 2;
        store_close(s); /* cannot write its log back, and must not mind */
        return 0;
    }
    return 3;
}

static void a_file_size_limit_is_a_full_store_and_nothing_is_lost(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(in_child(fill_until_full), 0);
    struct store *s = store_open(path, &e);

    if (s == NULL)
        fail_msg("%s: %s", e.code, e.text);
    assert_true(store_head(s) > 2);
    store_close(s);
}

static int open_as_nobody(void)
{
    struct err e = {0};

    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return 1;
    struct store *s = store_open(path, &e);

    if (s != NULL)
        return 2;
    return strcmp(e.code, "StoreReadOnly") == 0 ? 0 : 3;
}

static void a_folder_that_cannot_be_written_is_read_only(void **state)
{
    (void)state;
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(in_child(open_as_nobody), 0);
}

static void a_file_that_cannot_be_written_is_read_only(void **state)
{
    struct err e;

    (void)state;
    store_close(store_open(path, &e));
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(in_child(open_as_nobody), 0);
}

static void a_folder_that_takes_no_log_is_read_only(void **state)
{
    struct err e;

    (void)state;
    store_close(store_open(path, &e));
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(in_child(open_as_nobody), 0);
}

static void another_process_is_told_that_it_is_locked_until_the_first_is_gone(void **state)
{
    struct err e = {0};
    int ready[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (store_open(path, &e) == NULL || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_null(store_open(path, &e));
    assert_string_equal(e.code, "StoreLocked");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct store *s = store_open(path, &e);

    assert_non_null(s);
    store_close(s);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(kill_9_loses_no_acknowledged_commit),
        TEST(a_file_size_limit_is_a_full_store_and_nothing_is_lost),
        TEST(a_folder_that_cannot_be_written_is_read_only),
        TEST(a_file_that_cannot_be_written_is_read_only),
        TEST(a_folder_that_takes_no_log_is_read_only),
        TEST(another_process_is_told_that_it_is_locked_until_the_first_is_gone),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
