/*
 * The plan against itself: whatever the order of changes and the places of settling, it says what a
 * plan says that got the same world at once; undoing leads back; the deltas add up; no route of a
 * tenant names a host that another one holds, and none takes requests for one; what a newcomer does
 * changes nothing of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/core/map.h"
#include "tests/unit/clusters/compile/fixture.h"
#include "tests/unit/clusters/compile/plan_fixture.h"
#include "tests/unit/clusters/compile/takers.h"

enum { SERVICES = 10, TASKS = 24, DOCUMENTS = 39, ROUNDS = 40, STEPS = 100, NODES = 3, HOSTS = 14 };

static uint64_t dice_state = 1;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(dice_state >> 33) % sides;
}

#define PICK(list) ((list)[dice((unsigned)(sizeof(list) / sizeof((list)[0])))])

/* ---- the world ---- */

struct service {
    bool there;
    char name[8];
    char created[32];
    const char *hosts; /* NULL: no labels of ours */
    const char *port;
    const char *cluster;
    const char *tenant;
    const char *network;
    const char *stack;
    unsigned num_networks;
};

struct task {
    unsigned service; /* SERVICES: not there */
    char *node;
    bool desired;
    enum view_task_state state;
    unsigned address;
};

struct document {
    enum intent_kind kind;
    const char *tenant;
    char name[16];
    int64_t created_ms;
    char *value; /* NULL: not there */
};

struct world {
    struct service services[SERVICES];
    struct task tasks[TASKS];
    enum view_node_state nodes[NODES];
    bool second_network;
    struct document documents[DOCUMENTS];
};

static char *const ids[SERVICES] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"};
static char *const node_ids[NODES + 1] = {"n0", "n1", "n2", "n9"};
static const char *const tenants[] = {"acme", "blue", "default"};
static const char *const hosts[HOSTS] = {"a.x",   "b.x",     "a.b.x", "*.x",    "*.b.x",
                                         "c.b.x", "shop.y",  "*.y",   "*",      "d.shop.y",
                                         "e.x",   "*.c.b.x", "z.z",   "q.c.b.x"};
static const char *const clusters[] = {"east", "west"};

static void random_service(struct service *s, unsigned index)
{
    static const char *const lists[] = {"a.x",     "b.x, a.b.x", "shop.y",     "c.b.x,e.x",
                                        "z.z",     "d.shop.y",   "a.x,shop.y", "*.x",
                                        "q.c.b.x", "bad host",   NULL,         ""};
    static const char *const ports[] = {"80", "80", "80", "8080", "x"};
    static const char *const in[] = {NULL, NULL, "east", "west", "north", "new"};
    static const char *const of[] = {NULL, NULL, NULL, "acme", "blue", "default", "nobody"};
    static const char *const by[] = {NULL, NULL, "net-a", "net-b", "nowhere"};
    static const char *const stacks[] = {NULL, "acme", "blue", "both"};

    s->there = dice(8) != 0;
    snprintf(s->name, sizeof(s->name), "s%u", dice(10) == 0 ? dice(SERVICES) : index);
    snprintf(s->created, sizeof(s->created), "2026-01-01T00:00:%02u.%u00000000Z", dice(30),
             dice(3));
    s->hosts = PICK(lists);
    s->port = PICK(ports);
    s->cluster = PICK(in);
    s->tenant = PICK(of);
    s->network = PICK(by);
    s->stack = PICK(stacks);
    s->num_networks = 1 + (dice(5) == 0);
}

static void random_task(struct task *t)
{
    t->service = dice(SERVICES + 2);
    t->node = PICK(node_ids);
    t->desired = dice(4) != 0;
    t->state = (enum view_task_state)(dice(4) == 0 ? dice(3) : VIEW_TASK_RUNNING);
    t->address = dice(20);
}

static char *random_hosts(void)
{
    char *list = xstrdup("");
    unsigned first = dice(sizeof(hosts) / sizeof(hosts[0]));
    unsigned num = 1 + dice(3);

    for (unsigned i = 0; i < num; i++) {
        char *more = xasprintf("%s%s\"%s\"", list, i > 0 ? "," : "",
                               hosts[(first + i * 3) % (sizeof(hosts) / sizeof(hosts[0]))]);

        free(list);
        list = more;
    }
    return list;
}

