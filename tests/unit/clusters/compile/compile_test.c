/*
 * A swarm in, tables and conditions out. Numbers of scenarios are those of the list of Interlock's
 * behaviour that the labels follow.
 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/clock.h"
#include "tests/unit/clusters/compile/fixture.h"

static const char *const clusters[] = {"default", "east", "west"};

/* The view under test, its result; both released by teardown. */
static struct view view;
static struct compile_result *result;

static int setup(void **state)
{
    (void)state;
    fixture_network(&view, "net-a", "app", false);
    fixture_network(&view, "net-b", "stack_back", false);
    fixture_network(&view, "net-i", "ingress", true);
    fixture_node(&view, "n1", VIEW_NODE_READY);
    fixture_node(&view, "n2", VIEW_NODE_DOWN);
    fixture_node(&view, "n3", VIEW_NODE_UNKNOWN);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    compile_free(result);
    result = NULL;
    fixture_free(&view);
    return 0;
}

static void compile_with(const char *default_cluster)
{
    struct compile_input in = {&view, clusters, 3, default_cluster};

    compile_free(result);
    result = compile_run(&in);
}

static void compile(void)
{
    compile_with("default");
}

static const char *value_in(size_t cluster, enum route_kind kind, const char *name)
{
    const struct compile_cluster *c = &result->clusters[cluster];

    for (size_t i = 0; i < c->num_objects; i++)
        if (c->objects[i].kind == kind && strcmp(c->objects[i].name, name) == 0)
            return c->objects[i].value;
    return NULL;
}

static void value_is(enum route_kind kind, const char *name, const char *want)
{
    const char *got = value_in(0, kind, name);

    if (got == NULL)
        fail_msg("no %s %s", route_kind_name(kind), name);
    assert_string_equal(got, want);
}

static void route_is(const char *name, const char *hosts, const char *forward)
{
    char *want = xasprintf("{\"tenant\":\"\",\"hosts\":[%s],\"path\":\"/\",\"forward\":[%s]}",
                           hosts, forward);

    value_is(ROUTE_KIND_ROUTE, name, want);
    free(want);
}

static const struct compile_service *service(const char *name)
{
    for (size_t i = 0; i < result->num_services; i++)
        if (strcmp(result->services[i].name, name) == 0)
            return &result->services[i];
    fail_msg("no service %s", name);
    return NULL;
}

static const struct compile_condition *condition(const char *name, const char *reason)
{
    const struct compile_service *s = service(name);

    for (size_t i = 0; i < s->num_conditions; i++)
        if (strcmp(s->conditions[i].reason, reason) == 0)
            return &s->conditions[i];
    fail_msg("%s has no condition %s; the first is %s", name, reason, s->conditions[0].reason);
    return NULL;
}

/* The verdict, with its rules: first, and every Accepted of the service agrees with it. */
static bool accepted(const char *name)
{
    const struct compile_service *s = service(name);

    assert_true(s->num_conditions > 0);
    assert_string_equal(s->conditions[0].type, "Accepted");
    for (size_t i = 0; i < s->num_conditions; i++)
        if (strcmp(s->conditions[i].type, "Accepted") == 0)
            assert_int_equal(s->conditions[i].status, s->conditions[0].status);
    return s->conditions[0].status;
}

static void refused(const char *name, const char *reason, const char *label)
{
    assert_false(accepted(name));
    assert_string_equal(condition(name, reason)->label, label);
    for (size_t i = 0; i < result->num_clusters; i++)
        for (int k = 0; k < ROUTE_KIND__COUNT; k++)
            assert_null(value_in(i, (enum route_kind)k, name));
}

static void one_service_with_one_task_makes_three_objects(void **state)
{
    (void)state; /* scenario 1 */
    fixture_web(&view, "shop", "demo.local", "net-a");
    fixture_task(&view, "t1", "shop", "net-a", "10.0.1.5");
    compile();
    assert_true(accepted("shop"));
    assert_int_equal(result->clusters[0].num_objects, 3);
    assert_int_equal(result->clusters[1].num_objects, 0);
    route_is("shop", "\"demo.local\"", "{\"pool\":\"shop\",\"weight\":1}");
    value_is(ROUTE_KIND_POOL, "shop",
             "{\"tenant\":\"\",\"protocol\":\"http1\",\"balance\":\"round_robin\"}");
    value_is(ROUTE_KIND_ENDPOINTS, "shop",
             "{\"endpoints\":[{\"address\":\"10.0.1.5\",\"port\":8080,\"weight\":1,"
             "\"task\":\"t1\",\"node\":\"n1\"}]}");
    assert_string_equal(service("shop")->cluster, "default");
    assert_string_equal(service("shop")->id, "shop");
    assert_int_equal(service("shop")->num_endpoints, 1);
    assert_string_equal(service("shop")->hosts[0], "demo.local");
    assert_false(condition("shop", "NoConflict")->status);
    assert_true(condition("shop", "ResolvedRefs")->status);
}

