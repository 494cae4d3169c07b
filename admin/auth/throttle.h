/*
 * How many bad tokens an address may show: a bucket of THROTTLE_BURST that refills by one every
 * THROTTLE_REFILL_MS. Good tokens never pass through here, so nobody can lock a gateway out by
 * failing from behind its address. Pure but for its own memory; one thread.
 */
#ifndef ADMIN_AUTH_THROTTLE_H
#define ADMIN_AUTH_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THROTTLE_BURST = 10, THROTTLE_REFILL_MS = 6000, THROTTLE_ADDRESSES_MAX = 1024 };

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/* Counts one failure; true when the address has had its share. */
bool throttle_failed(struct throttle *t, const char *address, int64_t now_ms);
size_t throttle_len(const struct throttle *t);

#endif
