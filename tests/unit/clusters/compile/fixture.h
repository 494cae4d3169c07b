/*
 * A swarm to compile, put together by tests: growing arrays behind a struct view. Ids must be added
 * in order, as a view has them. Strings are borrowed. fixture_free forgets the arrays.
 */
#ifndef TESTS_UNIT_CLUSTERS_COMPILE_FIXTURE_H
#define TESTS_UNIT_CLUSTERS_COMPILE_FIXTURE_H

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile.h"
#include "clusters/labels/labels.h"
#include "gateway/core/check.h"

/* One more element at the end; the array is full whenever its length is a power of two. */
static inline void *fixture_room(void *array, size_t num, size_t size)
{
    if ((num & (num - 1)) != 0)
        return array;
    return xrealloc(array, (num > 0 ? num * 2 : 1) * size);
}

#define FIXTURE_GROW(array, num) \
    ((array) = fixture_room((array), (num), sizeof(*(array))), &(array)[(num)++])

static inline void fixture_network(struct view *v, char *id, char *name, bool ingress)
{
    *FIXTURE_GROW(v->networks, v->num_networks) = (struct view_network){id, name, ingress};
}

static inline void fixture_node(struct view *v, char *id, enum view_node_state state)
{
    *FIXTURE_GROW(v->nodes, v->num_nodes) =
        (struct view_node){.id = id, .hostname = id, .address = "192.0.2.1", .state = state};
}

static inline struct view_service *fixture_service(struct view *v, char *id, char *name,
                                                   char *created_at)
{
    struct view_service *s = FIXTURE_GROW(v->services, v->num_services);

    *s = (struct view_service){.id = id, .name = name, .created_at = created_at};
    return s;
}

/* The last service's label; key without the prefix. */
static inline void fixture_label(struct view *v, const char *key, const char *value)
{
    struct view_service *s = &v->services[v->num_services - 1];

    *FIXTURE_GROW(s->labels, s->num_labels) =
        (struct view_label){xasprintf("%s%s", LABELS_PREFIX, key), xstrdup(value)};
}

static inline void fixture_attach(struct view *v, char *network)
{
    struct view_service *s = &v->services[v->num_services - 1];

    *FIXTURE_GROW(s->networks, s->num_networks) = (struct view_attachment){network, ""};
}

/* A service with hosts and port on one network, created in the order of the ids. */
static inline void fixture_web(struct view *v, char *id, const char *hosts, char *network)
{
    fixture_service(v, id, id, id);
    fixture_label(v, "hosts", hosts);
    fixture_label(v, "port", "8080");
    fixture_attach(v, network);
}

static inline struct view_task *fixture_task(struct view *v, char *id, char *service, char *network,
                                             char *address)
{
    struct view_task *t = FIXTURE_GROW(v->tasks, v->num_tasks);

    *t = (struct view_task){.id = id,
                            .service_id = service,
                            .node_id = "n1",
                            .desired_running = true,
                            .state = VIEW_TASK_RUNNING};
    *FIXTURE_GROW(t->networks, t->num_networks) = (struct view_attachment){network, address};
    return t;
}

/* The last task's address on one more network. */
static inline void fixture_task_attach(struct view *v, char *network, char *address)
{
    struct view_task *t = &v->tasks[v->num_tasks - 1];

    *FIXTURE_GROW(t->networks, t->num_networks) = (struct view_attachment){network, address};
}

static inline void fixture_free(struct view *v)
{
    for (size_t i = 0; i < v->num_services; i++) {
        for (size_t k = 0; k < v->services[i].num_labels; k++) {
            free(v->services[i].labels[k].key);
            free(v->services[i].labels[k].value);
        }
        free(v->services[i].labels);
        free(v->services[i].networks);
    }
    for (size_t i = 0; i < v->num_tasks; i++)
        free(v->tasks[i].networks);
    free(v->services);
    free(v->tasks);
    free(v->nodes);
    free(v->networks);
    memset(v, 0, sizeof(*v));
}

/* What stands in one view and not, or otherwise, in the other; elements are lent. */
#define FIXTURE_ADD_DIFFERENT(out, kind, a, b, find, same)                \
    for (size_t i = 0; i < (a)->num_##kind; i++) {                        \
        const void *in_b = find((b), (a)->kind[i].id);                    \
                                                                          \
        if (in_b == NULL || !same(in_b, &(a)->kind[i]))                   \
            *FIXTURE_GROW((out)->kind, (out)->num_##kind) = (a)->kind[i]; \
    }

static inline struct view fixture_only_in(const struct view *a, const struct view *b)
{
    struct view out = {0};

    FIXTURE_ADD_DIFFERENT(&out, services, a, b, view_service, view_service_same)
    FIXTURE_ADD_DIFFERENT(&out, tasks, a, b, view_task, view_task_same)
    FIXTURE_ADD_DIFFERENT(&out, nodes, a, b, view_node, view_node_same)
    FIXTURE_ADD_DIFFERENT(&out, networks, a, b, view_network, view_network_same)
    return out;
}

static inline void fixture_forget_lent(struct view *a, struct view *b)
{
    struct view *const both[] = {a, b};

    for (size_t i = 0; i < 2; i++) {
        free(both[i]->services);
        free(both[i]->tasks);
        free(both[i]->nodes);
        free(both[i]->networks);
    }
}

/* A view on the heap that has its services' names and dates, its tasks' ids and addresses. */
static inline void fixture_forget(struct view *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->num_services; i++) {
        free(v->services[i].name);
        free(v->services[i].created_at);
    }
    for (size_t i = 0; i < v->num_tasks; i++) {
        free(v->tasks[i].id);
        for (size_t k = 0; k < v->tasks[i].num_networks; k++)
            free(v->tasks[i].networks[k].address);
    }
    fixture_free(v);
    free(v);
}

#endif
