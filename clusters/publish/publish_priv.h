/* What publish.c (thread, messages) and publish_http.c (requests) share; nobody else's. */
#ifndef CLUSTERS_PUBLISH_PUBLISH_PRIV_H
#define CLUSTERS_PUBLISH_PUBLISH_PRIV_H

#include <pthread.h>

#include "clusters/publish/ledger.h"
#include "clusters/publish/publish.h"
#include "clusters/publish/quiet.h"
#include "clusters/publish/subscriber.h"

struct event;
struct event_base;
struct evhttp_request;
struct listener;
struct mailbox;

enum { PUBLISH_MAGIC = 0x1b11c501, PUBLISH_CONNECTIONS_MAX = 4096, PUBLISH_BEAT_S = 5 };

TAILQ_HEAD(subscriber_list, subscriber);

/* Made once for a name; never moved, never freed before the end. Its name is anyone's to read. */
struct publish_cluster {
    char *name;
    bool gone; /* removed: 404 */
    struct ledger *ledger;
    struct subscriber_list subscribers;
};

struct publish_clusters {
    struct publish_cluster **all;
    size_t num;
};

/* After publish_new everything but `known`, `mailbox` and `port` belongs to the thread. */
struct publish {
    unsigned magic;
    struct publish_config config; /* strings and cluster names are ours */
    struct publish_clusters clusters;
    struct publish_clusters known; /* the caller's list of the same */
    struct event_base *base;
    struct mailbox *mailbox;
    struct listener *listener;
    struct event *beat;
    struct event *bury;
    struct subscriber_list closed; /* freed at the end of the turn */
    struct quiet quiet;            /* about bad tokens */
    pthread_t thread;
    bool running;
    uint16_t port;
};

/* On the thread: NULL for one that is not there, or not any more. */
struct publish_cluster *publish_find(struct publish *p, const char *name);
void publish_on_request(void *arg, struct evhttp_request *req);
void publish_tell(struct publish *p, struct subscriber *s, enum publish_news_type type,
                  const char *cluster);

/* Of publish.c, for the streams that publish_http.c opens. */
void publish_on_closed(void *arg, struct subscriber *s);

#endif
