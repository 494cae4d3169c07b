/*
 * What all workers count together for one route, pool or tenant that has limits. A gauge belongs to
 * an object by its name: it stays the same one while versions come and go and the object's limits
 * change, so that what is in flight is never forgotten; an object that was deleted and comes back
 * begins anew. Who counts keeps a reference until it has counted down again: the version in which
 * the gauge was found may go before that.
 */
#ifndef GATEWAY_TABLE_GAUGE_H
#define GATEWAY_TABLE_GAUGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { TABLE_GAUGE_ALIGN = 64 /* a cache line: neighbours' counts do not slow each other down */ };

/* All are zero in a new gauge. What they mean is up to whoever enforces the limits. */
struct table_gauge {
    _Atomic uint32_t refs; /* private to gauge.c */
    _Alignas(TABLE_GAUGE_ALIGN) _Atomic uint32_t in_flight;
    _Atomic uint32_t waiting;     /* in line for a place in flight */
    _Atomic uint32_t turn;        /* the worker that may take the next place from the line, + 1 */
    _Atomic uint64_t waits;       /* a bit for each worker that has somebody in line */
    _Atomic uint32_t connections; /* of clients */
    _Atomic int64_t stamp;        /* of the token bucket */
    _Atomic int64_t tokens;
};

struct table_gauge *table_gauge_new(void);                  /* one reference */
struct table_gauge *table_gauge_ref(struct table_gauge *g); /* NULL is fine; gives g */
void table_gauge_unref(struct table_gauge **g); /* nulls the caller's pointer; NULL is fine */

#endif
