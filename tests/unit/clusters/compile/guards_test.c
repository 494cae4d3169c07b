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

/* The guards of one cluster: how many objects, and how many of them have a host. */
struct guards {
    const char *quoted; /* the host */
    size_t num, with_host, singles;
};

static void note_guard(void *arg, enum route_kind kind, const char *name, const char *value)
{
    static const char end[] = "],\"path\":\"/\",\"respond\":{\"status\":503,\"body\":"
                              "\"no service answers for this host\\n\"}}";
    struct guards *g = arg;

    if (kind != ROUTE_KIND_ROUTE || !plan_is_guard(name))
        return;
    assert_true(str_starts(str_from(value), STR("{\"tenant\":\"\",\"hosts\":[\"")));
    assert_string_equal(value + strlen(value) - strlen(end), end);
    g->num++;
    g->singles += name[strlen(PLAN_GUARD)] == '=';
    g->with_host += strstr(value, g->quoted) != NULL;
}

static struct guards guards_of(const struct plan *p, const char *cluster, const char *host)
{
    char *quoted = xasprintf("\"%s\"", host);
    struct guards g = {.quoted = quoted};

    plan_each_object(p, cluster, note_guard, &g);
    free(quoted);
    return g;
}

static void guard_is(const char *cluster, const char *host, bool there)
{
    struct guards g = guards_of(plan, cluster, host);

    if (g.with_host != (there ? 1 : 0))
        fail_msg("%s has %zu guards of %s", cluster, g.with_host, host);
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

static void behind_the_wildcard_of_another_ones_own_is_not_asked(void **state)
{
    (void)state;
    put(INTENT_OWNERSHIP, "", "ownership", 3, "{\"claims\":\"enforced\"}");
    put(INTENT_TENANT, "", "acme", 1, "{\"hosts\":[\"*.shop.example\",\"x.a.shop.example\"]}");
    put(INTENT_TENANT, "", "blue", 2, "{\"hosts\":[\"*.a.shop.example\"]}");
    put(INTENT_ROUTE, "acme", "outer", EARLY, IN_WEST("*.shop.example"));
    fixture_settle(plan);
    guard_is("west", "x.a.shop.example", false);
    guard_is("west", "*.a.shop.example", true); /* blue's: acme may not have those */
    put(INTENT_ROUTE, "blue", "inner", LATE, IN_WEST("*.a.shop.example"));
    fixture_settle(plan);
    guard_is("west", "x.a.shop.example", true);
    guard_is("west", "*.a.shop.example", false);
    put(INTENT_ROUTE, "acme", "named", LATE, IN_WEST("x.a.shop.example"));
    fixture_settle(plan);
    guard_is("west", "x.a.shop.example", false);
}

/* ---- as objects ---- */

enum { MANY = 300 };

static void put_many(struct plan *p, unsigned n)
{
    char *host = xasprintf("h%u.example", n);
    char *name = xasprintf("r%u", n);
    char *json = xasprintf("{\"cluster\":\"east\",\"hosts\":[\"%s\"],\"forward\":[{\"pool\":"
                           "\"p\"}]}",
                           host);

    fixture_put(p, INTENT_ROUTE, "acme", name, EARLY, json);
    free(json);
    free(name);
    free(host);
}

static struct plan *plan_with(unsigned num, unsigned step, unsigned batch)
{
    static const char *const clusters[] = {"east", "west"};
    struct plan *p = plan_new();

    plan_clusters(p, clusters, 2, "east");
    fixture_put(p, INTENT_TENANT, "", "acme", 1, "{}");
    fixture_put(p, INTENT_TENANT, "", "blue", 2, "{}");
    fixture_put(p, INTENT_ROUTE, "blue", "rest", LATE, IN_WEST("*"));
    for (unsigned i = 0; i < num; i++) {
        put_many(p, i * step % num);
        if (i % batch == 0)
            fixture_settle(p);
    }
    fixture_settle(p);
    return p;
}

static void same_object(void *arg, enum route_kind kind, const char *name, const char *value)
{
    const char *other = plan_object(arg, "west", kind, name);

    if (other == NULL || strcmp(other, value) != 0)
        fail_msg("%s is %s, and by another way %s", name, value, other);
}

static void are_the_same(struct plan *a, struct plan *b)
{
    plan_each_object(a, "west", same_object, b);
    plan_each_object(b, "west", same_object, a);
}

static void which_sets_there_are_follows_from_the_hosts_alone(void **state)
{
    struct plan *p = plan_with(MANY, 7, 1);
    struct plan *fresh = plan_with(MANY, 1, MANY);

    (void)state;
    are_the_same(p, fresh);
    assert_in_range(guards_of(p, "west", "h0.example").num, MANY / 32, MANY / 8);
    for (unsigned left = MANY; left-- > 0;) {
        char *name = xasprintf("r%u", left);

        plan_delete(p, INTENT_ROUTE, "acme", name);
        fixture_settle(p);
        free(name);
        if (left % 37 != 0)
            continue;
        plan_free(fresh);
        fresh = plan_with(left, 1, MANY);
        are_the_same(p, fresh);
    }
    assert_int_equal(guards_of(p, "west", "h0.example").num, 0);
    plan_free(fresh);
    plan_free(p);
}

static void one_host_more_is_one_object_more_to_send(void **state)
{
    struct plan *p = plan_with(MANY, 1, MANY);
    struct plan_delta delta;

    (void)state;
    for (unsigned n = MANY; n < MANY + 50; n++) {
        size_t in_west = 0;

        put_many(p, n);
        plan_settle(p, &delta);
        for (size_t i = 0; i < delta.num; i++)
            in_west += strcmp(delta.changes[i].cluster, "west") == 0;
        assert_in_range(in_west, 1, 3); /* a set that is halved is gone, and two are there */
        plan_delta_clear(&delta);
    }
    plan_free(p);
}

/* guard_sets.c's, to choose hosts as somebody hostile would. */
static uint64_t hash(const char *host)
{
    uint64_t h = 0xcbf29ce484222325;

    for (; *host != '\0'; host++)
        h = (h ^ (unsigned char)*host) * 0x100000001b3;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
    return h ^ h >> 33;
}

static void hosts_that_were_chosen_to_meet_have_guards_all_the_same(void **state)
{
    enum { CHOSEN = 40 };
    struct plan *p = plan_with(0, 1, 1);
    unsigned chosen[CHOSEN];
    unsigned num = 0;

    (void)state;
    for (unsigned n = 0; num < CHOSEN; n++) {
        char host[32];

        snprintf(host, sizeof(host), "h%u.example", n);
        if (hash(host) >> 48 == 0x1234)
            put_many(p, chosen[num++] = n);
    }
    fixture_settle(p);
    for (unsigned i = 0; i < CHOSEN; i++) {
        char *host = xasprintf("h%u.example", chosen[i]);
        char *name = xasprintf("r%u", chosen[i]);
        struct guards g = guards_of(p, "west", host);

        assert_int_equal(g.with_host, 1);
        assert_int_equal(g.singles, CHOSEN - i > 32 ? CHOSEN - i : 0);
        plan_delete(p, INTENT_ROUTE, "acme", name);
        fixture_settle(p);
        assert_int_equal(guards_of(p, "west", host).with_host, 0);
        free(name);
        free(host);
    }
    assert_int_equal(guards_of(p, "west", "").num, 0);
    plan_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wildcard_takes_no_host_that_another_has_elsewhere),
        TEST(the_default_backend_takes_no_host_that_another_has),
        TEST(a_claim_is_guarded_where_claims_decide),
        TEST(behind_the_wildcard_of_another_ones_own_is_not_asked),
        cmocka_unit_test(which_sets_there_are_follows_from_the_hosts_alone),
        cmocka_unit_test(one_host_more_is_one_object_more_to_send),
        cmocka_unit_test(hosts_that_were_chosen_to_meet_have_guards_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
