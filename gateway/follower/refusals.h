/*
 * Which objects the proxy refuses now, from the nacks it sends between acks. An object's refusal
 * ends when a later commit that changes it is acknowledged without another nack.
 */
#ifndef GATEWAY_FOLLOWER_REFUSALS_H
#define GATEWAY_FOLLOWER_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/map.h"
#include "gateway/core/result.h"
#include "gateway/follower/holding.h"

enum { REFUSALS_REPORTED = 100, REFUSALS_KEPT = 100000 };

struct refusals_commit;

struct refusals {
    struct map now;                                          /* kind and name -> struct refusal */
    struct map pending;                                      /* nacked since the last ack */
    STAILQ_HEAD(refusals_commit_list, refusals_commit) sent; /* commits without an ack, in order */
    uint64_t applied;                                        /* revision of the last ack; 0: none */
};

void refusals_init(struct refusals *r);
void refusals_free(struct refusals *r);

/* A commit went to the proxy. changes NULL: the whole table. */
void refusals_sent(struct refusals *r, uint64_t revision, const struct holding_changes *changes);
void refusals_nack(struct refusals *r, enum route_kind kind, const char *name,
                   const struct err *why);
void refusals_ack(struct refusals *r, uint64_t revision);

/* Appends a JSON array of up to REFUSALS_REPORTED of them; false when the buffer is full. */
MUST_USE bool refusals_write(const struct refusals *r, struct buf *out);

#endif
