/*
 * What the admin API offers, as data: one row for each method of each path. The rows drive
 * dispatch, permissions, GET /v1, /v1/openapi.json, docs/api.md and the command line. Only data:
 * what answers is in endpoints.c.
 */
#ifndef ADMIN_API_SURFACE_H
#define ADMIN_API_SURFACE_H

#include <stdbool.h>
#include <stddef.h>

/* Whose tokens may: a mask. 0 is everybody, without a token. The bits are those of enum
 * intent_scope (clusters/intents/intents.h). */
enum {
    SURFACE_OPERATOR = 1,
    SURFACE_TENANT_ADMIN = 2,
    SURFACE_TENANT_READ = 4,
    SURFACE_METRICS = 8,
    SURFACE_SCOPES = 4 /* how many bits */
};

/* Query parameters: a mask, in the order of surface_params[]. */
enum {
    SURFACE_LIMIT = 1 << 0,
    SURFACE_CURSOR = 1 << 1,
    SURFACE_SELECTOR = 1 << 2,
    SURFACE_HOST = 1 << 3,
    SURFACE_DRY_RUN = 1 << 4,
    SURFACE_WAIT = 1 << 5,
    SURFACE_TIMEOUT = 1 << 6,
    SURFACE_DURABLE = 1 << 7,
    SURFACE_KIND = 1 << 8,
    SURFACE_NAME = 1 << 9,
    SURFACE_PARAMS = 10
};
#define SURFACE_PAGED (SURFACE_LIMIT | SURFACE_CURSOR)
#define SURFACE_WRITE (SURFACE_DRY_RUN | SURFACE_WAIT | SURFACE_TIMEOUT | SURFACE_DURABLE)

/* Statuses of success: a mask. 304 comes with SURFACE_ETAG, 202 with SURFACE_WAIT. */
enum { SURFACE_200 = 1, SURFACE_201 = 2, SURFACE_204 = 4, SURFACE_ETAG = 8 };

/* What a row does. */
#define SURFACE_OPS(X)  \
    X(LIVE)             \
    X(READY)            \
    X(VERSION)          \
    X(INDEX)            \
    X(OPENAPI)          \
    X(CLUSTER)          \
    X(CLUSTER_SERVICES) \
    X(CLUSTER_SERVICE)  \
    X(CLUSTER_GATEWAYS) \
    X(CLUSTER_METRICS)  \
    X(LIST)             \
    X(GET)              \
    X(PUT)              \
    X(PATCH)            \
    X(DELETE)           \
    X(TOKEN_NEW)        \
    X(SERVICES)         \
    X(SERVICE)          \
    X(SECRETS)          \
    X(GATEWAYS)         \
    X(COMMITS)          \
    X(COMMIT)           \
    X(AUDIT)            \
    X(APPLY)            \
    X(EXPLAIN)          \
    X(ROLLBACK)         \
    X(WATCH)

enum surface_op {
#define X(sym) SURFACE_##sym##_OP,
    SURFACE_OPS(X)
#undef X
        SURFACE_OP__COUNT
};

struct surface_row {
    enum surface_op op;
    const char *method;
    const char *path; /* "{x}" takes one segment */
    unsigned scopes;
    unsigned params;
    unsigned answers;
    const char *kind;     /* of the documents it is about, as intents.h names it; "" = none */
    const char *request;  /* schema of the body (schemas.h); "" = there is none */
    const char *response; /* schema of the answer */
    const char *doc;      /* one sentence without its full stop */
    const char *verb;     /* of the command line; "" = none */
    const char *noun;     /* "route", "routes"; "" = none */
    const char *example;  /* a body; "" = none */
};

extern const struct surface_row surface_rows[];
extern const size_t surface_num_rows;

struct surface_param {
    const char *name;
    const char *schema; /* JSON Schema of its value */
    const char *doc;
};

extern const struct surface_param surface_params[SURFACE_PARAMS];
/* What a "{name}" of a path stands for; NULL at the end. */
struct surface_var {
    const char *name;
    const char *doc;
};
extern const struct surface_var surface_vars[];

/* "operator", "tenant-admin", "tenant-read", "metrics": the i-th bit's word. */
extern const char *const surface_scope_names[SURFACE_SCOPES];

const char *surface_op_name(enum surface_op op); /* "CLUSTER_SERVICES" */

#endif
