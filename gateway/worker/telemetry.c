/*
 * See telemetry.h. Collects and says; counting is everybody else's. Samples that find no follower,
 * or one that reads too slowly, are dropped: the next ones are newer.
 */
#include "gateway/worker/telemetry.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/loop/fd_budget.h"
#include "gateway/observe/access_log.h"
#include "gateway/observe/exposition.h"
#include "gateway/observe/pool_series.h"
#include "gateway/proxy/proxy.h"
#include "gateway/table/table.h"
#include "gateway/worker/frames.h"
#include "gateway/worker/prober.h"
#include "gateway/worker/worker.h"

enum { TELEMETRY_MAGIC = 0x07e1e301 };

struct telemetry {
    unsigned magic;
    struct telemetry_ops ops;
    struct event *timer;
    int statm;        /* -1: it cannot be read */
    int64_t began_us; /* wall clock */
};

static int64_t read_resident_bytes(const struct telemetry *t)
{
    char text[128];
    long long pages = 0;
    ssize_t n = t->statm >= 0 ? pread(t->statm, text, sizeof text - 1, 0) : -1;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    return sscanf(text, "%*s %lld", &pages) == 1 ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static int64_t cpu_us(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) != 0)
        return 0;
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static void write_process(const struct telemetry *t, struct exposition *x)
{
    exposition_metric(x, METRIC_BUILD_INFO);
    exposition_label(x, "version", STR(SIGNALBOX_VERSION));
    exposition_value(x, "", 1);
    exposition_one(x, METRIC_WORKERS, (int64_t)t->ops.num_workers(t->ops.arg));
    exposition_one(x, METRIC_DESCRIPTORS, fd_budget_used(t->ops.budget));
    exposition_one(x, METRIC_DESCRIPTORS_MAX, t->ops.budget->for_clients);
    exposition_one(x, METRIC_CPU, cpu_us());
    exposition_one(x, METRIC_MEMORY, read_resident_bytes(t));
    exposition_one(x, METRIC_START, t->began_us);
}

static void write_table(const struct telemetry *t, struct exposition *x)
{
    const struct table *table = t->ops.table(t->ops.arg);
    const struct frames_status *s = t->ops.status(t->ops.arg);
    int64_t silent_ms = clock_mono_ms() - s->heard_ms;
    bool up = s->heard_ms != 0 && silent_ms < TELEMETRY_SILENT_MS;

    exposition_one(x, METRIC_TABLE_REVISION, table != NULL ? (int64_t)table_revision(table) : 0);
    exposition_one(x, METRIC_TABLE_ROUTES, table != NULL ? (int64_t)table_num_routes(table) : 0);
    exposition_one(x, METRIC_TABLE_POOLS, table != NULL ? (int64_t)table_num_pools(table) : 0);
    exposition_one(x, METRIC_TABLE_STALE, s->stale);
    exposition_one(x, METRIC_TABLE_AGE, s->stale ? (s->age_ms + silent_ms) * 1000 : 0);
    exposition_one(x, METRIC_FOLLOWER_UP, up);
    exposition_one(x, METRIC_JOURNAL_FAILING, s->complaint[0] != '\0');
}

static void write_log(const struct telemetry *t, struct exposition *x, size_t num_workers)
{
    exposition_one(x, METRIC_LOG_LINES, (int64_t)access_log_written(t->ops.log));
    exposition_metric(x, METRIC_LOG_LOST);
    for (size_t i = 0; i < num_workers; i++) {
        char worker[24];

        snprintf(worker, sizeof worker, "%zu", i);
        exposition_label(x, "worker", str_from(worker));
        exposition_value(x, "", (int64_t)access_log_lost(t->ops.log, i));
    }
}

static bool is_in_table(const void *arg, struct str pool)
{
    return table_pool(arg, pool) != NULL;
}

static bool write_all(struct telemetry *t, enum exposition_form form, size_t pools_bytes,
                      struct buf *out)
{
    const struct table *table = t->ops.table(t->ops.arg);
    size_t num = t->ops.num_workers(t->ops.arg);
    struct proxy *proxies[WORKERS_MAX];
    struct metrics sum = {0};
    struct exposition x;

    for (size_t i = 0; i <= num; i++)
        metrics_sum(&sum, t->ops.metrics_of(t->ops.arg, i));
    for (size_t i = 0; i < num; i++)
        proxies[i] = t->ops.proxy_of(t->ops.arg, i);
    if (table != NULL)
        pool_series_sweep(t->ops.series, is_in_table, table);
    exposition_begin(&x, form, out);
    exposition_metrics(&x, &sum);
    proxy_write_metrics(proxies, num, &x);
    prober_write_metrics(t->ops.prober, &x);
    write_table(t, &x);
    write_log(t, &x, num);
    write_process(t, &x);
    pool_series_write(t->ops.series, &x, pools_bytes);
    return exposition_end(&x);
}

bool telemetry_write(struct telemetry *t, struct buf *out)
{
    OBJ_CHECK(t, TELEMETRY_MAGIC);
    return write_all(t, EXPOSITION_TEXT, SIZE_MAX, out);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct telemetry *t;
    struct buf json;

    OBJ_CAST(t, arg, TELEMETRY_MAGIC);
    buf_init(&json, TELEMETRY_SAMPLES_MAX);
    if (!write_all(t, EXPOSITION_SAMPLES, TELEMETRY_POOLS_BYTES, &json))
        log_warn("the metrics for the coordinator do not fit into %d bytes",
                 (int)TELEMETRY_SAMPLES_MAX);
    else if (!t->ops.send_stats(t->ops.arg, buf_str(&json)))
        log_debug("the follower takes no metrics now");
    buf_free(&json);
}

struct telemetry *telemetry_new(struct event_base *base, const struct telemetry_ops *ops)
{
    struct timeval every = {.tv_sec = TELEMETRY_EVERY_S};
    struct telemetry *t = xcalloc(1, sizeof *t);

    t->magic = TELEMETRY_MAGIC;
    t->ops = *ops;
    t->began_us = clock_wall_ms() * 1000;
    t->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    t->timer = event_new(base, -1, EV_PERSIST, on_timer, t);
    ASSERT(t->timer != NULL && event_add(t->timer, &every) == 0);
    return t;
}

void telemetry_free(struct telemetry *t)
{
    if (t == NULL)
        return;
    OBJ_CHECK(t, TELEMETRY_MAGIC);
    event_free(t->timer);
    fd_close(&t->statm);
    OBJ_KILL(t);
}
