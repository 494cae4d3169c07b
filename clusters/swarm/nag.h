/*
 * How often to say that something still does not work: at once, then each minute with a count.
 * Zeroed memory is ready for use.
 */
#ifndef CLUSTERS_SWARM_NAG_H
#define CLUSTERS_SWARM_NAG_H

#include <stdbool.h>
#include <stdint.h>

struct nag {
    int64_t said_ms; /* monotonic; 0: never */
    uint64_t unsaid; /* failures since then */
    bool told;       /* of this trouble the log knows */
};

/* Counts a failure; true: say it now, *out_unsaid came before it without a word. */
bool nag_due(struct nag *n, int64_t now_ms, uint64_t *out_unsaid);
/* The trouble is over; true: the log knew of it and wants to hear the end. */
bool nag_over(struct nag *n);

#endif
