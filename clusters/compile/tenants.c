/*
 * Tenants: which services their selectors take, which clusters they may use, and the `tenant`
 * objects that carry their data-plane quotas into the tables where they have something.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

struct tenant *tenant_find(const struct plan *p, const char *name)
{
    return map_get(&p->tenants, str_from(name));
}

struct tenant *tenant_get(struct plan *p, const char *name)
{
    struct tenant *t = tenant_find(p, name);

    if (t == NULL) {
        t = xcalloc(1, sizeof(*t));
        t->name = xstrdup(name);
        map_put(&p->tenants, str_from(name), t);
    }
    return t;
}

static bool is_default(const struct tenant *t)
{
    return strcmp(t->name, TENANT_DEFAULT) == 0;
}

bool tenant_there(const struct tenant *t)
{
    return t->doc != NULL || is_default(t);
}

const struct intent_tenant *tenant_doc(const struct tenant *t)
{
    return t->doc != NULL ? &t->doc->intent->as.tenant : NULL;
}

static bool among(char *const *names, size_t num, const char *name)
{
    for (size_t i = 0; i < num; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool tenant_may_use(const struct tenant *t, const struct table *table)
{
    const struct intent_tenant *doc = tenant_doc(t);
    const struct intent_cluster *cluster = table->doc;

    if (doc != NULL && !doc->any_cluster && !among(doc->clusters, doc->num_clusters, table->name))
        return false;
    return cluster == NULL || cluster->any_tenant ||
           among(cluster->tenants, cluster->num_tenants, t->name);
}

const char *tenant_in_table(const struct tenant *t)
{
    const struct intent_tenant *doc = tenant_doc(t);

    return is_default(t) && (doc == NULL || doc->table_value == NULL) ? "" : t->name;
}

void tenant_queue(struct plan *p, struct tenant *t, unsigned what)
{
    if ((t->queued & TENANT_QUEUED) == 0)
        queue_add(&p->tenants_queue, t);
    t->queued |= what | TENANT_QUEUED;
}

/* ---- selectors ---- */

