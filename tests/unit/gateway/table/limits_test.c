/* What a version says of limits: specs of pools, tenants, and gauges that live on by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/table/pools.h"
#include "gateway/table/routes.h"
#include "gateway/table/tenants.h"

static struct pools pools;
static struct routes routes;
static struct tenants tenants;
static uint32_t round_no;

static int setup(void **state)
{
    (void)state;
    round_no = 1;
    pools_init(&pools);
    routes_init(&routes);
    tenants_init(&tenants);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pools_free(&pools);
    routes_free(&routes);
    tenants_free(&tenants);
    return 0;
}

/* in_flight 0: without limits. The number is the fingerprint, too. */
static void declare_pool(const char *name, uint32_t in_flight)
{
    struct route_pool *pool = xcalloc(1, sizeof(*pool));

    pool->tenant = xstrdup("");
    if (in_flight != 0) {
        pool->limits = xcalloc(1, sizeof(*pool->limits));
        pool->limits->in_flight = in_flight;
    }
    struct version_spec *spec = version_spec_new(pool, in_flight);

    pools_declare(&pools, str_from(name), spec, round_no);
    version_spec_unref(spec);
}

static void set_endpoint(const char *name, const char *address)
{
    struct route_endpoint one = {.address = xstrdup(address), .port = 80, .weight = 1};
    struct route_endpoints all = {&one, 1};
    struct table_pool *draft = pools_draft(name, &all);

    pools_set_endpoints(&pools, draft, 1, round_no);
    version_pool_unref(draft);
    free(one.address);
}

static const struct table_pool *finish_pools(const char *name)
{
    pools_clear_changes(&pools);
    pools_finish(&pools, round_no++);
    return trie_get(&pools.trie, str_from(name));
}

static void a_pool_whose_spec_changes_keeps_its_endpoints(void **state)
{
    (void)state;
    declare_pool("p", 0);
    set_endpoint("p", "10.0.0.1");
    uint32_t id = finish_pools("p")->all[0].id;

    declare_pool("p", 7);
    const struct table_pool *p = finish_pools("p");

    assert_int_equal(p->spec->limits->in_flight, 7);
    assert_int_equal(p->all[0].id, id);
    assert_int_equal(p->num_live, 1);
    assert_int_equal(pools.delta->num, 1);
    assert_null(pools.delta->all[0].before->spec->limits);
    assert_ptr_equal(pools.delta->all[0].after, p);
    declare_pool("p", 7);
    assert_ptr_equal(finish_pools("p"), p);
    assert_int_equal(pools.delta->num, 0);
}

static void pools_that_say_the_same_share_it(void **state)
{
    (void)state;
    declare_pool("p", 0);
    declare_pool("q", 0);
    declare_pool("r", POOLS_SPECS); /* remembered in the same place */
    declare_pool("s", 0);
    const struct table_pool *p = finish_pools("p");

    round_no--;
    assert_ptr_equal(p->spec, finish_pools("q")->spec);
    assert_int_equal(finish_pools("r")->spec->limits->in_flight, POOLS_SPECS);
    assert_null(finish_pools("s")->spec->limits);
}

static void a_pool_keeps_its_gauge_while_its_limits_change(void **state)
{
    (void)state;
    declare_pool("p", 0);
    assert_null(finish_pools("p")->gauge);
    declare_pool("p", 1);
    struct table_gauge *g = finish_pools("p")->gauge;

    assert_non_null(g);
    atomic_store(&g->in_flight, 5);
    declare_pool("p", 0);
    assert_null(finish_pools("p")->gauge);
    declare_pool("p", 2);
    set_endpoint("p", "10.0.0.1");
    assert_ptr_equal(finish_pools("p")->gauge, g);
    assert_int_equal(atomic_load(&g->in_flight), 5);
}

static void who_counts_may_outlive_the_pool(void **state)
{
    (void)state;
    declare_pool("p", 1);
    struct table_gauge *g = table_gauge_ref(finish_pools("p")->gauge);

    pools_delete(&pools, STR("p"), false);
    assert_null(finish_pools("p"));
    declare_pool("p", 1);
    assert_ptr_not_equal(finish_pools("p")->gauge, g);
    atomic_fetch_sub(&g->in_flight, 1); /* the last one: its memory is still there */
    table_gauge_unref(&g);
    assert_null(g);
}

