/* From frames to versions: adoption, refusal, conflicts, identity of endpoints, cost of a change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/table/table.h"
#include "tests/unit/gateway/table/builder_fixture.h"
#include "tests/unit/gateway/table/match_host.h"

#define SNAPSHOT \
    "{\"hello\":{\"cluster\":\"c\",\"epoch\":\"1-a\",\"revision\":9,\"mode\":\"snapshot\"}}"
#define DELTA "{\"hello\":{\"cluster\":\"c\",\"epoch\":\"1-a\",\"revision\":9,\"mode\":\"delta\"}}"

static void feed_route(const char *name, const char *hosts, const char *pool)
{
    char line[1024];

    snprintf(line, sizeof(line),
             "{\"set\":{\"kind\":\"route\",\"name\":\"%s\",\"value\":{\"hosts\":[%s],"
             "\"forward\":[{\"pool\":\"%s\"}]}}}",
             name, hosts, pool);
    feed(line);
}

static void feed_pool(const char *name)
{
    char line[256];

    snprintf(line, sizeof(line), "{\"set\":{\"kind\":\"pool\",\"name\":\"%s\",\"value\":{}}}",
             name);
    feed(line);
}

/* items: the objects inside of the array. */
static void feed_endpoints(const char *pool, const char *items)
{
    char line[4096];

    snprintf(line, sizeof(line),
             "{\"set\":{\"kind\":\"endpoints\",\"name\":\"%s\",\"value\":{\"endpoints\":[%s]}}}",
             pool, items);
    feed(line);
}

static void feed_delete(const char *kind, const char *name)
{
    char line[256];

    snprintf(line, sizeof(line), "{\"delete\":{\"kind\":\"%s\",\"name\":\"%s\"}}", kind, name);
    feed(line);
}

static void commit(unsigned revision)
{
    char line[64];

    snprintf(line, sizeof(line), "{\"commit\":{\"revision\":%u}}", revision);
    feed(line);
    table_unref(&c.table);
    assert_true(table_builder_take(b, &c));
    assert_true(table_revision(c.table) == revision);
}

/* Name of the route that a host is given to, "" for none. */
static const char *match(const char *host)
{
    const struct table_route *r = match_host(c.table, str_from(host));

    return r != NULL ? r->name : "";
}

static const struct table_pool *pool(const char *name)
{
    return table_pool(c.table, str_from(name));
}

#define EP(address, port) "{\"address\":\"" address "\",\"port\":" #port "}"

static void hosts_find_their_routes_and_strangers_the_default(void **state)
{
    (void)state;
    feed_route("web", "\"Web.Example\",\"www.web.example\"", "web");
    feed_pool("web");
    feed_endpoints("web", EP("10.0.1.5", 8080) "," EP("fd00::1", 81));
    commit(1);
    assert_string_equal(match("web.example"), "web");
    assert_string_equal(match("www.web.example"), "web");
    assert_string_equal(match("x.web.example"), "");
    assert_int_equal(table_num_routes(c.table), 1);
    assert_int_equal(table_num_pools(c.table), 1);
    assert_int_equal(pool("web")->num_live, 2);
    assert_string_equal(pool("web")->all[0].text, "10.0.1.5:8080");
    assert_string_equal(pool("web")->all[1].text, "[fd00::1]:81");
    assert_int_equal(pool("web")->all[1].addr.v6.sin6_port, htons(81));
    assert_int_equal(pool("web")->all[1].addr_len, sizeof(struct sockaddr_in6));
    feed_route("all", "\"*\"", "web");
    commit(2);
    assert_string_equal(match("x.web.example"), "all");
    assert_string_equal(match("web.example"), "web");
    feed_delete("route", "all");
    commit(3);
    assert_string_equal(match("x.web.example"), "");
}

static void nothing_applies_before_its_commit_and_a_hello_drops_it(void **state)
{
    struct table_commit none;

    (void)state;
    feed_route("a", "\"a\"", "p");
    assert_false(table_builder_take(b, &none));
    feed(DELTA);
    feed_route("b", "\"b\"", "p");
    feed("{\"beat\":{\"revision\":1}}");
    commit(1);
    assert_string_equal(match("a"), "");
    assert_string_equal(match("b"), "b");
    assert_false(table_builder_take(b, &none));
}

