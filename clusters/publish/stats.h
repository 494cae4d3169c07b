/*
 * The numbers in a gateway's report: {"samples":[["name","label=\"value\",...",123],...]}, read
 * strictly and printed anew, one sample a line, by name. What a name means, which labels it has and
 * whose it is, is not judged here: the page that shows them knows (admin/api/metrics.c). Pure.
 */
#ifndef CLUSTERS_PUBLISH_STATS_H
#define CLUSTERS_PUBLISH_STATS_H

#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct cJSON;

enum {
    STATS_BYTES_MAX = 256 << 10, /* of the lines */
    STATS_SAMPLES_MAX = 8192,
    STATS_NAME_MAX = 128,
    STATS_LABELS_MAX = 8
};

/*
 * Refuses ("BadStats") what is no number with a name and labels in Prometheus' syntax, what comes
 * twice, the labels that the coordinator adds (cluster, gateway, node), and too much. On false
 * *out is as it was.
 */
MUST_USE bool stats_print(const struct cJSON *stats, struct buf *out, struct err *e);

struct stats_sample {
    struct str name;
    struct str labels; /* as between braces */
    int64_t value;
};

/* The next line of what stats_print wrote; false: there is none. */
MUST_USE bool stats_next(struct str *rest, struct stats_sample *out);

/* The next label, {NULL, 0} in *rest after the last; *labels must be such as stats_print takes. */
MUST_USE bool stats_label(struct str *rest, struct str *out_name, struct str *out_value);

#endif
