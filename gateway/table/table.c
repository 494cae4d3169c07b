/*
 * One immutable version of a table: what workers read, and its reference counts. Never changes
 * anything; the next version is made by builder.c, and requests find their route by match.c. The
 * look-ups are on the path of each request: one hash, a few nodes, one comparison, no allocation.
 */
#include "gateway/table/table.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/table/version.h"

enum { TABLE_MAGIC = 0x7461626c };

/* ---- objects ---- */

static void ref(_Atomic uint32_t *refs)
{
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* True when that was the last one. */
static bool unref(_Atomic uint32_t *refs)
{
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

struct version_route *version_route_new(const char *name, struct route *route)
{
    size_t name_bytes = strlen(name) + 1;
    struct version_route *r = xcalloc(1, sizeof(*r) + name_bytes);

    atomic_init(&r->refs, 1);
    memcpy(r->name, name, name_bytes);
    r->pub = (struct table_route){.name = r->name, .route = route};
    return r;
}

void version_route_ref(struct version_route *r)
{
    ref(&r->refs);
}

void version_route_unref(struct version_route *r)
{
    if (r == NULL || !unref(&r->refs))
        return;
    route_free((struct route *)(uintptr_t)r->pub.route);
    table_gauge_unref(&r->pub.gauge);
    free(r);
}

struct version_spec *version_spec_new(struct route_pool *pool, uint64_t print)
{
    struct version_spec *s = xcalloc(1, sizeof(*s));

    atomic_init(&s->refs, 1);
    s->print = print;
    s->pool = pool;
    return s;
}

struct version_spec *version_spec_ref(struct version_spec *s)
{
    ref(&s->refs);
    return s;
}

void version_spec_unref(struct version_spec *s)
{
    if (s == NULL || !unref(&s->refs))
        return;
    route_pool_free(s->pool);
    free(s);
}

struct table_pool *version_pool_new(const char *name, size_t num_endpoints)
{
    size_t name_bytes = strlen(name) + 1;
    size_t bytes = sizeof(struct table_pool) + num_endpoints * sizeof(struct table_endpoint);
    struct table_pool *p = xcalloc(1, bytes + name_bytes);

    ASSERT(num_endpoints <= ROUTE_ENDPOINTS_MAX);
    atomic_init(&p->refs, 1);
    p->num_endpoints = (uint32_t)num_endpoints;
    p->name = memcpy((char *)p + bytes, name, name_bytes);
    return p;
}

void version_pool_set_spec(struct table_pool *p, struct version_spec *s, struct table_gauge *gauge)
{
    ASSERT(p->owner == NULL);
    p->owner = version_spec_ref(s);
    p->spec = s->pool;
    p->gauge = table_gauge_ref(gauge);
}

void version_pool_ref(const struct table_pool *p)
{
    ref(&((struct table_pool *)(uintptr_t)p)->refs);
}

void version_pool_unref(const struct table_pool *p)
{
    struct table_pool *mine = (struct table_pool *)(uintptr_t)p;

    if (mine == NULL || !unref(&mine->refs))
        return;
    version_spec_unref((struct version_spec *)(uintptr_t)mine->owner);
    table_gauge_unref(&mine->gauge);
    free(mine);
}

static struct str pool_key(const void *value)
{
    const struct table_pool *p = value;

    return str_from(p->name);
}

static void pool_ref(const void *value)
{
    version_pool_ref(value);
}

static void pool_unref(const void *value)
{
    version_pool_unref(value);
}

const struct trie_type version_pools_type = {pool_key, map_hash, pool_ref, pool_unref};

struct version_tenant *version_tenant_new(const char *name, struct route_tenant *spec)
{
    struct version_tenant *t = xcalloc(1, sizeof(*t));

    atomic_init(&t->refs, 1);
    t->pub = (struct table_tenant){.name = xstrdup(name), .spec = spec};
    return t;
}

void version_tenant_unref(struct version_tenant *t)
{
    if (t == NULL || !unref(&t->refs))
        return;
    route_tenant_free((struct route_tenant *)(uintptr_t)t->pub.spec);
    free((char *)(uintptr_t)t->pub.name);
    table_gauge_unref(&t->pub.gauge);
    free(t);
}

static struct str tenant_key(const void *value)
{
    const struct version_tenant *t = value;

    return str_from(t->pub.name);
}

static void tenant_ref(const void *value)
{
    ref(&((struct version_tenant *)(uintptr_t)value)->refs);
}

static void tenant_unref(const void *value)
{
    version_tenant_unref((struct version_tenant *)(uintptr_t)value);
}

const struct trie_type version_tenants_type = {tenant_key, map_hash, tenant_ref, tenant_unref};

/* ---- versions ---- */

struct table *version_new(void)
{
    struct table *t = xcalloc(1, sizeof(*t));

    t->magic = TABLE_MAGIC;
    atomic_init(&t->refs, 1);
    t->settings = route_settings_default();
    hosts_init(&t->hosts);
    trie_init(&t->pools, &version_pools_type);
    trie_init(&t->tenants, &version_tenants_type);
    return t;
}

void table_ref(const struct table *t)
{
    OBJ_CHECK(t, TABLE_MAGIC);
    ref(&((struct table *)(uintptr_t)t)->refs);
}

void table_unref(const struct table **t)
{
    struct table *mine = (struct table *)(uintptr_t)*t;

    *t = NULL;
    if (mine == NULL)
        return;
    OBJ_CHECK(mine, TABLE_MAGIC);
    if (!unref(&mine->refs))
        return;
    hosts_free(&mine->hosts);
    trie_free(&mine->pools);
    trie_free(&mine->tenants);
    OBJ_KILL(mine);
}

/* ---- deltas ---- */

void table_delta_ref(struct table_delta *d)
{
    ref(&d->refs);
}

void table_delta_unref(struct table_delta **d)
{
    struct table_delta *mine = *d;

    *d = NULL;
    if (mine == NULL || !unref(&mine->refs))
        return;
    for (size_t i = 0; i < mine->num; i++) {
        version_pool_unref(mine->all[i].before);
        version_pool_unref(mine->all[i].after);
    }
    free(mine);
}

/* ---- reading ---- */

uint64_t table_revision(const struct table *t)
{
    return t->revision;
}

size_t table_num_routes(const struct table *t)
{
    return t->num_routes;
}

size_t table_num_pools(const struct table *t)
{
    return t->pools.len;
}

const struct route_settings *table_settings(const struct table *t)
{
    return &t->settings;
}

uint64_t table_node(struct str id)
{
    return id.n > 0 ? map_hash(id) : 0;
}

const struct table_pool *table_pool(const struct table *t, struct str name)
{
    return trie_get(&t->pools, name);
}

const struct table_tenant *table_tenant(const struct table *t, struct str name)
{
    const struct version_tenant *tenant = t->tenants.len != 0 ? trie_get(&t->tenants, name) : NULL;

    return tenant != NULL ? &tenant->pub : NULL;
}