static char *random_route(void)
{
    static const char *const paths[] = {"", ",\"path\":\"/app\"", ",\"path\":\"/\"",
                                        ",\"match\":{\"methods\":[\"GET\"]}"};
    char *list = random_hosts();
    char *value =
        xasprintf("{\"cluster\":\"%s\",\"hosts\":[%s]%s,\"forward\":[{\"pool\":\"p%u\"}]}",
                  dice(12) == 0 ? "north" : PICK(clusters), list, PICK(paths), dice(3));

    free(list);
    return value;
}

static char *random_pool(void)
{
    if (dice(2) == 0)
        return xasprintf("{\"cluster\":\"%s\"}", PICK(clusters));
    return xasprintf("{\"cluster\":\"%s\",\"service\":{\"name\":\"s%u\",\"port\":%u%s}}",
                     PICK(clusters), dice(SERVICES), 80 + dice(2),
                     dice(3) == 0 ? ",\"network\":\"net-b\"" : "");
}

static char *random_endpoints(void)
{
    return xasprintf(
        "{\"cluster\":\"%s\",\"endpoints\":[{\"address\":\"192.0.2.%u\",\"port\":80}]}",
        PICK(clusters), dice(5));
}

static char *random_tenant(void)
{
    static const char *const selectors[] = {"",
                                            "",
                                            ",\"services\":{\"labels\":{\"stack\":\"acme\"}}",
                                            ",\"services\":{\"labels\":{\"stack\":\"blue\"}}",
                                            ",\"services\":{\"labels\":{\"stack\":\"both\"}}",
                                            ",\"services\":{\"names\":[\"s1*\",\"s3\"]}"};
    static const char *const in[] = {"", "", ",\"clusters\":[\"east\"]"};
    static const char *const quotas[] = {"",
                                         "",
                                         ",\"quotas\":{\"routes\":1}",
                                         ",\"quotas\":{\"hosts\":2,\"endpoints\":2}",
                                         ",\"quotas\":{\"in_flight\":5}",
                                         ",\"quotas\":{\"per_second\":9,\"endpoints\":0}"};
    char *list = random_hosts();
    char *value =
        xasprintf("{\"hosts\":[%s]%s%s%s}", list, PICK(selectors), PICK(in), PICK(quotas));

    free(list);
    return value;
}

static char *random_cluster(void)
{
    static const char *const values[] = {"{}", "{\"default\":true}",
                                         "{\"services\":{\"labels\":{\"stack\":\"acme\"}}}",
                                         "{\"tenants\":[\"acme\"]}"};

    return xstrdup(PICK(values));
}

static char *random_pin(void)
{
    if (dice(4) == 0)
        return xstrdup("{\"commit\":7,\"labels\":{}}");
    return xasprintf("{\"commit\":%u,\"labels\":{\"com.docker.lb.hosts\":\"%s\","
                     "\"com.docker.lb.port\":\"81\"}}",
                     dice(9), hosts[dice(3)]);
}

/* The slot decides what it is; its content is drawn anew. */
static void random_document(struct document *d, unsigned slot)
{
    d->tenant = tenants[slot % 3];
    free(d->value);
    d->value = NULL;
    if (d->created_ms == 0 || dice(6) == 0)
        d->created_ms = 1767225600000 + dice(30) * 1000; /* 2026-01-01, as the services */
    bool gone = dice(4) == 0;

    if (slot < 12) {
        d->kind = INTENT_ROUTE;
        snprintf(d->name, sizeof(d->name), "r%u", slot / 3);
        d->value = gone ? NULL : random_route();
    } else if (slot < 18) {
        d->kind = INTENT_POOL;
        snprintf(d->name, sizeof(d->name), "p%u", slot / 3 - 4);
        d->value = gone ? NULL : random_pool();
    } else if (slot < 24) {
        d->kind = INTENT_ENDPOINTS;
        snprintf(d->name, sizeof(d->name), "p%u", slot / 3 - 6);
        d->value = gone ? NULL : random_endpoints();
    } else if (slot < 30) {
        d->kind = INTENT_PIN;
        snprintf(d->name, sizeof(d->name), "s%u", slot - 24);
        d->value = gone || dice(2) == 0 ? NULL : random_pin();
    } else if (slot < 33) {
        d->kind = INTENT_TENANT;
        snprintf(d->name, sizeof(d->name), "%s", d->tenant);
        d->tenant = "";
        d->value = gone && dice(3) != 0 ? NULL : random_tenant();
    } else if (slot < 36) {
        d->kind = INTENT_CLUSTER;
        d->tenant = "";
        snprintf(d->name, sizeof(d->name), "%s", slot == 33 ? "east" : slot == 34 ? "new" : "aaa");
        d->value = gone || dice(2) == 0 ? NULL : random_cluster();
    } else if (slot < 38) {
        d->kind = INTENT_SETTINGS;
        d->tenant = "";
        snprintf(d->name, sizeof(d->name), "%s", slot == 36 ? "east" : "new");
        d->value = gone ? NULL : xstrdup(dice(2) == 0 ? "{\"access_log\":true}" : "{}");
    } else {
        d->kind = INTENT_OWNERSHIP;
        d->tenant = "";
        snprintf(d->name, sizeof(d->name), "ownership");
        d->value = xstrdup(dice(3) == 0 ? "{\"claims\":\"enforced\"}" : "{\"claims\":\"open\"}");
    }
}

