/*
 * The inside of one version, for the files of gateway/table that make versions. All objects are
 * reference-counted, atomically: the last worker to forget a version may be the one to free it.
 */
#ifndef GATEWAY_TABLE_VERSION_H
#define GATEWAY_TABLE_VERSION_H

#include "gateway/table/hosts.h"
#include "gateway/table/table.h"
#include "gateway/table/trie.h"

/* A route in force. */
struct version_route {
    _Atomic uint32_t refs;
    uint32_t round;         /* of the commit that it came with, in its builder's count */
    struct table_route pub; /* route is owned, gauge a reference, the name stands behind */
    char name[];
};

/* What is said of a pool but its endpoints; pools that say the same may share it. */
struct version_spec {
    _Atomic uint32_t refs;
    uint64_t print; /* fingerprint of the value it came from */
    struct route_pool *pool;
};

/* A tenant in force. */
struct version_tenant {
    _Atomic uint32_t refs;
    struct table_tenant pub; /* all of it is owned, the gauge is a reference */
};

struct table {
    unsigned magic;
    _Atomic uint32_t refs;
    uint64_t revision;
    size_t num_routes;
    struct route_settings settings;
    struct hosts hosts;
    struct trie pools;   /* of struct table_pool */
    struct trie tenants; /* of struct version_tenant */
};

extern const struct trie_type version_pools_type;
extern const struct trie_type version_tenants_type;

struct table *version_new(void); /* one reference, empty tries */

struct version_route *version_route_new(const char *name, struct route *route); /* takes route */
void version_route_ref(struct version_route *r);
void version_route_unref(struct version_route *r); /* NULL is fine */

struct version_spec *version_spec_new(struct route_pool *pool, uint64_t print); /* takes pool */
struct version_spec *version_spec_ref(struct version_spec *s);
void version_spec_unref(struct version_spec *s); /* NULL is fine */

struct version_tenant *version_tenant_new(const char *name, struct route_tenant *spec);
void version_tenant_unref(struct version_tenant *t); /* NULL is fine */

/* Without a spec, which must be there before anybody else sees the pool; zeroed endpoints. */
struct table_pool *version_pool_new(const char *name, size_t num_endpoints);
/* Takes a reference of each; gauge may be NULL. */
void version_pool_set_spec(struct table_pool *p, struct version_spec *s, struct table_gauge *gauge);
void version_pool_ref(const struct table_pool *p);
void version_pool_unref(const struct table_pool *p); /* NULL is fine */

#endif
