/*
 * One follower's stream: takes batches from its cluster's ledger as its socket drains. Lives on the
 * publisher's thread.
 *
 *      SENDING ──whole batch handed over, none newer──► CURRENT
 *         ▲                                               │
 *         └───────────── a commit ────────────────────────┘
 *      any ── closed by the peer, lagging, shutting down ──► CLOSED (buried at the end of the turn)
 */
#ifndef CLUSTERS_PUBLISH_SUBSCRIBER_H
#define CLUSTERS_PUBLISH_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "clusters/publish/ledger.h"

struct evhttp_request;
struct evhttp_connection;

enum subscriber_state {
    SUBSCRIBER_SENDING,
    SUBSCRIBER_CURRENT,
    SUBSCRIBER_CLOSED,
    SUBSCRIBER_STATE__COUNT
};

struct subscriber {
    unsigned magic;
    enum subscriber_state state;
    struct ledger *ledger;
    struct evhttp_request *req;
    struct evhttp_connection *evcon; /* NULL once libevent has taken it away */
    struct ledger_batch *batch;      /* being sent, SENDING only */
    size_t next_frame;               /* of the batch */
    uint64_t position;               /* revision of the last batch handed over whole */
    size_t lag_bytes;                /* of commits that wait because this one does not drain */
    char *gateway;                   /* "" = did not say */
    char *node;
    void (*on_closed)(void *arg, struct subscriber *s); /* once; subscriber_free in a later turn */
    void *arg;
    TAILQ_ENTRY(subscriber) next; /* the owner's lists */
};

/* Begins the answer: delta when `resume`, else a snapshot. Copies the two names. */
struct subscriber *subscriber_new(struct ledger *ledger, struct evhttp_request *req, bool resume,
                                  uint64_t from);
void subscriber_start(struct subscriber *s, const char *gateway, const char *node);
void subscriber_free(struct subscriber *s); /* ends the connection when there still is one */

void subscriber_commit(struct subscriber *s, size_t commit_bytes); /* the ledger has moved on */
void subscriber_beat(struct subscriber *s);
void subscriber_end(struct subscriber *s); /* its follower will have to come back */

#endif
