/* Where guards stand: before hosts that somebody has, in clusters where another would take them. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/clusters/compile/plan_fixture.h"

#define IN(cluster, host) \
    "{\"cluster\":\"" cluster "\",\"hosts\":[\"" host "\"],\"forward\":[{\"pool\":\"p\"}]}"
#define ROUTE(host) IN("east", host)
#define IN_WEST(host) IN("west", host)

enum { EARLY = 1000, LATE = 2000 };

static struct plan *plan;

static int setup(void **state)
{
    static const char *const clusters[] = {"east", "west"};

    (void)state;
    plan = plan_new();
    plan_clusters(plan, clusters, 2, "east");
    fixture_put(plan, INTENT_TENANT, "", "acme", 1, "{}");
    fixture_put(plan, INTENT_TENANT, "", "blue", 2, "{}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_free(plan);
    return 0;
}

static void put(enum intent_kind kind, const char *tenant, const char *name, int64_t created_ms,
                const char *json)
{
    fixture_put(plan, kind, tenant, name, created_ms, json);
}

static void guard_is(const char *cluster, const char *host, bool there)
{
    char *name = xasprintf(PLAN_GUARD "%s", host);
    char *want = xasprintf("{\"tenant\":\"\",\"hosts\":[\"%s\"],\"path\":\"/\",\"respond\":{"
                           "\"status\":503,\"body\":\"no service answers for this host\\n\"}}",
                           host);
    const char *got = plan_object(plan, cluster, ROUTE_KIND_ROUTE, name);

    assert_true(plan_is_guard(name));
    if (there && got != NULL)
        assert_string_equal(got, want);
    if (there != (got != NULL))
        fail_msg("%s is %s", name, got != NULL ? "there" : "not there");
    free(name);
    free(want);
}

static void a_wildcard_takes_no_host_that_another_has_elsewhere(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "shop", EARLY, ROUTE("a.shop.example"));
    put(INTENT_ROUTE, "blue", "all", LATE, IN_WEST("*.example"));
    fixture_settle(plan);
    guard_is("west", "a.shop.example", true);
    guard_is("east", "a.shop.example", false);
    put(INTENT_ROUTE, "acme", "rest", LATE, IN_WEST("*.shop.example")); /* nearer, and its own */
    fixture_settle(plan);
    guard_is("west", "a.shop.example", false);
    plan_delete(plan, INTENT_ROUTE, "acme", "rest");
    put(INTENT_ROUTE, "acme", "too", LATE, IN_WEST("a.shop.example")); /* served there as well */
    fixture_settle(plan);
    guard_is("west", "a.shop.example", false);
    plan_delete(plan, INTENT_ROUTE, "acme", "too");
    fixture_settle(plan);
    guard_is("west", "a.shop.example", true);
    plan_delete(plan, INTENT_ROUTE, "acme", "shop"); /* nobody has it any more */
    fixture_settle(plan);
    guard_is("west", "a.shop.example", false);
}

static void the_default_backend_takes_no_host_that_another_has(void **state)
{
    (void)state;
    put(INTENT_ROUTE, "acme", "exact", EARLY, ROUTE("a.example"));
    put(INTENT_ROUTE, "acme", "wild", EARLY, ROUTE("*.b.example"));
    put(INTENT_ROUTE, "blue", "rest", LATE, IN_WEST("*"));
    fixture_settle(plan);
    guard_is("west", "a.example", true);
    guard_is("west", "*.b.example", true);
    put(INTENT_ROUTE, "acme", "all", EARLY, IN_WEST("*")); /* the older one: now it is acme's */
    fixture_settle(plan);
    guard_is("west", "a.example", false);
    guard_is("west", "*.b.example", false);
}

static void a_claim_is_guarded_where_claims_decide(void **state)
{
    (void)state;
    put(INTENT_TENANT, "", "acme", 1, "{\"hosts\":[\"a.example\"]}");
    put(INTENT_TENANT, "", "blue", 2, "{\"hosts\":[\"*.example\"]}");
    put(INTENT_ROUTE, "blue", "all", EARLY, IN_WEST("*.example"));
    fixture_settle(plan);
    guard_is("west", "a.example", false);
    put(INTENT_OWNERSHIP, "", "ownership", 3, "{\"claims\":\"enforced\"}");
    fixture_settle(plan);
    guard_is("west", "a.example", true);
    put(INTENT_TENANT, "", "acme", 1, "{\"hosts\":[\"b.example\"]}");
    fixture_settle(plan);
    guard_is("west", "a.example", false);
    guard_is("west", "b.example", true);
    put(INTENT_OWNERSHIP, "", "ownership", 3, "{\"claims\":\"open\"}");
    fixture_settle(plan);
    guard_is("west", "b.example", false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wildcard_takes_no_host_that_another_has_elsewhere),
        TEST(the_default_backend_takes_no_host_that_another_has),
        TEST(a_claim_is_guarded_where_claims_decide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