/* Before the first version and after it the two ways to apply frames must agree. */
static void a_hello_drops_pools_endpoints_and_settings_too(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 2; round++) {
        feed_pool("dropped");
        feed_endpoints("dropped", "{\"address\":\"10.0.0.1\",\"port\":80}");
        feed("{\"set\":{\"kind\":\"settings\",\"name\":\"settings\",\"value\":{\"idle_timeout_s\":"
             "7}}}");
        feed(DELTA);
        feed_pool("kept");
        feed_endpoints("kept", "{\"address\":\"10.0.0.2\",\"port\":80}");
        commit(round);
        assert_null(table_pool(c.table, STR("dropped")));
        assert_int_equal(table_pool(c.table, STR("kept"))->num_endpoints, 1);
        assert_int_equal(table_pool(c.table, STR("kept"))->all[0].id, 0);
        assert_int_equal(table_settings(c.table)->idle_timeout_ms,
                         route_settings_default().idle_timeout_ms);
    }
}

static void a_delta_outlives_its_commit_and_its_builder(void **state)
{
    struct table_delta *d;

    (void)state;
    feed_pool("p");
    feed_endpoints("p", "{\"address\":\"10.0.0.1\",\"port\":80}");
    commit(1);
    d = c.delta;
    table_delta_ref(d);
    feed("{\"delete\":{\"kind\":\"pool\",\"name\":\"p\"}}");
    feed("{\"delete\":{\"kind\":\"endpoints\",\"name\":\"p\"}}");
    commit(2);
    table_unref(&c.table);
    table_builder_free(b);
    b = table_builder_new();
    assert_int_equal(d->num, 1);
    assert_null(d->all[0].before);
    assert_string_equal(d->all[0].after->all[0].text, "10.0.0.1:80");
    table_delta_unref(&d);
    assert_null(d);
}

static void a_pool_that_comes_later_is_seen_through_the_same_route(void **state)
{
    (void)state;
    feed_route("r", "\"h\"", "late");
    commit(1);
    const struct table_route *route = match_host(c.table, STR("h"));

    assert_null(pool("late"));
    feed_endpoints("late", EP("10.0.0.1", 80));
    commit(2);
    assert_null(pool("late")); /* endpoints alone are no pool */
    assert_int_equal(c.num_changes, 0);
    feed_pool("late");
    commit(3);
    assert_ptr_equal(match_host(c.table, STR("h")), route);
    assert_int_equal(pool("late")->num_live, 1);
    assert_int_equal(c.num_changes, 1);
    assert_null(c.changes[0].before);
    assert_ptr_equal(c.changes[0].after, pool("late"));
}

static void a_version_never_changes_under_its_reader(void **state)
{
    (void)state;
    feed_route("r", "\"h\"", "p");
    feed_pool("p");
    feed_endpoints("p", EP("10.0.0.1", 80));
    commit(1);
    const struct table *old = c.table;

    table_ref(old);
    feed_route("r", "\"other\"", "q");
    feed_delete("pool", "p");
    feed_delete("endpoints", "p");
    commit(2);
    assert_string_equal(match("h"), "");
    assert_null(pool("p"));
    assert_string_equal(match_host(old, STR("h"))->name, "r");
    assert_string_equal(match_host(old, STR("h"))->route->forward[0].pool, "p");
    assert_string_equal(table_pool(old, STR("p"))->all[0].text, "10.0.0.1:80");
    assert_true(table_revision(old) == 1);
    table_unref(&old);
    assert_null(old);
}

