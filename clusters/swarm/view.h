/*
 * One consistent picture of a swarm, as read from the Docker API; immutable once made. Arrays are
 * sorted by id; strings are NUL-terminated, never NULL, owned by the view.
 */
#ifndef CLUSTERS_SWARM_VIEW_H
#define CLUSTERS_SWARM_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view_label {
    char *key;
    char *value;
};

struct view_network {
    char *id;
    char *name;
    bool ingress; /* the routing mesh's own network: never a way to a task */
};

/* Where a service or a task is attached: network id and, for tasks, its address there. */
struct view_attachment {
    char *network_id;
    char *address; /* without the prefix length; "" for a service */
};

struct view_service {
    char *id;
    char *name;
    char *created_at; /* RFC 3339 as Docker gives it, in UTC: sorts as text */
    uint64_t version;
    struct view_label *labels;
    size_t num_labels;
    struct view_attachment *networks;
    size_t num_networks;
    bool updating; /* UpdateStatus is updating or rollback_started */
};

enum view_task_state {
    VIEW_TASK_BEFORE_RUNNING, /* new, pending, assigned, accepted, preparing, ready, starting */
    VIEW_TASK_RUNNING,
    VIEW_TASK_ENDED /* complete, failed, shutdown, rejected, orphaned, remove */
};

struct view_task {
    char *id;
    char *service_id;
    char *node_id; /* "" while pending */
    bool desired_running;
    enum view_task_state state;
    struct view_attachment *networks;
    size_t num_networks;
};

enum view_node_state { VIEW_NODE_READY, VIEW_NODE_DOWN, VIEW_NODE_UNKNOWN };

struct view_node {
    char *id;
    char *hostname;
    char *address;
    enum view_node_state state;
};

struct view {
    struct view_service *services;
    size_t num_services;
    struct view_task *tasks;
    size_t num_tasks;
    struct view_node *nodes;
    size_t num_nodes;
    struct view_network *networks;
    size_t num_networks;
};

void view_free(struct view *v);
const struct view_service *view_service(const struct view *v, const char *id);
const struct view_node *view_node(const struct view *v, const char *id);
const struct view_network *view_network(const struct view *v, const char *id);
const struct view_network *view_network_named(const struct view *v, const char *name);

#endif
