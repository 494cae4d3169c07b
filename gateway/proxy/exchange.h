/*
 * One request and its response: what is known of them, which all files of this folder read and
 * write, and what they ask of the request on its way to an endpoint (exchange.c).
 */
#ifndef GATEWAY_PROXY_EXCHANGE_H
#define GATEWAY_PROXY_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/http/h1_body.h"
#include "gateway/http/h1_head.h"
#include "gateway/loop/pipepool.h"
#include "gateway/loop/wheel.h"
#include "gateway/proxy/account.h"
#include "gateway/proxy/admission.h"
#include "gateway/proxy/balance.h"
#include "gateway/proxy/pin.h"
#include "gateway/proxy/rate.h"
#include "gateway/proxy/trust.h"
#include "gateway/upstream/upstream.h"

struct conn;
struct websocket;

enum { EXCHANGE_ID_MAX = 128 /* bytes of what a trusted peer may call a request */ };

/* Why an attempt on an endpoint failed; the last one decides the answer. */
enum exchange_failure {
    FAILED_NOT,
    FAILED_CONNECT,
    FAILED_CONNECT_TIMEOUT,
    FAILED_BROKEN,
    FAILED_STATUS /* one that its route retries */
};

struct exchange {
    /* the request: in[0..head_len) its head, in[head_len..body_end) body that was checked */
    uint32_t head_len;
    uint32_t body_end;
    uint32_t sent; /* in[sent..body_end) is still to be sent */
    uint8_t framing;
    uint8_t minor;     /* of the client's HTTP version */
    bool request_read; /* its last byte is in `in` */
    bool intact;       /* nothing of it has left `in`: it could be sent once more */
    bool idempotent;
    bool was_head;
    bool stray_body;   /* of a GET, HEAD or OPTIONS: see has_stray_body */
    bool upgrade;      /* it asks for another protocol, and the endpoint was told so */
    bool client_keeps; /* the client wants to go on after this exchange */
    uint64_t left;     /* of a body with a length */
    uint64_t body_max; /* bytes of it that the route takes; 413 beyond */
    struct h1_chunked *chunks;

    /* where it goes: a route of the pinned version; its pools are looked up in the newest, since
     * only there endpoints are sure to have the ids that this worker knows them by */
    struct table_pin *pin;
    const struct table_route *route; /* NULL: not known yet */

    struct admission admission;
    uint8_t client_len; /* the client behind a trusted peer, as text; 0: the peer */
    char client[TRUST_TEXT];

    /* the endpoint */
    struct upstream_conn *up;
    struct balancer_tried tried;
    struct eject_ticket ticket; /* of the attempt under way */
    bool binds;                 /* its response carries the sticky cookie of that name */
    struct sticky_name sticky;
    uint8_t attempts;
    uint8_t failure;         /* enum exchange_failure */
    uint16_t retried_status; /* of the last response that was dropped; 0: none was */
    bool reused;             /* up had been used before */
    bool fresh_only;         /* no kept connections any more */
    bool bulk;               /* the rest of the body goes through pipes (bulk.c) */
    bool up_deaf;            /* up takes no more of the request */
    int up_error;  /* why not, unless the endpoint had ended in order: errno, told only once */
    bool up_keeps; /* the endpoint wants to go on after this response */
    uint64_t up_sent_before;

    /* the response: out[out_sent..out_len) is still to be sent */
    uint32_t out_len;
    uint32_t out_sent;
    uint8_t response_framing;
    uint8_t num_interim;
    bool answered;             /* a byte of a response has come */
    bool response_read;        /* its last byte has come; of a tunnel: the endpoint's end has */
    bool up_shut, client_shut; /* of a tunnel: the other side's end was passed on to it */
    struct websocket *ws;      /* of a tunnel for one */
    bool take_apart;           /* chunked framing is removed for an HTTP/1.0 client */
    bool response_bulk;        /* likewise, of the response */
    bool bodiless;             /* the response has no body by rule, whatever its head says */
    bool keep;                 /* the client was told that the connection stays */
    uint64_t response_left;
    struct h1_chunked *response_chunks;
    struct h1_head *partial; /* a response head that has not come whole */

    /* only with a route that has timeouts of its own; see deadline.c */
    const struct route_timeouts *times; /* NULL: the state's is right */
    struct wheel_entry timer;
    int64_t begun_ms;
    int64_t progress_ms; /* in this state since, or the last progress in it */

    struct buf to_up;        /* the rest of a head that did not fit into the socket */
    struct buf to_client;    /* likewise, and answers of ours */
    struct pipe *pipe_to_up; /* bulk on its way, NULL: none; all before it has been sent */
    struct pipe *pipe_to_client;

    struct rate rate;
    uint8_t request_id_len; /* 0: the settings want none, or it is not on its way yet */
    char request_id[EXCHANGE_ID_MAX];

    struct account account;
};

void exchange_start(struct conn *c);
void exchange_go_on(struct conn *c); /* WAIT: perhaps it can be placed now */
bool exchange_wait_step(struct conn *c);
bool exchange_connect_step(struct conn *c);
/* What can be sent of the request. False: the connection went to another state. */
MUST_USE bool exchange_push(struct conn *c);
/* Before the response head was whole; error 0: the endpoint ended in order. */
void exchange_broken(struct conn *c, int error);
MUST_USE enum io exchange_send(struct conn *c, uint32_t end); /* in[sent..end), what waits before */
void exchange_release_in(struct conn *c); /* nothing in the client's block is needed any more */
bool exchange_all_sent(const struct exchange *x); /* the whole request is with the endpoint */
void exchange_keep_trailers(struct sock *to, struct sock *from);
bool exchange_waits_for_body(const struct exchange *x);     /* for more of it, from the client */
bool exchange_waits_for_reader(const struct exchange *x);   /* who has not taken what there is */
void exchange_note_status(struct conn *c, unsigned status); /* the head of a last response came */
bool exchange_retries_status(struct conn *c, unsigned status); /* true: asks another endpoint */
void exchange_note_silence(struct conn *c, int error); /* a node that is dead is not asked again */

#endif