static void a_value_that_is_no_json_is_refused_by_itself(void **state)
{
    (void)state;
    feed_pool("p");
    feed("{\"set\":{\"kind\":\"pool\",\"name\":\"bad\",\"value\":{\"tenant\":}}}");
    feed("{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":[}}}");
    feed_route("r", "\"h\"", "p");
    commit(1);
    assert_int_equal(c.num_refusals, 2);
    assert_string_equal(c.refusals[0].name, "bad");
    assert_string_equal(c.refusals[0].why.code, "BadJson");
    assert_string_equal(c.refusals[1].why.code, "BadJson");
    assert_string_equal(match("h"), "r");
    assert_int_equal(table_num_pools(c.table), 1);
}

static void a_first_snapshot_says_who_waits_in_line(void **state)
{
    (void)state;
    feed(SNAPSHOT);
    feed_route("b", "\"h\"", "p");
    feed_route("a", "\"h\"", "p");
    commit(1);
    assert_string_equal(match("h"), "a");
    assert_int_equal(c.num_refusals, 1);
    assert_string_equal(c.refusals[0].name, "b");
    assert_string_equal(c.refusals[0].why.code, "Conflicted");
}

static void the_lowest_name_wins_a_host_whoever_came_first(void **state)
{
    (void)state;
    feed_route("b", "\"h\",\"b\"", "p");
    commit(1);
    assert_int_equal(c.num_refusals, 0);
    feed_route("c", "\"h\"", "p");
    commit(2);
    assert_string_equal(match("h"), "b");
    assert_int_equal(c.num_refusals, 1);
    assert_string_equal(c.refusals[0].name, "c");
    assert_string_equal(c.refusals[0].why.code, "Conflicted");
    assert_string_equal(c.refusals[0].why.field, "/hosts/0");
    feed_route("a", "\"x\",\"h\"", "p");
    commit(3);
    assert_string_equal(match("h"), "a");
    assert_string_equal(match("b"), "b"); /* its other host is untouched */
    assert_int_equal(c.num_refusals, 1);  /* c knows already */
    assert_string_equal(c.refusals[0].name, "b");
    feed_delete("route", "a");
    commit(4);
    assert_string_equal(match("h"), "b");
    assert_int_equal(c.num_refusals, 0);
    feed_route("b", "\"b\"", "p"); /* lets go of h */
    commit(5);
    assert_string_equal(match("h"), "c");
    feed_delete("route", "c");
    commit(6);
    assert_string_equal(match("h"), "");
}

static void who_loses_inside_one_commit_does_not_depend_on_its_order(void **state)
{
    (void)state;
    feed_route("a", "\"h\"", "p");
    commit(1);
    feed_route("b", "\"h\"", "p"); /* refused if a stayed */
    feed_delete("route", "a");
    commit(2);
    assert_string_equal(match("h"), "b");
    assert_int_equal(c.num_refusals, 0);
}

static void a_refused_object_leaves_its_predecessor_and_its_neighbours(void **state)
{
    (void)state;
    feed_route("r", "\"h\"", "p");
    commit(1);
    feed("{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"new\"],"
         "\"passthrough\":true,\"forward\":[{\"pool\":\"p\"}]}}}");
    feed_route("s", "\"s\"", "p");
    feed("{\"set\":{\"kind\":\"certificate\",\"name\":\"c\",\"value\":{\"hosts\":[\"*\"],"
         "\"cert\":\"c\",\"key\":\"k\"}}}");
    feed("{\"set\":{\"kind\":\"pool\",\"name\":\"t\",\"value\":{\"drain_ms\":1}}}");
    feed("{\"set\":{\"kind\":\"settings\",\"name\":\"other\",\"value\":{}}}");
    feed_delete("certificate", "nothing");
    feed_delete("route", "nothing");
    feed_delete("pool", "nothing");
    commit(2);
    assert_string_equal(match("h"), "r");
    assert_string_equal(match("new"), "");
    assert_string_equal(match("s"), "s");
    assert_int_equal(c.num_refusals, 4);
    assert_string_equal(c.refusals[0].why.code, "Unsupported");
    assert_string_equal(c.refusals[0].why.field, "/passthrough");
    assert_int_equal(c.refusals[1].kind, ROUTE_KIND_CERTIFICATE);
    assert_string_equal(c.refusals[1].why.code, "Unsupported");
    assert_string_equal(c.refusals[2].why.code, "Unsupported");
    assert_string_equal(c.refusals[3].why.code, "BadName");
}

