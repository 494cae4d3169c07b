/*
 * HTTP requests by libcurl's multi interface on a libevent loop: the one place that knows both.
 * Used by the follower (the coordinator's stream and reports) and by clusters/swarm (Docker's API).
 * Everything runs on the loop's thread; callbacks never run from inside fetch_start. HTTP/1.1, no
 * redirects, no proxies, nothing from the environment; connections are reused between requests. The
 * program ignores SIGPIPE (TLS writes would raise it).
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

/*
 * Codes of `failure`: Unreachable (no name, no connection), Timeout (either deadline), TooLarge,
 * Broken (the connection or the reply ended early or made no sense), TlsFailed, Stopped (on_data
 * said so). A reply with an HTTP status of 400 and more is no failure.
 */
struct fetch_reply {
    long status;     /* HTTP status, 0 when the request did not get that far */
    struct str body; /* lent; empty when on_data took it; what had come by then after a failure */
    struct err failure;     /* code NULL when a whole reply came */
    int64_t retry_after_ms; /* what the reply's Retry-After asks for; 0: it has none */
};

struct fetch_request {
    const char *url;            /* http:// or https://, without user and password */
    const char *unix_socket;    /* NULL: TCP */
    const char *method;         /* NULL: GET */
    const char *const *headers; /* NULL-ended "Name: value" lines, or NULL */
    struct str body;            /* copied */
    int64_t connect_timeout_ms; /* 0: 5,000 */
    int64_t total_timeout_ms;   /* 0: none, for streams */
    size_t
        body_max; /* 0: 1 MiB; more than this ends the call with "TooLarge"; unused with on_data */
    const char *ca_file;              /* whom https trusts, and nobody else; NULL: the system's */
    const char *cert_file, *key_file; /* who we are, PEM; both or none. Read per connection */
    /* When the final reply's head is whole, before any of its body; NULL: no interest. */
    void (*on_head)(void *arg, long status);
    /* Streams: bytes as they come (status already known); false ends the call. NULL: collect. */
    bool (*on_data)(void *arg, long status, struct str bytes);
    /* Exactly once, unless the call is cancelled; the call is gone afterwards. */
    void (*on_done)(void *arg, const struct fetch_reply *reply);
    void *arg;
};

struct fetch *fetch_new(struct event_base *base, struct err *e);
/* Cancels what is under way. NULL is fine. From inside a callback it takes effect after it. */
void fetch_free(struct fetch *f);

/* NULL with *e when it could not even be started (bad URL or header, no memory). Safe anywhere. */
struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *rq, struct err *e);
/* The reply's Content-Type, "" when it has none; from inside on_head and on_data. Lent. */
const char *fetch_content_type(const struct fetch_call *c);
/* No callback follows; NULL is fine. Safe anywhere before on_done begins, also inside on_data. */
void fetch_cancel(struct fetch_call *c);

#endif