static void random_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    for (unsigned i = 0; i < SERVICES; i++)
        random_service(&w->services[i], i);
    for (unsigned i = 0; i < TASKS; i++)
        random_task(&w->tasks[i]);
    for (unsigned i = 0; i < DOCUMENTS; i++)
        random_document(&w->documents[i], i);
}

static void world_free(struct world *w)
{
    for (unsigned i = 0; i < DOCUMENTS; i++)
        free(w->documents[i].value);
}

static void world_copy(struct world *to, const struct world *from)
{
    *to = *from;
    for (unsigned i = 0; i < DOCUMENTS; i++)
        if (from->documents[i].value != NULL)
            to->documents[i].value = xstrdup(from->documents[i].value);
}

/* ---- as a view ---- */

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct view_label *)a)->key, ((const struct view_label *)b)->key);
}

static void add_label(struct view *v, const char *key, const char *value)
{
    if (value != NULL)
        fixture_label(v, key, value);
}

static void add_service(struct view *v, const struct service *s, char *id)
{
    fixture_service(v, id, xstrdup(s->name), xstrdup(s->created));
    add_label(v, "hosts", s->hosts);
    add_label(v, "port", s->hosts != NULL ? s->port : NULL);
    add_label(v, "service_cluster", s->hosts != NULL ? s->cluster : NULL);
    add_label(v, "tenant", s->tenant);
    add_label(v, "network", s->hosts != NULL ? s->network : NULL);
    if (s->stack != NULL) {
        struct view_service *added = &v->services[v->num_services - 1];

        *FIXTURE_GROW(added->labels, added->num_labels) =
            (struct view_label){xstrdup("stack"), xstrdup(s->stack)};
    }
    struct view_service *added = &v->services[v->num_services - 1];

    if (added->num_labels > 0)
        qsort(added->labels, added->num_labels, sizeof(*added->labels), compare_labels);
    fixture_attach(v, "net-a");
    if (s->num_networks > 1)
        fixture_attach(v, "net-b");
}

static void add_task(struct view *v, const struct task *t, unsigned index)
{
    char *address = xasprintf("10.0.1.%u", t->address);
    char *id = xasprintf("t%02u", index);
    struct view_task *added = fixture_task(v, id, ids[t->service], "net-a", address);

    fixture_task_attach(v, "net-b", xasprintf("10.0.2.%u", t->address));
    added->node_id = t->node;
    added->desired_running = t->desired;
    added->state = t->state;
}

static struct view *world_view(const struct world *w)
{
    struct view *v = xcalloc(1, sizeof(*v));

    fixture_network(v, "net-a", "app", false);
    if (w->second_network)
        fixture_network(v, "net-b", "back", false);
    for (unsigned i = 0; i < NODES; i++)
        fixture_node(v, node_ids[i], w->nodes[i]);
    for (unsigned i = 0; i < SERVICES; i++)
        if (w->services[i].there)
            add_service(v, &w->services[i], ids[i]);
    for (unsigned i = 0; i < TASKS; i++)
        if (w->tasks[i].service < SERVICES)
            add_task(v, &w->tasks[i], i);
    return v;
}

/* ---- a plan that follows the world ---- */

struct subject {
    struct plan *plan;
    struct view *view;
    struct map tables; /* as the deltas have them: "cluster kind name" -> value */
};

static const char *const configured[] = {"east", "west"};

static void feed_patch(struct subject *s, struct view *next)
{
    struct view gone = fixture_only_in(s->view, next);
    struct view come = fixture_only_in(next, s->view);
    struct view was = *s->view;

    *s->view = *next;
    plan_patch(s->plan, &gone, &come);
    *next = was;
    fixture_forget(next);
    fixture_forget_lent(&gone, &come);
}

