/*
 * HTTP requests by libcurl's multi interface on a libevent loop: the one place that knows both. Used
 * by the follower (the coordinator's stream and reports) and by clusters/swarm (Docker's API).
 * Everything runs on the loop's thread; callbacks never run from inside fetch_start.
 */
#ifndef GATEWAY_FETCH_FETCH_H
#define GATEWAY_FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct event_base;
struct fetch;      /* a loop's connections; reuses them between requests */
struct fetch_call; /* one request under way */

struct fetch_reply {
    long status;        /* HTTP status, 0 when the request did not get that far */
    struct str body;    /* lent; empty when on_data took it */
    struct err failure; /* code NULL when a whole reply came: "Unreachable", "Timeout", "TooLarge" … */
};

struct fetch_request {
    const char *url;
    const char *unix_socket;        /* NULL: TCP */
    const char *method;             /* NULL: GET */
    const char *const *headers;     /* NULL-ended "Name: value" lines, or NULL */
    struct str body;                /* copied */
    int64_t connect_timeout_ms;     /* 0: 5,000 */
    int64_t total_timeout_ms;       /* 0: none, for streams */
    size_t body_max;                /* more than this ends the call with "TooLarge"; unused with on_data */
    const char *ca_file;            /* NULL: the system's */
    /* Streams: bytes as they come (status already known); false ends the call. NULL: collect. */
    bool (*on_data)(void *arg, long status, struct str bytes);
    /* Exactly once, unless the call is cancelled; the call is gone afterwards. */
    void (*on_done)(void *arg, const struct fetch_reply *reply);
    void *arg;
};

struct fetch *fetch_new(struct event_base *base, struct err *e);
void fetch_free(struct fetch *f); /* cancels what is under way */

/* NULL with *e when it could not even be started (bad URL, no memory). */
struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *rq, struct err *e);
void fetch_cancel(struct fetch_call *c); /* no callback follows; NULL is fine; not from on_data */

#endif
