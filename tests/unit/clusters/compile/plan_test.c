/* What the plan makes of documents beside labelled services, and what it tells their owners. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/clusters/compile/fixture.h"
#include "tests/unit/clusters/compile/plan_fixture.h"

#define ROUTE(host) "{\"cluster\":\"east\",\"hosts\":[\"" host "\"],\"forward\":[{\"pool\":\"p\"}]}"

enum { EARLY = 1000, LATE = 2000 };

static const char *const clusters[] = {"east", "west"};
static struct plan *plan;
static struct view view;

static int setup(void **state)
{
    (void)state;
    plan = plan_new();
    plan_clusters(plan, clusters, 2, "east");
    fixture_network(&view, "net-a", "app", false);
    fixture_network(&view, "net-b", "back", false);
    fixture_node(&view, "n1", VIEW_NODE_READY);
    fixture_put(plan, INTENT_TENANT, "", "acme", 1,
                "{\"services\":{\"labels\":{\"stack\":\"acme\"}}}");
    fixture_put(plan, INTENT_TENANT, "", "blue", 2, "{}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_free(plan);
    fixture_free(&view);
    return 0;
}

static void settle_view(void)
{
    plan_view(plan, &view);
    fixture_settle(plan);
}

static void put(enum intent_kind kind, const char *tenant, const char *name, int64_t created_ms,
                const char *json)
{
    fixture_put(plan, kind, tenant, name, created_ms, json);
}

static void object_is(const char *cluster, enum route_kind kind, const char *name, const char *want)
{
    const char *got = plan_object(plan, cluster, kind, name);

    if (want == NULL && got != NULL)
        fail_msg("%s is %s", name, got);
    if (want != NULL && got == NULL)
        fail_msg("there is no %s", name);
    if (want != NULL)
        assert_string_equal(got, want);
}

static void route_has(const char *name, const char *part)
{
    const char *got = plan_object(plan, "east", ROUTE_KIND_ROUTE, name);

    if (got == NULL || strstr(got, part) == NULL)
        fail_msg("%s is %s", name, got != NULL ? got : "not there");
}

static void no_route(const char *name)
{
    object_is("east", ROUTE_KIND_ROUTE, name, NULL);
}

/* The first fault of a document; NULL: it has none. */
static void fault_is(enum intent_kind kind, const char *tenant, const char *name, const char *code,
                     const char *field)
{
    struct errs e = {.num = 0};
    bool ok = plan_judge(plan, kind, tenant, name, &e);

    if (code == NULL) {
        if (!ok)
            fail_msg("%s: %s", e.all[0].code, e.all[0].text);
        return;
    }
    assert_false(ok);
    assert_string_equal(e.all[0].code, code);
    assert_string_equal(e.all[0].field, field);
}

static void has_condition(const struct compile_condition *c, size_t num, const char *type,
                          bool status, const char *reason)
{
    for (size_t i = 0; i < num; i++)
        if (strcmp(c[i].type, type) == 0 && strcmp(c[i].reason, reason) == 0) {
            assert_int_equal(c[i].status, status);
            return;
        }
    fail_msg("no condition %s %s; the first is %s", type, reason, num > 0 ? c[0].reason : "none");
}

static void document_is(enum intent_kind kind, const char *tenant, const char *name,
                        const char *type, bool status, const char *reason)
{
    size_t num;
    const struct compile_condition *c = plan_conditions(plan, kind, tenant, name, &num);

    has_condition(c, num, type, status, reason);
}

static void service_is(const char *id, const char *type, bool status, const char *reason)
{
    const struct compile_service *s = plan_service(plan, id);

    assert_non_null(s);
    has_condition(s->conditions, s->num_conditions, type, status, reason);
}

/* A labelled service of the stack, or of none; created in the order of a letter. */
static void add_service(char *id, const char *stack, const char *hosts, const char *created)
{
    fixture_service(&view, id, id, (char *)created);
    fixture_label(&view, "hosts", hosts);
    fixture_label(&view, "port", "80");
    fixture_attach(&view, "net-a");
    if (stack == NULL)
        return;
    struct view_service *s = &view.services[view.num_services - 1];

    *FIXTURE_GROW(s->labels, s->num_labels) = (struct view_label){xstrdup("stack"), xstrdup(stack)};
}