/* The value of a label, or NULL; labels are sorted by key. */
static const char *label_of(const struct view_service *s, const char *key)
{
    size_t low = 0;
    size_t high = s->num_labels;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(s->labels[mid].key, key);

        if (order == 0)
            return s->labels[mid].value;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool has_selector(const struct intent_tenant *doc)
{
    return doc != NULL && (doc->num_labels > 0 || doc->num_services > 0);
}

static bool selects(const struct intent_tenant *doc, const struct view_service *s)
{
    bool named = doc->num_services == 0;

    for (size_t i = 0; i < doc->num_labels; i++) {
        const char *value = label_of(s, doc->labels[i].key);

        if (value == NULL || strcmp(value, doc->labels[i].value) != 0)
            return false;
    }
    for (size_t i = 0; i < doc->num_services && !named; i++)
        named = intent_glob(doc->services[i], s->name);
    return named;
}

/* The tenant that the label names, or "" without one. */
static struct str wish_of(const struct view_service *s)
{
    const char *label = label_of(s, LABELS_TENANT);

    return str_trim(str_from(label));
}

/*
 * Never says who else's selectors take the service: the sentence goes to one who may be nobody of
 * theirs.
 */
struct tenant *tenant_of_service(struct plan *p, const struct view_service *s, struct err *e)
{
    struct str wish = wish_of(s);
    struct tenant *only = NULL;
    size_t num = 0;

    for (size_t i = 0; i < p->num_selecting; i++) {
        struct tenant *t = p->selecting[i];

        if (!selects(tenant_doc(t), s))
            continue;
        if (wish.n > 0 && str_eq(wish, str_from(t->name)))
            return t;
        only = t;
        num++;
    }
    if (num == 0 && (wish.n == 0 || str_eq(wish, STR(TENANT_DEFAULT))))
        return tenant_get(p, TENANT_DEFAULT);
    if (num == 1 && wish.n == 0)
        return only;
    if (wish.n > 0)
        err_set(e, "NotSelected", LABELS_TENANT, "No selector of this tenant takes the service.");
    else
        err_set(e, "AmbiguousTenant", LABELS_TENANT,
                "The selectors of several tenants take the service: say with the label whose it "
                "is.");
    return NULL;
}

bool plan_selects(const struct plan *p, const char *tenant, const char *id)
{
    const struct unit *u = map_get(&p->units, str_from(id));
    const struct view_service *s = u != NULL ? unit_service(p, u) : NULL;
    bool anybody = false;

    for (size_t i = 0; i < p->num_selecting && s != NULL; i++) {
        bool takes = selects(tenant_doc(p->selecting[i]), s);

        if (takes && strcmp(p->selecting[i]->name, tenant) == 0)
            return true;
        anybody |= takes;
    }
    return s != NULL && !anybody && strcmp(tenant, TENANT_DEFAULT) == 0;
}

/* ---- when the document changes ---- */

static bool same_names(char *const *a, size_t num_a, char *const *b, size_t num_b)
{
    if (num_a != num_b)
        return false;
    for (size_t i = 0; i < num_a; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

static bool same_selector(const struct intent_tenant *a, const struct intent_tenant *b)
{
    if (!has_selector(a) || !has_selector(b))
        return has_selector(a) == has_selector(b);
    if (a->num_labels != b->num_labels)
        return false;
    for (size_t i = 0; i < a->num_labels; i++)
        if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    return same_names(a->services, a->num_services, b->services, b->num_services);
}

static bool same_clusters(const struct intent_tenant *a, const struct intent_tenant *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->any_cluster == b->any_cluster &&
           same_names(a->clusters, a->num_clusters, b->clusters, b->num_clusters);
}

static int compare_tenants(const void *a, const void *b)
{
    return strcmp((*(struct tenant *const *)a)->name, (*(struct tenant *const *)b)->name);
}

static void list_selecting(struct plan *p)
{
    size_t pos = 0;
    struct str key;
    void *found;

    free(p->selecting);
    p->selecting = xcalloc(p->tenants.len + 1, sizeof(struct tenant *));
    p->num_selecting = 0;
    while (map_next(&p->tenants, &pos, &key, &found))
        if (has_selector(tenant_doc(found)))
            p->selecting[p->num_selecting++] = found;
    qsort(p->selecting, p->num_selecting, sizeof(struct tenant *), compare_tenants);
}

/* The services that one selector takes and the other does not, now or before. */
static void queue_selected(struct plan *p, const struct intent_tenant *was,
                           const struct intent_tenant *now)
{
    size_t pos = 0;
    struct str key;
    void *found;

    while (map_next(&p->units, &pos, &key, &found)) {
        struct unit *u = found;
        const struct view_service *s = unit_service(p, u);

        if (s == NULL)
            continue;
        if ((has_selector(was) && selects(was, s)) != (has_selector(now) && selects(now, s)))
            thing_queue(p, &u->thing, THING_JUDGE);
    }
}

static const char *table_value(const struct intent_tenant *doc)
{
    return doc != NULL ? doc->table_value : NULL;
}

static void queue_things(struct plan *p, const struct tenant *t, unsigned what)
{
    for (struct thing *i = t->things; i != NULL; i = i->next)
        thing_queue(p, i, what);
}

void tenant_change(struct plan *p, const struct document *d, const char *name,
                   const struct intent *was)
{
    struct tenant *t = tenant_get(p, name);
    const struct intent_tenant *old = was != NULL ? &was->as.tenant : NULL;
    const struct intent_tenant *new;

    t->doc = d->intent != NULL ? d : NULL;
    new = tenant_doc(t);
    if (has_selector(old) || has_selector(new))
        list_selecting(p);
    if (!same_selector(old, new))
        queue_selected(p, old, new);
    if (!same_clusters(old, new))
        queue_things(p, t, THING_JUDGE);
    if (is_default(t) && (table_value(old) == NULL) != (table_value(new) == NULL))
        queue_things(p, t, THING_EMIT);
    claims_change(p, t, was, d->intent);
    tenant_queue(p, t, TENANT_QUOTA | TENANT_VALUE);
}

/* ---- in the tables ---- */

static void emit(struct plan *p, const struct tenant *t, struct table *table)
{
    const char *value = table_value(tenant_doc(t));
    const struct presence *has = map_get(&table->tenants, str_from(t->name));
    bool wanted = value != NULL && table->there && has != NULL && has->num > 0;

    table_set(p, table, ROUTE_KIND_TENANT, t->name, wanted ? xstrdup(value) : NULL);
}

void tenants_emit(struct plan *p)
{
    struct queue work = p->tenants_queue;

    p->tenants_queue = (struct queue){0};
    for (size_t i = 0; i < work.num; i++) {
        struct tenant *t = work.all[i];
        size_t pos = 0;
        struct str key;
        void *table;

        while ((t->queued & TENANT_VALUE) != 0 && map_next(&p->tables, &pos, &key, &table))
            emit(p, t, table);
        t->queued = 0;
        if (!tenant_there(t) && t->things == NULL) {
            (void)map_remove(&p->tenants, str_from(t->name));
            tenant_free(t);
        }
    }
    queue_free(&work);
}

void tenant_free(void *tenant)
{
    struct tenant *t = tenant;

    free(t->name);
    free(t);
}
