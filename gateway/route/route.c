/*
 * Names of kinds and the release of decoded objects. Hosts are in host.c. Knows nothing of JSON:
 * gateway/wire/objects.c makes these structs, gateway/table keeps them.
 */
#include "gateway/route/route.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

static const char *const kind_names[ROUTE_KIND__COUNT] = {
    [ROUTE_KIND_SETTINGS] = "settings",   [ROUTE_KIND_CERTIFICATE] = "certificate",
    [ROUTE_KIND_ROUTE] = "route",         [ROUTE_KIND_POOL] = "pool",
    [ROUTE_KIND_ENDPOINTS] = "endpoints", [ROUTE_KIND_TENANT] = "tenant",
};

const char *route_kind_name(enum route_kind kind)
{
    ASSERT((unsigned)kind < ROUTE_KIND__COUNT);
    return kind_names[kind];
}

bool route_kind_from_name(const char *name, enum route_kind *out)
{
    for (unsigned i = 0; i < ROUTE_KIND__COUNT; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *out = (enum route_kind)i;
            return true;
        }
    }
    return false;
}

void route_free(struct route *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->num_hosts; i++)
        free(r->hosts[i]);
    for (size_t i = 0; i < r->num_forward; i++)
        free(r->forward[i].pool);
    free(r->hosts);
    free(r->forward);
    free(r->tenant);
    free(r->path);
    free(r);
}

void route_pool_free(struct route_pool *p)
{
    if (p == NULL)
        return;
    free(p->tenant);
    free(p);
}

void route_endpoints_free(struct route_endpoints *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->num; i++) {
        free(e->all[i].address);
        free(e->all[i].task);
        free(e->all[i].node);
    }
    free(e->all);
    free(e);
}

struct route_settings route_settings_default(void)
{
    return (struct route_settings){.idle_timeout_ms = 60000};
}