#define AT(second) "2026-01-01T00:00:0" #second ".000000000Z"
#define AT_MS(second) (1767225600000 + (second)*1000)

/* ---- documents in the tables ---- */

static void a_route_a_pool_and_endpoints_become_objects(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "r", EARLY, ROUTE("a.x"));
    put(INTENT_POOL, "acme", "p", EARLY, "{\"cluster\":\"east\",\"protocol\":\"h2c\"}");
    put(INTENT_ENDPOINTS, "acme", "p", EARLY,
        "{\"cluster\":\"east\",\"endpoints\":[{\"address\":\"192.0.2.1\",\"port\":80}]}");
    fixture_settle(plan);
    object_is("east", ROUTE_KIND_ROUTE, "acme/r",
              "{\"created_ms\":1000,\"forward\":[{\"pool\":\"acme/p\"}],\"hosts\":[\"a.x\"],"
              "\"tenant\":\"acme\"}");
    object_is("east", ROUTE_KIND_POOL, "acme/p", "{\"protocol\":\"h2c\",\"tenant\":\"acme\"}");
    object_is("east", ROUTE_KIND_ENDPOINTS, "acme/p",
              "{\"endpoints\":[{\"address\":\"192.0.2.1\",\"port\":80}]}");
    assert_int_equal(plan_num_routes(plan, "east"), 1);
    assert_int_equal(plan_num_routes(plan, "west"), 0);
    document_is(INTENT_ROUTE, "acme", "r", "Accepted", true, "Accepted");
    document_is(INTENT_ROUTE, "acme", "r", "ResolvedRefs", true, "ResolvedRefs");
    document_is(INTENT_POOL, "acme", "p", "ResolvedRefs", true, "ResolvedRefs");
    fault_is(INTENT_ROUTE, "acme", "r", NULL, NULL);
}

static void what_is_missing_is_a_condition_and_no_fault(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "r", EARLY, ROUTE("a.x"));
    put(INTENT_ENDPOINTS, "acme", "q", EARLY, "{\"cluster\":\"east\",\"endpoints\":[]}");
    put(INTENT_CERTIFICATE, "acme", "c", EARLY,
        "{\"cluster\":\"east\",\"hosts\":[\"a.x\"],\"cert\":\"c\",\"key\":\"k\"}");
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "acme", "r", NULL, NULL);
    document_is(INTENT_ROUTE, "acme", "r", "ResolvedRefs", false, "PoolMissing");
    document_is(INTENT_ENDPOINTS, "acme", "q", "ResolvedRefs", false, "PoolMissing");
    document_is(INTENT_CERTIFICATE, "acme", "c", "Programmed", false, "Unsupported");
    object_is("east", ROUTE_KIND_CERTIFICATE, "acme/c", NULL);
    put(INTENT_POOL, "acme", "p", EARLY, "{\"cluster\":\"west\"}");
    fixture_settle(plan);
    document_is(INTENT_ROUTE, "acme", "r", "ResolvedRefs", false, "OtherCluster");
    document_is(INTENT_POOL, "acme", "p", "ResolvedRefs", false, "NoEndpoints");
}

static void a_cluster_or_a_tenant_that_is_not_there_is_a_fault(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "r", EARLY,
        "{\"cluster\":\"north\",\"hosts\":[\"a.x\"],\"forward\":[{\"pool\":\"p\"}]}");
    put(INTENT_ROUTE, "nobody", "r", EARLY, ROUTE("b.x"));
    put(INTENT_SETTINGS, "", "north", EARLY, "{}");
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "acme", "r", "UnknownCluster", "/cluster");
    fault_is(INTENT_ROUTE, "nobody", "r", "UnknownTenant", "");
    fault_is(INTENT_SETTINGS, "", "north", "UnknownCluster", "");
    no_route("nobody/r");
    assert_null(plan_holder(plan, "b.x"));
    put(INTENT_CLUSTER, "", "north", EARLY, "{\"tenants\":[\"blue\"]}");
    put(INTENT_TENANT, "", "nobody", EARLY, "{\"clusters\":[\"west\"]}");
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "acme", "r", "NotAllowed", "/cluster");
    fault_is(INTENT_ROUTE, "nobody", "r", "NotAllowed", "/cluster");
    fault_is(INTENT_SETTINGS, "", "north", NULL, NULL);
    object_is("north", ROUTE_KIND_SETTINGS, "settings", "{\"info_headers\":true}");
}

