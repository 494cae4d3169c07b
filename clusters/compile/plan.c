/*
 * The plan's inputs: what comes in is kept, and what it may change is queued for plan_settle
 * (settle.c). Nothing is judged here. The view comes in through picture.c.
 */
#include "clusters/compile/plan.h"

#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

struct plan *plan_new(void)
{
    struct plan *p = xcalloc(1, sizeof(*p));

    (void)tenant_get(p, TENANT_DEFAULT);
    return p;
}

static void free_queue(void *queue)
{
    queue_free(queue);
    free(queue);
}

static void free_queues(struct plan *p)
{
    struct queue *all[] = {&p->judge_units, &p->judge_documents, &p->names_queue, &p->tenants_queue,
                           &p->asks,        &p->hosts_queue,     &p->emits,       &p->host_emits,
                           &p->hosts_empty, &p->collected,       &p->graves,      &p->losses,
                           &p->guard_hosts};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        queue_free(all[i]);
}

void plan_free(struct plan *p)
{
    if (p == NULL)
        return;
    free_queues(p);
    map_free(&p->units, unit_free);
    map_free(&p->tasks, tasks_free);
    for (int k = 0; k < INTENT_KIND__COUNT; k++)
        map_free(&p->documents[k], document_free);
    map_free(&p->names, name_free);
    map_free(&p->hosts, host_free);
    map_free(&p->claims, free_queue);
    map_free(&p->secrets, free);
    map_free(&p->guards, free_queue);
    map_free(&p->guard_places, NULL);
    map_free(&p->tenants, tenant_free);
    map_free(&p->tables, table_free);
    map_free(&p->seen, free);
    map_free(&p->unseen, NULL);
    free(p->selecting);
    free(p->there);
    free(p->assigns);
    free(p->assign_labels);
    free(p->default_name);
    free(p);
}

void plan_clusters(struct plan *p, const char *const *names, size_t num, const char *default_name)
{
    size_t pos = 0;
    struct str key;
    void *found;

    while (map_next(&p->tables, &pos, &key, &found))
        ((struct table *)found)->configured = false;
    for (size_t i = 0; i < num; i++)
        table_get(p, names[i])->configured = true;
    free(p->default_name);
    p->default_name = default_name != NULL ? xstrdup(default_name) : NULL;
    p->clusters_changed = true;
}

/* ---- documents ---- */

/* "tenant NUL name"; free(). */
static char *key_of(const char *tenant, const char *name, struct str *out)
{
    size_t len = strlen(tenant);
    char *key = xasprintf("%s %s", tenant, name);

    key[len] = '\0';
    *out = (struct str){key, len + 1 + strlen(name)};
    return key;
}

struct document *document_find(const struct plan *p, enum intent_kind kind, const char *tenant,
                               const char *name)
{
    struct str key;
    char *memory = key_of(tenant, name, &key);
    struct document *d = map_get(&p->documents[kind], key);

    free(memory);
    return d;
}

void document_remove(struct plan *p, struct document *d)
{
    const char *path = d->key + strlen(intent_kind_name(d->kind)) + 1;
    size_t len = strlen(path);
    char *memory = xmemdup0(path, len);

    *strchr(memory, '/') = '\0'; /* tenants have none in their names */
    (void)map_remove(&p->documents[d->kind], (struct str){memory, len});
    free(memory);
    document_free(d);
}

static struct document *document_get(struct plan *p, const struct intent *i)
{
    struct str key;
    char *memory = key_of(i->tenant, i->name, &key);
    struct document *d = map_get(&p->documents[i->kind], key);

    if (d == NULL) {
        d = xcalloc(1, sizeof(*d));
        d->kind = i->kind;
        d->key = xasprintf("%s %s/%s", intent_kind_name(i->kind), i->tenant, i->name);
        d->thing.match = "";
        d->thing.most = SIZE_MAX;
        d->thing.age = (struct age){.text = "", .id = d->key};
        map_put(&p->documents[i->kind], key, d);
    }
    free(memory);
    return d;
}

bool document_is_thing(enum intent_kind kind)
{
    return kind == INTENT_ROUTE || kind == INTENT_POOL || kind == INTENT_ENDPOINTS ||
           kind == INTENT_CERTIFICATE;
}

/* A pool and the static endpoints of its name look at each other. */
static void queue_sibling(struct plan *p, const struct document *d)
{
    enum intent_kind other = d->kind == INTENT_POOL ? INTENT_ENDPOINTS : INTENT_POOL;
    struct document *sibling = document_find(p, other, d->intent->tenant, d->intent->name);

    if (sibling != NULL)
        thing_queue(p, &sibling->thing, THING_JUDGE);
}

