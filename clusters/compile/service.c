/*
 * What can be said of one service by itself: whose it is, its labels (or those of a pin), its
 * cluster, its network, and which of its tasks take requests. What it has in common with others is
 * settled later (names, quotas, hosts).
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/assign/assign.h"
#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

/* What others saw of a unit, to tell whether judging it again changed that. */
struct seen_as {
    const struct tenant *tenant;
    const struct table *table;
    bool usable;
    struct labels_intent *intent; /* owned */
    size_t num_wanted;
};

/* Names become names of objects and parts of sentences; Swarm's own rule is stricter than this. */
static bool name_is_plain(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > COMPILE_NAME_MAX)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

/* Looked up each time: nothing points into a view that the next one takes away. */
const struct view_service *unit_service(const struct plan *p, const struct unit *u)
{
    return u->there ? view_service(p->view, u->id) : NULL;
}

static void refuse(struct unit *u, const char *type, struct cond_about about, const char *text)
{
    u->refused = true;
    cond_refuse(&u->local, type, about, text);
}

static struct labels_intent *read_labels(const struct unit *u, const struct view_service *s)
{
    size_t num = u->pin != NULL ? u->pin->num_labels : s->num_labels;
    struct labels_label *labels = xcalloc(num + 1, sizeof(*labels));

    for (size_t i = 0; i < num; i++)
        labels[i] = u->pin != NULL
                        ? (struct labels_label){u->pin->labels[i].key, u->pin->labels[i].value}
                        : (struct labels_label){s->labels[i].key, s->labels[i].value};
    struct labels_intent *intent = labels_read(labels, num);

    free(labels);
    return intent;
}

/* ---- whose ---- */

static void find_pin(const struct plan *p, struct unit *u, const struct tenant *owner)
{
    const struct intent *pin =
        owner != NULL ? plan_intent(p, INTENT_PIN, owner->name, u->name) : NULL;

    u->pin = pin != NULL ? &pin->as.pin : NULL;
    if (u->pin != NULL)
        cond_add(&u->local, COMPILE_RESOLVED, true, (struct cond_about){"Pinned", "", NULL},
                 "The service is held at commit %llu: its labels of that time count, not its own, "
                 "until the pin is released.",
                 (unsigned long long)u->pin->commit);
}

/* The label of a pin may be another than the service's own: it must agree as well. */
static void check_tenant(struct unit *u, const struct tenant *owner, const struct err *why)
{
    const char *label = u->intent->tenant;

    if (owner == NULL)
        refuse(u, COMPILE_RESOLVED, (struct cond_about){why->code, LABELS_TENANT, label},
               why->text);
    else if (label != NULL && strcmp(label, owner->name) != 0)
        refuse(u, COMPILE_RESOLVED, (struct cond_about){"NotSelected", LABELS_TENANT, label},
               "No selector of this tenant takes the service.");
}

/* ---- where ---- */

static struct assign_label *labels_of(const struct view_service *s)
{
    struct assign_label *labels = xcalloc(s->num_labels + 1, sizeof(*labels));

    for (size_t i = 0; i < s->num_labels; i++)
        labels[i] = (struct assign_label){s->labels[i].key, s->labels[i].value};
    return labels;
}

static void choose_cluster(struct plan *p, struct unit *u, const struct tenant *owner)
{
    const struct view_service *s = unit_service(p, u);
    struct assign_label *labels = labels_of(s);
    struct assign_service service = {u->intent->service_cluster, labels, s->num_labels};
    struct assign_config config = {p->assigns, p->num_there,
                                   p->by_default != NULL ? p->by_default->name : NULL};
    struct err why;
    long index = assign_cluster(&config, &service, &why);
    struct cond_about about = {"", LABELS_SERVICE_CLUSTER, service.wish};

    free(labels);
    u->thing.table = index >= 0 ? p->there[index] : NULL;
    if (index < 0) {
        about.reason = why.code;
        refuse(u, COMPILE_RESOLVED, about, why.text);
    } else if (owner != NULL && !tenant_may_use(owner, u->thing.table)) {
        about.reason = "NotAllowed";
        refuse(u, COMPILE_RESOLVED, about,
               "The tenant of the service may not use this service cluster.");
    }
}

