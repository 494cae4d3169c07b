/* The shape of a pool's endpoints, the object that changes all the time. */
#include <arpa/inet.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

static const struct word state_words[] = {{"live", true}, {"draining", true}, {NULL, false}};

static void init_endpoint(void *object)
{
    struct route_endpoint *p = object;

    p->weight = 1;
}

static bool check_endpoint(const struct cJSON *value, void *object, struct err *e)
{
    struct route_endpoint *p = object;

    (void)value;
    (void)e;
    if (p->task == NULL)
        p->task = xstrdup("");
    if (p->node == NULL)
        p->node = xstrdup("");
    return true;
}

static const struct field endpoint_fields[] = {
    {.name = "address",
     OWNED_AT(struct route_endpoint, address),
     TEXT(1, SHAPE_TEXT_MAX, text_address),
     .kind = "IPv4 or IPv6 address",
     NEEDED,
     SERVED,
     ABOUT("without brackets; the same address and port twice is refused")},
    {.name = "port", AT(struct route_endpoint, port), NUMBER(1, 65535), NEEDED, SERVED},
    {.name = "weight",
     AT(struct route_endpoint, weight),
     NUMBER(1, ROUTE_WEIGHT_MAX),
     SERVED,
     UNSET("1"),
     ABOUT("its share of the pool's requests")},
    {.name = "state",
     AT(struct route_endpoint, state),
     WORD(state_words),
     SERVED,
     UNSET("\"live\""),
     ABOUT("draining: what is in flight finishes, nothing new comes while there are live ones")},
    {.name = "task",
     OWNED_AT(struct route_endpoint, task),
     TEXT(0, SHAPE_TEXT_MAX, NULL),
     SERVED,
     UNSET("\"\""),
     ABOUT("the Swarm task's id; for people")},
    {.name = "node",
     OWNED_AT(struct route_endpoint, node),
     TEXT(0, SHAPE_TEXT_MAX, NULL),
     SERVED,
     UNSET("\"\""),
     ABOUT("the Swarm node's id, for a pool that prefers its gateway's node")},
};

static const struct shape shape_endpoint = {.title = "endpoints.endpoints",
                                            .size = sizeof(struct route_endpoint),
                                            .init = init_endpoint,
                                            .check = check_endpoint,
                                            FIELDS(endpoint_fields)};

static bool check_endpoints(const struct cJSON *value, void *object, struct err *e)
{
    struct route_endpoints *all = object;
    char key[INET6_ADDRSTRLEN + 8];
    struct map seen;
    bool ok = true;

    (void)value;
    if (all->num < 2) /* of nearly every pool in a table of very many */
        return true;
    map_init(&seen);
    for (size_t i = 0; i < all->num && ok; i++) {
        struct route_endpoint *p = &all->all[i];

        snprintf(key, sizeof(key), "%s %u", p->address, (unsigned)p->port);
        if (map_put(&seen, str_from(key), p) == NULL)
            continue;
        err_set(e, "DuplicateEndpoint", "", "%s port %u comes twice", p->address,
                (unsigned)p->port);
        ok = json_err_in(e, "/endpoints/%zu", i);
    }
    map_free(&seen, NULL);
    return ok;
}

static const struct field endpoints_fields[] = {
    {.name = "endpoints",
     OWNED_AT(struct route_endpoints, all),
     COUNT_AT(struct route_endpoints, num),
     PARTS(0, ROUTE_ENDPOINTS_MAX, shape_endpoint),
     NEEDED,
     SERVED},
};

const struct shape shape_endpoints = {.title = "endpoints",
                                      .about = "The object's name is the pool's.",
                                      .size = sizeof(struct route_endpoints),
                                      .check = check_endpoints,
                                      FIELDS(endpoints_fields)};

struct route_endpoints *objects_endpoints(const struct cJSON *value, struct err *e)
{
    struct route_endpoints *all = xcalloc(1, sizeof(*all));

    if (shape_read(&shape_endpoints, value, all, e))
        return all;
    route_endpoints_free(all);
    return NULL;
}
