/* Rings and the writer: nothing mixed up, nothing twice, a reader that does not read costs records.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/clock.h"
#include "gateway/observe/access_log.h"

enum { WORKERS = 2, PATIENCE_MS = 5000 };

struct scene {
    struct access_log *log;
    int out[2];
};

static struct scene scene(void)
{
    struct scene s;

    assert_int_equal(pipe(s.out), 0);
    s.log = access_log_new(WORKERS, s.out[1], NULL);
    assert_non_null(s.log);
    return s;
}

static void say(struct access_log *l, size_t worker, int64_t request, const char *target)
{
    struct str texts[ACCESS_TEXT__COUNT] = {{0}};
    const struct access_record r = {.protocol = "", .reply = "", .end = "done", .request = request};

    texts[ACCESS_TARGET] = (struct str){target, strlen(target)};
    access_log_add(l, worker, &r, texts);
}

static void wait_until_written(const struct access_log *l, uint64_t num)
{
    for (int64_t until = clock_mono_ms() + PATIENCE_MS; access_log_written(l) < num; usleep(1000))
        if (clock_mono_ms() > until)
            fail_msg("%llu of %llu records were written", (unsigned long long)access_log_written(l),
                     (unsigned long long)num);
}

/* Everything up to the end. */
static char *read_all(int fd)
{
    size_t len = 0, cap = 1 << 16;
    char *text = malloc(cap);
    ssize_t n;

    assert_non_null(text);
    while ((n = read(fd, text + len, cap - len - 1)) > 0) {
        len += (size_t)n;
        if (cap - len < 4096)
            text = realloc(text, cap *= 2);
        assert_non_null(text);
    }
    text[len] = '\0';
    return text;
}

static void records_come_in_order_and_only_while_it_is_on(void **state)
{
    struct scene s = scene();
    char *text, *at;

    (void)state;
    say(s.log, 0, 1, "/off");
    access_log_switch(s.log, 0, true);
    for (int i = 1; i <= 50; i++)
        say(s.log, 0, i, "/on");
    say(s.log, 1, 1, "/other-worker-is-off");
    access_log_switch(s.log, 0, false);
    say(s.log, 0, 1, "/off-again");
    wait_until_written(s.log, 50);
    access_log_free(s.log);
    close(s.out[1]);
    text = at = read_all(s.out[0]);
    assert_null(strstr(text, "/off"));
    assert_null(strstr(text, "/other"));
    for (int i = 1; i <= 50; i++) {
        char wanted[32];

        snprintf(wanted, sizeof wanted, "\"request\":%d,", i);
        at = strstr(at, wanted);
        assert_non_null(at);
    }
    free(text);
    close(s.out[0]);
}

/* Sizes vary, so that records meet the end of the ring in every way. */
static void a_ring_is_used_round_and_round(void **state)
{
    enum { NUM = 40000 };
    struct scene s = scene();
    char target[801];
    FILE *in;
    char *line = NULL;
    size_t cap = 0;
    uint64_t sent = 0;
    int64_t next = 1;

    (void)state;
    memset(target, 'x', sizeof target);
    in = fdopen(s.out[0], "r");
    assert_non_null(in);
    access_log_switch(s.log, 1, true);
    while (next <= NUM) {
        for (int i = 0; i < 100; i++) {
            size_t n = (size_t)((sent * 37) % 800);

            target[n] = '\0';
            say(s.log, 1, (int64_t)++sent, target);
            target[n] = 'x';
        }
        for (int i = 0; i < 100; i++, next++) {
            char wanted[40];
            const char *at;

            assert_true(getline(&line, &cap, in) > 0);
            snprintf(wanted, sizeof wanted, "\"request\":%lld,", (long long)next);
            if (strstr(line, wanted) == NULL)
                fail_msg("not record %lld: %s", (long long)next, line);
            at = strstr(line, "\"target\":\"");
            assert_non_null(at);
            assert_int_equal(strspn(at + 10, "x"), ((size_t)(next - 1) * 37) % 800);
        }
    }
    assert_int_equal(access_log_lost(s.log, 1), 0);
    access_log_free(s.log);
    free(line);
    close(s.out[1]);
    (void)fclose(in);
}

/* All that the log says it lost: it may say so in parts, as it finds out. */
static uint64_t told_lost(const char *text)
{
    uint64_t sum = 0;

    while ((text = strstr(text, "\"lost\":")) != NULL) {
        text += strlen("\"lost\":");
        sum += strtoull(text, NULL, 10);
    }
    return sum;
}

static void a_reader_that_does_not_read_costs_records_not_time(void **state)
{
    enum { NUM = 20000 };
    struct scene s = scene();
    char target[513];
    uint64_t lost, written;
    int64_t before;
    char *text;

    (void)state;
    memset(target, 'x', sizeof target);
    target[512] = '\0';
    access_log_switch(s.log, 0, true);
    before = clock_mono_ms();
    for (int i = 1; i <= NUM; i++)
        say(s.log, 0, i, target);
    assert_true(clock_mono_ms() - before < 1000);
    lost = access_log_lost(s.log, 0);
    assert_true(lost > NUM / 2);
    assert_int_equal(access_log_lost(s.log, 1), 0);
    /* It reads again: what was kept comes, and how much was not. */
    assert_int_equal(fcntl(s.out[0], F_SETFL, O_NONBLOCK), 0);
    text = calloc(1, 64 << 20);
    assert_non_null(text);
    written = 0;
    for (int64_t until = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < until;) {
        ssize_t n = read(s.out[0], text + written, (64 << 20) - written - 1);

        if (n > 0)
            written += (uint64_t)n;
        else if (access_log_written(s.log) + lost == NUM && told_lost(text) == lost)
            break;
        else
            usleep(1000);
    }
    assert_int_equal(access_log_written(s.log) + lost, NUM);
    assert_int_equal(told_lost(text), lost);
    free(text);
    access_log_free(s.log);
    close(s.out[0]);
    close(s.out[1]);
}

static void a_closed_standard_output_loses_records_and_nothing_else(void **state)
{
    struct scene s = scene();

    (void)state;
    close(s.out[0]);
    access_log_switch(s.log, 0, true);
    say(s.log, 0, 1, "/");
    for (int64_t until = clock_mono_ms() + PATIENCE_MS; access_log_lost(s.log, 0) == 0;
         usleep(1000))
        assert_true(clock_mono_ms() < until);
    assert_int_equal(access_log_written(s.log), 0);
    access_log_free(s.log);
    close(s.out[1]);
}

static void the_end_does_not_wait_for_a_reader_for_ever(void **state)
{
    struct scene s = scene();
    char target[513];
    int64_t before;

    (void)state;
    memset(target, 'x', sizeof target);
    target[512] = '\0';
    access_log_switch(s.log, 0, true);
    for (int i = 0; i < 2000; i++)
        say(s.log, 0, i, target);
    usleep(100000); /* the writer is in its write */
    before = clock_mono_ms();
    access_log_free(s.log);
    assert_true(clock_mono_ms() - before < ACCESS_END_MS + 1000);
    /* The thread and its log stay behind, in a write into this pipe. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_in_order_and_only_while_it_is_on),
        cmocka_unit_test(a_ring_is_used_round_and_round),
        cmocka_unit_test(a_reader_that_does_not_read_costs_records_not_time),
        cmocka_unit_test(a_closed_standard_output_loses_records_and_nothing_else),
        cmocka_unit_test(the_end_does_not_wait_for_a_reader_for_ever),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
