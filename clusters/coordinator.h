/*
 * The control loop: observe the swarm, compile it, commit the difference, publish the commit. Owns
 * the observer, the store and the publisher; runs on the caller's libevent loop. Nothing is
 * published that is not committed; a store that cannot be opened or written is tried again each
 * second. Whether a cluster may be published after a start is hold.h's to judge.
 *
 * The second half of this header is what the admin API may read: lent, valid until the next turn of
 * the loop, never changed by the reader.
 */
#ifndef CLUSTERS_COORDINATOR_H
#define CLUSTERS_COORDINATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/compile/compile.h"
#include "clusters/publish/publish.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct event_base;
struct coordinator;

enum { COORDINATOR_LEASE_MS = 30000 }; /* a gateway that is silent for longer is unknown */

#define COORDINATOR_DEFAULT_TENANT "default" /* there without a document: whose nobody else is */

/* Documents kept in Swarm's own store, and the fence (replica/replica.h). */
struct coordinator_replica {
    const char *name; /* prefix of the config objects; NULL: off, documents stay on this node */
    const char *who;  /* this coordinator, for people: task id or host */
    uint8_t key[32];  /* from the identity */
};

struct coordinator_config {
    const char *const *docker; /* NULL-ended endpoints, as in observe.h */
    const char *docker_tls_ca; /* PEM files; NULL: not given */
    const char *docker_tls_cert;
    const char *docker_tls_key;
    const char *store;           /* path of the SQLite file */
    const char *stream;          /* "0.0.0.0:7700" */
    const char *const *clusters; /* names of the service clusters, each coordinator_name_ok */
    size_t num_clusters;
    const char *default_cluster; /* NULL: services without the label belong to none */
    struct coordinator_replica replica;
    bool accept_empty; /* publish even when live gateways hold more routes (hold.h) */
    /* As in publish.h; runs on the publisher's thread. */
    enum publish_access (*access)(void *arg, const char *cluster, struct str token,
                                  const char *address);
    void *access_arg;
};

/* Lower-case letters, digits and '-' inside, at most 63 bytes: it stands in URLs and tokens. */
MUST_USE bool coordinator_name_ok(struct str name);

/* NULL with *e: the store is not this program's to open, an address cannot be bound, a name is
 * wrong. */
/* What the configuration names must live as long as the coordinator. */
struct coordinator *coordinator_new(struct event_base *base,
                                    const struct coordinator_config *config, struct err *e);
void coordinator_free(struct coordinator *c); /* NULL is fine; not from a callback of its own */

/* ---- read-only, for the admin API ------------------------------------------------------------ */

enum coordinator_gateway_state {
    COORDINATOR_GATEWAY_LIVE, /* heard within the lease; its Swarm task, if it has one, is wanted */
    COORDINATOR_GATEWAY_SILENT,  /* its Swarm task is wanted, but it is not heard */
    COORDINATOR_GATEWAY_GONE,    /* its Swarm task is not wanted any more */
    COORDINATOR_GATEWAY_UNKNOWN, /* it is no Swarm task, and its lease has lapsed */
    COORDINATOR_GATEWAY_STATE__COUNT
};

struct coordinator_gateway {
    const char *id;
    const char *node;
    uint64_t applied;
    const char *epoch;                    /* of the table that it holds; "" = none, or not said */
    int64_t routes;                       /* in that table; -1 = not said */
    bool connected;                       /* has a stream open now */
    enum coordinator_gateway_state state; /* the first two are what "live" means elsewhere */
    bool reported;                        /* a report came since this coordinator started */
    int64_t last_report_ms_ago;           /* meaningless unless `reported` */
    const char *refusals_json;            /* an array, printed by us */
    const char *stats;                    /* lines of publish/stats.h; "" = none */
    bool stats_refused; /* the last report's numbers could not be used, or not be kept */
};

/* True when the view is compiled, committed and published; else why not, in one sentence. */
MUST_USE bool coordinator_ready(const struct coordinator *c, struct err *why);

/* What GET /v1/clusters/{c} shows; strings are lent. */
struct coordinator_cluster {
    bool served;       /* its stream answers */
    bool held;         /* what the swarm gives is not published, to all or to some gateways */
    struct err why;    /* code NULL: nothing to say */
    const char *epoch; /* "" until the store is open */
    uint64_t revision;
    uint64_t routes;      /* in the last picture of the swarm */
    uint64_t held_routes; /* the most that a live gateway holds */
    size_t expected;      /* live gateways, and how many of them said what they hold */
    size_t answered;
};

MUST_USE bool coordinator_cluster(const struct coordinator *c, const char *cluster,
                                  struct coordinator_cluster *out);
MUST_USE bool coordinator_has_cluster(const struct coordinator *c, const char *cluster);
uint64_t coordinator_revision(const struct coordinator *c, const char *cluster);
uint16_t coordinator_stream_port(const struct coordinator *c);

/* True once a picture of the swarm is planned: only then are there services to show. */
bool coordinator_has_read(const struct coordinator *c);

/* Last commit that changed an object named after this service; 0 = none yet. */
uint64_t coordinator_service_commit(const struct coordinator *c, const char *cluster,
                                    const char *service);

typedef void coordinator_gateway_fn(void *arg, const struct coordinator_gateway *g);
void coordinator_each_gateway(const struct coordinator *c, const char *cluster,
                              coordinator_gateway_fn *fn, void *arg);

/* Swarm's secrets as last seen, by id; of an earlier run until they have been listed in this one.
 */
struct secret;
typedef void coordinator_secret_fn(void *arg, const struct secret *s);
void coordinator_each_secret(const struct coordinator *c, coordinator_secret_fn *fn, void *arg);
bool coordinator_has_listed_secrets(const struct coordinator *c);

#endif
