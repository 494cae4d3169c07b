/*
 * Numbers as text, in one of two forms: Prometheus' exposition (version 0.0.4), which /metrics
 * gives, and the samples of a `stats` frame (docs/table.md), which reach the coordinator and become
 * the same exposition there. Whoever writes says each metric once and then its samples.
 *
 * Times are handed over in microseconds; the exposition has seconds, the samples microseconds.
 */
#ifndef GATEWAY_OBSERVE_EXPOSITION_H
#define GATEWAY_OBSERVE_EXPOSITION_H

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/observe/metrics.h"

enum exposition_form { EXPOSITION_TEXT, EXPOSITION_SAMPLES };

struct exposition {
    struct buf *out;
    enum exposition_form form;
    enum metric metric; /* whose samples come */
    bool first;         /* no sample yet */
    bool full;          /* `out` was: what it holds is cut */
    struct buf labels;  /* of the next sample */
};

void exposition_begin(struct exposition *x, enum exposition_form form, struct buf *out);
MUST_USE bool exposition_end(struct exposition *x); /* false: it did not fit */

void exposition_metric(struct exposition *x, enum metric which);
/* Labels of the next sample, in order; any byte may come in the value. */
void exposition_label(struct exposition *x, const char *name, struct str value);
/* Zero is said in the exposition always, in samples not of counters: absent is zero there. */
void exposition_value(struct exposition *x, const char *suffix, int64_t value);
/* The metric and its one sample. */
void exposition_one(struct exposition *x, enum metric which, int64_t value);
/* All counters and histograms. */
void exposition_metrics(struct exposition *x, const struct metrics *m);

/* What is known of a metric. */
struct exposition_metric {
    const char *name, *type, *labels, *help;
};
const struct exposition_metric *exposition_describe(enum metric which);

/*
 * The metric that a sample of this name belongs to, "x_sum" to x when x is a histogram or summary;
 * METRIC__COUNT: none. *out_suffix is "" or the part behind the metric's name.
 */
enum metric exposition_find(struct str sample_name, const char **out_suffix);
int exposition_bound(struct str le); /* of a bucket: its number, ascending; -1: there is none */
/* HELP and TYPE; then samples with labels as they stand between the braces, which may be "". */
MUST_USE bool exposition_head(struct buf *out, const struct exposition_metric *m);
MUST_USE bool exposition_sample(struct buf *out, const char *name, const char *suffix,
                                struct str labels, int64_t value);
/* name="value", after a comma when labels are there already. */
MUST_USE bool exposition_add_label(struct buf *labels, const char *name, struct str value);

#endif
