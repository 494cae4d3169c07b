/*
 * Documents: what operators and tenants ask for through the admin API. A document is JSON under a
 * key (tenant, kind, name); what belongs to no tenant has the tenant "". An intent is a document
 * that was understood. Pure: bytes in, structs or errors out. One table of fields (intents_kinds)
 * drives decoding, docs and OpenAPI; what goes into a cluster's table is judged by gateway/wire's
 * schema, so that the API takes exactly what gateways take.
 */
#ifndef CLUSTERS_INTENTS_INTENTS_H
#define CLUSTERS_INTENTS_INTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/errs.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

enum intent_kind {
    INTENT_CLUSTER,   /* tenant "": a service cluster */
    INTENT_TENANT,    /* tenant "": a tenant, under its own name */
    INTENT_OWNERSHIP, /* tenant "", name "ownership": are claims open or enforced */
    INTENT_SETTINGS,  /* tenant "", name = of the cluster: the table's settings */
    INTENT_TOKEN,     /* tenant "" or the tenant's; name = the token's id */
    INTENT_ROUTE,     /* the others belong to a tenant */
    INTENT_POOL,
    INTENT_ENDPOINTS, /* name = of the pool: static ones, for backends outside Swarm */
    INTENT_CERTIFICATE,
    INTENT_PIN,     /* name = of a service: its labels are held as they were */
    INTENT_SERVICE, /* written by the coordinator: a service's labels as last seen, for history */
    INTENT_KIND__COUNT
};

enum {
    INTENT_NAME_MAX = 128,  /* bytes of a document's name: a letter or digit, then those or "._-" */
    INTENT_SHORT_MAX = 63,  /* of a tenant's or a cluster's */
    INTENT_LABELS_MAX = 32, /* of a document; of a selector */
    INTENT_VALUE_MAX = 480 << 10, /* what one object of clusters/replica takes */
    INTENT_CLAIMS_MAX = 1024,
    INTENT_SECRETS = 3 /* a certificate's: its cert, key and ca */
};

/* "cluster", "tenant", "ownership", "settings", "token", "route", "pool", "endpoints",
 * "certificate", "pin", "service". */
const char *intent_kind_name(enum intent_kind kind);
MUST_USE bool intent_kind_from_name(const char *name, enum intent_kind *out);

/* Quotas of a tenant; -1: no limit. Those of the data plane go into the tables, see pool.h. */
struct intent_quotas {
    int64_t routes; /* label-born ones too: a service counts as one */
    int64_t hosts;
    int64_t certificates;
    int64_t endpoints;
};

struct intent_pair {
    char *key;
    char *value;
};

struct intent_tenant {
    char **claims; /* canonical hosts, exact or "*.suffix" */
    size_t num_claims;
    bool any_cluster; /* "clusters" was left out */
    char **clusters;
    size_t num_clusters;
    /* Which services are its: all of these labels, and one of these name globs ('*' only); both
     * empty: none. */
    struct intent_pair *labels;
    size_t num_labels;
    char **services;
    size_t num_services;
    struct intent_quotas quotas;
    char *table_value; /* the table's `tenant` object, or NULL: no quota of the data plane */
};

struct intent_cluster {
    /* A service without the label goes to the first cluster, by name, whose selector matches. */
    struct intent_pair *labels;
    size_t num_labels;
    bool is_default; /* of services that no selector takes */
    bool any_tenant; /* "tenants" was left out */
    char **tenants;  /* who may have routes in it */
    size_t num_tenants;
};

struct intent_pool {
    /* A Swarm service whose tasks are the endpoints; NULL: `endpoints` documents give them. */
    char *service;
    uint16_t port;
    char *network;     /* NULL: as for labels */
    char *table_value; /* with the tenant in it */
};

#define INTENT_MATCH_ALL "prefix /" /* every request of its hosts, as labels ask for */

struct intent_route {
    char **hosts; /* canonical, distinct */
    size_t num_hosts;
    /* "<path_type> <canonical path>", then, where there is a match, " <canonical JSON of it>", in
     * an order of its own: the same text is the same requests; of two such routes one serves. */
    char *match;
    char **pools; /* as named in the document; of the same tenant and cluster */
    size_t num_pools;
};

struct intent_pin {
    char *service;              /* name */
    struct intent_pair *labels; /* instead of its own; none: it is not routed */
    size_t num_labels;
    uint64_t commit; /* that it holds */
};

/* Labels of ours that a service had. */
struct intent_service {
    struct intent_pair *labels;
    size_t num_labels;
};

/* A bit each: enum intent_scope. A tenant's token has TENANT_ADMIN, TENANT_READ, METRICS only, the
 * operator's OPERATOR and METRICS. */
enum intent_scope {
    INTENT_SCOPE_OPERATOR = 1,
    INTENT_SCOPE_TENANT_ADMIN = 2,
    INTENT_SCOPE_TENANT_READ = 4,
    INTENT_SCOPE_METRICS = 8
};

enum { INTENT_TOKEN_HASH_HEX = 64 };

struct intent_token {
    char hash[INTENT_TOKEN_HASH_HEX + 1]; /* lower-case hex of SHA-256 over the secret */
    unsigned scopes;
    int64_t expires_ms; /* Unix time; 0: never */
};

struct intent {
    enum intent_kind kind;
    char *tenant;
    char *name;
    int64_t created_ms; /* wall clock of its first write: the oldest keeps a host */
    char *cluster;      /* of settings, routes, pools, endpoints, certificates; else NULL */
    char *value;        /* canonical JSON: sorted keys, no blanks, defaults as written */
    union {
        struct intent_tenant tenant;
        struct intent_cluster cluster;
        struct intent_pool pool;
        struct intent_route route;
        struct intent_pin pin;
        struct intent_service service;
        struct intent_token token;
        bool enforced;     /* ownership */
        char *table_value; /* settings, endpoints, certificate: for the table */
    } as;
    size_t num_endpoints;          /* of endpoints */
    char *secrets[INTENT_SECRETS]; /* of a certificate, by name; NULL: it names none there */
    struct intent_pair *labels;    /* "metadata": {"labels": ...}, what lists select by */
    size_t num_labels;
};

/*
 * Decodes and judges a document by itself (references to others are the plan's to judge). NULL with
 * every fault in *e, each field a JSON pointer into the value. Codes as in gateway/wire/objects.h.
 */
struct intent *intent_read(enum intent_kind kind, const char *tenant, const char *name,
                           int64_t created_ms, struct str value, struct errs *e);
void intent_free(struct intent *i);         /* NULL is fine */
const char *intent_secret_member(size_t k); /* "cert", "key", "ca" */

/*
 * The table's route object: canonical JSON with the tenant, created_ms, only the hosts for which
 * keep[i], and each pool under its name in the table. free().
 */
char *intent_route_value(const struct intent *i, const bool *keep);

/* The name in a table of a document's object, "tenant/name"; labels make names without '/'. free().
 */
char *intent_table_name(const char *tenant, const char *name);

/* Does a name fit the glob ('*' matches any bytes)? */
MUST_USE bool intent_glob(const char *glob, const char *name);

/* Is `host` the claim, or under it ("*.shop.example" has one or more labels before)? Canonical. */
MUST_USE bool intent_host_covered(const char *claim, const char *host);

/* JSON Schema (draft 2020-12, as OpenAPI 3.1 has it) of the values of a kind, as one JSON object;
 * false: out is full. */
struct buf;
MUST_USE bool intent_write_schema(enum intent_kind kind, struct buf *out);

#endif