static void feed_view(struct subject *s, const struct world *w)
{
    struct view *v = world_view(w);

    if (s->view != NULL && dice(2) == 0) {
        feed_patch(s, v);
        return;
    }
    plan_view(s->plan, v);
    fixture_forget(s->view);
    s->view = v;
}

static void feed_document(struct subject *s, const struct document *d)
{
    if (d->value != NULL)
        fixture_put(s->plan, d->kind, d->tenant, d->name, d->created_ms, d->value);
    else
        plan_delete(s->plan, d->kind, d->tenant, d->name);
}

static void apply(struct subject *s, const struct plan_change *c)
{
    char *key = xasprintf("%s %s %s", c->cluster, route_kind_name(c->kind), c->name);
    char *was = c->after != NULL ? map_put(&s->tables, str_from(key), xstrdup(c->after))
                                 : map_remove(&s->tables, str_from(key));

    if (c->before == NULL)
        assert_null(was);
    else
        assert_string_equal(was, c->before);
    free(was);
    free(key);
}

static void settle(struct subject *s)
{
    struct plan_delta delta;

    plan_settle(s->plan, &delta);
    for (size_t i = 0; i < delta.num; i++)
        apply(s, &delta.changes[i]);
    plan_delta_clear(&delta);
}

static void subject_begin(struct subject *s)
{
    *s = (struct subject){.plan = plan_new()};
    plan_clusters(s->plan, configured, 2, "west");
}

/* All at once, in another order. */
static void subject_from(struct subject *s, const struct world *w)
{
    unsigned first = dice(DOCUMENTS);

    subject_begin(s);
    if (dice(2) == 0)
        feed_view(s, w);
    for (unsigned i = 0; i < DOCUMENTS; i++)
        feed_document(s, &w->documents[(first + i * 7) % DOCUMENTS]);
    if (s->view == NULL)
        feed_view(s, w);
    settle(s);
}

static void subject_end(struct subject *s)
{
    plan_free(s->plan);
    fixture_forget(s->view);
    map_free(&s->tables, free);
}

static char *dump_all(const struct subject *s, const struct world *w)
{
    struct buf b;
    char *rest = dump_plan(s->plan);

    buf_init(&b, DUMP_MAX);
    ASSERT(buf_add_str(&b, str_from(rest)));
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        const struct document *d = &w->documents[i];
        struct errs e = {.num = 0};
        size_t num;
        const struct compile_condition *c =
            plan_conditions(s->plan, d->kind, d->tenant, d->name, &num);

        ASSERT(buf_add_fmt(&b, "document %d %s/%s\n", d->kind, d->tenant, d->name));
        dump_conditions(&b, c, num);
        ASSERT(plan_judge(s->plan, d->kind, d->tenant, d->name, &e) == errs_none(&e));
        for (size_t k = 0; k < errs_kept(&e); k++)
            ASSERT(buf_add_fmt(&b, "  fault %s %s\n", e.all[k].code, e.all[k].field));
    }
    free(rest);
    return buf_take(&b);
}

/* ---- what always holds ---- */

static void check_route(void *arg, enum route_kind kind, const char *name, const char *value)
{
    const struct plan *p = arg;
    char tenant[64] = "";
    const char *at = strstr(value, "\"hosts\":[");
    const char *of = strstr(value, "\"tenant\":\"");

    if (kind != ROUTE_KIND_ROUTE || plan_is_guard(name))
        return;
    assert_non_null(of);
    of += strlen("\"tenant\":\"");
    snprintf(tenant, sizeof(tenant), "%.*s", (int)strcspn(of, "\""), of);
    for (at += strlen("\"hosts\":["); *at == '"' || *at == ','; at += strcspn(at, ",]")) {
        char host[64];
        const char *holder;

        at += *at == ',';
        snprintf(host, sizeof(host), "%.*s", (int)strcspn(at + 1, "\""), at + 1);
        holder = plan_holder(p, host);
        if (holder == NULL || strcmp(holder, tenant[0] != '\0' ? tenant : "default") != 0)
            fail_msg("route %s of %s has %s, which is %s's", name, tenant, host, holder);
    }
}

static size_t num_objects;

static void count_object(void *arg, enum route_kind kind, const char *name, const char *value)
{
    char *key = xasprintf("%s %s %s", plan_cluster_name(((struct subject *)arg)->plan, 0),
                          route_kind_name(kind), name);

    (void)value;
    num_objects++;
    free(key);
}

