/*
 * How often a name may do something: a bucket for each that refills at a steady rate. Of bad
 * tokens, by address: THROTTLE_BURST, and one more every THROTTLE_REFILL_MS; good tokens never pass
 * through that one, so nobody can lock a gateway out by failing from behind its address. Of
 * requests, by token. Pure but for its own memory; one thread.
 */
#ifndef ADMIN_AUTH_THROTTLE_H
#define ADMIN_AUTH_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THROTTLE_BURST = 10, THROTTLE_REFILL_MS = 6000, THROTTLE_ADDRESSES_MAX = 1024 };

struct throttle;

struct throttle_rate {
    int burst;
    int64_t refill_us; /* for one more */
};

struct throttle *throttle_new(const struct throttle_rate *rate);
void throttle_free(struct throttle *t);

/* Counts one; true when the name has had its share. */
bool throttle_spent(struct throttle *t, const char *name, int64_t now_ms);
size_t throttle_len(const struct throttle *t);

#endif
