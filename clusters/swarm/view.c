/*
 * The view's memory: elements made, released, compared and copied, arrays grown, sorted and
 * searched. It knows nothing of Docker or JSON and decides nothing. Called by the decoder and the
 * observer, which make views, and by everybody who reads one.
 */
#include "clusters/swarm/view.h"

#include <stdlib.h>
#include <string.h>

#include "clusters/swarm/view_priv.h"
#include "gateway/core/check.h"

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct view_label *)a)->key, ((const struct view_label *)b)->key);
}

static const void *find(const void *items, size_t num, size_t size, const char *id)
{
    return num ? bsearch(&id, items, num, size, view_by_id) : NULL;
}

const struct view_service *view_service(const struct view *v, const char *id)
{
    return find(v->services, v->num_services, sizeof(*v->services), id);
}

const struct view_task *view_task(const struct view *v, const char *id)
{
    return find(v->tasks, v->num_tasks, sizeof(*v->tasks), id);
}

const struct view_task *view_other(const struct view *v, const char *id)
{
    return find(v->others, v->num_others, sizeof(*v->others), id);
}

const struct view_task *view_find_task(const struct view *v, const char *id)
{
    const struct view_task *t = view_task(v, id);

    return t ? t : view_other(v, id);
}

const struct view_refused *view_refused(const struct view *v, const char *id)
{
    return find(v->refused, v->num_refused, sizeof(*v->refused), id);
}

const struct view_node *view_node(const struct view *v, const char *id)
{
    return find(v->nodes, v->num_nodes, sizeof(*v->nodes), id);
}

const struct view_network *view_network(const struct view *v, const char *id)
{
    return find(v->networks, v->num_networks, sizeof(*v->networks), id);
}

const struct view_network *view_network_named(const struct view *v, const char *name)
{
    for (size_t i = 0; i < v->num_networks; i++)
        if (strcmp(v->networks[i].name, name) == 0)
            return &v->networks[i];
    return NULL;
}

/* --- release --- */

static void clear_attachments(struct view_attachment *a, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        free(a[i].network_id);
        free(a[i].address);
    }
    free(a);
}

/* True when somebody else has the memory as well; then this one has it no more. */
static bool let_go(unsigned *shared)
{
    if (!shared)
        return false;
    if (*shared > 0) {
        (*shared)--;
        return true;
    }
    free(shared);
    return false;
}

void view_service_clear(struct view_service *s)
{
    if (let_go(s->shared)) {
        memset(s, 0, sizeof(*s));
        return;
    }
    for (size_t i = 0; i < s->num_labels; i++) {
        free(s->labels[i].key);
        free(s->labels[i].value);
    }
    free(s->labels);
    clear_attachments(s->networks, s->num_networks);
    free(s->id);
    free(s->name);
    free(s->created_at);
    memset(s, 0, sizeof(*s));
}

void view_task_clear(struct view_task *t)
{
    if (let_go(t->shared)) {
        memset(t, 0, sizeof(*t));
        return;
    }
    clear_attachments(t->networks, t->num_networks);
    free(t->id);
    free(t->service_id);
    free(t->node_id);
    memset(t, 0, sizeof(*t));
}

void view_node_clear(struct view_node *n)
{
    free(n->id);
    free(n->hostname);
    free(n->address);
    memset(n, 0, sizeof(*n));
}

void view_network_clear(struct view_network *n)
{
    free(n->id);
    free(n->name);
    memset(n, 0, sizeof(*n));
}

void view_refused_clear(struct view_refused *r)
{
    free(r->id);
    free(r->name);
    free(r->why);
    memset(r, 0, sizeof(*r));
}

void view_free(struct view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->num_services; i++)
        view_service_clear(&v->services[i]);
    for (size_t i = 0; i < v->num_tasks; i++)
        view_task_clear(&v->tasks[i]);
    for (size_t i = 0; i < v->num_nodes; i++)
        view_node_clear(&v->nodes[i]);
    for (size_t i = 0; i < v->num_networks; i++)
        view_network_clear(&v->networks[i]);
    for (size_t i = 0; i < v->num_others; i++)
        view_task_clear(&v->others[i]);
    for (size_t i = 0; i < v->num_refused; i++)
        view_refused_clear(&v->refused[i]);
    free(v->others);
    free(v->refused);
    free(v->services);
    free(v->tasks);
    free(v->nodes);
    free(v->networks);
    view_index_free(v->index);
    free(v);
}

/* --- making --- */

struct view *view_new(void)
{
    return xcalloc(1, sizeof(struct view));
}

/* Room for one more: capacities are powers of two and follow from num. */
static void *grow(void *items, size_t num, size_t size)
{
    if (num & (num - 1))
        return items;
    return xrealloc(items, (num ? num * 2 : 1) * size);
}

static void never_null(char **s)
{
    if (!*s)
        *s = xstrdup("");
}

static void fill_attachments(struct view_attachment *a, size_t num)
{
    ASSERT(a || num == 0);
    for (size_t i = 0; i < num; i++) {
        never_null(&a[i].network_id);
        never_null(&a[i].address);
    }
}

