/*
 * What is said of a request when it has ended: a line of the access log, the series of its pool,
 * histograms. The other files of this folder call one function where something becomes known; what
 * is kept meanwhile is in struct account (of an exchange), struct account_conn (of a connection)
 * and struct account_book (of a worker).
 */
#ifndef GATEWAY_PROXY_ACCOUNT_H
#define GATEWAY_PROXY_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"
#include "gateway/http/h1_head.h"
#include "gateway/observe/pool_series.h"
#include "gateway/proxy/close_reason.h"
#include "gateway/proxy/reply_reason.h"

struct access_log;
struct account_line;
struct conn;
struct exchange;
struct proxy;
struct table_endpoint;
struct table_route;

enum { ACCOUNT_TEXT = 64, ACCOUNT_WORKER_SHIFT = 44 };

/* Of one request; all zero is right at its begin but for begun_us. */
struct account {
    int64_t begun_us;
    int64_t connect_us;         /* when the connect under way began */
    int64_t answered_us;        /* the first byte of a response; 0: none */
    uint64_t revision;          /* of the table that it was routed with */
    struct pool_counters *pool; /* NULL: not routed, or nobody counts */
    struct account_line *line;  /* NULL: it is not logged */
    const char *reply;          /* why we answered; NULL: we did not */
    uint16_t status;
    bool has_head;
    bool is_tunnel;
    /* for /debug/connections, cut */
    uint8_t host_len, route_len;
    char host[ACCOUNT_TEXT];
    char route[ACCOUNT_TEXT];
};

struct account_conn {
    uint64_t id;
    uint64_t num_requests;
    int64_t opened_ms;
    uint64_t received_before, sent_before; /* what belongs to earlier requests */
};

struct account_book {
    size_t worker;
    struct access_log *log; /* NULL: none */
    bool log_is_on;
    struct pool_series *series; /* NULL: nobody counts */
    uint16_t *numbers;          /* by endpoint id: number of its pool's series + 1; 0: not known */
    size_t num_numbers;
    uint64_t num_conns;
    _Atomic uint64_t replies[REPLY__COUNT];
    _Atomic uint64_t refused[H1_REFUSAL__COUNT];
};

void account_open(struct conn *c);
void account_begin(struct conn *c); /* an exchange; its head may still be missing */
void account_head(struct conn *c, const struct h1_head *h);
void account_routed(struct conn *c, const struct table_route *r);
void account_chosen(struct conn *c, const struct table_route *r, const struct table_endpoint *ep);
void account_connecting(struct conn *c);
void account_connected(struct conn *c);
void account_failed(struct conn *c); /* an attempt */
void account_answered(struct conn *c);
void account_status(struct conn *c, unsigned status, bool is_tunnel);
void account_reply(struct conn *c, enum reply which, int status);
void account_refusal(struct conn *c, enum h1_refusal why); /* after account_reply */
void account_end(struct conn *c, enum close_reason why);   /* no exchange is fine */

void account_adopted(struct proxy *p);                /* the settings may have changed */
void account_forgotten(struct proxy *p, uint32_t id); /* an endpoint */
void account_free(struct proxy *p);

#endif
