/*
 * A bound evhttp with limits: how many connections, how many of an address that has not shown a
 * token, how large heads and bodies, how long a request may take to arrive, how long a connection
 * may idle. All methods reach the handler, which answers 405 by itself; TRACE and CONNECT are
 * refused below it. What evhttp refuses by itself is answered in problem+json too.
 */
#ifndef CLUSTERS_PUBLISH_LISTENER_H
#define CLUSTERS_PUBLISH_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"

struct event_base;
struct evhttp_request;
struct listener;

enum {
    LISTENER_HEAD_MAX = 16 << 10,
    LISTENER_INACTIVE_S = 30,    /* no byte moved: evhttp gives the connection up */
    LISTENER_FIRST_MS = 5000,    /* from accept, or a request without a token, to the next one */
    LISTENER_REQUEST_MS = 60000, /* from a request with a good token to the next */
    LISTENER_STRANGERS_MAX = 32  /* connections of one address that have shown no good token */
};

struct listener_config {
    const char *listen;     /* "127.0.0.1:7701", "[::1]:7701"; port 0 takes a free one */
    const char *flag;       /* what the user called it, for messages: "--admin" */
    size_t connections_max; /* and never more than a third of the limit of open files */
    size_t body_max;
    /* Bytes of all requests that have not arrived whole: beyond it those with the most are shown
     * out, who has shown no good token first. 0: connections_max and body_max say it. */
    size_t pending_max;
    void (*on_request)(void *arg, struct evhttp_request *req); /* must answer, now or later */
    void *arg;
};

struct listener *listener_new(struct event_base *base, const struct listener_config *config,
                              struct err *e);
void listener_free(struct listener *l); /* closes all its connections; NULL is fine */
uint16_t listener_port(const struct listener *l);

/* This request showed a good token: its connection may stay, and is not counted with strangers. */
void listener_trust(struct listener *l, struct evhttp_request *req);

/* What is written from here on, until it is said to be over, is an answer of ours: for a handler
 * that answers later. Within on_request it is so anyway. */
void listener_answering(struct listener *l, bool yes);

/*
 * This request's answer has no end: its connection is spared the deadlines, dead peers and stalled
 * readers are found by the kernel and by the write timeout, and its close is noticed at once.
 */
void listener_keep(struct listener *l, struct evhttp_request *req);

#endif
