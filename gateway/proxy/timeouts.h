/*
 * How long a client connection may stay in a state, where neither its route (struct route_timeouts)
 * nor the settings say otherwise. In milliseconds.
 */
#ifndef GATEWAY_PROXY_TIMEOUTS_H
#define GATEWAY_PROXY_TIMEOUTS_H

enum {
    CONN_IDLE_MS = 60000,      /* without a request, while there is no table */
    CONN_SHED_HEAD_MS = 1000,  /* a head that is not whole by then may go for others */
    CONN_HEAD_MS = 10000,      /* likewise: a request head must be whole by then; 408 */
    CONN_BODY_IDLE_MS = 60000, /* a body may stand still for so long */
    CONN_ANSWER_MS = 60000,    /* the response head must come by then; 504 */
    CONN_REPLY_MS = 10000,     /* an answer of ours must be taken by then */
    CONN_LINGER_MS = 5000,
    CONN_TUNNEL_IDLE_MS = 3600000, /* nothing in either direction for so long */
    CONN_DRAIN_IDLE_MS = 1000      /* a request already on its way to us is still answered */
};

#endif