static void queue_pinned(struct plan *p, const struct document *d, int by)
{
    struct name *n = name_get(p, d->intent->name);

    n->num_pins = by > 0 ? n->num_pins + 1 : n->num_pins - 1;
    p->wanted++;
    for (size_t i = 0; i < n->num; i++)
        thing_queue(p, &n->units[i]->thing, THING_JUDGE);
    name_sweep(p, n);
}

static void follow(struct plan *p, struct document *d)
{
    if (d->intent->as.pool.service == NULL)
        return;
    queue_add(&name_get(p, d->intent->as.pool.service)->pools, d);
    p->wanted++;
}

static void unfollow(struct plan *p, struct document *d)
{
    const char *service = d->intent->as.pool.service;
    struct name *n = service != NULL ? name_find(p, service) : NULL;

    if (n == NULL)
        return;
    queue_remove(&n->pools, d);
    name_sweep(p, n);
    p->wanted++;
}

/* What the document means begins to count, or ends: it is replaced or deleted. */
static void count(struct plan *p, struct document *d, bool counts)
{
    switch (d->kind) {
    case INTENT_CLUSTER:
        p->clusters_changed = true;
        table_get(p, d->intent->name)->doc = counts ? &d->intent->as.cluster : NULL;
        break;
    case INTENT_OWNERSHIP:
        p->enforced = counts && d->intent->as.enforced;
        hosts_queue_all(p);
        guards_all(p);
        break;
    case INTENT_SETTINGS:
        p->settings_changed = true;
        break;
    case INTENT_PIN:
        queue_pinned(p, d, counts ? 1 : -1);
        break;
    case INTENT_SERVICE:
        (counts ? seen_know : seen_forget)(p, d->intent);
        break;
    case INTENT_POOL:
        (counts ? follow : unfollow)(p, d);
        queue_sibling(p, d);
        break;
    case INTENT_ENDPOINTS:
        queue_sibling(p, d);
        break;
    default:
        break;
    }
}

static void set_age(struct plan *p, struct thing *t, int64_t created_ms)
{
    int64_t ns = created_ms < INT64_MAX / 1000000 ? created_ms * 1000000 : INT64_MAX;

    if (t->age.ns == ns)
        return;
    thing_unask(p, t); /* whatever sorts by age is left first */
    t->age.ns = ns;
}

void plan_put(struct plan *p, struct intent *owned)
{
    struct document *d = document_get(p, owned);
    struct intent *was = d->intent;

    if (was != NULL)
        count(p, d, false);
    d->intent = owned;
    d->thing.gone = false;
    if (d->kind == INTENT_TENANT)
        tenant_change(p, d, owned->name, was);
    intent_free(was);
    if (document_is_thing(d->kind)) {
        set_age(p, &d->thing, owned->created_ms);
        thing_set_tenant(p, &d->thing, tenant_get(p, owned->tenant));
        thing_queue(p, &d->thing, THING_JUDGE);
    }
    count(p, d, true);
}

void plan_delete(struct plan *p, enum intent_kind kind, const char *tenant, const char *name)
{
    struct document *d = document_find(p, kind, tenant, name);

    if (d == NULL || d->intent == NULL)
        return;
    struct intent *was = d->intent;

    count(p, d, false);
    d->intent = NULL;
    if (kind == INTENT_TENANT)
        tenant_change(p, d, name, was);
    intent_free(was);
    if (document_is_thing(kind)) {
        d->thing.gone = true; /* its objects are still in tables */
        thing_queue(p, &d->thing, THING_JUDGE);
        return;
    }
    document_remove(p, d);
}

const struct intent *plan_intent(const struct plan *p, enum intent_kind kind, const char *tenant,
                                 const char *name)
{
    const struct document *d = document_find(p, kind, tenant, name);

    return d != NULL ? d->intent : NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **plan_wanted(const struct plan *p, size_t *num)
{
    const char **names = xcalloc(p->names.len + 1, sizeof(*names));
    size_t pos = 0;
    struct str key;
    void *found;

    *num = 0;
    while (map_next(&p->names, &pos, &key, &found)) {
        const struct name *n = found;

        if (n->pools.num > 0 || n->num_pins > 0)
            names[(*num)++] = n->name;
    }
    qsort(names, *num, sizeof(*names), compare);
    return names;
}

uint64_t plan_wanted_version(const struct plan *p)
{
    return p->wanted;
}
