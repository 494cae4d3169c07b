/*
 * Connections to endpoints, as one worker sees them: by endpoint id, those that wait idle for the
 * next request, and what is known of the endpoint (goes, gone; ejected, which all workers share).
 * Which endpoint a request takes is not decided here (balancer.h).
 *
 * To an endpoint of a pool that speaks HTTP/2 such a connection is a stream, whose socket is
 * virtual; several share what h2_link.h holds. Nobody outside of this folder sees the difference.
 *
 * A worker learns of an endpoint when it first uses it: of 100,000 routes most are quiet.
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
#include "gateway/loop/wheel.h"
#include "gateway/observe/metrics.h"
#include "gateway/table/table.h"
#include "gateway/upstream/eject.h"
#include "gateway/upstream/shared.h"

/*
 * A node that dies is noticed, whatever a connection waits for, within 3 seconds: a connect by
 * UPSTREAM_CONNECT_MS; bytes that are not acknowledged by TCP_USER_TIMEOUT, or while it is off (see
 * upstream_be_patient) by patience.h; silence while a response is awaited by the probes of
 * SO_KEEPALIVE, the first after UPSTREAM_PROBE_S. The kernel gives up at the first probe that is
 * due when the user timeout is over, so the timeouts leave room for more than one: a single lost
 * packet ends nothing.
 */
enum {
    UPSTREAM_CONNECT_MS = 2000,      /* a connect that takes longer has failed */
    UPSTREAM_USER_TIMEOUT_MS = 2500, /* TCP_USER_TIMEOUT: sent bytes that nobody acknowledges */
    UPSTREAM_PATIENT_MS = 60000,     /* the same while a receive window may be full */
    UPSTREAM_POLL_MS = 900,          /* patient connections are looked at so often */
    UPSTREAM_TCP_RTO_MAX_MS = 44,    /* Linux 6.15's socket option, newer than our headers */
    UPSTREAM_RTO_MAX_MS = 1000,      /* probes of a full window are at most so far apart */
    UPSTREAM_PROBE_S = 1,            /* silent for so long: the node is probed */
    UPSTREAM_TUNNEL_PROBE_S = 15,    /* the same in a tunnel, of which thousands may be silent */
    UPSTREAM_TUNNEL_MS = 20500,      /* TCP_USER_TIMEOUT of a silent tunnel: six probes */
    UPSTREAM_IDLE_MS = 30000,        /* an idle connection lives no longer; see idle_ms */
    UPSTREAM_WARM_MS = 3000,         /* one idle for less is taken for what cannot be repeated */
    UPSTREAM_IDLE_MAX = 256          /* idle connections an endpoint */
};

enum upstream_state {
    UPSTREAM_CONNECTING,
    UPSTREAM_BUSY,
    UPSTREAM_IDLE,
    UPSTREAM_DEAD,
    UPSTREAM__COUNT
};

struct balancer;
struct h2_link;
struct upstreams;

struct upstream_conn {
    unsigned magic;
    enum upstream_state state;
    struct upstreams *all;
    struct sock sock;
    uint32_t endpoint;     /* id */
    int failure;           /* errno of what failed it, a connect or a dead node, else 0 */
    int64_t since_ms;      /* in this state */
    uint32_t connect_ms;   /* its connect may take so long */
    uint64_t num_requests; /* begun on it */
    uint64_t sent_bytes;
    int user_timeout_ms;           /* while it is not patient */
    bool patient;                  /* see upstream_be_patient */
    bool asks_often;               /* TCP_RTO_MAX_MS was set, as far as the kernel knows it */
    bool bodiless;                 /* its last response had no body by rule: late bytes may come */
    void (*on_ready)(void *owner); /* while CONNECTING (once, at its end) and BUSY */
    void *owner;
    bool carries;                    /* streams of HTTP/2: it is no request itself */
    struct h2_link *over;            /* a stream: what carries it (h2_link.h); else NULL */
    TAILQ_ENTRY(upstream_conn) link; /* all of this state, longest first */
    TAILQ_ENTRY(upstream_conn)
    idle_link; /* the endpoint's idle ones, newest first; a link's that wait */
    TAILQ_ENTRY(upstream_conn) patient_link; /* the worker's patient ones */
    struct wheel_entry idle_timer;           /* while IDLE, of a pool with an idle_ms of its own */
    struct loop_grave grave;
};

TAILQ_HEAD(upstream_list, upstream_conn);
TAILQ_HEAD(h2_link_list, h2_link);

enum upstream_standing {
    ENDPOINT_SERVES,
    ENDPOINT_GOES, /* in flight finishes, nothing new */
    ENDPOINT_GONE  /* left the table; its last connections finish */
};

/* What a worker knows of an endpoint id that it has used. */
struct upstream_endpoint {
    struct upstream_shared_endpoint *shared;
    struct upstream_list idle;
    struct h2_link_list links; /* of HTTP/2, that take new streams */
    uint32_t num_conns;
    uint16_t num_idle;
    uint8_t standing; /* enum upstream_standing */
    uint8_t addr_len;
    union table_addr addr;
    char text[TABLE_ENDPOINT_TEXT]; /* of it: table_endpoint.text */
    const struct table_pool *pool;  /* in the table in force; NULL: it left, or was not asked yet */
    struct balancer *balancer;      /* of the pool that this endpoint is first of; NULL: none yet */
    uint32_t turn;                  /* of that pool: outlives its versions */
};

