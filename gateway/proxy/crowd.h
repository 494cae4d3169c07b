/*
 * How many connections there are of each listener and of each client address, of all workers
 * together: one table of fixed size, in which a key has its count while that is not zero. Any
 * thread, without a lock.
 *
 * Bounded: a key whose few slots are all taken by others is not counted, and not limited. Two
 * workers that count a new key at the very same time may give it two slots; it may then have up to
 * twice its limit until one of them is empty.
 */
#ifndef GATEWAY_PROXY_CROWD_H
#define GATEWAY_PROXY_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { CROWD_SLOTS = 1 << 16, CROWD_PROBES = 16, CROWD_LIMIT_MAX = (1 << 24) - 1 };

struct crowd;

struct crowd *crowd_new(void);
void crowd_free(struct crowd *w); /* NULL is fine */

uint64_t crowd_key(const struct crowd *w, char kind, struct str of); /* not to be guessed */

/*
 * One more of a key, unless it has `limit` (0: no limit, and not counted). *out_place is for
 * crowd_leave; 0: nothing was counted.
 */
MUST_USE bool crowd_enter(struct crowd *w, uint64_t key, uint32_t limit, uint32_t *out_place);
void crowd_leave(struct crowd *w, uint32_t *place); /* once; 0 is fine */

#endif
