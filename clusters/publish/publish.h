/*
 * publish: each cluster's table to the gateways that follow it, and what they say of it. Owns the
 * stream listener and its thread. Everything that crosses is a message with its own memory; the
 * callbacks of the configuration run on the publisher's thread.
 *
 *   GET  /v1/clusters/{c}/stream[?epoch=E&from=R][&gateway=ID&node=NODE]
 *        Frames (gateway/wire/frame.h) without end. `epoch` and `from` come together or not at all;
 *        `gateway` and `node` say who follows, so that the API can show it as connected.
 *   POST /v1/clusters/{c}/gateways/{id}/report   at most 1 MiB, answered 204
 *        {"node":"n1","applied":12,"refusals":[{"kind","name","code","message","field"}]}
 *        `applied` is the revision in force, "routes" how many routes the gateway holds, "epoch" of
 *        which epoch, "stats" its numbers (stats.h). Unknown keys are ignored: followers may be
 *        newer. Taken before publish_serve too: what gateways hold decides whether their cluster
 *        may be served.
 *
 * Both need `Authorization: Bearer <token of that cluster>`. Refusals are problem+json (RFC 9457):
 * 400 a query or a body that cannot be used, 401, 403 another cluster's token, 404, 405, 429 too
 * many bad tokens from one address, 503 with Retry-After before publish_serve and to a gateway that
 * holds a later epoch or revision than the cluster has: it would refuse the table, or lose by it.
 */
#ifndef CLUSTERS_PUBLISH_PUBLISH_H
#define CLUSTERS_PUBLISH_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct publish;

enum {
    PUBLISH_UNSENT_MAX = 8 << 20,   /* bytes a subscriber may lag behind before it is cut */
    PUBLISH_STEP_BYTES = 256 << 10, /* a table is handed to a socket in steps of this size */
    PUBLISH_REPORT_MAX = 1 << 20,
    PUBLISH_REFUSALS_MAX = 64 /* refusals kept of one report */
};

struct publish_change {
    enum route_kind kind;
    const char *name;
    const char *value; /* NULL = deleted */
};

enum publish_access {
    PUBLISH_ALLOWED,
    PUBLISH_UNKNOWN_TOKEN,
    PUBLISH_OTHER_CLUSTER, /* a good token, but of another cluster */
    PUBLISH_THROTTLED      /* an unknown token, and too many of them from this address */
};

enum publish_news_type {
    PUBLISH_NEWS_CONNECTED,    /* a stream that named its gateway began */
    PUBLISH_NEWS_DISCONNECTED, /* such a stream ended */
    PUBLISH_NEWS_WAITS,        /* such a stream was asked for and is not served: 503 */
    PUBLISH_NEWS_REPORT        /* a report came */
};

/* What is known anew of one gateway; the strings live for the call. */
struct publish_news {
    enum publish_news_type type;
    const char *cluster;
    const char *gateway;       /* id: the Swarm task id, or what --id said */
    const char *node;          /* "" = not said */
    uint64_t applied;          /* report: revision in force in its proxy; waits: it holds */
    const char *epoch;         /* report, waits: of the table that it holds; "" = none */
    int64_t routes;            /* report, waits: in the table that it holds; -1 = not said */
    const char *refusals_json; /* report: array of {kind,name,code,message,field}, printed by us */
    size_t num_refusals;       /* report: how many there were before the cap */
    const char *stats;         /* report: lines of stats.h; "" = none */
    bool stats_refused;        /* report: there were some, and they could not be used */
    int64_t at_ms;             /* wall clock */
};

struct publish_config {
    const char *listen;          /* "0.0.0.0:7700"; port 0 takes a free one */
    const char *epoch;           /* of all clusters until publish_epoch */
    const char *const *clusters; /* those there at once; any other name is 404 */
    size_t num_clusters;
    /* Does this token open that cluster? Compares in constant time. `address` is the peer's. */
    enum publish_access (*access)(void *arg, const char *cluster, struct str token,
                                  const char *address);
    void *access_arg;
    /* false: too much waits already, the report is answered 503 (connections always count). */
    bool (*on_news)(void *arg, const struct publish_news *n);
    void *news_arg;
};

/* Binds at once and starts the thread. NULL with *e when the address cannot be had. */
struct publish *publish_new(const struct publish_config *config, struct err *e);
void publish_free(struct publish *p); /* ends the streams, joins the thread; NULL is fine */
uint16_t publish_port(const struct publish *p);

/*
 * A cluster beside those of the configuration, until publish_remove_cluster: then its streams end
 * and its name is 404. One that comes back is empty, and is filled and served anew.
 */
void publish_add_cluster(struct publish *p, const char *name);
void publish_remove_cluster(struct publish *p, const char *name);
/* Its streams end and are answered 503, as before publish_serve; reports are still taken. */
void publish_close(struct publish *p, const char *name);

/*
 * Fills a cluster before it is served: every object with the commit that set it last, and from the
 * change log the deletes (sets are known from the objects). publish_serve then opens the cluster at
 * `revision`; who asks to resume from `log_floor` or before gets a snapshot. Until then its stream
 * answers 503. publish_commit announces one commit: the changes of this cluster only, with a
 * revision above the last. publish_epoch gives the cluster another epoch, before it is served or
 * later: its streams end, and come back for the table of that epoch. Everything is copied.
 */
void publish_load_object(struct publish *p, const char *cluster, enum route_kind kind,
                         const char *name, const char *value, uint64_t commit);
void publish_load_delete(struct publish *p, const char *cluster, enum route_kind kind,
                         const char *name, uint64_t commit);
void publish_epoch(struct publish *p, const char *cluster, const char *epoch);
void publish_serve(struct publish *p, const char *cluster, uint64_t revision, uint64_t log_floor);
void publish_commit(struct publish *p, const char *cluster, uint64_t revision,
                    const struct publish_change *changes, size_t num_changes);

#endif