static void settings_and_quotas_of_tenants_go_into_tables(void **state)
{
    (void)state;
    put(INTENT_SETTINGS, "", "east", EARLY, "{\"access_log\":true}");
    put(INTENT_TENANT, "", "acme", EARLY, "{\"quotas\":{\"in_flight\":5}}");
    fixture_settle(plan);
    object_is("east", ROUTE_KIND_SETTINGS, "settings",
              "{\"access_log\":true,\"info_headers\":true}");
    object_is("east", ROUTE_KIND_TENANT, "acme", NULL); /* it has nothing there */
    put(INTENT_ROUTE, "acme", "r", EARLY, ROUTE("a.x"));
    fixture_settle(plan);
    object_is("east", ROUTE_KIND_TENANT, "acme", "{\"in_flight\":5}");
    object_is("west", ROUTE_KIND_TENANT, "acme", NULL);
    plan_delete(plan, INTENT_ROUTE, "acme", "r");
    plan_delete(plan, INTENT_SETTINGS, "", "east");
    fixture_settle(plan);
    object_is("east", ROUTE_KIND_TENANT, "acme", NULL);
    object_is("east", ROUTE_KIND_SETTINGS, "settings", NULL);
}

static void labelled_services_of_default_are_nobodys_until_it_has_quotas(void **state)
{
    (void)state;
    add_service("s1", NULL, "a.x", AT(1));
    settle_view();
    route_has("s1", "\"tenant\":\"\"");
    put(INTENT_TENANT, "", "default", EARLY, "{\"quotas\":{\"per_second\":5}}");
    fixture_settle(plan);
    route_has("s1", "\"tenant\":\"default\"");
    assert_non_null(plan_object(plan, "east", ROUTE_KIND_TENANT, "default"));
    put(INTENT_TENANT, "", "default", EARLY, "{}");
    fixture_settle(plan);
    route_has("s1", "\"tenant\":\"\"");
}

/* ---- who has a host ---- */

static void the_oldest_has_the_host_in_all_clusters(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "blue", "r", LATE,
        "{\"cluster\":\"west\",\"hosts\":[\"b.x\",\"a.x\"],\"forward\":[{\"pool\":\"p\"}]}");
    fixture_settle(plan);
    assert_string_equal(plan_holder(plan, "a.x"), "blue");
    put(INTENT_ROUTE, "acme", "r", EARLY, ROUTE("a.x"));
    fixture_settle(plan);
    assert_string_equal(plan_holder(plan, "a.x"), "acme");
    fault_is(INTENT_ROUTE, "blue", "r", "Conflicted", "/hosts/1");
    document_is(INTENT_ROUTE, "blue", "r", "Accepted", true, "Accepted"); /* b.x is left */
    document_is(INTENT_ROUTE, "blue", "r", "Conflicted", true, "Conflicted");
    assert_non_null(strstr(plan_object(plan, "west", ROUTE_KIND_ROUTE, "blue/r"), "[\"b.x\"]"));
    plan_delete(plan, INTENT_ROUTE, "acme", "r");
    fixture_settle(plan);
    assert_string_equal(plan_holder(plan, "a.x"), "blue");
    fault_is(INTENT_ROUTE, "blue", "r", NULL, NULL);
}

