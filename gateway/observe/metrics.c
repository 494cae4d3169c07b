/* Counting into histograms, and sums over workers. What is shown is exposition.c's. */
#include "gateway/observe/metrics.h"

static const int64_t bounds_us[METRICS_BUCKETS_NUM] = {
#define X(us, label) us,
    METRICS_BUCKETS(X)
#undef X
};

void metrics_observe(struct metrics_histogram *h, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < METRICS_BUCKETS_NUM && us > bounds_us[i])
        i++;
    metrics_add(&h->in[i], 1);
    metrics_add(&h->sum_us, (uint64_t)us);
}

static void sum_histogram(struct metrics_histogram *sum, const struct metrics_histogram *one)
{
    for (size_t i = 0; i <= METRICS_BUCKETS_NUM; i++)
        metrics_add(&sum->in[i], metrics_get(&one->in[i]));
    metrics_add(&sum->sum_us, metrics_get(&one->sum_us));
}

void metrics_sum(struct metrics *sum, const struct metrics *one)
{
#define X(sym, name, help) metrics_add(&sum->sym, metrics_get(&one->sym));
    METRICS_COUNTERS(X)
#undef X
#define X(sym, name, help) sum_histogram(&sum->sym, &one->sym);
    METRICS_HISTOGRAMS(X)
#undef X
}
