/*
 * Deadlines that differ from one another: a hashed wheel. Adding, moving and removing cost the
 * same whatever their number; an expiry is told at most one grain late. Deadlines that are all as
 * far away as each other need none of this: a list in the order of its beginnings will do.
 */
#ifndef GATEWAY_LOOP_WHEEL_H
#define GATEWAY_LOOP_WHEEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum { WHEEL_SLOTS = 256, WHEEL_GRAIN_MS = 64 }; /* once round: 16 s; what is later goes round */

/* Embedded in its owner; zero but for `owner`: not in a wheel. */
struct wheel_entry {
    int64_t due_ms; /* 0: not in a wheel */
    void *owner;
    TAILQ_ENTRY(wheel_entry) link;
};

TAILQ_HEAD(wheel_list, wheel_entry);

struct wheel {
    struct wheel_list slots[WHEEL_SLOTS];
    int64_t turned_ms; /* everything due before has been told */
    size_t num;
};

void wheel_init(struct wheel *w, int64_t now_ms);
/* Adds it or moves it. due_ms >= 1; what is past is told by the next wheel_turn. */
void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t due_ms);
void wheel_remove(struct wheel *w, struct wheel_entry *e); /* not in it is fine */

/*
 * One that is due, removed; NULL: none, and the wheel stands at now_ms. To be called until it gives
 * NULL; entries may be set and removed between the calls.
 */
struct wheel_entry *wheel_turn(struct wheel *w, int64_t now_ms);

#endif
