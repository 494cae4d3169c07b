/*
 * A client connection and the exchange under way on it; shared by the files of this folder only.
 *
 *               +-----------------------------------------------+
 *               v                                               |
 *     IDLE --> HEAD --> CONNECT <--> REQUEST --> RESPONSE ------+
 *               |          |            |            |          |
 *               +----------+------------+--> REPLY --+--> LINGER --> DEAD
 *                                       |
 *                                       +--> TUNNEL
 *
 *               HEAD, CONNECT, REQUEST --> WAIT --> CONNECT, REQUEST, REPLY
 *               IDLE, HEAD --> H2_IDLE <--> H2 --> LINGER, and H2_IDLE as well
 *
 * IDLE waits for a request, HEAD has a part of one, WAIT stands in line for a pool that is at its
 * limit (admission.h), CONNECT waits for an upstream connection, REQUEST sends the request and
 * waits for a response head, RESPONSE relays the body (the rest of the request may still be on its
 * way), TUNNEL relays whatever both sides say after a 101, REPLY writes an answer of our own,
 * LINGER reads what the client still sends so that it sees the answer. H2 carries streams of
 * HTTP/2, H2_IDLE none; each stream is a struct conn of its own, whose socket is virtual
 * (h2_client.c). Every state may go to DEAD.
 */
#ifndef GATEWAY_PROXY_CONN_H
#define GATEWAY_PROXY_CONN_H

#include "gateway/core/buf.h"
#include "gateway/http/h1_body.h"
#include "gateway/http/h1_head.h"
#include "gateway/http/h1_write.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"
#include "gateway/loop/wheel.h"
#include "gateway/proxy/account.h"
#include "gateway/proxy/admission.h"
#include "gateway/proxy/balance.h"
#include "gateway/proxy/close_reason.h"
#include "gateway/proxy/crowd.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/pin.h"
#include "gateway/proxy/proxy.h"
#include "gateway/proxy/recall.h"
#include "gateway/proxy/reply.h"
#include "gateway/proxy/retry.h"
#include "gateway/proxy/timeouts.h"
#include "gateway/proxy/trust.h"
#include "gateway/upstream/upstream.h"

enum {
    CONN_STEPS = 64,       /* steps a connection may take before others have their turn */
    CONN_ROUNDS = 16,      /* blocks of a body it may move in one step */
    CONN_INTERIM_MAX = 32, /* 1xx responses to one request */
    CONN_SPARE_MAX = 64,   /* exchanges that are kept for the next requests */
    CONN_PENDING_MAX = 8 * BUFPOOL_BYTES /* a head and all that a route may add to it */
};

enum conn_state {
    CONN_IDLE,
    CONN_HEAD,
    CONN_WAIT,
    CONN_CONNECT,
    CONN_REQUEST,
    CONN_RESPONSE,
    CONN_TUNNEL,
    CONN_REPLY,
    CONN_LINGER,
    CONN_H2_IDLE,
    CONN_H2,
    CONN_DEAD,
    CONN__COUNT
};

struct conn {
    unsigned magic;
    enum conn_state state;
    struct proxy *proxy;
    struct sock sock;
    int64_t since_ms; /* in this state, or since the last progress in it */
    TAILQ_ENTRY(conn) link;
    struct loop_task task;
    struct loop_grave grave;
    char peer[TRUST_TEXT]; /* the client's address as text */
    uint8_t peer_len;
    bool in_fresh;                   /* in[] holds bytes that the head parser has not seen */
    bool client_eof;                 /* the client has closed its side */
    bool trusted;                    /* its word is taken for who the client is: trust.h */
    bool awaits_proxy;               /* the header of the PROXY protocol comes first */
    bool lingers;                    /* the answer in x->to_client ends the connection */
    uint32_t in_listener, in_client; /* places in the crowd; 0: not counted */
    struct table_gauge *in_tenant;   /* of its first request; NULL: not counted */
    enum close_reason end_reason;
    uint32_t in_len;
    char *in;                /* a block, or NULL while nothing is held */
    char *out;               /* likewise, bytes from the endpoint */
    struct h1_head *partial; /* a request head that has not come whole */
    struct h2_client *h2;    /* in H2 and H2_IDLE */
    struct conn *carrier;    /* of a stream: the connection in H2; else NULL */
    struct exchange *x;      /* NULL in IDLE and HEAD: a connection that waits is small */
    struct account_conn account;
};

TAILQ_HEAD(conn_list, conn);