static void a_wildcard_has_what_is_below_unless_that_is_older(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "wild", AT_MS(2), ROUTE("*.x"));
    put(INTENT_ROUTE, "blue", "old", AT_MS(1), ROUTE("a.x"));
    put(INTENT_ROUTE, "blue", "young", AT_MS(3), ROUTE("b.c.x"));
    put(INTENT_ROUTE, "blue", "beside", AT_MS(3), ROUTE("x"));
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "acme", "wild", NULL, NULL);
    fault_is(INTENT_ROUTE, "blue", "old", NULL, NULL);
    fault_is(INTENT_ROUTE, "blue", "beside", NULL, NULL);
    fault_is(INTENT_ROUTE, "blue", "young", "Conflicted", "/hosts/0");
    document_is(INTENT_ROUTE, "blue", "young", "Accepted", false, "Conflicted");
    no_route("blue/young");
    assert_string_equal(plan_holder(plan, "z.x"), "acme");
    assert_string_equal(plan_holder(plan, "a.x"), "blue");
    assert_null(plan_holder(plan, "a.y"));
}

static void the_default_backend_is_a_host_of_its_own(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "any", EARLY, ROUTE("*"));
    put(INTENT_ROUTE, "blue", "r", LATE, ROUTE("a.x"));
    put(INTENT_ROUTE, "blue", "any", LATE, ROUTE("*"));
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "blue", "r", NULL, NULL);
    fault_is(INTENT_ROUTE, "blue", "any", "Conflicted", "/hosts/0");
}

static void a_service_and_a_document_go_by_the_same_age(void **state)
{
    (void)state;
    add_service("s1", NULL, "a.x,b.x", AT(5));
    put(INTENT_ROUTE, "acme", "old", AT_MS(4), ROUTE("a.x"));
    put(INTENT_ROUTE, "acme", "young", AT_MS(6), ROUTE("b.x"));
    settle_view();
    route_has("s1", "[\"b.x\"]");
    route_has("acme/old", "a.x");
    no_route("acme/young");
    service_is("s1", "Conflicted", true, "Conflicted");
    service_is("s1", "Accepted", true, "Accepted");
}

static void in_enforced_ownership_claims_decide(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "acme", 1, "{\"hosts\":[\"*.x\"]}");
    put(INTENT_TENANT, "", "blue", 2, "{\"hosts\":[\"b.x\",\"*.x\"]}");
    put(INTENT_ROUTE, "blue", "young", LATE, ROUTE("b.x"));
    put(INTENT_ROUTE, "acme", "old", EARLY, ROUTE("b.x"));
    put(INTENT_ROUTE, "acme", "own", LATE, ROUTE("a.x"));
    put(INTENT_ROUTE, "acme", "stray", EARLY, ROUTE("a.y"));
    put(INTENT_OWNERSHIP, "", "ownership", 1, "{\"claims\":\"enforced\"}");
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "blue", "young", NULL, NULL);
    fault_is(INTENT_ROUTE, "acme", "old", "Conflicted", "/hosts/0");
    fault_is(INTENT_ROUTE, "acme", "own", NULL, NULL);
    fault_is(INTENT_ROUTE, "acme", "stray", "NotClaimed", "/hosts/0");
    document_is(INTENT_ROUTE, "acme", "stray", "Accepted", false, "NotClaimed");
    fault_is(INTENT_TENANT, "", "blue", "Conflicted", "/hosts/1"); /* acme is older */
    assert_string_equal(plan_holder(plan, "q.x"), "acme");
    plan_delete(plan, INTENT_OWNERSHIP, "", "ownership");
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "acme", "stray", NULL, NULL);
    fault_is(INTENT_ROUTE, "blue", "young", "Conflicted", "/hosts/0");
}

static void what_a_switch_would_withdraw_is_listed(void **state)
{
    struct buf b;

    (void)state;
    put(INTENT_TENANT, "", "acme", 1, "{\"hosts\":[\"a.x\"]}");
    put(INTENT_ROUTE, "acme", "r", EARLY,
        "{\"cluster\":\"east\",\"hosts\":[\"b.x\",\"a.x\"],\"forward\":[{\"pool\":\"p\"}]}");
    fixture_settle(plan);
    buf_init(&b, 1000);
    plan_each_holding(plan, dump_holding, &b);
    assert_string_equal(b.bytes, "holds a.x acme 1\nholds b.x acme 0\n");
    buf_free(&b);
}

