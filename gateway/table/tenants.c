/*
 * Tenants by name. An entry outlives the values that are set under its name, and with it the gauge:
 * a quota that changes applies to what is in flight already. Quotas are enforced elsewhere.
 */
#include "gateway/table/tenants.h"

#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"

struct tenants_entry {
    struct version_tenant *tenant; /* a reference */
    struct table_gauge *gauge;     /* NULL: it never had a quota */
    uint64_t print;                /* fingerprint of the value it came from */
    uint32_t seen;                 /* last round that named it */
    struct tenants_entry *next_stale;
};

static struct str entry_key(const void *value)
{
    const struct tenants_entry *e = value;

    return str_from(e->tenant->pub.name);
}

static void entry_ref(const void *value)
{
    (void)value; /* the one trie by name owns its entries */
}

static void entry_unref(const void *value)
{
    struct tenants_entry *e = (struct tenants_entry *)(uintptr_t)value;

    version_tenant_unref(e->tenant);
    table_gauge_unref(&e->gauge);
    free(e);
}

static const struct trie_type entries_type = {entry_key, map_hash, entry_ref, entry_unref};

static struct tenants_entry *find_entry(const struct tenants *t, struct str name)
{
    return (struct tenants_entry *)(uintptr_t)trie_get(&t->by_name, name);
}

void tenants_init(struct tenants *t)
{
    trie_init(&t->by_name, &entries_type);
    trie_init(&t->trie, &version_tenants_type);
}

void tenants_free(struct tenants *t)
{
    trie_free(&t->trie);
    trie_free(&t->by_name);
}

static void give_gauge(struct tenants_entry *e, struct version_tenant *tenant)
{
    const struct route_tenant *spec = tenant->pub.spec;

    if (spec->in_flight == 0 && spec->per_second == 0 && spec->connections == 0)
        return;
    if (e->gauge == NULL)
        e->gauge = table_gauge_new();
    tenant->pub.gauge = table_gauge_ref(e->gauge);
}

void tenants_set(struct tenants *t, struct version_tenant *tenant, uint64_t print, uint32_t round)
{
    struct tenants_entry *e = find_entry(t, str_from(tenant->pub.name));
    bool is_new = e == NULL;

    if (is_new)
        e = xcalloc(1, sizeof(*e));
    e->seen = round;
    if (!is_new && e->print == print)
        return;
    give_gauge(e, tenant);
    version_tenants_type.ref(tenant);
    version_tenant_unref(e->tenant);
    e->tenant = tenant;
    e->print = print;
    if (is_new)
        trie_put(&t->by_name, e);
    trie_put(&t->trie, tenant);
}

void tenants_keep(struct tenants *t, struct str name, uint32_t round)
{
    struct tenants_entry *e = find_entry(t, name);

    if (e != NULL)
        e->seen = round;
}

void tenants_delete(struct tenants *t, struct str name)
{
    if (trie_remove(&t->trie, name))
        (void)trie_remove(&t->by_name, name); /* there: whatever is in force has an entry */
}

struct sweep {
    uint32_t round;
    struct tenants_entry *stale; /* a list through the entries */
};

static void collect_stale(void *arg, const void *value)
{
    struct tenants_entry *e = (struct tenants_entry *)(uintptr_t)value;
    struct sweep *s = arg;

    if (e->seen == s->round)
        return;
    e->next_stale = s->stale;
    s->stale = e;
}

void tenants_sweep(struct tenants *t, uint32_t round)
{
    struct sweep s = {round, NULL};

    trie_each(&t->by_name, collect_stale, &s);
    while (s.stale != NULL) {
        struct tenants_entry *e = s.stale;

        s.stale = e->next_stale;
        tenants_delete(t, entry_key(e));
    }
}