static void settings_come_go_and_default(void **state)
{
    (void)state;
    commit(1);
    assert_int_equal(table_settings(c.table)->idle_timeout_ms, 60000);
    feed(
        "{\"set\":{\"kind\":\"settings\",\"name\":\"settings\",\"value\":{\"idle_timeout_s\":7}}}");
    commit(2);
    assert_int_equal(table_settings(c.table)->idle_timeout_ms, 7000);
    feed(
        "{\"set\":{\"kind\":\"settings\",\"name\":\"settings\",\"value\":{\"tls_tickets\":true}}}");
    commit(3);
    assert_int_equal(table_settings(c.table)->idle_timeout_ms, 7000);
    feed_delete("settings", "settings");
    commit(4);
    assert_int_equal(table_settings(c.table)->idle_timeout_ms, 60000);
}

static void endpoints_keep_their_ids_for_as_long_as_they_are_there(void **state)
{
    (void)state;
    feed_pool("p");
    feed_endpoints("p", EP("10.0.0.1", 80) "," EP("10.0.0.2", 80));
    commit(1);
    uint32_t first = pool("p")->all[0].id;
    uint32_t second = pool("p")->all[1].id;

    assert_int_not_equal(first, second);
    feed_endpoints("p", EP("10.0.0.3", 80) ",{\"address\":\"10.0.0.1\",\"port\":80,\"state\":"
                                           "\"draining\"}," EP("10.0.0.2", 80));
    commit(2);
    assert_int_equal(pool("p")->num_live, 2);
    assert_int_equal(pool("p")->num_endpoints, 3);
    assert_int_equal(pool("p")->all[1].id, second);
    assert_int_equal(pool("p")->all[2].id, first);
    assert_int_equal(pool("p")->all[2].state, ENDPOINT_DRAINING);
    uint32_t third = pool("p")->all[0].id;

    assert_true(third != first && third != second);
    assert_int_equal(c.num_changes, 1);
    assert_int_equal(c.changes[0].before->num_endpoints, 2);
}

static void an_id_is_given_again_only_after_its_release(void **state)
{
    (void)state;
    feed_pool("p");
    feed_endpoints("p", EP("10.0.0.1", 80));
    commit(1);
    uint32_t gone = pool("p")->all[0].id;

    feed_endpoints("p", EP("10.0.0.2", 80));
    commit(2);
    assert_int_not_equal(pool("p")->all[0].id, gone);
    feed_endpoints("p", EP("10.0.0.1", 80));
    commit(3);
    assert_int_not_equal(pool("p")->all[0].id, gone); /* it was retired, not kept */
    table_release_id(b, gone);
    feed_endpoints("p", EP("10.0.0.1", 80) "," EP("10.0.0.9", 80));
    commit(4);
    assert_int_equal(pool("p")->all[1].id, gone);
}

static void a_pool_that_goes_and_comes_back_has_new_endpoints(void **state)
{
    (void)state;
    feed_pool("p");
    feed_endpoints("p", EP("10.0.0.1", 80));
    commit(1);
    const struct table *old = c.table;
    uint32_t id = pool("p")->all[0].id;

    table_ref(old);
    feed_delete("pool", "p");
    commit(2);
    assert_null(pool("p"));
    assert_int_equal(c.num_changes, 1);
    assert_null(c.changes[0].after);
    feed_pool("p");
    commit(3);
    assert_int_not_equal(pool("p")->all[0].id, id);
    assert_int_equal(table_pool(old, STR("p"))->all[0].id, id);
    table_unref(&old);
    feed_delete("pool", "p");
    feed_pool("p");
    commit(4);
    assert_int_equal(c.num_changes, 0); /* gone and back within one commit: never gone */
    feed_delete("endpoints", "p");
    commit(5);
    assert_int_equal(pool("p")->num_endpoints, 0);
}