static void of_two_routes_for_the_same_requests_the_older_serves(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "old", EARLY, ROUTE("a.x"));
    put(INTENT_ROUTE, "acme", "young", LATE,
        "{\"cluster\":\"east\",\"hosts\":[\"a.x\"],\"path\":\"/\",\"forward\":[{\"pool\":\"q\"}]}");
    put(INTENT_ROUTE, "acme", "path", LATE,
        "{\"cluster\":\"east\",\"hosts\":[\"a.x\"],\"path\":\"/"
        "p\",\"forward\":[{\"pool\":\"q\"}]}");
    fixture_settle(plan);
    fault_is(INTENT_ROUTE, "acme", "young", "Conflicted", "/hosts/0");
    document_is(INTENT_ROUTE, "acme", "young", "Accepted", false, "OlderRoute");
    no_route("acme/young");
    route_has("acme/path", "/p");
    plan_delete(plan, INTENT_ROUTE, "acme", "old");
    fixture_settle(plan);
    route_has("acme/young", "a.x");
}

static void a_route_and_services_of_one_tenant_share_a_host_by_paths(void **state)
{
    (void)state;
    add_service("s1", "acme", "a.x", AT(3));
    add_service("s2", "acme", "a.x", AT(4));
    put(INTENT_ROUTE, "acme", "path", AT_MS(9),
        "{\"cluster\":\"east\",\"hosts\":[\"a.x\"],\"path\":\"/"
        "p\",\"forward\":[{\"pool\":\"q\"}]}");
    settle_view();
    route_has("host:a.x", "\"tenant\":\"acme\"");
    route_has("acme/path", "/p");
    put(INTENT_ROUTE, "acme", "all", AT_MS(1), ROUTE("a.x")); /* older than both */
    fixture_settle(plan);
    no_route("host:a.x");
    route_has("acme/all", "a.x");
    service_is("s1", "Accepted", false, "OlderRoute");
}

/* ---- whose a service is ---- */

static void selectors_say_whose_a_service_is(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "blue", 2,
        "{\"services\":{\"labels\":{\"stack\":\"acme\"},\"names\":[\"both-*\"]}}");
    add_service("both-1", "acme", "a.x", AT(1));
    add_service("one", "acme", "b.x", AT(1));
    add_service("other", "else", "c.x", AT(1));
    settle_view();
    service_is("both-1", "Accepted", false, "AmbiguousTenant");
    assert_string_equal(plan_service(plan, "one")->tenant, "acme");
    assert_string_equal(plan_service(plan, "other")->tenant, "default");
    assert_string_equal(plan_service(plan, "both-1")->tenant, "");
    route_has("one", "\"tenant\":\"acme\"");
}

static void the_label_only_narrows(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "blue", 2, "{\"services\":{\"names\":[\"both*\"]}}");
    add_service("both", "acme", "a.x", AT(1));
    fixture_label(&view, "tenant", " blue ");
    add_service("wrong", "acme", "b.x", AT(1));
    fixture_label(&view, "tenant", "blue");
    add_service("zero", NULL, "c.x", AT(1));
    fixture_label(&view, "tenant", "default");
    for (size_t i = 0; i < 3; i++) { /* sorted, as a view has them */
        struct view_service *s = &view.services[i];
        struct view_label last = s->labels[s->num_labels - 1];

        if (i == 2)
            continue;
        s->labels[s->num_labels - 1] = s->labels[s->num_labels - 2];
        s->labels[s->num_labels - 2] = last;
    }
    settle_view();
    assert_string_equal(plan_service(plan, "both")->tenant, "blue");
    service_is("wrong", "Accepted", false, "NotSelected");
    assert_string_equal(plan_service(plan, "zero")->tenant, "default");
    service_is("zero", "Accepted", true, "Accepted");
}

