/*
 * The public sockets of a doorman: one slot for each listener and shard, and what is to become of
 * it. Knows sockets and time, but neither connections nor events: server.c tells it what gateways
 * serve, and it listens, stops and revives.
 *
 *   MISSING --bound--> IDLE --served--> OPEN --nobody serves--> GRACE --5 s--> IDLE
 *      \---inherited while listening---------------------------->/ \--served--> OPEN
 *   any --released--> MISSING
 */
#ifndef GATEWAY_DOORMAN_SLOTS_H
#define GATEWAY_DOORMAN_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/doorman/listen_spec.h"
#include "gateway/doorman/offer.h"

enum {
    SLOT_GRACE_MS = 5000, /* without a ready gateway before clients are refused */
    SLOT_RETRY_MS = 1000, /* between attempts to bind what somebody holds */
};

enum slot_state { SLOT_MISSING, SLOT_IDLE, SLOT_OPEN, SLOT_GRACE, SLOT__COUNT };

struct slot {
    enum slot_state state;
    int fd; /* -1 only when MISSING */
    const struct listen_spec *spec;
    unsigned shard;
    uint64_t generation; /* of the first list that held it */
    int64_t deadline_ms; /* GRACE: clock_mono_ms at which it closes */
    bool complained;     /* listen() failed and it was said */
    char name[DOORMAN_NAME_MAX];
};

struct slots {
    struct slot *all; /* listener by listener, shard by shard */
    size_t num;
    size_t num_specs;
    unsigned num_shards;
    uint64_t generation; /* grows when a slot gets its socket */
};

const char *slot_state_name(enum slot_state s);
MUST_USE bool slot_may_move(enum slot_state from, enum slot_state to);

/* What the time and the gateways make of a slot that has a socket; pure. */
MUST_USE enum slot_state slot_next(enum slot_state now, bool served, bool deadline_passed);

/* specs are borrowed for ever. */
void slots_init(struct slots *s, const struct listen_spec *specs, size_t num_specs,
                unsigned num_shards);

/*
 * Fills listeners of which nothing is held from what somebody brought: only whole sets of shards
 * that are what the configuration says. A socket that listens goes on listening (GRACE). What is
 * not taken stays in the offer. Gives the number of slots filled.
 */
size_t slots_adopt(struct slots *s, struct offer *o, int64_t now_ms);

/*
 * Binds what is missing. True when any slot was filled. e->code says what is in the way of one that
 * was not: PortInUse = somebody holds it; anything else, which comes first, will not pass by
 * waiting.
 */
bool slots_bind(struct slots *s, struct err *e);

size_t slots_num_missing(const struct slots *s);

/*
 * Moves every slot on: served = the newest generation that a ready gateway polls wholly (0 = none);
 * keep = nothing is closed now (a successor is being given the sockets).
 */
void slots_tick(struct slots *s, uint64_t served, bool keep, int64_t now_ms);

/* The next part of the list from slot *pos on, and its descriptors (borrowed). *pos = after it. */
void slots_list(const struct slots *s, size_t *pos, struct doorman_msg *out, int *out_fds);

/* Closes the doorman's copies and touches nothing else: somebody else holds the sockets. */
void slots_release(struct slots *s);
void slots_free(struct slots *s); /* with release */

#endif