struct upstreams {
    unsigned magic;
    struct loop *loop;
    struct metrics *metrics;
    struct upstream_shared *shared;
    struct upstream_endpoint **endpoints; /* by id; NULL: never used */
    size_t num_endpoints;
    struct upstream_list states[UPSTREAM__COUNT];
    struct upstream_list own_idle; /* the IDLE ones that the wheel has: they are in no other list */
    struct wheel wheel;
    size_t num[UPSTREAM__COUNT];
    struct h2_link_list links; /* of HTTP/2: all */
    struct upstream_list patient;
    size_t num_patient;
    int64_t polled_ms;
    bool in_doubt; /* a patient one may be dead: look again soon */
    /* The endpoint left the table and nothing is held under its id any more. */
    void (*on_forgotten)(void *arg, uint32_t id);
    void *arg;
    uint64_t node;                         /* table_node of the gateway's own; 0: not known */
    struct upstream_shared_endpoint *held; /* see upstreams_hold; NULL: nothing is */
};

void upstreams_init(struct upstreams *u, struct loop *l, struct metrics *m,
                    struct upstream_shared *shared);
void upstreams_free(struct upstreams *u); /* closes everything; nobody may hold one any more */

/* An adoption: what became of each endpoint of a pool that changed. Unknown ids cost nothing. */
void upstreams_stays(struct upstreams *u, const struct table_pool *pool,
                     const struct table_endpoint *ep); /* live, or draining */
void upstreams_leaves(struct upstreams *u, uint32_t id);
void upstreams_arrives(struct upstreams *u, uint32_t id); /* new beside others: slow_start_ms */

struct upstream_endpoint *upstreams_endpoint(struct upstreams *u, uint32_t id); /* NULL: unknown */
struct upstream_endpoint *upstreams_use(struct upstreams *u, const struct table_endpoint *ep);

/*
 * May a request go there? An endpoint whose ejection is over is for one request, which is then its
 * probe. `ejected_too`: the last resort, when nobody else is left; then the unhealthy as well. The
 * ticket is for upstreams_note, which is told the outcome of every attempt.
 */
bool upstreams_admits(struct upstreams *u, uint32_t id, bool ejected_too, struct eject_ticket *out);
void upstreams_note(struct upstreams *u, uint32_t id, const struct eject_ticket *t,
                    enum eject_outcome outcome);
/* The same of a response, by its status; rule: of the pool, NULL: every status is an answer. */
void upstreams_note_status(struct upstreams *u, uint32_t id, const struct eject_ticket *t,
                           const struct pool_passive *rule, unsigned status);
/*
 * Takes one of the `limit` places (0: any number) that an endpoint has for requests of all workers,
 * for the connection to it that is begun or taken next; false: there is none. One at a time: who
 * has no use for it lets it go, which is fine when nothing is held.
 */
MUST_USE bool upstreams_hold(struct upstreams *u, const struct table_endpoint *ep, uint32_t limit);
void upstreams_let_go(struct upstreams *u);
/* What its pool says of statuses; NULL: nothing, or it has left. */
const struct pool_passive *upstreams_rule(struct upstreams *u, uint32_t id);
bool upstreams_is_usable(struct upstreams *u, uint32_t id);     /* neither ejected nor unhealthy */
uint32_t upstreams_in_flight(struct upstreams *u, uint32_t id); /* of all workers */
int64_t upstreams_warm_from(struct upstreams *u, uint32_t id);  /* see shared.h */

/*
 * An idle connection, now BUSY, or NULL. `warm`: only one that was used a moment ago and that has
 * no sign of the peer's end, for requests that cannot be repeated.
 */
struct upstream_conn *upstreams_take_idle(struct upstreams *u, uint32_t id, bool warm);
/* A new one, CONNECTING; NULL with errno. Its end is told by on_ready, never from inside. */
struct upstream_conn *upstreams_connect(struct upstreams *u, const struct table_endpoint *ep);

/* CONNECTING: its connect may take so long instead of UPSTREAM_CONNECT_MS. */
void upstream_wait_for(struct upstream_conn *c, uint32_t connect_ms);
void upstream_own(struct upstream_conn *c, void (*on_ready)(void *owner), void *owner);
void upstream_release(struct upstream_conn *c); /* BUSY: back to idle, or closed */
void upstream_close(struct upstream_conn *c);   /* idempotent */
/*
 * Its receive window may fill, because more than a head is sent. TCP_USER_TIMEOUT counts a full
 * window like a dead node (tcp(7)), so it gets longer until everything is acknowledged; meanwhile
 * the tick asks the kernel whether the node answers (patience.h).
 */
void upstream_be_patient(struct upstream_conn *c);
void upstream_carries_tunnel(struct upstream_conn *c); /* from now on to its end */
/* sock_recv, and what has failed the connection besides: IO_FAIL with errno. */
MUST_USE enum io upstream_recv(struct upstream_conn *c, void *p, size_t cap, size_t *out_n);
/* sock_splice_in, likewise. */
MUST_USE enum io upstream_splice(struct upstream_conn *c, struct pipe *p, size_t max,
                                 size_t *out_n);
/* The peer ended in order without having seen a byte of what was sent after `sent_before`. */
bool upstream_saw_nothing(const struct upstream_conn *c, uint64_t sent_before);

#endif