static void a_service_may_use_the_clusters_of_its_tenant_only(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "acme", 1,
        "{\"services\":{\"labels\":{\"stack\":\"acme\"}},\"clusters\":[\"west\"]}");
    add_service("s1", "acme", "a.x", AT(1));
    settle_view();
    service_is("s1", "Accepted", false, "NotAllowed");
    put(INTENT_CLUSTER, "", "west", 1, "{\"services\":{\"labels\":{\"stack\":\"acme\"}}}");
    fixture_settle(plan);
    service_is("s1", "Accepted", true, "Accepted");
    assert_string_equal(plan_service(plan, "s1")->cluster, "west");
}

/* ---- quotas ---- */

static void the_newest_beyond_a_quota_is_refused(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "acme", 1,
        "{\"services\":{\"labels\":{\"stack\":\"acme\"}},\"quotas\":{\"routes\":2,\"hosts\":2}}");
    put(INTENT_ROUTE, "acme", "r", AT_MS(5), ROUTE("c.x"));
    put(INTENT_ROUTE, "blue", "r", AT_MS(6), ROUTE("c.x"));
    add_service("s1", "acme", "a.x", AT(1));
    add_service("s2", "acme", "b.x,d.x", AT(2));
    add_service("s3", "acme", "a.x", AT(3));
    settle_view();
    service_is("s1", "Accepted", true, "Accepted");
    service_is("s2", "Accepted", false, "QuotaExceeded"); /* two hosts more: too many */
    service_is("s3", "Accepted", true, "Accepted");
    fault_is(INTENT_ROUTE, "acme", "r", "QuotaExceeded", "");
    assert_string_equal(plan_holder(plan, "c.x"), "blue"); /* what is refused holds nothing */
}

static void tasks_beyond_a_quota_get_no_requests(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "acme", 1,
        "{\"services\":{\"labels\":{\"stack\":\"acme\"}},\"quotas\":{\"endpoints\":3}}");
    add_service("s1", "acme", "a.x", AT(1));
    add_service("s2", "acme", "b.x", AT(2));
    fixture_task(&view, "t1", "s1", "net-a", "10.0.0.1");
    fixture_task(&view, "t2", "s1", "net-a", "10.0.0.2");
    fixture_task(&view, "t3", "s2", "net-a", "10.0.0.3");
    fixture_task(&view, "t4", "s2", "net-a", "10.0.0.4");
    put(INTENT_ENDPOINTS, "acme", "p", AT_MS(7),
        "{\"cluster\":\"east\",\"endpoints\":[{\"address\":\"192.0.2.1\",\"port\":80}]}");
    settle_view();
    assert_int_equal(plan_service(plan, "s1")->num_endpoints, 2);
    assert_int_equal(plan_service(plan, "s2")->num_endpoints, 1);
    service_is("s2", "ResolvedRefs", true, "QuotaExceeded");
    fault_is(INTENT_ENDPOINTS, "acme", "p", "QuotaExceeded", "");
    put(INTENT_TENANT, "", "acme", 1, "{\"services\":{\"labels\":{\"stack\":\"acme\"}}}");
    fixture_settle(plan);
    assert_int_equal(plan_service(plan, "s2")->num_endpoints, 2);
    fault_is(INTENT_ENDPOINTS, "acme", "p", NULL, NULL);
}

/* ---- pools that follow a service, pins, what is seen ---- */

