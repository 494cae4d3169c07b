/* The shape of tenants: the quotas of all their routes together. */
#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/objects_priv.h"

static bool check_tenant(const struct cJSON *value, void *object, struct err *e)
{
    struct route_tenant *t = object;

    return shape_check_rate(value, t->per_second, &t->burst, e);
}

static const struct field tenant_fields[] = {
    {.name = "in_flight",
     AT(struct route_tenant, in_flight),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("requests at one time; 503 beyond; 0: no limit")},
    {.name = "requests_per_second",
     AT(struct route_tenant, per_second),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("429 beyond; 0: no limit")},
    {.name = "burst",
     AT(struct route_tenant, burst),
     NUMBER(1, SHAPE_RATE_MAX),
     SERVED,
     ABOUT("requests at one time within the rate; absent: `requests_per_second`")},
    {.name = "connections",
     AT(struct route_tenant, connections),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("of clients whose first request is this tenant's; 503 beyond; 0: no limit")},
};

const struct shape shape_tenant = {
    .title = "tenant",
    .about = "The object's name is the tenant's. Of one gateway, all its workers together.",
    .size = sizeof(struct route_tenant),
    .check = check_tenant,
    FIELDS(tenant_fields)};

struct route_tenant *objects_tenant(const struct cJSON *value, struct err *e)
{
    struct route_tenant *t = xcalloc(1, sizeof(*t));

    if (shape_read(&shape_tenant, value, t, e))
        return t;
    route_tenant_free(t);
    return NULL;
}
