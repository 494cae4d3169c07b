/*
 * Whether a cluster's table may be published after a start. A coordinator that has lost its store,
 * or whose Docker has lost the swarm, must not take routes away from gateways that serve them: it
 * publishes nothing before a whole picture of the swarm gives at least as many routes as any live
 * gateway holds, unless an operator says otherwise. Pure. docs/operations.md tells it to operators.
 */
#ifndef CLUSTERS_HOLD_H
#define CLUSTERS_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"

/* Gateways repeat their reports every 10 s; nobody is waited for longer than this. */
enum { HOLD_WAIT_MS = 12000 };

struct hold_facts {
    bool read;         /* a whole picture of the swarm is compiled */
    bool accept_empty; /* an operator said to publish what there is */
    uint64_t routes;   /* of the cluster, as compiled */
    uint64_t held;     /* the most that a live gateway holds */
    const char *gateway;
    size_t expected;   /* live gateways, as far as known */
    size_t answered;   /* of them: said how many routes they hold */
    bool all_known;    /* `expected` is all there can be */
    int64_t waited_ms; /* since the first picture */
};

enum hold_verdict {
    HOLD_SERVE,
    HOLD_UNREAD, /* wait for the swarm */
    HOLD_ASKING, /* wait for what the gateways hold */
    HOLD_FEWER   /* a gateway holds more routes than the swarm gives */
};

enum hold_verdict hold_judge(const struct hold_facts *f);

/* The sentence for /readyz, the log and the API. Codes: HeldUnread, HeldAsking, HeldFewer. */
void hold_explain(const struct hold_facts *f, const char *cluster, struct err *out);

#endif