static void nothing_in_gives_nothing_out(void **state)
{
    struct compile_input in = {&view, NULL, 0, NULL};

    (void)state; /* scenario 2 */
    compile();
    assert_int_equal(result->num_clusters, 3);
    assert_int_equal(result->num_services, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(result->clusters[i].num_objects, 0);
    compile_free(result);
    result = compile_run(&in);
    assert_int_equal(result->num_clusters, 0);
}

static void hosts_are_sorted_whatever_their_order_in_the_label(void **state)
{
    (void)state; /* scenarios 3, 4 and 5 */
    fixture_web(&view, "shop", "c.x, A.x,b.x", "net-a");
    compile();
    route_is("shop", "\"a.x\",\"b.x\",\"c.x\"", "{\"pool\":\"shop\",\"weight\":1}");
    assert_string_equal(service("shop")->hosts[0], "c.x");
}

static void a_service_without_labels_takes_no_part(void **state)
{
    (void)state; /* scenarios 10 and 11 */
    fixture_service(&view, "db", "db", "1");
    fixture_attach(&view, "net-a");
    fixture_task(&view, "t1", "db", "net-a", "10.0.1.5");
    compile();
    assert_int_equal(result->num_services, 0);
    assert_int_equal(result->clusters[0].num_objects, 0);
}

static void only_tasks_that_run_and_shall_run_take_requests(void **state)
{
    (void)state; /* scenarios 6, 7, 13 and 14 */
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_task(&view, "t1", "shop", "net-a", "10.0.1.1");
    fixture_task(&view, "t2", "shop", "net-a", "10.0.1.2")->state = VIEW_TASK_BEFORE_RUNNING;
    fixture_task(&view, "t3", "shop", "net-a", "10.0.1.3")->state = VIEW_TASK_ENDED;
    fixture_task(&view, "t4", "shop", "net-a", "10.0.1.4")->desired_running = false;
    fixture_task(&view, "t5", "shop", "net-a", "10.0.1.5")->node_id = "n2";
    fixture_task(&view, "t6", "shop", "net-a", "10.0.1.6")->node_id = "n3";
    fixture_task(&view, "t7", "shop", "net-a", "10.0.1.7")->node_id = "gone";
    fixture_task(&view, "t8", "nobody", "net-a", "10.0.1.8");
    compile();
    value_is(
        ROUTE_KIND_ENDPOINTS, "shop",
        "{\"endpoints\":["
        "{\"address\":\"10.0.1.1\",\"port\":8080,\"weight\":1,\"task\":\"t1\",\"node\":\"n1\"},"
        "{\"address\":\"10.0.1.6\",\"port\":8080,\"weight\":1,\"task\":\"t6\",\"node\":\"n3\"},"
        "{\"address\":\"10.0.1.7\",\"port\":8080,\"weight\":1,\"task\":\"t7\",\"node\":\"gone\"}"
        "]}");
    assert_int_equal(service("shop")->num_endpoints, 3);
}

static void a_service_without_tasks_keeps_its_route(void **state)
{
    (void)state; /* scenario 15 */
    fixture_web(&view, "empty", "a.x", "net-a");
    fixture_web(&view, "shop", "b.x", "net-a");
    fixture_task(&view, "t1", "shop", "net-a", "10.0.1.1");
    compile();
    assert_true(accepted("empty"));
    route_is("empty", "\"a.x\"", "{\"pool\":\"empty\",\"weight\":1}");
    value_is(ROUTE_KIND_ENDPOINTS, "empty", "{\"endpoints\":[]}");
    assert_non_null(strstr(condition("empty", "NoEndpoints")->message, "503"));
    assert_int_equal(service("shop")->num_endpoints, 1);
}

static void without_a_label_the_only_network_is_taken(void **state)
{
    (void)state; /* scenario 16; the mesh's own network does not count */
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_attach(&view, "net-i");
    fixture_task(&view, "t1", "shop", "net-i", "10.255.0.9");
    fixture_task_attach(&view, "net-a", "10.0.1.5");
    compile();
    assert_true(accepted("shop"));
    assert_non_null(strstr(value_in(0, ROUTE_KIND_ENDPOINTS, "shop"), "\"10.0.1.5\""));
}

static void with_two_networks_the_label_chooses(void **state)
{
    (void)state; /* scenarios 17 and 20 */
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_attach(&view, "net-b");
    fixture_label(&view, "network", "stack_back");
    fixture_task(&view, "t1", "shop", "net-a", "10.0.1.5");
    fixture_task_attach(&view, "net-b", "10.0.2.5");
    compile();
    assert_true(accepted("shop"));
    assert_non_null(strstr(value_in(0, ROUTE_KIND_ENDPOINTS, "shop"), "\"10.0.2.5\""));
    assert_null(strstr(value_in(0, ROUTE_KIND_ENDPOINTS, "shop"), "\"10.0.1.5\""));
}

static void a_network_may_be_named_by_its_id(void **state)
{
    (void)state;
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_attach(&view, "net-b");
    fixture_label(&view, "network", "net-b");
    compile();
    assert_true(accepted("shop"));
}

static void with_two_networks_and_no_label_it_is_refused(void **state)
{
    (void)state; /* scenario 18 */
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_attach(&view, "net-b");
    compile();
    refused("shop", "SeveralNetworks", LABELS_NETWORK);
    assert_non_null(strstr(condition("shop", "SeveralNetworks")->message, "app, stack_back"));
}

static void one_network_and_a_wrong_name_fall_back(void **state)
{
    (void)state; /* scenarios 19 and 20 */
    fixture_web(&view, "s1", "a.x", "net-b");
    fixture_label(&view, "network", "back");
    fixture_web(&view, "s2", "b.x", "net-b");
    fixture_label(&view, "network", "app");
    fixture_task(&view, "t1", "s1", "net-b", "10.0.2.5");
    compile();
    assert_true(accepted("s1"));
    assert_true(accepted("s2"));
    assert_int_equal(service("s1")->num_endpoints, 1);
    const struct compile_condition *c = condition("s1", "NetworkFallback");

    assert_string_equal(c->type, "ResolvedRefs");
    assert_true(c->status);
    assert_string_equal(c->label, LABELS_NETWORK);
    assert_string_equal(c->value, "back");
    assert_non_null(strstr(c->message, "no such network"));
    assert_non_null(strstr(c->message, "stack_back"));
    assert_non_null(strstr(condition("s2", "NetworkFallback")->message, "not attached"));
}

static void several_networks_and_a_wrong_name_are_refused(void **state)
{
    (void)state;
    fixture_network(&view, "net-z", "other", false);
    fixture_web(&view, "s1", "a.x", "net-a");
    fixture_attach(&view, "net-b");
    fixture_label(&view, "network", "nowhere");
    fixture_web(&view, "s2", "b.x", "net-a");
    fixture_attach(&view, "net-b");
    fixture_label(&view, "network", "other");
    compile();
    refused("s1", "UnknownNetwork", LABELS_NETWORK);
    refused("s2", "NetworkNotAttached", LABELS_NETWORK);
    assert_string_equal(condition("s2", "NetworkNotAttached")->value, "other");
}

static void no_network_at_all_is_refused(void **state)
{
    (void)state;
    fixture_web(&view, "shop", "a.x", "net-i");
    compile();
    refused("shop", "NoNetwork", LABELS_NETWORK);
}

static void a_network_that_the_list_lacks_is_still_a_network(void **state)
{
    (void)state; /* made between two reads */
    fixture_web(&view, "shop", "a.x", "net-new");
    fixture_task(&view, "t1", "shop", "net-new", "10.0.9.5");
    compile();
    assert_true(accepted("shop"));
    assert_int_equal(service("shop")->num_endpoints, 1);
}

static void tasks_that_cannot_be_endpoints_are_left_out_and_told(void **state)
{
    (void)state;
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_task(&view, "t1", "shop", "net-a", "10.0.1.5");
    fixture_task(&view, "t2", "shop", "net-b", "10.0.2.5");
    fixture_task(&view, "t3", "shop", "net-a", "");
    fixture_task(&view, "t4", "shop", "net-a", "not-an-address");
    fixture_task(&view, "t5", "shop", "net-a", "fd00::5");
    fixture_task(&view, "t6", "shop", "net-a", "10.0.1.5"); /* Swarm's IPAM has done that */
    fixture_task(&view, "t7", "shop", "net-a", "FD00:0::5");
    compile();
    assert_int_equal(service("shop")->num_endpoints, 2);
    assert_non_null(strstr(condition("shop", "TasksElsewhere")->message, "3 running tasks"));
    assert_non_null(strstr(condition("shop", "SameAddress")->message, "2 running tasks"));
    assert_non_null(strstr(value_in(0, ROUTE_KIND_ENDPOINTS, "shop"), "\"fd00::5\""));
}

static void a_wrong_port_hurts_only_its_own_service(void **state)
{
    static const char *const wrong[] = {"abc", "0", "70000", "", "80;}"};
    static char *const names[] = {"s0", "s1", "s2", "s3", "s4"};

    (void)state; /* scenario 22 */
    for (size_t i = 0; i < 5; i++) {
        fixture_service(&view, names[i], names[i], "1");
        fixture_label(&view, "hosts", "same.x");
        fixture_label(&view, "port", wrong[i]);
        fixture_attach(&view, "net-a");
    }
    fixture_web(&view, "web", "same.x", "net-a");
    compile();
    for (size_t i = 0; i < 5; i++)
        refused(names[i], "InvalidPort", LABELS_PORT);
    assert_true(accepted("web"));
    route_is("web", "\"same.x\"", "{\"pool\":\"web\",\"weight\":1}");
    assert_int_equal(result->clusters[0].num_objects, 3);
}

static void hostile_labels_inject_nothing(void **state)
{
    (void)state; /* scenario 95 */
    fixture_web(&view, "s1", "a;}evil{", "net-a");
    fixture_web(&view, "s2", "a.x\",\"evil.x", "net-a");
    fixture_web(&view, "s3", "good.x,a\nb", "net-a");
    compile();
    refused("s1", "InvalidHost", LABELS_HOSTS);
    refused("s2", "InvalidHost", LABELS_HOSTS);
    assert_true(accepted("s3"));
    route_is("s3", "\"good.x\"", "{\"pool\":\"s3\",\"weight\":1}");
    assert_string_equal(condition("s3", "InvalidHost")->value, "a\\x0ab");
}

static void each_cluster_gets_its_own_services_only(void **state)
{
    (void)state;
    fixture_web(&view, "s1", "shop.x", "net-a");
    fixture_label(&view, "service_cluster", "east");
    fixture_web(&view, "s2", "shop.x", "net-a");
    fixture_label(&view, "service_cluster", "west");
    compile();
    assert_int_equal(result->clusters[0].num_objects, 0);
    assert_non_null(value_in(1, ROUTE_KIND_ROUTE, "s1"));
    assert_null(value_in(1, ROUTE_KIND_ROUTE, "s2"));
    assert_non_null(value_in(2, ROUTE_KIND_ROUTE, "s2"));
    assert_int_equal(result->clusters[1].num_objects, 3);
    assert_string_equal(service("s2")->cluster, "west");
    assert_non_null(condition("s1", "NoConflict")); /* the same host in another cluster is none */
}

static void an_unknown_cluster_is_routed_nowhere(void **state)
{
    (void)state;
    fixture_web(&view, "s1", "a.x", "net-a");
    fixture_label(&view, "service_cluster", "north");
    compile();
    refused("s1", "UnknownCluster", LABELS_SERVICE_CLUSTER);
    assert_string_equal(service("s1")->cluster, "");
    assert_string_equal(condition("s1", "UnknownCluster")->value, "north");
}

static void without_a_default_cluster_the_label_is_needed(void **state)
{
    (void)state;
    fixture_web(&view, "s1", "a.x", "net-a");
    compile_with(NULL);
    refused("s1", "NoCluster", LABELS_SERVICE_CLUSTER);
}

static void a_shared_host_is_split_by_running_tasks(void **state)
{
    (void)state; /* scenario 25 */
    fixture_web(&view, "v1", "shop.x,v1.x", "net-a");
    fixture_web(&view, "v2", "shop.x", "net-a");
    fixture_task(&view, "t1", "v1", "net-a", "10.0.1.1");
    fixture_task(&view, "t2", "v1", "net-a", "10.0.1.2");
    fixture_task(&view, "t3", "v1", "net-a", "10.0.1.3");
    fixture_task(&view, "t4", "v1", "net-a", "10.0.1.4");
    fixture_task(&view, "t5", "v2", "net-a", "10.0.1.5");
    compile();
    route_is("host:shop.x", "\"shop.x\"",
             "{\"pool\":\"v1\",\"weight\":4},{\"pool\":\"v2\",\"weight\":1}");
    route_is("v1", "\"v1.x\"", "{\"pool\":\"v1\",\"weight\":1}");
    assert_null(value_in(0, ROUTE_KIND_ROUTE, "v2"));
    assert_non_null(value_in(0, ROUTE_KIND_POOL, "v2"));
    const struct compile_condition *c = condition("v2", "SharedHost");

    assert_string_equal(c->type, "Conflicted");
    assert_false(c->status);
    assert_non_null(strstr(c->message, "service v1;")); /* scenario 29: named on both sides */
    assert_non_null(strstr(condition("v1", "SharedHost")->message, "service v2;"));
}

static void a_shared_service_without_tasks_weighs_nothing(void **state)
{
    (void)state; /* scenario 26 */
    fixture_web(&view, "v1", "shop.x", "net-a");
    fixture_web(&view, "v2", "shop.x", "net-a");
    compile();
    route_is("host:shop.x", "\"shop.x\"",
             "{\"pool\":\"v1\",\"weight\":1},{\"pool\":\"v2\",\"weight\":1}");
    fixture_task(&view, "t1", "v2", "net-a", "10.0.1.5");
    compile();
    route_is("host:shop.x", "\"shop.x\"",
             "{\"pool\":\"v1\",\"weight\":0},{\"pool\":\"v2\",\"weight\":1}");
}

static void the_oldest_service_comes_first(void **state)
{
    static char *const created[] = {"2026-01-01T00:00:00.12Z", "2026-01-01T00:00:00.123Z",
                                    "2026-01-01T00:00:00Z", "2025-12-31T23:59:59.999999999Z",
                                    "2026-01-01T00:00:00.12Z"};
    static char *const names[] = {"s0", "s1", "s2", "s3", "s4"};

    (void)state; /* scenario 28: deterministic, by age, then id */
    for (size_t i = 0; i < 5; i++) {
        fixture_web(&view, names[i], "shop.x", "net-a");
        view.services[i].created_at = created[i];
    }
    compile();
    route_is("host:shop.x", "\"shop.x\"",
             "{\"pool\":\"s3\",\"weight\":1},{\"pool\":\"s2\",\"weight\":1},"
             "{\"pool\":\"s0\",\"weight\":1},{\"pool\":\"s4\",\"weight\":1},"
             "{\"pool\":\"s1\",\"weight\":1}");
    assert_non_null(strstr(condition("s0", "SharedHost")->message, "s3 and 3 more"));
    assert_non_null(strstr(condition("s3", "SharedHost")->message, "s2 and 3 more"));
}

static void a_refused_service_does_not_share(void **state)
{
    (void)state;
    fixture_web(&view, "v1", "shop.x", "net-a");
    fixture_web(&view, "v2", "shop.x", "net-i");
    compile();
    route_is("v1", "\"shop.x\"", "{\"pool\":\"v1\",\"weight\":1}");
    assert_null(value_in(0, ROUTE_KIND_ROUTE, "host:shop.x"));
}

static void more_services_than_a_host_can_have_are_told(void **state)
{
    char ids[ROUTE_FORWARD_MAX + 2][8];

    (void)state;
    for (unsigned i = 0; i < ROUTE_FORWARD_MAX + 2; i++) {
        snprintf(ids[i], sizeof(ids[i]), "s%03u", i % 1000);
        fixture_web(&view, ids[i], "shop.x", "net-a");
    }
    compile();
    assert_true(accepted("s065"));
    assert_true(condition("s065", "TooManyServices")->status);
    assert_string_equal(condition("s064", "TooManyServices")->type, "Conflicted");
    assert_non_null(strstr(condition("s063", "SharedHost")->message, "s000 and 62 more"));
    assert_null(strstr(value_in(0, ROUTE_KIND_ROUTE, "host:shop.x"), "s064"));
    assert_null(value_in(0, ROUTE_KIND_ROUTE, "s065"));
}

static void more_tasks_than_a_pool_can_have_are_told(void **state)
{
    char(*ids)[8] = xcalloc(ROUTE_ENDPOINTS_MAX + 5, sizeof(*ids));
    char(*addresses)[16] = xcalloc(ROUTE_ENDPOINTS_MAX + 5, sizeof(*addresses));

    (void)state;
    fixture_web(&view, "big", "a.x", "net-a");
    for (unsigned i = 0; i < ROUTE_ENDPOINTS_MAX + 5; i++) {
        snprintf(ids[i], sizeof(ids[i]), "t%05u", i % 100000);
        snprintf(addresses[i], sizeof(addresses[i]), "10.0.%u.%u", i / 256 % 256, i % 256);
        fixture_task(&view, ids[i], "big", "net-a", addresses[i]);
    }
    compile();
    assert_int_equal(service("big")->num_endpoints, ROUTE_ENDPOINTS_MAX);
    assert_non_null(strstr(condition("big", "TooManyEndpoints")->message, " 5 more"));
    free(ids);
    free(addresses);
}

static void names_that_cannot_be_names_of_objects_are_refused(void **state)
{
    char long_name[300];
    char *names[] = {"", "host:a.x", "a b", "a\"b", long_name};
    static char *const ids[] = {"s0", "s1", "s2", "s3", "s4"};

    (void)state;
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    for (size_t i = 0; i < 5; i++) {
        fixture_web(&view, ids[i], "a.x", "net-a");
        view.services[i].name = names[i];
    }
    compile();
    assert_int_equal(result->num_services, 5);
    assert_int_equal(result->clusters[0].num_objects, 0);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(result->services[i].conditions[0].reason, "InvalidName");
}

static void two_services_of_one_name_are_one_and_a_refusal(void **state)
{
    (void)state; /* Swarm forbids it; two reads could still show it */
    fixture_web(&view, "s1", "a.x", "net-a");
    fixture_web(&view, "s2", "b.x", "net-a");
    view.services[1].name = "s1";
    compile();
    assert_int_equal(result->clusters[0].num_objects, 3);
    route_is("s1", "\"a.x\"", "{\"pool\":\"s1\",\"weight\":1}");
    assert_string_equal(result->services[1].conditions[0].reason, "DuplicateName");
    assert_false(result->services[1].conditions[0].status);
}

static void labels_not_built_yet_are_noted_on_an_accepted_service(void **state)
{
    (void)state;
    fixture_web(&view, "shop", "a.x", "net-a");
    fixture_label(&view, "context_root", "/app");
    fixture_label(&view, "netwrok", "app");
    compile();
    assert_true(accepted("shop"));
    assert_string_equal(service("shop")->conditions[0].reason, "Accepted");
    assert_string_equal(condition("shop", "Unsupported")->label, LABELS_PREFIX "context_root");
    assert_non_null(strstr(condition("shop", "UnknownLabel")->message, LABELS_NETWORK));
}

static void add_everything(struct buf *b)
{
    for (size_t i = 0; i < result->num_clusters; i++)
        for (size_t k = 0; k < result->clusters[i].num_objects; k++) {
            const struct compile_object *o = &result->clusters[i].objects[k];

            assert_true(buf_add_fmt(b, "%d %s %s\n", (int)o->kind, o->name, o->value));
        }
    for (size_t i = 0; i < result->num_services; i++)
        for (size_t k = 0; k < result->services[i].num_conditions; k++) {
            const struct compile_condition *c = &result->services[i].conditions[k];

            assert_true(buf_add_fmt(b, "%s %d %s %s\n", c->type, c->status, c->reason, c->message));
        }
}

static void the_same_input_gives_the_same_bytes(void **state)
{
    struct buf first;
    struct buf second;

    (void)state;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    fixture_web(&view, "s1", "a.x,b.x,c.x,d.x,e.x,f.x", "net-a");
    fixture_web(&view, "s2", "f.x,e.x,d.x,g.x", "net-a");
    fixture_web(&view, "s3", "g.x,a.x,bad host", "net-a");
    fixture_task(&view, "t1", "s1", "net-a", "10.0.1.5");
    compile();
    add_everything(&first);
    compile();
    add_everything(&second);
    assert_string_equal(first.bytes, second.bytes);
    buf_free(&first);
    buf_free(&second);
}

static void objects_are_sorted_by_kind_then_name(void **state)
{
    (void)state;
    fixture_web(&view, "s1", "a.x,b.x", "net-a");
    fixture_web(&view, "s2", "a.x,c.x", "net-a");
    compile();
    const struct compile_cluster *c = &result->clusters[0];

    assert_int_equal(c->num_objects, 7);
    for (size_t i = 1; i < c->num_objects; i++) {
        const struct compile_object *a = &c->objects[i - 1];
        const struct compile_object *b = &c->objects[i];

        assert_true(a->kind < b->kind || (a->kind == b->kind && strcmp(a->name, b->name) < 0));
    }
}

enum { MANY_SERVICES = 10000, TASKS_EACH = 5 };

/* Ids and hosts of a big swarm; every tenth service shares its host with the one before. */
static void add_many(char (*ids)[16], char (*task_ids)[16])
{
    char host[32];

    for (unsigned i = 0; i < MANY_SERVICES; i++) {
        snprintf(ids[i], sizeof(ids[i]), "s%05u", i % 100000);
        snprintf(host, sizeof(host), "h%u.x", i % 10 == 0 && i > 0 ? i - 1 : i);
        fixture_web(&view, ids[i], host, "net-a");
        for (unsigned k = 0; k < TASKS_EACH; k++) {
            char *id = task_ids[i * TASKS_EACH + k];

            snprintf(id, 16, "t%05u-%u", i % 100000, k % 10);
            fixture_task(&view, id, ids[i], "net-a", "10.0.1.5");
        }
    }
}

static void ten_thousand_services_are_compiled_quickly(void **state)
{
    char(*ids)[16] = xcalloc(MANY_SERVICES, sizeof(*ids));
    char(*task_ids)[16] = xcalloc((size_t)MANY_SERVICES * TASKS_EACH, sizeof(*task_ids));

    (void)state;
    add_many(ids, task_ids);
    int64_t begin = clock_mono_ms();

    compile();
    int64_t took = clock_mono_ms() - begin;

    print_message("10,000 services and 50,000 tasks in %lld ms\n", (long long)took);
    assert_int_equal(result->num_services, MANY_SERVICES);
    assert_int_equal(result->clusters[0].num_objects, 3 * MANY_SERVICES - 999);
    assert_true(took < 5000); /* sanitizers and a busy machine; 10 times less is normal */
    free(ids);
    free(task_ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(one_service_with_one_task_makes_three_objects),
        TEST(nothing_in_gives_nothing_out),
        TEST(hosts_are_sorted_whatever_their_order_in_the_label),
        TEST(a_service_without_labels_takes_no_part),
        TEST(only_tasks_that_run_and_shall_run_take_requests),
        TEST(a_service_without_tasks_keeps_its_route),
        TEST(without_a_label_the_only_network_is_taken),
        TEST(with_two_networks_the_label_chooses),
        TEST(a_network_may_be_named_by_its_id),
        TEST(with_two_networks_and_no_label_it_is_refused),
        TEST(one_network_and_a_wrong_name_fall_back),
        TEST(several_networks_and_a_wrong_name_are_refused),
        TEST(no_network_at_all_is_refused),
        TEST(a_network_that_the_list_lacks_is_still_a_network),
        TEST(tasks_that_cannot_be_endpoints_are_left_out_and_told),
        TEST(a_wrong_port_hurts_only_its_own_service),
        TEST(hostile_labels_inject_nothing),
        TEST(each_cluster_gets_its_own_services_only),
        TEST(an_unknown_cluster_is_routed_nowhere),
        TEST(without_a_default_cluster_the_label_is_needed),
        TEST(a_shared_host_is_split_by_running_tasks),
        TEST(a_shared_service_without_tasks_weighs_nothing),
        TEST(the_oldest_service_comes_first),
        TEST(a_refused_service_does_not_share),
        TEST(more_services_than_a_host_can_have_are_told),
        TEST(more_tasks_than_a_pool_can_have_are_told),
        TEST(names_that_cannot_be_names_of_objects_are_refused),
        TEST(two_services_of_one_name_are_one_and_a_refusal),
        TEST(labels_not_built_yet_are_noted_on_an_accepted_service),
        TEST(the_same_input_gives_the_same_bytes),
        TEST(objects_are_sorted_by_kind_then_name),
        TEST(ten_thousand_services_are_compiled_quickly),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