static void set_route(uint32_t in_flight, int64_t body_bytes)
{
    struct route *route = xcalloc(1, sizeof(*route));

    route->hosts = xcalloc(1, sizeof(*route->hosts));
    route->hosts[0] = xstrdup("h");
    route->num_hosts = 1;
    route->path = xstrdup("/");
    route->limits = xcalloc(1, sizeof(*route->limits));
    route->limits->in_flight = in_flight;
    route->limits->body_bytes = body_bytes;
    struct version_route *r = version_route_new("r", route);

    routes_set(&routes, r, in_flight + (uint64_t)body_bytes, round_no);
    version_route_unref(r);
}

static const struct table_route *route_in_force(void)
{
    const struct hosts_node *h = hosts_find(&routes.hosts, STR("h"));

    assert_non_null(h);
    return &line_at(h->prefix, 0)->pub;
}

static void a_route_keeps_its_gauge_and_needs_none_for_a_body(void **state)
{
    (void)state;
    set_route(0, 100);
    assert_null(route_in_force()->gauge);
    set_route(1, 100);
    struct table_gauge *g = route_in_force()->gauge;

    assert_non_null(g);
    set_route(0, 7);
    assert_null(route_in_force()->gauge);
    set_route(9, 7);
    assert_ptr_equal(route_in_force()->gauge, g);
    assert_int_equal(route_in_force()->route->limits->in_flight, 9);
}

static void set_tenant(const char *name, uint32_t in_flight)
{
    struct route_tenant *spec = xcalloc(1, sizeof(*spec));

    spec->in_flight = in_flight;
    struct version_tenant *t = version_tenant_new(name, spec);

    tenants_set(&tenants, t, in_flight, round_no);
    version_tenant_unref(t);
}

static const struct table_tenant *tenant(const char *name)
{
    const struct version_tenant *t = trie_get(&tenants.trie, str_from(name));

    return t != NULL ? &t->pub : NULL;
}

static void tenants_come_change_and_go(void **state)
{
    (void)state;
    set_tenant("acme", 0);
    set_tenant("zeta", 3);
    assert_null(tenant("acme")->gauge);
    struct table_gauge *g = tenant("zeta")->gauge;

    assert_non_null(g);
    set_tenant("zeta", 4);
    assert_int_equal(tenant("zeta")->spec->in_flight, 4);
    assert_ptr_equal(tenant("zeta")->gauge, g);
    tenants_delete(&tenants, STR("acme"));
    tenants_delete(&tenants, STR("acme"));
    assert_null(tenant("acme"));
    assert_non_null(tenant("zeta"));
}

static void a_snapshot_keeps_the_tenants_it_names_or_spoils(void **state)
{
    (void)state;
    set_tenant("named", 1);
    set_tenant("spoiled", 2);
    set_tenant("gone", 3);
    const struct table_tenant *before = tenant("named");

    round_no++;
    set_tenant("named", 1);
    tenants_keep(&tenants, STR("spoiled"), round_no);
    tenants_keep(&tenants, STR("never there"), round_no);
    tenants_sweep(&tenants, round_no);
    assert_ptr_equal(tenant("named"), before);
    assert_int_equal(tenant("spoiled")->spec->in_flight, 2);
    assert_null(tenant("gone"));
}

static void a_version_lends_its_tenants(void **state)
{
    const struct table *t = version_new();

    (void)state;
    assert_null(table_tenant(t, STR("acme")));
    set_tenant("acme", 2);
    trie_copy(&((struct table *)(uintptr_t)t)->tenants, &tenants.trie);
    tenants_delete(&tenants, STR("acme"));
    assert_string_equal(table_tenant(t, STR("acme"))->name, "acme");
    assert_int_equal(table_tenant(t, STR("acme"))->spec->in_flight, 2);
    assert_null(table_tenant(t, STR("")));
    table_unref(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pool_whose_spec_changes_keeps_its_endpoints),
        TEST(pools_that_say_the_same_share_it),
        TEST(a_pool_keeps_its_gauge_while_its_limits_change),
        TEST(who_counts_may_outlive_the_pool),
        TEST(a_route_keeps_its_gauge_and_needs_none_for_a_body),
        TEST(tenants_come_change_and_go),
        TEST(a_snapshot_keeps_the_tenants_it_names_or_spoils),
        TEST(a_version_lends_its_tenants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