/* ---- its tasks ---- */

static void find_endpoints(struct plan *p, struct unit *u)
{
    struct reach r = {.service = unit_service(p, u),
                      .wish = u->intent->network,
                      .where = LABELS_NETWORK,
                      .says = "with the label",
                      .port = u->intent->port,
                      .tasks = u->tasks,
                      .num_tasks = u->num_tasks,
                      .most = u->thing.most,
                      .told = &u->local};

    network_pick(p->view, &r);
    u->refused = u->refused || r.refused;
    if (u->refused)
        return;
    reach_endpoints(&r);
    u->num_endpoints = r.num_endpoints;
    u->thing.num_wanted = r.num_wanted;
    u->endpoints = value_endpoints(&r);
    free(r.endpoints);
}

static void forget(struct unit *u)
{
    told_clear(&u->local);
    free(u->endpoints);
    u->endpoints = NULL;
    u->intent = NULL;
    u->pin = NULL;
    u->refused = false;
    u->num_endpoints = 0;
    u->thing.num_wanted = 0;
    u->thing.usable = false;
    u->thing.table = NULL;
    u->thing.hosts = NULL;
    u->thing.num_hosts = 0;
}

static void judge_labels(struct plan *p, struct unit *u, const struct tenant *owner,
                         const struct err *why)
{
    u->refused = !labels_usable(u->intent);
    if (!name_is_plain(u->name))
        refuse(u, COMPILE_ACCEPTED, (struct cond_about){"InvalidName", "", u->name},
               "The name of the service is empty, too long or has bytes other than letters, "
               "digits, '.', '_' and '-'.");
    check_tenant(u, owner, why);
    choose_cluster(p, u, owner);
    find_endpoints(p, u);
    u->thing.hosts = u->intent->hosts;
    u->thing.num_hosts = u->intent->num_hosts;
    u->thing.usable = !u->refused;
}

static bool same_hosts(const struct labels_intent *a, const struct labels_intent *b)
{
    if (a == NULL || b == NULL || a->num_hosts != b->num_hosts)
        return a == b;
    for (size_t i = 0; i < a->num_hosts; i++)
        if (strcmp(a->hosts[i], b->hosts[i]) != 0)
            return false;
    return true;
}

/* Queues whoever is concerned by what judging changed. */
static void tell(struct plan *p, struct unit *u, const struct seen_as *was)
{
    struct thing *t = &u->thing;
    bool counts_alike =
        t->usable == was->usable && t->table == was->table && same_hosts(u->intent, was->intent);

    if (!counts_alike || t->tenant != was->tenant)
        thing_queue(p, t, THING_ASK);
    thing_queue(p, t, THING_EMIT);
    name_queue(p, u->name);
    if (t->tenant != NULL && (!counts_alike || t->num_wanted != was->num_wanted))
        tenant_queue(p, t->tenant, TENANT_QUOTA);
    if (was->tenant != NULL && was->tenant != t->tenant)
        seen_queue(p, was->tenant->name, u->name);
    if (t->tenant != NULL)
        seen_queue(p, t->tenant->name, u->name);
}

void unit_judge(struct plan *p, struct unit *u)
{
    struct thing *t = &u->thing;
    struct seen_as was = {t->tenant, t->table, t->usable, u->intent, t->num_wanted};
    const struct view_service *service = unit_service(p, u);
    struct tenant *owner = NULL;
    struct err why = {0};

    forget(u);
    if (service != NULL) {
        owner = tenant_of_service(p, service, &why);
        find_pin(p, u, owner);
        u->intent = read_labels(u, service);
    }
    thing_set_tenant(p, t, owner);
    if (u->intent != NULL)
        judge_labels(p, u, owner, &why);
    tell(p, u, &was);
    labels_free(was.intent);
    if (t->gone)
        queue_add(&p->graves, t);
}

void unit_free(void *unit)
{
    struct unit *u = unit;

    told_clear(&u->local);
    told_service_clear(&u->told);
    labels_free(u->intent);
    free(u->thing.asks);
    free(u->thing.in_name);
    free(u->thing.in_tenant);
    free(u->endpoints);
    free(u->refused_why);
    free(u->tasks);
    free(u->id);
    free(u->name);
    free(u->created);
    free(u);
}
