/*
 * Which tasks of a service take requests, and at which addresses. Called for labelled services and
 * for pools that follow a service; by which network was picked before (network.c).
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

enum { ID_MAX = 128 };

/*
 * Swarm says running only when the health check passes (interlock scenario 13). A task that is to
 * be shut down takes nothing new: what it has in flight is finished by the gateways. A node that
 * is unknown, or that the list lacks, withdraws nothing; one that is down does.
 */
bool reach_task_serves(const struct view *view, const struct view_task *t)
{
    if (!t->desired_running || t->state != VIEW_TASK_RUNNING)
        return false;
    const struct view_node *n = view_node(view, t->node_id);

    return n == NULL || n->state != VIEW_NODE_DOWN;
}

/*
 * It was told to end and has not ended yet: with overlapping updates Swarm does that before a new
 * one runs. It is for a service that has no other, and on a node that is there: on one that is lost
 * it stays like that for ever.
 */
bool reach_task_ends(const struct view *view, const struct view_task *t)
{
    const struct view_node *n = view_node(view, t->node_id);

    return !t->desired_running && t->state == VIEW_TASK_RUNNING && n != NULL &&
           n->state == VIEW_NODE_READY;
}

static bool is_address(const char *s)
{
    unsigned char parsed[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, s, parsed) == 1 || inet_pton(AF_INET6, s, parsed) == 1;
}

/* The task's address on that network, or NULL. */
static const char *address_on(const struct view_task *t, const char *network)
{
    for (size_t i = 0; i < t->num_networks; i++)
        if (strcmp(t->networks[i].network_id, network) == 0 && is_address(t->networks[i].address))
            return t->networks[i].address;
    return NULL;
}

static const char *short_id(const char *id)
{
    return strlen(id) <= ID_MAX ? id : ""; /* Docker's have 25 bytes; the field may be empty */
}

/* Running tasks that get no requests, by reason. */
struct left_out {
    size_t num_elsewhere;
    size_t num_same;
    size_t num_over;
};

/* The address as bytes, so that two spellings of one are one. */
static struct str address_bytes(const char *address, unsigned char out[sizeof(struct in6_addr)])
{
    bool v4 = inet_pton(AF_INET, address, out) == 1;

    ASSERT(v4 || inet_pton(AF_INET6, address, out) == 1); /* address_on saw to it */
    return (struct str){(const char *)out, v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr)};
}

/*
 * Swarm has been seen to give one address to two tasks. Gateways refuse endpoints that come twice,
 * all of them: the service would be frozen until Swarm mends it.
 */
static bool is_new(struct map *seen, const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    struct str key = address_bytes(address, bytes);

    if (map_get(seen, key) != NULL)
        return false;
    map_put(seen, key, seen);
    return true;
}

static void say_left_out(struct reach *r, const struct left_out *out)
{
    if (out->num_same > 0)
        cond_add(r->told, COMPILE_RESOLVED, true, (struct cond_about){"SameAddress", "", NULL},
                 "%zu running tasks have the address of another task of this service and get no "
                 "requests of their own: Swarm has given an address twice, restart those tasks.",
                 out->num_same);
    if (out->num_elsewhere > 0)
        cond_add(r->told, COMPILE_RESOLVED, true,
                 (struct cond_about){"TasksElsewhere", r->where, r->wish},
                 "%zu running tasks have no address on the network and get no requests.",
                 out->num_elsewhere);
    if (out->num_over > 0)
        cond_add(r->told, COMPILE_RESOLVED, true, (struct cond_about){"TooManyEndpoints", "", NULL},
                 "A service can have %d endpoints; %zu more tasks get no requests.",
                 ROUTE_ENDPOINTS_MAX, out->num_over);
    if (r->num_wanted > r->num_endpoints)
        cond_add(r->told, COMPILE_RESOLVED, true, (struct cond_about){"QuotaExceeded", "", NULL},
                 "%zu running tasks get no requests: the tenant's quota of endpoints is used up.",
                 r->num_wanted - r->num_endpoints);
}

static void say_endpoints(struct reach *r, const struct left_out *out)
{
    say_left_out(r, out);
    if (r->num_wanted == 0)
        cond_add(r->told, COMPILE_RESOLVED, false, (struct cond_about){"NoEndpoints", "", NULL},
                 "No task is running: requests for the hosts of this service get 503.");
    else
        cond_add(r->told, COMPILE_RESOLVED, true, (struct cond_about){"ResolvedRefs", "", NULL},
                 "%zu running task%s can be reached.", r->num_endpoints,
                 r->num_endpoints == 1 ? "" : "s");
}

/* The endpoints of those tasks that shall run, or of those that shall not; how many there are. */
static size_t list_endpoints(struct reach *r, bool desired, struct left_out *out)
{
    struct map seen = {0};
    size_t num = 0;

    for (size_t i = 0; i < r->num_tasks; i++) {
        const struct view_task *t = r->tasks[i];
        const char *address = address_on(t, r->network);

        if (t->desired_running != desired)
            continue;
        if (address == NULL)
            out->num_elsewhere++;
        else if (!is_new(&seen, address))
            out->num_same++;
        else if (num == ROUTE_ENDPOINTS_MAX)
            out->num_over++;
        else
            r->endpoints[num++] =
                (struct reach_endpoint){address, short_id(t->id), short_id(t->node_id)};
    }
    map_free(&seen, NULL);
    return num;
}

void reach_endpoints(struct reach *r)
{
    struct left_out out = {0};
    struct left_out untold = {0};

    r->endpoints = xcalloc(r->num_tasks + 1, sizeof(*r->endpoints));
    r->num_wanted = list_endpoints(r, true, &out);
    r->num_endpoints = r->num_wanted < r->most ? r->num_wanted : r->most;
    if (r->num_wanted == 0)
        r->num_ending = list_endpoints(r, false, &untold);
    say_endpoints(r, &out);
}
