/*
 * Connections to endpoints, as one worker sees them: by endpoint id, those that wait idle for the
 * next request, and what is known of the endpoint (goes, gone, suspect). Which endpoint a request
 * takes is not decided here (gateway/proxy/balance.h).
 *
 *     CONNECTING --> BUSY <--> IDLE
 *          \----------+---------/----> DEAD (buried when the turn ends)
 */
#ifndef GATEWAY_UPSTREAM_UPSTREAM_H
#define GATEWAY_UPSTREAM_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "gateway/core/result.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"
#include "gateway/observe/metrics.h"
#include "gateway/upstream/shared.h"

enum {
    UPSTREAM_CONNECT_MS = 2000,      /* a connect that takes longer has failed */
    UPSTREAM_USER_TIMEOUT_MS = 2000, /* TCP_USER_TIMEOUT: sent bytes that nobody acknowledges */
    UPSTREAM_PATIENT_MS = 60000,     /* the same while the application is slow to read a body */
    UPSTREAM_PROBE_S = 3,            /* silent for so long: the node is probed */
    UPSTREAM_IDLE_MS = 30000,        /* an idle connection lives no longer */
    UPSTREAM_WARM_MS = 3000,         /* one idle for less is taken for what cannot be repeated */
    UPSTREAM_IDLE_MAX = 256,         /* idle connections an endpoint */
    UPSTREAM_SUSPECT_MS = 1000       /* an endpoint that failed is avoided for so long */
};

enum upstream_state {
    UPSTREAM_CONNECTING,
    UPSTREAM_BUSY,
    UPSTREAM_IDLE,
    UPSTREAM_DEAD,
    UPSTREAM__COUNT
};

struct upstreams;

struct upstream_conn {
    unsigned magic;
    enum upstream_state state;
    struct upstreams *all;
    struct sock sock;
    uint32_t endpoint;     /* id */
    int failure;           /* errno of a connect that failed, else 0 */
    int64_t since_ms;      /* in this state */
    uint64_t num_requests; /* begun on it */
    uint64_t sent_bytes;
    bool patient;                  /* see upstream_be_patient */
    void (*on_ready)(void *owner); /* while CONNECTING (once, at its end) and BUSY */
    void *owner;
    TAILQ_ENTRY(upstream_conn) link;      /* all of this state, longest first */
    TAILQ_ENTRY(upstream_conn) idle_link; /* the endpoint's idle ones, newest first */
    struct loop_grave grave;
};

TAILQ_HEAD(upstream_list, upstream_conn);

enum upstream_standing {
    ENDPOINT_UNKNOWN,
    ENDPOINT_SERVES,
    ENDPOINT_GOES,    /* in flight finishes, nothing new */
    ENDPOINT_DOUBTED, /* an adoption is under way */
    ENDPOINT_GONE     /* left the table; its last connections finish */
};

/* What a worker knows of an endpoint id. */
struct upstream_endpoint {
    enum upstream_standing standing;
    uint32_t num_conns, num_idle;
    int64_t suspect_until_ms;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    struct upstream_list idle;
    /* for whoever balances: the turn of the pool that this endpoint is first of, and its own */
    const void *rr_pool;
    bool rr_even;
    uint32_t rr_cursor;
    int64_t rr_credit;
};

struct upstreams {
    unsigned magic;
    struct loop *loop;
    struct metrics *metrics;
    struct upstream_shared *shared;
    struct upstream_endpoint **endpoints; /* by id; NULL: never heard of */
    size_t num_endpoints;
    struct upstream_list states[UPSTREAM__COUNT];
    size_t num[UPSTREAM__COUNT];
    /* The endpoint left the table and its last connection is gone: its id may be used again. */
    void (*on_forgotten)(void *arg, uint32_t id);
    void *arg;
};

void upstreams_init(struct upstreams *u, struct loop *l, struct metrics *m,
                    struct upstream_shared *shared);
void upstreams_free(struct upstreams *u); /* closes everything; nobody may hold one any more */

/* The endpoint is in the table: taking requests, or going (in flight finishes, nothing new). */
void upstreams_set(struct upstreams *u, uint32_t id, const struct sockaddr *addr,
                   socklen_t addr_len, bool goes);
/*
 * An adoption: doubt every endpoint of the pools before, set every endpoint of the pools after,
 * settle every endpoint before: those still in doubt have left the table.
 */
void upstreams_doubt(struct upstreams *u, uint32_t id);
void upstreams_settle(struct upstreams *u, uint32_t id);
struct upstream_endpoint *upstreams_endpoint(struct upstreams *u, uint32_t id); /* NULL: unknown */
bool upstreams_usable(struct upstreams *u, uint32_t id, bool suspects_too);
void upstreams_suspect(struct upstreams *u, uint32_t id);

/*
 * An idle connection, now BUSY, or NULL. `warm`: only one that was used a moment ago and that has
 * no sign of the peer's end, for requests that cannot be repeated.
 */
struct upstream_conn *upstreams_take_idle(struct upstreams *u, uint32_t id, bool warm);
/* A new one, CONNECTING; NULL with errno. Its end is told by on_ready, never from inside. */
struct upstream_conn *upstreams_connect(struct upstreams *u, uint32_t id);

void upstream_own(struct upstream_conn *c, void (*on_ready)(void *owner), void *owner);
void upstream_release(struct upstream_conn *c); /* BUSY: back to idle, or closed */
void upstream_close(struct upstream_conn *c);   /* idempotent */
/*
 * Its receive window may fill: a long body follows. TCP_USER_TIMEOUT counts a full window like a
 * dead node (tcp(7)), so it gets longer until the connection is released.
 */
void upstream_be_patient(struct upstream_conn *c);
/* The peer ended in order without having seen a byte of what was sent after `sent_before`. */
bool upstream_saw_nothing(const struct upstream_conn *c, uint64_t sent_before);

#endif
