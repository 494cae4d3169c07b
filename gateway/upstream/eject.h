/*
 * Passive ejection, as rules: an endpoint that refuses, does not answer a connect or breaks a fresh
 * connection off before the first byte gets no requests for a while, at first a second, twice as
 * long each time up to half a minute. When that is over one request probes it: its outcome decides
 * for all. What an endpoint answers (a 5xx) ejects nobody, unless its pool says how many of which
 * statuses within how long are too many; then it is ejected for as long as that, twice as long each
 * time. Pure; admit.c applies it, shared by all workers.
 *
 *     FREE --failure--> OUT --time--> DUE --claimed by one request--> OUT --answer--> FREE
 *                        ^                                             |
 *                        +----------------failure: twice as long-------+
 */
#ifndef GATEWAY_UPSTREAM_EJECT_H
#define GATEWAY_UPSTREAM_EJECT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EJECT_FIRST_MS = 1000,
    EJECT_LONGEST_MS = 30000,
    EJECT_PROBE_MS = 2500 /* a probe without an outcome by then: another may probe */
};

struct eject_state {
    uint32_t failures; /* in a row */
    int64_t until_ms;  /* 0: not ejected */
};

enum eject_standing { EJECT_FREE, EJECT_OUT, EJECT_DUE };

/* What an attempt found when it began; until_ms 0: the endpoint was not ejected. */
struct eject_ticket {
    int64_t until_ms;
    bool probe;
};

enum eject_outcome {
    EJECT_ANSWERED,  /* with whatever status */
    EJECT_REFUSED,   /* the connect failed at once */
    EJECT_TIMED_OUT, /* the connect came to nothing */
    EJECT_BROKE      /* a fresh connection ended before the first byte of a response */
};

enum eject_standing eject_standing(int64_t until_ms, int64_t now_ms);

/*
 * The state after an attempt's outcome; unchanged when it says nothing new: one failure of many
 * that began together counts once, and an answer to what began before the ejection lifts nothing.
 */
struct eject_state eject_after(struct eject_state s, struct eject_ticket t,
                               enum eject_outcome outcome, int64_t now_ms);

/* The same after statuses that were too many, or after one that answered a probe. */
struct eject_state eject_after_statuses(struct eject_state s, struct eject_ticket t,
                                        uint32_t first_ms, int64_t now_ms);

/* Statuses that count as failures, within a time that begins with the first of them. */
struct eject_window {
    int64_t since_ms;
    uint32_t fails;
};

/* Counts one. True: that is max_fails (at least 1) within so long; the window is empty again. */
bool eject_is_too_many(struct eject_window *w, uint32_t max_fails, uint32_t within_ms,
                       int64_t now_ms);

#endif