void view_add_service(struct view *v, struct view_service *moved)
{
    ASSERT(moved->labels || moved->num_labels == 0);
    never_null(&moved->id);
    never_null(&moved->name);
    never_null(&moved->created_at);
    fill_attachments(moved->networks, moved->num_networks);
    for (size_t i = 0; i < moved->num_labels; i++) {
        never_null(&moved->labels[i].key);
        never_null(&moved->labels[i].value);
    }
    if (moved->num_labels)
        qsort(moved->labels, moved->num_labels, sizeof(*moved->labels), by_key);
    v->services = grow(v->services, v->num_services, sizeof(*v->services));
    v->services[v->num_services++] = *moved;
    memset(moved, 0, sizeof(*moved));
}

static void fill_task(struct view_task *t)
{
    never_null(&t->id);
    never_null(&t->service_id);
    never_null(&t->node_id);
    fill_attachments(t->networks, t->num_networks);
}

void view_add_other(struct view *v, struct view_task *moved)
{
    ASSERT(!v->index);
    fill_task(moved);
    v->others = grow(v->others, v->num_others, sizeof(*v->others));
    v->others[v->num_others++] = *moved;
    memset(moved, 0, sizeof(*moved));
}

/* Kept sorted all the time, because it is searched while tasks are decoded. */
void view_add_refused(struct view *v, struct view_refused *moved)
{
    size_t low = 0, high = v->num_refused;

    ASSERT(moved->kind);
    never_null(&moved->id);
    never_null(&moved->name);
    never_null(&moved->why);
    if (view_refused(v, moved->id)) {
        view_refused_clear(moved);
        return;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(v->refused[middle].id, moved->id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    v->refused = grow(v->refused, v->num_refused, sizeof(*v->refused));
    memmove(v->refused + low + 1, v->refused + low, (v->num_refused++ - low) * sizeof(*v->refused));
    v->refused[low] = *moved;
    memset(moved, 0, sizeof(*moved));
}

void view_add_task(struct view *v, struct view_task *moved)
{
    ASSERT(!v->index);
    fill_task(moved);
    v->tasks = grow(v->tasks, v->num_tasks, sizeof(*v->tasks));
    v->tasks[v->num_tasks++] = *moved;
    memset(moved, 0, sizeof(*moved));
}

void view_add_node(struct view *v, struct view_node *moved)
{
    never_null(&moved->id);
    never_null(&moved->hostname);
    never_null(&moved->address);
    v->nodes = grow(v->nodes, v->num_nodes, sizeof(*v->nodes));
    v->nodes[v->num_nodes++] = *moved;
    memset(moved, 0, sizeof(*moved));
}

void view_add_network(struct view *v, struct view_network *moved)
{
    never_null(&moved->id);
    never_null(&moved->name);
    v->networks = grow(v->networks, v->num_networks, sizeof(*v->networks));
    v->networks[v->num_networks++] = *moved;
    memset(moved, 0, sizeof(*moved));
}

static void clear_service(void *p)
{
    view_service_clear(p);
}

static void clear_task(void *p)
{
    view_task_clear(p);
}

static void clear_node(void *p)
{
    view_node_clear(p);
}

static void clear_network(void *p)
{
    view_network_clear(p);
}

/* Sorts and closes up over repeated ids; gives the new number. Which of equals stays is not fixed.
 */
static size_t seal(void *items, size_t num, size_t size, void (*clear)(void *))
{
    char *at = items;
    size_t kept = 0;

    if (num == 0)
        return 0;
    qsort(items, num, size, view_by_id);
    for (size_t i = 0; i < num; i++) {
        if (kept && view_by_id(at + (kept - 1) * size, at + i * size) == 0) {
            clear(at + i * size);
            continue;
        }
        if (kept != i)
            memcpy(at + kept * size, at + i * size, size);
        kept++;
    }
    return kept;
}

void view_seal(struct view *v)
{
    v->num_services = seal(v->services, v->num_services, sizeof(*v->services), clear_service);
    v->num_tasks = seal(v->tasks, v->num_tasks, sizeof(*v->tasks), clear_task);
    v->num_nodes = seal(v->nodes, v->num_nodes, sizeof(*v->nodes), clear_node);
    v->num_networks = seal(v->networks, v->num_networks, sizeof(*v->networks), clear_network);
    v->num_others = seal(v->others, v->num_others, sizeof(*v->others), clear_task);
}

/* --- comparing --- */

static bool same_attachments(const struct view_attachment *a, size_t num_a,
                             const struct view_attachment *b, size_t num_b)
{
    if (num_a != num_b)
        return false;
    for (size_t i = 0; i < num_a; i++)
        if (strcmp(a[i].network_id, b[i].network_id) != 0 ||
            strcmp(a[i].address, b[i].address) != 0)
            return false;
    return true;
}

static bool same_labels(const struct view_service *a, const struct view_service *b)
{
    if (a->num_labels != b->num_labels)
        return false;
    for (size_t i = 0; i < a->num_labels; i++)
        if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    return true;
}

bool view_service_same(const struct view_service *a, const struct view_service *b)
{
    if (a->shared && a->shared == b->shared)
        return a->version == b->version && a->updating == b->updating;
    return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->created_at, b->created_at) == 0 && a->version == b->version &&
           a->updating == b->updating && same_labels(a, b) &&
           same_attachments(a->networks, a->num_networks, b->networks, b->num_networks);
}

bool view_task_same(const struct view_task *a, const struct view_task *b)
{
    if (a->shared && a->shared == b->shared)
        return a->desired_running == b->desired_running && a->state == b->state;
    return strcmp(a->id, b->id) == 0 && strcmp(a->service_id, b->service_id) == 0 &&
           strcmp(a->node_id, b->node_id) == 0 && a->desired_running == b->desired_running &&
           a->state == b->state &&
           same_attachments(a->networks, a->num_networks, b->networks, b->num_networks);
}

bool view_node_same(const struct view_node *a, const struct view_node *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->hostname, b->hostname) == 0 &&
           strcmp(a->address, b->address) == 0 && a->state == b->state;
}

