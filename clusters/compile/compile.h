/*
 * compile: what runs in the swarm, in; one table per service cluster and the conditions of every
 * labelled service, out. Pure: no I/O, no clock, no globals; the same input gives the same bytes.
 */
#ifndef CLUSTERS_COMPILE_COMPILE_H
#define CLUSTERS_COMPILE_COMPILE_H

#include "clusters/swarm/view.h"
#include "gateway/core/err.h"
#include "gateway/route/route.h"

struct compile_object {
    enum route_kind kind;
    char *name;
    char *value; /* JSON, canonical: the same meaning gives the same bytes */
};

/*
 * One condition of a service: "Accepted", "Conflicted" or "ResolvedRefs". The first is always an
 * "Accepted" that gives the verdict; a type may come several times, one for each thing to say.
 * Every "Accepted" has the status of the verdict, so that any of them answers "is it routed?".
 */
struct compile_condition {
    const char *type;
    bool status;
    char *reason;  /* CamelCase */
    char *message; /* a sentence for the owner of the service */
    char *label;   /* the label at fault, or "" */
    char *value;   /* its value, cut to 200 bytes and made printable, or "" */
};

struct compile_service {
    char *id;
    char *name;
    char *cluster; /* "" = assigned to none (then a condition says why) */
    char *tenant;  /* whose it is; "" = of none that can be told (likewise) */
    char **hosts;  /* accepted ones, canonical */
    size_t num_hosts;
    size_t num_endpoints;
    struct compile_condition *conditions;
    size_t num_conditions;
};

struct compile_cluster {
    char *name;
    struct compile_object *objects; /* sorted by kind, then name */
    size_t num_objects;
};

struct compile_result {
    struct compile_cluster *clusters; /* in the order of the input */
    size_t num_clusters;
    struct compile_service *services; /* those with at least one label of ours; sorted by name */
    size_t num_services;
};

struct compile_input {
    const struct view *view;
    const char *const *clusters; /* names of the configured service clusters */
    size_t num_clusters;
    const char *default_cluster; /* NULL: services without the label are assigned to none */
};

/* Never fails: what cannot be used becomes a condition. compile_free releases it. */
struct compile_result *compile_run(const struct compile_input *in);
void compile_free(struct compile_result *r);

#endif