static void check(struct subject *s, const struct world *w)
{
    struct subject anew;
    char *was = dump_all(s, w);
    char *want;

    subject_from(&anew, w);
    want = dump_all(&anew, w);
    if (strcmp(was, want) != 0) {
        fprintf(stderr, "---- step by step:\n%s---- at once:\n%s", was, want);
        fail();
    }
    num_objects = 0;
    for (size_t i = 0; plan_cluster_name(s->plan, i) != NULL; i++) {
        plan_each_object(s->plan, plan_cluster_name(s->plan, i), check_route, s->plan);
        plan_each_object(s->plan, plan_cluster_name(s->plan, i), count_object, s);
        check_takers(s->plan, plan_cluster_name(s->plan, i), hosts, HOSTS);
    }
    assert_int_equal(num_objects, s->tables.len);
    subject_end(&anew);
    free(was);
    free(want);
}

/* ---- steps ---- */

static void step(struct subject *s, struct world *w)
{
    unsigned slot;

    switch (dice(8)) {
    case 0:
    case 1:
        slot = dice(SERVICES);
        random_service(&w->services[slot], slot);
        feed_view(s, w);
        break;
    case 2:
        random_task(&w->tasks[dice(TASKS)]);
        feed_view(s, w);
        break;
    case 3:
        if (dice(3) == 0)
            w->second_network = !w->second_network;
        else
            w->nodes[dice(NODES)] = (enum view_node_state)dice(3);
        feed_view(s, w);
        break;
    default:
        slot = dice(DOCUMENTS);
        random_document(&w->documents[slot], slot);
        feed_document(s, &w->documents[slot]);
        break;
    }
}

static void any_order_of_changes_leads_to_the_same_tables(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world w;
        struct subject s;

        dice_state = 1000 + round;
        random_world(&w);
        subject_from(&s, &w);
        for (unsigned i = 0; i < STEPS; i++) {
            step(&s, &w);
            if (dice(3) != 0)
                settle(&s);
            if (dice(8) == 0) {
                settle(&s);
                check(&s, &w);
            }
        }
        settle(&s);
        check(&s, &w);
        subject_end(&s);
        world_free(&w);
    }
}

static void go_back(struct subject *s, const struct world *w)
{
    for (unsigned i = 0; i < DOCUMENTS; i++)
        feed_document(s, &w->documents[i]);
    feed_view(s, w);
    settle(s);
}

static void what_is_undone_was_never_done(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world before, after;
        struct subject s;

        dice_state = 5000 + round;
        random_world(&before);
        subject_from(&s, &before);
        for (unsigned i = 0; i < STEPS / 4; i++) {
            char *was = dump_all(&s, &before);
            char *now;

            world_copy(&after, &before);
            for (unsigned k = dice(4) + 1; k > 0; k--)
                step(&s, &after);
            settle(&s);
            go_back(&s, &before);
            now = dump_all(&s, &before);
            if (strcmp(was, now) != 0) {
                fprintf(stderr, "---- before:\n%s---- undone:\n%s", was, now);
                fail();
            }
            world_free(&after);
            free(was);
            free(now);
        }
        subject_end(&s);
        world_free(&before);
    }
}

static bool is_mallorys(const struct plan_change *c)
{
    return strncmp(c->name, "mallory", 7) == 0;
}

static void a_newcomer_changes_nothing_of_others(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world w;
        struct subject s;

        dice_state = 9000 + round;
        random_world(&w);
        subject_from(&s, &w);
        fixture_put(s.plan, INTENT_TENANT, "", "mallory", 1, "{\"quotas\":{\"in_flight\":1}}");
        settle(&s);
        for (unsigned i = 0; i < STEPS; i++) {
            struct plan_delta delta;
            char **before = list_takers(s.plan, clusters, hosts, HOSTS);
            char *value = random_route();
            char name[8];

            snprintf(name, sizeof(name), "m%u", dice(5));
            fixture_put(s.plan, INTENT_ROUTE, "mallory", name, 1999999999999, value);
            plan_settle(s.plan, &delta);
            for (size_t k = 0; k < delta.num; k++)
                if (!is_mallorys(&delta.changes[k]) && !plan_is_guard(delta.changes[k].name))
                    fail_msg("%s changes %s", value, delta.changes[k].name);
            check_he_takes_nothing(s.plan, clusters, hosts, HOSTS, before, value);
            plan_delta_clear(&delta);
            free(value);
        }
        subject_end(&s);
        world_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_changes_leads_to_the_same_tables),
        cmocka_unit_test(what_is_undone_was_never_done),
        cmocka_unit_test(a_newcomer_changes_nothing_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