struct proxy {
    unsigned magic;
    bool draining;
    int64_t drained_ms; /* when draining began */
    struct loop *loop;
    struct metrics *metrics;
    const struct table *table; /* pin's, or NULL */
    struct table_pin *pin;
    struct recall recall; /* of that table */
    struct upstreams ups;
    struct conn_list conns[CONN__COUNT];
    size_t num_in[CONN__COUNT];
    _Atomic uint64_t num_conns;            /* all but the dead; other threads may read it */
    _Atomic uint64_t num_streams;          /* of HTTP/2; they are not among num_conns */
    _Atomic uint64_t closed[CLOSE__COUNT]; /* likewise */
    struct crowd *crowd;                   /* NULL: nobody counts */
    struct retry_budget budget;
    struct wheel wheel; /* of exchanges with timeouts of their own, and of those in line */
    struct wheel rates; /* of exchanges whose client has to keep a rate */
    struct loop_task looking;
    struct exchange *spare[CONN_SPARE_MAX]; /* free; the last one is taken first: it is warm */
    size_t num_spare;
    struct account_book book;
    void (*on_forgotten)(void *arg, uint32_t id);
    void (*on_place)(void *arg, size_t worker); /* NULL: there are no other workers */
    void *arg;
    uint64_t random;
    /* scratch of the callback that runs */
    struct h1_head head;
    const struct conn *head_of; /* whose request head is in `head`; NULL: nobody's */
    struct h1_head response;
    struct h1_out out;
    struct h1_changes changes; /* of out, as what follows */
    struct h1_target target;
    size_t lines_len;
    char lines[1024]; /* field lines of ours in a response */
    char id[65];      /* of the gateway: the host's name, in a container the container's */
};

/* conn.c */
const char *conn_state_name(enum conn_state s);
struct conn *conn_new(struct proxy *p, int fd, const struct sockaddr_storage *peer);
struct conn *conn_new_stream(struct conn *carrier, const struct sock_ops *ops, void *stream);
void conn_enter(struct conn *c, enum conn_state next);  /* the only writer of c->state */
void conn_touch(struct conn *c);                        /* progress: its deadline begins anew */
void conn_run(struct conn *c);                          /* as far as it goes, within its budget */
void conn_requeue(struct conn *c);                      /* the deadline of its state is not its */
void conn_yield(struct conn *c);                        /* go on in the next turn, unless dead */
void conn_close(struct conn *c, enum close_reason why); /* idempotent */
void conn_abort(struct conn *c, enum close_reason why); /* the client sees a reset */
void conn_linger(struct conn *c, enum close_reason why);
void conn_set_peer(struct conn *c, const uint8_t address[16]); /* and whether it is trusted */
MUST_USE bool conn_count_client(struct conn *c);               /* false: its address has too many */
bool conn_no_more(const struct conn *c); /* the client closed and sent nothing after this request */
bool conn_next(struct conn *c, bool keep, enum close_reason why); /* an exchange is over */
void conn_begin_exchange(struct conn *c);                         /* c->x, when there is none */
void conn_free_spare(struct proxy *p);
void conn_drop_upstream(struct conn *c);
void conn_watch_client(struct conn *c); /* whose request is read: more requests, an end, a reset */
/* Sends what waits in b. IO_DONE: nothing waits any more. */
MUST_USE enum io conn_flush(struct buf *b, struct sock *s);
void conn_keep_rest(struct buf *b, const struct h1_out *out, size_t sent);

/* request.c */
bool request_step(struct conn *c);                  /* IDLE and HEAD */
MUST_USE bool request_scan_body(struct conn *c);    /* false: malformed, c->x.chunks->refusal */
bool request_is_too_large(const struct conn *c);    /* its body, as far as it was announced */
const struct h1_head *request_head(struct conn *c); /* of the exchange under way */
/* route_request.field */
bool request_field(const void *conn, struct str name, size_t *at, struct str *out);
/* As table_match_at is asked for it, without its host; lent with that head. */
void request_view(struct conn *c, struct route_request *out);
/* What the table in force has for its host, or NULL. False: the Host field is none. */
MUST_USE bool request_host(struct conn *c, const struct table_host **out);

/* response.c */
bool response_head_step(struct conn *c); /* REQUEST */
bool response_body_step(struct conn *c); /* RESPONSE */
/* Sends the head in proxy->out and what is in c->out, keeps the rest. False: the client is gone. */
bool response_send_head(struct conn *c, bool with_body);
MUST_USE enum io response_send(struct conn *c); /* IO_DONE: all that has come is with the client */

#endif