static void a_pool_follows_the_tasks_of_its_tenants_service(void **state)
{
    const char **wanted;
    size_t num;

    (void)state;
    put(INTENT_POOL, "acme", "p", EARLY,
        "{\"cluster\":\"east\",\"service\":{\"name\":\"plain\",\"port\":81}}");
    put(INTENT_ENDPOINTS, "acme", "p", EARLY, "{\"cluster\":\"east\",\"endpoints\":[]}");
    put(INTENT_POOL, "blue", "p", EARLY,
        "{\"cluster\":\"east\",\"service\":{\"name\":\"plain\",\"port\":81}}");
    settle_view();
    document_is(INTENT_POOL, "acme", "p", "ResolvedRefs", false, "ServiceMissing");
    fault_is(INTENT_POOL, "acme", "p", NULL, NULL);
    fault_is(INTENT_ENDPOINTS, "acme", "p", "FollowsService", "");
    object_is("east", ROUTE_KIND_ENDPOINTS, "acme/p", "{\"endpoints\":[]}");
    wanted = plan_wanted(plan, &num);
    assert_int_equal(num, 1);
    assert_string_equal(wanted[0], "plain");
    free(wanted);

    fixture_service(&view, "plain", "plain", AT(1)); /* no label of ours */
    struct view_service *s = &view.services[0];

    *FIXTURE_GROW(s->labels, s->num_labels) =
        (struct view_label){xstrdup("stack"), xstrdup("acme")};
    fixture_attach(&view, "net-b");
    fixture_task(&view, "t1", "plain", "net-b", "10.0.0.9");
    plan_free(plan); /* the view was changed in place: from the start */
    plan = plan_new();
    plan_clusters(plan, clusters, 2, "east");
    put(INTENT_TENANT, "", "acme", 1, "{\"services\":{\"labels\":{\"stack\":\"acme\"}}}");
    put(INTENT_TENANT, "", "blue", 2, "{}");
    put(INTENT_POOL, "acme", "p", EARLY,
        "{\"cluster\":\"east\",\"service\":{\"name\":\"plain\",\"port\":81}}");
    put(INTENT_POOL, "blue", "p", EARLY,
        "{\"cluster\":\"east\",\"service\":{\"name\":\"plain\",\"port\":81}}");
    settle_view();
    object_is("east", ROUTE_KIND_ENDPOINTS, "acme/p",
              "{\"endpoints\":[{\"address\":\"10.0.0.9\",\"port\":81,\"weight\":1,\"task\":\"t1\","
              "\"node\":\"n1\"}]}");
    assert_null(plan_service(plan, "plain")); /* none of ours */
    /* Somebody else's is told in the words of one that is not there. */
    put(INTENT_POOL, "blue", "q", EARLY,
        "{\"cluster\":\"east\",\"service\":{\"name\":\"nowhere\",\"port\":81}}");
    fixture_settle(plan);
    for (const char *const *name = (const char *const[]){"p", "q", NULL}; *name != NULL; name++) {
        fault_is(INTENT_POOL, "blue", *name, NULL, NULL);
        document_is(INTENT_POOL, "blue", *name, "ResolvedRefs", false, "ServiceMissing");
    }
    object_is("east", ROUTE_KIND_ENDPOINTS, "blue/p", "{\"endpoints\":[]}");
}

static void a_pin_holds_the_labels_of_its_tenants_service(void **state)
{
    (void)state;
    add_service("s1", "acme", "a.x", AT(1));
    put(INTENT_PIN, "acme", "s1", LATE,
        "{\"commit\":812,\"labels\":{\"com.docker.lb.hosts\":\"old.x\","
        "\"com.docker.lb.port\":\"81\"}}");
    put(INTENT_PIN, "blue", "s1", LATE, "{\"commit\":1,\"labels\":{}}");
    settle_view();
    route_has("s1", "[\"old.x\"]");
    service_is("s1", "ResolvedRefs", true, "Pinned");
    fault_is(INTENT_PIN, "acme", "s1", NULL, NULL);
    fault_is(INTENT_PIN, "blue", "s1", NULL, NULL); /* somebody else's: as if it were not there */
    put(INTENT_PIN, "acme", "s1", LATE, "{\"commit\":811,\"labels\":{}}");
    fixture_settle(plan);
    no_route("s1");
    service_is("s1", "Accepted", false, "Pinned");
    plan_delete(plan, INTENT_PIN, "acme", "s1");
    fixture_settle(plan);
    route_has("s1", "[\"a.x\"]");
}

static void note_seen(void *arg, const struct plan_seen *s)
{
    ASSERT(buf_add_fmt(arg, "%s/%s=%s\n", s->tenant, s->service,
                       s->value != NULL ? s->value : "gone"));
}

