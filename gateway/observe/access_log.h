/*
 * The access log: one line of JSON for each request, on standard output. A worker copies what is to
 * be said into its own ring (one producer, one consumer, no lock, no system call); one thread of
 * the process makes the lines and writes them. A reader that does not read costs records, never
 * time: what does not fit into a ring is counted and told in the log when it flows again.
 */
#ifndef GATEWAY_OBSERVE_ACCESS_LOG_H
#define GATEWAY_OBSERVE_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    ACCESS_RING_BYTES = 1 << 20, /* of each worker, from when its log is first switched on */
    ACCESS_IDLE_MS = 20,         /* how long the writer sleeps when there is nothing */
    ACCESS_END_MS = 1000         /* how long the end of the process waits for the last lines */
};

/* Texts of foreign origin: symbol, member of the line, bytes after which it is cut, meaning. */
#define ACCESS_TEXTS(X)                                                        \
    X(CLIENT, "client", 48, "address of the client")                           \
    X(METHOD, "method", 32, "of the request")                                  \
    X(HOST, "host", 256, "the Host field as sent")                             \
    X(TARGET, "target", 1024, "the request target as sent, with its query")    \
    X(UPSTREAM, "upstream", 64, "address of the endpoint of the last attempt") \
    X(ROUTE, "route", 128, "name of the route")                                \
    X(POOL, "pool", 128, "name of the pool of the last attempt: the service")  \
    X(TENANT, "tenant", 128, "of the route")

/* Numbers: member of struct access_record, meaning. */
#define ACCESS_NUMBERS(X)                                                                  \
    X(status, "of the response, or of the gateway's own answer; 0: the client got none")   \
    X(bytes_in, "bytes of the request, its head included")                                 \
    X(bytes_out, "bytes sent to the client, the head included")                            \
    X(duration_us, "from the whole head to the last byte, in microseconds")                \
    X(upstream_us, "from the whole head to the first byte of the response; -1: none came") \
    X(attempts, "connections to endpoints that were tried; refused ones do not count")     \
    X(revision, "of the table that the request was routed with")                           \
    X(connection, "number of the client's connection: worker * 2^44 + count")              \
    X(request, "number of the request on its connection, from 1")

/* Words of ours: member of struct access_record, meaning. Static memory. */
#define ACCESS_WORDS(X)                                                                    \
    X(protocol, "of the client: HTTP/2.0, HTTP/1.1 or HTTP/1.0; empty: no head was taken") \
    X(reply, "why the gateway answered itself; empty: the endpoint's answer was relayed")  \
    X(end, "how it ended: done, or why the connection did (see How requests end)")

enum access_text {
#define X(sym, name, max, help) ACCESS_##sym,
    ACCESS_TEXTS(X)
#undef X
        ACCESS_TEXT__COUNT
};

struct access_record {
    int64_t begun_us; /* monotonic; the line has wall time */
#define X(name, help) int64_t name;
    ACCESS_NUMBERS(X)
#undef X
#define X(name, help) const char *name;
    ACCESS_WORDS(X)
#undef X
};

struct access_log;

/* One ring for each worker; takes no descriptor: `fd` stays the caller's. NULL with *e. */
struct access_log *access_log_new(size_t num_workers, int fd, struct err *e);
/* Waits ACCESS_END_MS at most for what is in the rings; workers are gone. NULL is fine. */
void access_log_free(struct access_log *l);

/* On the worker's own thread: before its first record, and whenever the setting changes. */
void access_log_switch(struct access_log *l, size_t worker, bool on);
void access_log_add(struct access_log *l, size_t worker, const struct access_record *r,
                    const struct str texts[ACCESS_TEXT__COUNT]);

/* Any thread. Lost: of the ring's overflow, or because standard output failed. */
uint64_t access_log_written(const struct access_log *l);
uint64_t access_log_lost(const struct access_log *l, size_t worker);

#endif
