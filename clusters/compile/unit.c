/*
 * What can be said of one labelled service by itself: its labels, cluster and network, and which of
 * its tasks take requests. What it has in common with others is settled in settle.c.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/assign/assign.h"
#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

enum { ID_MAX = 128 };

/* Refuses as not Accepted and, when the reason is a reference, as that type too. */
void unit_refuse(struct unit *u, const char *type, struct cond_about about, const char *text)
{
    u->refused = true;
    cond_add(u->out, COMPILE_ACCEPTED, false, about, "%s", text);
    if (strcmp(type, COMPILE_ACCEPTED) != 0)
        cond_add(u->out, type, false, about, "%s", text);
}

/* Names become names of objects and parts of sentences; Swarm's own rule is stricter than this. */
static bool name_is_plain(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > COMPILE_NAME_MAX)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static struct labels_intent *read_labels(const struct view_service *s)
{
    struct labels_label *labels = xcalloc(s->num_labels + 1, sizeof(*labels));

    for (size_t i = 0; i < s->num_labels; i++)
        labels[i] = (struct labels_label){s->labels[i].key, s->labels[i].value};
    struct labels_intent *intent = labels_read(labels, s->num_labels);

    free(labels);
    return intent;
}

static void choose_cluster(const struct compile_input *in, struct unit *u)
{
    struct assign_config config = {in->clusters, in->num_clusters, in->default_cluster};
    const char *label = u->intent->service_cluster;
    struct err why;

    u->cluster = assign_cluster(&config, label, &why);
    if (u->cluster < 0)
        unit_refuse(u, COMPILE_RESOLVED,
                    (struct cond_about){why.code, LABELS_SERVICE_CLUSTER, label}, why.text);
    u->out->cluster = xstrdup(u->cluster < 0 ? "" : in->clusters[u->cluster]);
}

/* Sets u->intent, and the rest unless it stays NULL (no label of ours). */
void unit_read(const struct compile_index *index, struct unit *u)
{
    u->intent = read_labels(u->service);
    if (u->intent == NULL)
        return;
    u->out->id = xstrdup(u->service->id);
    u->out->name = xstrdup(u->service->name);
    u->out->hosts = u->intent->hosts; /* moves over */
    u->out->num_hosts = u->intent->num_hosts;
    u->intent->hosts = NULL;
    u->intent->num_hosts = 0;
    u->refused = !labels_usable(u->intent);
    if (!name_is_plain(u->service->name))
        unit_refuse(u, COMPILE_ACCEPTED, (struct cond_about){"InvalidName", "", u->service->name},
                    "The name of the service is empty, too long or has bytes other than letters, "
                    "digits, '.', '_' and '-'.");
    choose_cluster(index->in, u);
    network_pick(index, u);
}

/*
 * Swarm says running only when the health check passes (interlock scenario 13). A task that is to
 * be shut down takes nothing new: what it has in flight is finished by the gateways. A node that
 * is unknown, or that the list lacks, withdraws nothing; one that is down does.
 */
bool unit_task_serves(const struct compile_index *index, const struct view_task *t)
{
    if (!t->desired_running || t->state != VIEW_TASK_RUNNING)
        return false;
    const struct view_node *n = map_get(&index->nodes, str_from(t->node_id));

    return n == NULL || n->state != VIEW_NODE_DOWN;
}

/*
 * It was told to end and has not ended yet: with overlapping updates Swarm does that before a new
 * one runs. It is for a service that has no other, and on a node that is there: on one that is lost
 * it stays like that for ever.
 */
bool unit_task_ends(const struct compile_index *index, const struct view_task *t)
{
    const struct view_node *n = map_get(&index->nodes, str_from(t->node_id));

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

static void say_endpoints(struct unit *u, const struct left_out *out)
{
    if (out->num_same > 0)
        cond_add(u->out, COMPILE_RESOLVED, true, (struct cond_about){"SameAddress", "", NULL},
                 "%zu running tasks have the address of another task of this service and get no "
                 "requests of their own: Swarm has given an address twice, restart those tasks.",
                 out->num_same);
    if (out->num_elsewhere > 0)
        cond_add(u->out, COMPILE_RESOLVED, true,
                 (struct cond_about){"TasksElsewhere", LABELS_NETWORK, u->intent->network},
                 "%zu running tasks have no address on the network and get no requests.",
                 out->num_elsewhere);
    if (out->num_over > 0)
        cond_add(u->out, COMPILE_RESOLVED, true, (struct cond_about){"TooManyEndpoints", "", NULL},
                 "A service can have %d endpoints; %zu more tasks get no requests.",
                 ROUTE_ENDPOINTS_MAX, out->num_over);
    if (u->num_endpoints == 0)
        cond_add(u->out, COMPILE_RESOLVED, true, (struct cond_about){"NoEndpoints", "", NULL},
                 "No task is running: requests for the hosts of this service get 503.");
    else
        cond_add(u->out, COMPILE_RESOLVED, true, (struct cond_about){"ResolvedRefs", "", NULL},
                 "%zu running tasks can be reached.", u->num_endpoints);
}

/* The endpoints of those tasks that shall run, or of those that shall not; how many there are. */
static size_t list_endpoints(struct unit *u, bool desired, struct left_out *out)
{
    struct map seen = {0};
    size_t num = 0;

    for (size_t i = 0; i < u->num_tasks; i++) {
        const struct view_task *t = u->tasks[i];
        const char *address = address_on(t, u->network);

        if (t->desired_running != desired)
            continue;
        if (address == NULL)
            out->num_elsewhere++;
        else if (!is_new(&seen, address))
            out->num_same++;
        else if (num == ROUTE_ENDPOINTS_MAX)
            out->num_over++;
        else
            u->endpoints[num++] =
                (struct unit_endpoint){address, short_id(t->id), short_id(t->node_id)};
    }
    map_free(&seen, NULL);
    return num;
}

void unit_find_endpoints(struct unit *u)
{
    struct left_out out = {0};
    struct left_out untold = {0};

    if (u->refused)
        return;
    u->endpoints = xcalloc(u->num_tasks + 1, sizeof(*u->endpoints));
    u->num_endpoints = list_endpoints(u, true, &out);
    if (u->num_endpoints == 0)
        u->num_ending = list_endpoints(u, false, &untold);
    u->out->num_endpoints = u->num_endpoints;
    say_endpoints(u, &out);
}