static void seen(const char *want)
{
    struct buf b;

    buf_init(&b, 4000);
    plan_take_seen(plan, note_seen, &b);
    assert_string_equal(b.len > 0 ? b.bytes : "", want);
    buf_free(&b);
}

static void labels_are_told_once_for_history(void **state)
{
    (void)state;
    add_service("s1", "acme", "a.x", AT(1));
    settle_view();
    seen("acme/s1={\"labels\":{\"com.docker.lb.hosts\":\"a.x\",\"com.docker.lb.port\":\"80\"}}\n");
    seen("");
    put(INTENT_PIN, "acme", "s1", LATE, "{\"commit\":811,\"labels\":{}}");
    fixture_settle(plan);
    seen(""); /* its real labels are the same */
    put(INTENT_TENANT, "", "acme", 1, "{}");
    fixture_settle(plan);
    seen("acme/s1=gone\n"
         "default/"
         "s1={\"labels\":{\"com.docker.lb.hosts\":\"a.x\",\"com.docker.lb.port\":\"80\"}}\n");
}

static void what_is_stored_is_not_told_again(void **state)
{
    (void)state;
    put(INTENT_SERVICE, "acme", "s1", 1,
        "{\"labels\":{\"com.docker.lb.hosts\":\"a.x\",\"com.docker.lb.port\":\"80\"}}");
    put(INTENT_SERVICE, "acme", "s2", 1, "{\"labels\":{\"com.docker.lb.hosts\":\"b.x\"}}");
    add_service("s1", "acme", "a.x", AT(1));
    settle_view();
    seen("acme/s2=gone\n");
}

static void a_seen_document_is_one_that_can_be_read(void **state)
{
    char *big = xcalloc(1, 100000);

    (void)state;
    memset(big, '\1', 65000);
    add_service("s1", NULL, big, AT(1));
    for (unsigned i = 0; i < 300; i++) {
        char key[16];

        snprintf(key, sizeof(key), "x%03u", i);
        fixture_label(&view, key, i == 7 ? big : "v");
    }
    settle_view();
    struct buf b;
    struct errs e = {.num = 0};

    buf_init(&b, 1 << 20);
    plan_take_seen(plan, note_seen, &b);
    const char *value = strchr(b.bytes, '=') + 1;
    struct str text = {value, b.len - (size_t)(value - b.bytes) - 1};
    struct intent *i = intent_read(INTENT_SERVICE, "acme", "s1", 1, text, &e);

    if (i == NULL)
        fail_msg("%s %s", e.all[0].field, e.all[0].text);
    intent_free(i);
    buf_free(&b);
    free(big);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_route_a_pool_and_endpoints_become_objects),
        TEST(what_is_missing_is_a_condition_and_no_fault),
        TEST(a_cluster_or_a_tenant_that_is_not_there_is_a_fault),
        TEST(settings_and_quotas_of_tenants_go_into_tables),
        TEST(labelled_services_of_default_are_nobodys_until_it_has_quotas),
        TEST(the_oldest_has_the_host_in_all_clusters),
        TEST(a_wildcard_has_what_is_below_unless_that_is_older),
        TEST(the_default_backend_is_a_host_of_its_own),
        TEST(a_service_and_a_document_go_by_the_same_age),
        TEST(in_enforced_ownership_claims_decide),
        TEST(what_a_switch_would_withdraw_is_listed),
        TEST(of_two_routes_for_the_same_requests_the_older_serves),
        TEST(a_route_and_services_of_one_tenant_share_a_host_by_paths),
        TEST(selectors_say_whose_a_service_is),
        TEST(the_label_only_narrows),
        TEST(a_service_may_use_the_clusters_of_its_tenant_only),
        TEST(the_newest_beyond_a_quota_is_refused),
        TEST(tasks_beyond_a_quota_get_no_requests),
        TEST(a_pool_follows_the_tasks_of_its_tenants_service),
        TEST(a_pin_holds_the_labels_of_its_tenants_service),
        TEST(labels_are_told_once_for_history),
        TEST(what_is_stored_is_not_told_again),
        TEST(a_seen_document_is_one_that_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
