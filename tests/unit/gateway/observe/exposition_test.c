/* Names, forms and buckets; and docs/observability.md tells every metric and log member as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/http/h1_head.h"
#include "gateway/observe/access_log.h"
#include "gateway/observe/exposition.h"
#include "gateway/proxy/close_reason.h"
#include "gateway/proxy/reply_reason.h"

static void each_sample_finds_its_metric(void **state)
{
    static const struct {
        const char *name;
        enum metric metric;
        const char *suffix;
    } rows[] = {
        {"signalbox_requests_total", METRIC_requests, ""},
        {"signalbox_request_duration_seconds_bucket", METRIC_request_time, "_bucket"},
        {"signalbox_request_duration_seconds_sum", METRIC_request_time, "_sum"},
        {"signalbox_pool_request_duration_seconds_count", METRIC_POOL_DURATION, "_count"},
        {"signalbox_pool_request_duration_seconds_bucket", METRIC__COUNT, NULL},
        {"signalbox_request_duration_seconds", METRIC__COUNT, NULL},
        {"signalbox_requests_total_sum", METRIC__COUNT, NULL},
        {"signalbox_requests_tota", METRIC__COUNT, NULL},
        {"signalbox_requests_totals", METRIC__COUNT, NULL},
        {"", METRIC__COUNT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *suffix = NULL;

        assert_int_equal(exposition_find(str_from(rows[i].name), &suffix), rows[i].metric);
        if (rows[i].suffix != NULL)
            assert_string_equal(suffix, rows[i].suffix);
    }
    for (int i = 0; i < METRIC__COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(exposition_describe((enum metric)i)->name,
                                    exposition_describe((enum metric)k)->name);
}

static char *write_some(enum exposition_form form)
{
    struct exposition x;
    struct buf b;

    buf_init(&b, 4096);
    exposition_begin(&x, form, &b);
    exposition_one(&x, METRIC_requests, 0);
    exposition_one(&x, METRIC_CPU, 1500000);
    exposition_metric(&x, METRIC_CLOSED);
    exposition_label(&x, "reason", STR("a\"b\\c\nd"));
    exposition_value(&x, "", 3);
    exposition_one(&x, METRIC_TABLE_AGE, 0);
    assert_true(exposition_end(&x));
    return buf_take(&b);
}

static void both_forms_say_the_same(void **state)
{
    char *text = write_some(EXPOSITION_TEXT), *samples = write_some(EXPOSITION_SAMPLES);

    (void)state;
    assert_non_null(strstr(text, "# TYPE signalbox_requests_total counter\n"
                                 "signalbox_requests_total 0\n"));
    assert_non_null(strstr(text, "\nprocess_cpu_seconds_total 1.500000\n"));
    assert_non_null(strstr(text, "{reason=\"a\\\"b\\\\c\\nd\"} 3\n"));
    assert_string_equal(samples, "{\"samples\":[[\"process_cpu_seconds_total\",\"\",1500000],"
                                 "[\"signalbox_connections_closed_total\","
                                 "\"reason=\\\"a\\\\\\\"b\\\\\\\\c\\\\nd\\\"\",3],"
                                 "[\"signalbox_table_age_seconds\",\"\",0]]}");
    free(text);
    free(samples);
}

static void what_does_not_fit_is_said(void **state)
{
    struct exposition x;
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    exposition_begin(&x, EXPOSITION_TEXT, &b);
    exposition_one(&x, METRIC_requests, 1);
    exposition_one(&x, METRIC_CPU, 1);
    assert_false(exposition_end(&x));
    buf_free(&b);
}

static void times_fall_into_their_buckets(void **state)
{
    static const int64_t times[] = {-5, 0, 250, 251, 60000000, 60000001};
    static struct metrics one, sum;

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        metrics_observe(&one.request_time, times[i]);
    metrics_sum(&sum, &one);
    metrics_sum(&sum, &one);
    assert_int_equal(metrics_get(&sum.request_time.in[0]), 6);
    assert_int_equal(metrics_get(&sum.request_time.in[1]), 2);
    assert_int_equal(metrics_get(&sum.request_time.in[METRICS_BUCKETS_NUM - 1]), 2);
    assert_int_equal(metrics_get(&sum.request_time.in[METRICS_BUCKETS_NUM]), 2);
    assert_int_equal(metrics_get(&sum.request_time.sum_us), 2 * (250 + 251 + 120000001));
}

static char *read_docs(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    (void)fclose(f);
    return text;
}

static int miss(const char *docs, const char *row)
{
    if (strstr(docs, row) != NULL)
        return 0;
    print_error("the documentation lacks: %s", row);
    return 1;
}

static void the_documentation_is_complete(void **state)
{
    char *docs = read_docs(SIGNALBOX_SOURCE_DIR "/docs/observability.md"), row[512];
    int missing = 0;

    (void)state;
    for (int i = 0; i < METRIC__COUNT; i++) {
        const struct exposition_metric *m = exposition_describe((enum metric)i);

        snprintf(row, sizeof row, "| `%s` | %s | %s | %s |\n", m->name, m->type, m->labels,
                 m->help);
        missing += miss(docs, row);
    }
#define X(sym, name, max, help)                                                     \
    snprintf(row, sizeof row, "| `%s` | up to %d bytes | %s |\n", name, max, help); \
    missing += miss(docs, row);
    ACCESS_TEXTS(X)
#undef X
#define X(name, help)                                                   \
    snprintf(row, sizeof row, "| `%s` | number | %s |\n", #name, help); \
    missing += miss(docs, row);
    ACCESS_NUMBERS(X)
#undef X
#define X(name, help)                                                 \
    snprintf(row, sizeof row, "| `%s` | word | %s |\n", #name, help); \
    missing += miss(docs, row);
    ACCESS_WORDS(X)
#undef X
#define X(sym, label, text)                                    \
    snprintf(row, sizeof row, "| `%s` | %s |\n", label, text); \
    missing += miss(docs, row);
    CLOSE_REASONS(X)
#undef X
#define X(sym, label, status, error, ends, text)                            \
    snprintf(row, sizeof row, "| `%s` | %d | %s |\n", label, status, text); \
    missing += miss(docs, row);
    REPLY_REASONS(X)
#undef X
    free(docs);
    assert_int_equal(missing, 0);
}

static void each_refusal_is_documented(void **state)
{
    char *docs = read_docs(SIGNALBOX_SOURCE_DIR "/docs/http.md"), row[512];
    int missing = 0;

    (void)state;
#define X(sym, label, status, text)                                         \
    snprintf(row, sizeof row, "| `%s` | %d | %s |\n", label, status, text); \
    missing += miss(docs, row);
    H1_REFUSALS(X)
#undef X
    free(docs);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sample_finds_its_metric),
        cmocka_unit_test(both_forms_say_the_same),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(times_fall_into_their_buckets),
        cmocka_unit_test(the_documentation_is_complete),
        cmocka_unit_test(each_refusal_is_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
