/*
 * One consistent picture of a swarm, as read from the Docker API; immutable once made. Arrays are
 * sorted by id, ids are unique; strings are NUL-terminated, never NULL, owned by the view.
 *
 * For routing: services with at least one com.docker.lb.* label (or asked for by name, see
 * observe_want) and the tasks of those (but no task that ended and is not meant to run), all nodes,
 * the swarm's overlay networks. A task may name a node or a network that the view does not hold.
 *
 * Beside it: `others`, whatever else the last list of all tasks held, to tell what became of a task
 * of which only the id is known; and `refused`, the objects that could not be understood. Of those,
 * what was known before stays in the view.
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
    char *address; /* IPv4 or IPv6 without the prefix length; "" for a service, or when none */
};

struct view_service {
    char *id;
    char *name;
    char *created_at; /* RFC 3339 in UTC with nine decimals: sorts as text; "" when unknown */
    uint64_t version;
    struct view_label *labels; /* of the service (not of its containers), sorted by key */
    size_t num_labels;
    struct view_attachment *networks;
    size_t num_networks;
    bool updating;    /* UpdateStatus is updating or rollback_started */
    uint64_t digest;  /* of the text it was decoded from, by map_hash; 0: it was not */
    unsigned *shared; /* private, see view_clone */
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
    uint64_t version;                 /* Docker's index of its last change; 0 when unknown */
    struct view_attachment *networks; /* none in `others` */
    size_t num_networks;
    uint64_t digest;  /* as a service's */
    unsigned *shared; /* private, see view_clone */
};

enum view_node_state { VIEW_NODE_READY, VIEW_NODE_DOWN, VIEW_NODE_UNKNOWN };

struct view_node {
    char *id;
    char *hostname;
    char *address;
    enum view_node_state state;
    uint64_t version;
};

struct view_refused {
    char *id;
    char *name;       /* "" when it could not be read */
    const char *kind; /* "service", "task", "node" or "network"; static */
    char *why;        /* a sentence */
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
    struct view_task *others; /* view_find_task looks here last */
    size_t num_others;
    struct view_refused *refused; /* those of which an id could be read */
    size_t num_refused;
    struct view_index *index; /* private, see view_index */
};

void view_free(struct view *v); /* NULL is fine */
const struct view_service *view_service(const struct view *v, const char *id);
const struct view_node *view_node(const struct view *v, const char *id);
const struct view_network *view_network(const struct view *v, const char *id);
const struct view_network *view_network_named(const struct view *v, const char *name);
const struct view_task *view_task(const struct view *v, const char *id);
const struct view_task *view_other(const struct view *v, const char *id);
/* Any task of the swarm, as of the last list of all: in `tasks`, else in `others`; by bisection. */
const struct view_task *view_find_task(const struct view *v, const char *id);
const struct view_refused *view_refused(const struct view *v, const char *id);

/*
 * The tasks of a service, also those in `others` when they are asked for; free() the array. All
 * tasks are walked for it, but in a view with an index, which view_index gives it once and for all.
 */
const struct view_task **view_tasks_of(const struct view *v, const char *service_id,
                                       bool others_too, size_t *num);
void view_index(struct view *v);

/* True when nothing at all differs but digests and the versions of tasks and nodes. */
bool view_same(const struct view *a, const struct view *b);
/*
 * Services and tasks are copied as structs; what they point at is one memory for both views, which
 * goes with the last of them and is not to be written to. So a copy costs little, and equal
 * `shared` pointers (not NULL) tell equal content but for states and versions. Views that share
 * belong to one thread. v is as it was for whoever reads it.
 */
struct view *view_clone(struct view *v);

/*
 * Making one: view_new, any number of view_add_* (each takes the element's memory and zeroes it;
 * NULL strings become ""), then view_seal, which sorts and keeps one of equal ids.
 */
struct view *view_new(void);
void view_add_service(struct view *v, struct view_service *moved);
void view_add_task(struct view *v, struct view_task *moved);
void view_add_node(struct view *v, struct view_node *moved);
void view_add_network(struct view *v, struct view_network *moved);
void view_add_other(struct view *v, struct view_task *moved);
void view_add_refused(struct view *v, struct view_refused *moved);
void view_seal(struct view *v);

/*
 * Changing one that is sealed, and stays so: what stands at these places (rising) goes, and these
 * elements of another sealed view's array come, moved; none of their ids is there then.
 */
void view_edit_services(struct view *v, const size_t *leaving, size_t num_leaving,
                        struct view_service *from, const size_t *entering, size_t num_entering);
void view_edit_tasks(struct view *v, const size_t *leaving, size_t num_leaving,
                     struct view_task *from, const size_t *entering, size_t num_entering);
void view_edit_others(struct view *v, const size_t *leaving, size_t num_leaving,
                      struct view_task *from, const size_t *entering, size_t num_entering);
void view_edit_nodes(struct view *v, const size_t *leaving, size_t num_leaving,
                     struct view_node *from, const size_t *entering, size_t num_entering);
void view_edit_networks(struct view *v, const size_t *leaving, size_t num_leaving,
                        struct view_network *from, const size_t *entering, size_t num_entering);

/*
 * Adds an element of another view behind those that are there: services and tasks share memory as
 * in view_clone, the others are copied.
 */
void view_share_service(struct view *v, struct view_service *s);
void view_share_task(struct view *v, struct view_task *t);
void view_share_other(struct view *v, struct view_task *t);
void view_copy_node(struct view *v, const struct view_node *n);
void view_copy_network(struct view *v, const struct view_network *n);
void view_copy_refused(struct view *v, const struct view_refused *r);

/* One element: release what it holds and zero it; equality of everything in it. */
void view_service_clear(struct view_service *s);
void view_task_clear(struct view_task *t);
void view_node_clear(struct view_node *n);
void view_network_clear(struct view_network *n);
void view_refused_clear(struct view_refused *r);
bool view_service_same(const struct view_service *a, const struct view_service *b);
bool view_task_same(const struct view_task *a, const struct view_task *b);
bool view_node_same(const struct view_node *a, const struct view_node *b);
bool view_network_same(const struct view_network *a, const struct view_network *b);
bool view_refused_same(const struct view_refused *a, const struct view_refused *b);

#endif
