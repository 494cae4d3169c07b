/* The body of a gateway's report, decoded strictly and printed anew. Pure. */
#ifndef CLUSTERS_PUBLISH_REPORT_H
#define CLUSTERS_PUBLISH_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    REPORT_NODE_MAX = 255,
    REPORT_EPOCH_MAX = 64,
    REPORT_TEXT_MAX = 512,
    /*
     * Printed refusals after which no more are begun. With it a thousand gateways of hostile texts
     * stay below what one answer of the admin API may have; 64 honest refusals fit.
     */
    REPORT_REFUSALS_BYTES = 24 << 10
};

struct report {
    char node[REPORT_NODE_MAX + 1];
    uint64_t applied;
    char epoch[REPORT_EPOCH_MAX + 1]; /* "" = it holds no table, or does not say */
    int64_t routes;                   /* -1 = it does not say */
    char *refusals_json;              /* owned; an array of at most PUBLISH_REFUSALS_MAX, cut */
    size_t num_refusals;              /* as many as were sent */
    char *stats;                      /* owned; lines of stats.h, "" = none, or not usable */
    struct err stats_refusal;         /* code NULL: they were usable; the rest is taken anyway */
};

/* On false *out holds nothing. Unknown keys are ignored: a newer follower may say more. */
MUST_USE bool report_parse(struct str body, struct report *out, struct err *e);
void report_free(struct report *r);

#endif
