/*
 * WebSockets in tunnels, for the day on which the gateway goes away: each side then gets a Close
 * frame (1001, going away) at the next boundary between frames of what is relayed to it, what the
 * other side says from there on is dropped, and the tunnel ends when both have closed as well, or
 * by the settings' drain_ms. Until then only the heads of frames are looked at. Private to
 * gateway/proxy.
 */
#ifndef GATEWAY_PROXY_WEBSOCKET_H
#define GATEWAY_PROXY_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http/h1_head.h"
#include "gateway/http/ws_frames.h"

struct conn;
struct exchange;

/* Our Close frame in one direction. DUE: what is relayed has ended with a frame. */
enum websocket_end { WEBSOCKET_RUNS, WEBSOCKET_DUE, WEBSOCKET_TOLD };

struct websocket_way {
    struct ws_frames frames; /* of all that came */
    enum websocket_end end;
};

struct websocket {
    struct websocket_way to_endpoint, to_client;
};

/* A tunnel begins; x->ws if that is what it is for. Bytes of it may be in both blocks. */
void websocket_begin(struct conn *c, const struct h1_head *response);

/* n bytes came: how many of them are to be relayed. */
uint32_t websocket_from_client(struct conn *c, const char *p, uint32_t n);
uint32_t websocket_from_endpoint(struct conn *c, const char *p, uint32_t n);

/* All that came was sent on: true when a Close frame of ours is to be sent now. */
bool websocket_tells_endpoint(struct conn *c);
bool websocket_tells_client(struct conn *c);

bool websocket_is_over(const struct conn *c); /* both sides have been told and have closed */

#endif
