/*
 * Clients that send or take a body too slowly: not so slowly that it ever stands still, which has
 * deadlines of its own (deadline.h), but below the rate that the settings or the route ask for.
 *
 * Sampled, not measured: an exchange is looked at once a period (the settings' min_rate_ms). If it
 * was the client whom everything waited for at both ends of a period, and less went to or came from
 * him in it than the rate says, he was too slow. While the endpoint is what is waited for, nobody
 * is judged. Tunnels and requests whose response has begun (they may be one half of a conversation)
 * are let alone as far as the client sends. Private to gateway/proxy.
 */
#ifndef GATEWAY_PROXY_RATE_H
#define GATEWAY_PROXY_RATE_H

#include <stdint.h>

#include "gateway/loop/wheel.h"

struct conn;
struct proxy;

/* Whom an exchange waits for, and so what counts. */
enum rate_of {
    RATE_OF_NOBODY,
    RATE_OF_SENDER,
    RATE_OF_READER, /* the connection: what its peer has acknowledged */
    RATE_OF_WINDOW  /* of a stream, which the client keeps closed */
};

/* Of an exchange; all zero: not sampled. */
struct rate {
    struct wheel_entry timer;
    uint32_t least; /* bytes a second */
    enum rate_of of;
    int64_t since_ms; /* the last sample */
    uint64_t moved;   /* at that time */
};

void rate_begin(struct conn *c); /* its route is known */
void rate_end(struct conn *c);   /* not begun is fine */
void rate_tick(struct proxy *p, int64_t now_ms);

/* A stream of HTTP/2 that the exchange has left lasts no longer; INT64_MAX: no rate is asked for.
 */
int64_t rate_longest_ms(const struct proxy *p);

#endif
