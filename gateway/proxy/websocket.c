/* See websocket.h. tunnel.c relays; this file says what of it, and adds two frames. */
#include "gateway/proxy/websocket.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"

void websocket_begin(struct conn *c, const struct h1_head *response)
{
    struct exchange *x = c->x;
    bool is_websocket = false;

    for (size_t i = 0; i < response->num_fields; i++)
        is_websocket |=
            response->fields[i].id == H1_UPGRADE &&
            str_eq_nocase(h1_field_value(&response->fields[i], c->out), STR("websocket"));
    if (!is_websocket)
        return;
    x->ws = xcalloc(1, sizeof *x->ws);
    (void)ws_frames_pass(&x->ws->to_endpoint.frames, c->in + x->body_end, c->in_len - x->body_end,
                         false);
    (void)ws_frames_pass(&x->ws->to_client.frames, c->out + response->len,
                         x->out_len - response->len, false);
}

/* Of what comes after the frame that is the last one nothing is relayed. */
static uint32_t pass(const struct conn *c, struct websocket_way *way, const char *p, uint32_t n)
{
    bool last = c->proxy->draining && way->end == WEBSOCKET_RUNS;
    size_t relayed = 0;

    if (way->end == WEBSOCKET_RUNS)
        relayed = ws_frames_pass(&way->frames, p, n, last);
    if (last && ws_frames_at_boundary(&way->frames)) /* a Close frame that was relayed will do */
        way->end = way->frames.saw_close ? WEBSOCKET_TOLD : WEBSOCKET_DUE;
    if (relayed < n) /* it is dropped, but for whether it closes */
        (void)ws_frames_pass(&way->frames, p + relayed, n - relayed, false);
    return (uint32_t)relayed;
}

uint32_t websocket_from_client(struct conn *c, const char *p, uint32_t n)
{
    return c->x->ws != NULL ? pass(c, &c->x->ws->to_endpoint, p, n) : n;
}

uint32_t websocket_from_endpoint(struct conn *c, const char *p, uint32_t n)
{
    return c->x->ws != NULL ? pass(c, &c->x->ws->to_client, p, n) : n;
}

/* Adds the frame to `out` when it is due. */
static bool tell(struct conn *c, struct websocket_way *way, const uint8_t *mask, struct buf *out)
{
    char frame[WS_CLOSE_MAX];
    bool closed;
    size_t n;

    if (!c->proxy->draining || way->end == WEBSOCKET_TOLD)
        return false;
    if (way->end == WEBSOCKET_RUNS && !ws_frames_at_boundary(&way->frames))
        return false;
    closed = way->end == WEBSOCKET_RUNS && way->frames.saw_close;
    way->end = WEBSOCKET_TOLD;
    if (closed)
        return false;
    n = ws_write_close(WS_GOING_AWAY, mask, frame);
    return buf_add(out, frame, n);
}

bool websocket_tells_endpoint(struct conn *c)
{
    struct balancer_query q = {.random = &c->proxy->random};
    uint64_t random;
    uint8_t mask[8];

    if (c->x->ws == NULL || c->x->up_deaf || c->x->up_shut || !c->proxy->draining)
        return false;
    random = balancer_random(&q);
    memcpy(mask, &random, sizeof mask);
    return tell(c, &c->x->ws->to_endpoint, mask, &c->x->to_up);
}

bool websocket_tells_client(struct conn *c)
{
    if (c->x->ws == NULL || c->x->client_shut)
        return false;
    return tell(c, &c->x->ws->to_client, NULL, &c->x->to_client);
}

bool websocket_is_over(const struct conn *c)
{
    const struct exchange *x = c->x;
    const struct websocket *w = x->ws;

    return w != NULL && w->to_endpoint.end == WEBSOCKET_TOLD &&
           w->to_client.end == WEBSOCKET_TOLD && x->to_up.len == 0 && x->to_client.len == 0 &&
           (w->to_endpoint.frames.saw_close || c->client_eof) &&
           (w->to_client.frames.saw_close || x->response_read);
}
