/*
 * publish: each cluster's table to the gateways that follow it, and what they say of it. Owns the
 * stream listener and its thread. Everything that crosses is a message with its own memory; the
 * caller's callbacks run on the publisher's thread unless they say otherwise.
 *
 * HTTP: GET /v1/clusters/{c}/stream?epoch=E&from=R and POST /v1/clusters/{c}/gateways/{id}/report.
 */
#ifndef CLUSTERS_PUBLISH_PUBLISH_H
#define CLUSTERS_PUBLISH_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct publish;

struct publish_change {
    enum route_kind kind;
    const char *name;
    const char *value; /* NULL = deleted */
};

/* What a gateway last said of itself, POSTed by its follower. */
struct publish_report {
    const char *cluster;
    const char *gateway; /* id: the Swarm task id, or what --id said */
    const char *node;
    uint64_t applied;    /* revision in force in its proxy */
    const char *refusals_json; /* array of {kind,name,code,message,field} */
    bool connected;      /* has a stream open now */
    int64_t at_ms;       /* wall clock of the report */
};

struct publish_config {
    const char *listen;  /* "0.0.0.0:7700" */
    const char *epoch;
    bool (*token_ok)(void *arg, const char *cluster, struct str token); /* constant time */
    void *token_arg;
    void (*on_report)(void *arg, const struct publish_report *r); /* runs on publish's thread */
    void *report_arg;
};

struct publish *publish_new(const struct publish_config *config, struct err *e);
void publish_free(struct publish *p); /* stops the thread, closes the streams */

/*
 * Fills a cluster before it is served: all objects with the commit that set them, the change log
 * after `log_floor`, the revision. Until publish_serve has been called for a cluster its stream
 * answers 503 with Retry-After. `publish_commit` then announces one commit: the changes of this
 * cluster only; everything is copied.
 */
void publish_load_object(struct publish *p, const char *cluster, enum route_kind kind,
                         const char *name, const char *value, uint64_t commit);
void publish_load_change(struct publish *p, const char *cluster, uint64_t commit,
                         enum route_kind kind, const char *name, bool deleted);
void publish_serve(struct publish *p, const char *cluster, uint64_t revision, uint64_t log_floor);
void publish_commit(struct publish *p, const char *cluster, uint64_t revision,
                    const struct publish_change *changes, size_t num_changes);

#endif