bool view_network_same(const struct view_network *a, const struct view_network *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 && a->ingress == b->ingress;
}

bool view_refused_same(const struct view_refused *a, const struct view_refused *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->kind, b->kind) == 0 && strcmp(a->why, b->why) == 0;
}

static bool same_beside(const struct view *a, const struct view *b)
{
    if (a->num_others != b->num_others || a->num_refused != b->num_refused)
        return false;
    for (size_t i = 0; i < a->num_others; i++)
        if (!view_task_same(&a->others[i], &b->others[i]))
            return false;
    for (size_t i = 0; i < a->num_refused; i++)
        if (!view_refused_same(&a->refused[i], &b->refused[i]))
            return false;
    return true;
}

bool view_same(const struct view *a, const struct view *b)
{
    if (a->num_services != b->num_services || a->num_tasks != b->num_tasks ||
        a->num_nodes != b->num_nodes || a->num_networks != b->num_networks || !same_beside(a, b))
        return false;
    for (size_t i = 0; i < a->num_services; i++)
        if (!view_service_same(&a->services[i], &b->services[i]))
            return false;
    for (size_t i = 0; i < a->num_tasks; i++)
        if (!view_task_same(&a->tasks[i], &b->tasks[i]))
            return false;
    for (size_t i = 0; i < a->num_nodes; i++)
        if (!view_node_same(&a->nodes[i], &b->nodes[i]))
            return false;
    for (size_t i = 0; i < a->num_networks; i++)
        if (!view_network_same(&a->networks[i], &b->networks[i]))
            return false;
    return true;
}

/* --- copying --- */

/* One more has it. The counter comes with the first copy. */
static void share(unsigned **shared)
{
    if (!*shared)
        *shared = xcalloc(1, sizeof(**shared));
    (**shared)++;
}

void view_share_service(struct view *v, struct view_service *s)
{
    share(&s->shared);
    v->services = grow(v->services, v->num_services, sizeof(*v->services));
    v->services[v->num_services++] = *s;
}

void view_share_task(struct view *v, struct view_task *t)
{
    share(&t->shared);
    v->tasks = grow(v->tasks, v->num_tasks, sizeof(*v->tasks));
    v->tasks[v->num_tasks++] = *t;
}

void view_share_other(struct view *v, struct view_task *t)
{
    share(&t->shared);
    v->others = grow(v->others, v->num_others, sizeof(*v->others));
    v->others[v->num_others++] = *t;
}

void view_copy_node(struct view *v, const struct view_node *n)
{
    struct view_node copy = *n;

    copy.id = xstrdup(n->id);
    copy.hostname = xstrdup(n->hostname);
    copy.address = xstrdup(n->address);
    view_add_node(v, &copy);
}

void view_copy_network(struct view *v, const struct view_network *n)
{
    struct view_network copy = *n;

    copy.id = xstrdup(n->id);
    copy.name = xstrdup(n->name);
    view_add_network(v, &copy);
}

void view_copy_refused(struct view *v, const struct view_refused *r)
{
    struct view_refused copy = *r;

    copy.id = xstrdup(r->id);
    copy.name = xstrdup(r->name);
    copy.why = xstrdup(r->why);
    view_add_refused(v, &copy);
}

struct view *view_clone(struct view *v)
{
    struct view *copy = view_new();

    for (size_t i = 0; i < v->num_services; i++)
        view_share_service(copy, &v->services[i]);
    for (size_t i = 0; i < v->num_tasks; i++)
        view_share_task(copy, &v->tasks[i]);
    for (size_t i = 0; i < v->num_others; i++)
        view_share_other(copy, &v->others[i]);
    for (size_t i = 0; i < v->num_nodes; i++)
        view_copy_node(copy, &v->nodes[i]);
    for (size_t i = 0; i < v->num_networks; i++)
        view_copy_network(copy, &v->networks[i]);
    for (size_t i = 0; i < v->num_refused; i++)
        view_copy_refused(copy, &v->refused[i]);
    return copy;
}