static void a_pool_of_many_endpoints_keeps_every_id(void **state)
{
    enum { NUM = 1000 };
    static uint32_t ids[NUM];
    struct buf line;

    (void)state;
    feed_pool("p");
    for (unsigned round = 0; round < 2; round++) {
        buf_init(&line, 1 << 20);
        assert_true(buf_add_str(&line, STR("{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\","
                                           "\"value\":{\"endpoints\":[")));
        for (unsigned i = 0; i < NUM; i++) {
            unsigned at = round == 0 ? i : NUM - 1 - i;

            assert_true(buf_add_fmt(&line, "%s{\"address\":\"10.0.%u.%u\",\"port\":80}",
                                    i ? "," : "", at / 250, at % 250));
        }
        assert_true(buf_add_str(&line, STR("]}}}")));
        feed(line.bytes);
        buf_free(&line);
        commit(round + 1);
        for (unsigned i = 0; i < NUM; i++) {
            if (round == 0)
                ids[i] = pool("p")->all[i].id;
            else
                assert_int_equal(pool("p")->all[NUM - 1 - i].id, ids[i]);
        }
    }
}

static void feed_small_table(void)
{
    feed_route("a", "\"a\",\"h\"", "p");
    feed_route("b", "\"b\",\"h\"", "p");
    feed_pool("p");
    feed_pool("q");
    feed_endpoints("p", EP("10.0.0.1", 80));
    feed_endpoints("q", EP("10.0.0.2", 80));
}

static void a_snapshot_equal_to_what_is_in_force_changes_nothing(void **state)
{
    (void)state;
    feed(SNAPSHOT);
    feed_small_table();
    commit(1);
    const struct table_pool *p = pool("p");
    const struct table_route *a = match_host(c.table, STR("a"));

    feed(SNAPSHOT);
    feed_small_table();
    commit(2);
    assert_int_equal(c.num_changes, 0);
    assert_ptr_equal(pool("p"), p);
    assert_ptr_equal(match_host(c.table, STR("a")), a);
    assert_int_equal(c.num_refusals, 1); /* who follows anew hears of the conflict again */
    assert_string_equal(c.refusals[0].name, "b");
}

static void endpoints_that_are_only_spelled_differently_are_no_change(void **state)
{
    (void)state;
    feed_pool("p");
    feed_endpoints("p", EP("10.0.0.1", 80));
    commit(1);
    const struct table_pool *p = pool("p");

    feed_endpoints("p", " {\"port\":80,\"address\":\"10.0.0.1\",\"task\":\"t\"}");
    commit(2);
    assert_ptr_equal(pool("p"), p);
    assert_int_equal(c.num_changes, 0);
}

static void a_snapshot_removes_what_it_does_not_name(void **state)
{
    (void)state;
    feed_small_table();
    feed(
        "{\"set\":{\"kind\":\"settings\",\"name\":\"settings\",\"value\":{\"idle_timeout_s\":7}}}");
    commit(1);
    const struct table_pool *p = pool("p");

    feed(SNAPSHOT);
    feed_pool("p");
    feed_endpoints("p", EP("10.0.0.1", 80));
    feed_route("b", "\"b\",\"h\"", "p");
    commit(2);
    assert_string_equal(match("a"), "");
    assert_string_equal(match("h"), "b");
    assert_int_equal(table_num_routes(c.table), 1);
    assert_ptr_equal(pool("p"), p);
    assert_null(pool("q"));
    assert_int_equal(c.num_changes, 1);
    assert_string_equal(c.changes[0].before->name, "q");
    assert_int_equal(table_settings(c.table)->idle_timeout_ms, 60000);
    feed(SNAPSHOT);
    commit(3);
    assert_int_equal(table_num_routes(c.table), 0);
    assert_int_equal(table_num_pools(c.table), 0);
}

static void an_object_that_a_snapshot_spoils_keeps_its_predecessor(void **state)
{
    (void)state;
    feed_small_table();
    commit(1);
    feed(SNAPSHOT);
    feed("{\"set\":{\"kind\":\"route\",\"name\":\"a\",\"value\":{}}}");
    feed("{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{\"protocol\":\"ftp\"}}}");
    feed("{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{}}}");
    commit(2);
    assert_string_equal(match("a"), "a");
    assert_string_equal(match("b"), "");
    assert_int_equal(pool("p")->num_live, 1);
    assert_null(pool("q"));
    assert_int_equal(c.num_refusals, 3);
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* "%u" in `where` is the number of the route. */
#define HOST_EACH "\"hosts\":[\"h%u.example\"]"
#define PATH_EACH "\"hosts\":[\"h\"],\"path\":\"/all/r%u\""

static void feed_numbered(bool paths, unsigned i, const char *pool)
{
    char where[80];
    char line[256];

    snprintf(where, sizeof(where), paths ? PATH_EACH : HOST_EACH, i);
    snprintf(line, sizeof(line),
             "{\"set\":{\"kind\":\"route\",\"name\":\"r%u\",\"value\":{%s,\"forward\":[{\"pool\":"
             "\"%s\"}]}}}",
             i, where, pool);
    feed(line);
}

static void feed_many(bool paths, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        feed_numbered(paths, i, "p");
    commit(1);
}

/* The cheapest of several batches of changes to one route each, in CPU time. */
static double cost_of_a_change(bool paths, unsigned num_routes)
{
    enum { BATCHES = 5, BATCH = 100 };
    double least = 0;

    for (unsigned batch = 0; batch < BATCHES; batch++) {
        double start = cpu_us();

        for (unsigned i = 0; i < BATCH; i++) {
            unsigned n = (batch * BATCH + i) * 7919 % num_routes;

            feed_numbered(paths, n, batch % 2 == 0 ? "q" : "p");
            commit(2);
        }
        double took = (cpu_us() - start) / BATCH;

        least = batch == 0 || took < least ? took : least;
    }
    return least;
}

static void check_costs(bool paths)
{
    feed_many(paths, 0, 300);
    double small = cost_of_a_change(paths, 300);

    feed_many(paths, 300, 30000);
    double large = cost_of_a_change(paths, 30000);

    print_message("one change: %.1f us among 300 routes, %.1f us among 30,000\n", small, large);
    assert_true(large < small * 20); /* linear would be 100 */
    assert_int_equal(table_num_routes(c.table), 30000);
}

static void a_change_costs_what_changed_not_what_is_there(void **state)
{
    (void)state;
    check_costs(false);
    assert_string_equal(match("h29999.example"), "r29999");
}

static void a_change_under_one_host_costs_no_more_among_many_paths(void **state)
{
    (void)state;
    check_costs(true);
    assert_string_equal(match("h"), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hosts_find_their_routes_and_strangers_the_default),
        TEST(nothing_applies_before_its_commit_and_a_hello_drops_it),
        TEST(a_hello_drops_pools_endpoints_and_settings_too),
        TEST(a_delta_outlives_its_commit_and_its_builder),
        TEST(a_pool_that_comes_later_is_seen_through_the_same_route),
        TEST(a_version_never_changes_under_its_reader),
        TEST(a_value_that_is_no_json_is_refused_by_itself),
        TEST(a_first_snapshot_says_who_waits_in_line),
        TEST(the_lowest_name_wins_a_host_whoever_came_first),
        TEST(who_loses_inside_one_commit_does_not_depend_on_its_order),
        TEST(a_refused_object_leaves_its_predecessor_and_its_neighbours),
        TEST(settings_come_go_and_default),
        TEST(endpoints_keep_their_ids_for_as_long_as_they_are_there),
        TEST(an_id_is_given_again_only_after_its_release),
        TEST(a_pool_that_goes_and_comes_back_has_new_endpoints),
        TEST(a_pool_of_many_endpoints_keeps_every_id),
        TEST(a_snapshot_equal_to_what_is_in_force_changes_nothing),
        TEST(endpoints_that_are_only_spelled_differently_are_no_change),
        TEST(a_snapshot_removes_what_it_does_not_name),
        TEST(an_object_that_a_snapshot_spoils_keeps_its_predecessor),
        TEST(a_change_costs_what_changed_not_what_is_there),
        TEST(a_change_under_one_host_costs_no_more_among_many_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
