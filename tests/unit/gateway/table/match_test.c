/* Which route a request finds: precedence, hosts, paths, conditions, conflicts. */
#include <stdio.h>
#include <string.h>

#include "gateway/route/path.h"
#include "tests/unit/gateway/table/match_fixture.h"

static const char *find_path(const char *host, const char *path)
{
    return find(&(struct request){.host = host, .path = path});
}

/* ---- precedence ---- */

/*
 * Each asks for something that the next one does not, or is older, or is lower by name; all of them
 * take one request. The names are such that a later one would win if only names counted.
 */
static const struct field ranks[] = {
    {"z9", "\"hosts\":[\"h\"],\"path\":\"/a/b\",\"path_type\":\"exact\""},
    {"y8", "\"hosts\":[\"h\"],\"path\":\"/a/b\""},
    {"x7", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"methods\":[\"GET\"]}"},
    {"w6", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"headers\":[{\"name\":\"x\"},{\"name\":"
           "\"y\"}]}"},
    {"v5", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"headers\":[{\"name\":\"x\"}],"
           "\"queries\":[{\"name\":\"q\"}]}"},
    {"u4", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"headers\":[{\"name\":\"x\"}]}"},
    {"t3", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"queries\":[{\"name\":\"q\"},{\"name\":"
           "\"r\"}]}"},
    {"s2", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"queries\":[{\"name\":\"q\"}],"
           "\"cookies\":[{\"name\":\"k\"}]}"},
    {"r1", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"queries\":[{\"name\":\"q\"}]}"},
    {"q0", "\"hosts\":[\"h\"],\"path\":\"/a\",\"match\":{\"cookies\":[{\"name\":\"k\"}]}"},
    {"n9", "\"hosts\":[\"h\"],\"path\":\"/a\",\"created_ms\":1"},
    {"l8", "\"hosts\":[\"h\"],\"path\":\"/a\",\"created_ms\":2"},
    {"l9", "\"hosts\":[\"h\"],\"path\":\"/a\",\"created_ms\":2"},
    {"m7", "\"hosts\":[\"h\"],\"path\":\"/a\""},
    {"e5", "\"hosts\":[\"h\"]"},
    {"d4", "\"hosts\":[\"*\"],\"path\":\"/a/b\",\"path_type\":\"exact\""},
};

enum { RANKS = sizeof(ranks) / sizeof(ranks[0]) };

/* d4 is on another host: it is never reached. The first twelve and m7, e5 are. */
static const struct request asks_for_all = {
    .host = "h",
    .path = "/a/b",
    .query = "q=1&r=2",
    .fields = {{{"x", "1"}, {"y", "2"}, {"cookie", "a=1; kk=2"}, {"cookie", "k=3"}}},
};

static void every_pair_is_tried_in_the_order_of_gateway_api(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < RANKS; i++) {
        for (size_t j = i + 1; j < RANKS; j++) {
            teardown(state);
            setup(state);
            feed_route(ranks[(i + j) % 2 == 0 ? i : j].name, ranks[(i + j) % 2 == 0 ? i : j].value);
            feed_route(ranks[(i + j) % 2 == 0 ? j : i].name, ranks[(i + j) % 2 == 0 ? j : i].value);
            commit();
            if (strcmp(find(&asks_for_all), ranks[i].name) != 0)
                fail_msg("%s before %s", find(&asks_for_all), ranks[i].name);
        }
    }
}

static void the_next_takes_over_when_the_first_goes(void **state)
{
    (void)state;
    for (size_t i = RANKS; i-- > 0;)
        feed_route(ranks[i].name, ranks[i].value);
    commit();
    for (size_t i = 0; i + 1 < RANKS; i++) {
        assert_string_equal(find(&asks_for_all), ranks[i].name);
        feed_delete(ranks[i].name);
        commit();
    }
    assert_string_equal(find(&asks_for_all), "d4"); /* nobody has the host any more */
}

/* ---- hosts ---- */

static void the_most_specific_host_serves(void **state)
{
    static const struct field cases[] = {
        {"shop.example", "exact"},
        {"www.shop.example", "wild"},
        {"a.b.shop.example", "wild"},
        {"x.www.shop.example", "wild"},
        {"deep.eu.shop.example", "deep"},
        {"a.deep.eu.shop.example", "deep"},
        {"eu.shop.example", "wild"},
        {"xshop.example", "short"},
        {"other.example", "short"},
        {"example", "any"},
        {"shop.example.org", "any"},
        {"10.0.0.1", "any"},
        {"[::1]", "any"},
        {"*", "any"},
    };

    (void)state;
    feed_route("exact", "\"hosts\":[\"shop.example\"]");
    feed_route("wild", "\"hosts\":[\"*.shop.example\"]");
    feed_route("deep", "\"hosts\":[\"*.EU.shop.example.\"]");
    feed_route("short", "\"hosts\":[\"*.example\"]");
    feed_route("any", "\"hosts\":[\"*\"]");
    commit();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(find_path(cases[i].name, "/"), cases[i].value) != 0)
            fail_msg("%s: %s", cases[i].name, find_path(cases[i].name, "/"));
    feed_delete("deep");
    feed_delete("any");
    commit();
    assert_string_equal(find_path("deep.eu.shop.example", "/"), "wild");
    assert_string_equal(find_path("*", "/"), "503");
    assert_string_equal(find_path("example", "/"), "503");
}

static void a_known_host_does_not_fall_back_to_a_wider_one(void **state)
{
    (void)state;
    feed_route("exact", "\"hosts\":[\"a.example\"],\"path\":\"/a\"");
    feed_route("wild", "\"hosts\":[\"*.example\"],\"path\":\"/b\"");
    feed_route("any", "\"hosts\":[\"*\"],\"match\":{\"methods\":[\"POST\"]}");
    commit();
    assert_string_equal(find_path("a.example", "/a"), "exact");
    assert_string_equal(find_path("a.example", "/b"), "404");
    assert_string_equal(find_path("b.example", "/b"), "wild");
    assert_string_equal(find_path("b.example", "/a"), "404");
    assert_string_equal(find_path("else", "/"), "404");
    feed_delete("any");
    commit();
    assert_string_equal(find_path("else", "/"), "503");
}

/* ---- paths ---- */

static void paths_are_compared_in_their_canonical_form(void **state)
{
    static const struct field cases[] = {
        {"/", "root"},        {"*", "root"},       {"/app", "app"},   {"/app/", "app"},
        {"/app/x", "app"},    {"/%61pp/x", "app"}, {"/a%70p", "app"}, {"/application", "root"},
        {"/APP", "root"},     {"//app", "root"},   {"/app//", "app"}, {"/x/app", "root"},
        {"/app%2Fx", "root"}, {"/one", "one"},     {"/%6fne", "one"}, {"/one/", "root"},
        {"/one/x", "root"},   {"/two/", "two"},    {"/two", "root"},  {"/a%2fb/c", "slash"},
        {"/a%2Fb", "slash"},  {"/a/b", "root"},    {"/\xff", "root"}, {"/e//x", "empty"},
        {"/e/", "empty"},     {"/e", "root"},      {"/e/x", "root"},
    };

    (void)state;
    feed_route("root", "\"hosts\":[\"h\"]");
    feed_route("app", "\"hosts\":[\"h\"],\"path\":\"/app/\"");
    feed_route("one", "\"hosts\":[\"h\"],\"path\":\"/%6F%6Ee\",\"path_type\":\"exact\"");
    feed_route("two", "\"hosts\":[\"h\"],\"path\":\"/two/\",\"path_type\":\"exact\"");
    feed_route("slash", "\"hosts\":[\"h\"],\"path\":\"/a%2fb\"");
    feed_route("empty", "\"hosts\":[\"h\"],\"path\":\"/e//\"");
    commit();
    assert_int_equal(c.num_refusals, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(find_path("h", cases[i].name), cases[i].value) != 0)
            fail_msg("%s: %s", cases[i].name, find_path("h", cases[i].name));
}

static void an_exact_root_is_the_root_alone(void **state)
{
    (void)state;
    feed_route("home", "\"hosts\":[\"h\"],\"path\":\"/\",\"path_type\":\"exact\"");
    commit();
    assert_string_equal(find_path("h", "/"), "home");
    assert_string_equal(find_path("h", "/x"), "404");
    assert_string_equal(find_path("h", "//"), "404");
    assert_string_equal(find_path("h", "*"), "404");
}

static void paths_as_long_and_as_deep_as_they_come_are_found(void **state)
{
    char value[4096] = "\"hosts\":[\"h\"],\"path\":\"";
    char path[8192];
    char escaped[8192] = "/";
    size_t n = strlen(value);

    (void)state;
    for (size_t i = 0; i < ROUTE_SEGMENTS_MAX; i++)
        snprintf(path + 2 * i, sizeof(path) - 2 * i, "/a");
    snprintf(value + n, sizeof(value) - n, "%.*s\"", ROUTE_PATH_MAX, path);
    feed_route("deep", value);
    memset(path, 'b', ROUTE_PATH_MAX);
    path[0] = '/';
    path[ROUTE_PATH_MAX] = '\0';
    snprintf(value + n, sizeof(value) - n, "%.*s\"", ROUTE_PATH_MAX, path);
    feed_route("long", value);
    commit();
    assert_int_equal(c.num_refusals, 0);
    assert_string_equal(find_path("h", path), "long");
    path[ROUTE_PATH_MAX] = 'b';
    path[ROUTE_PATH_MAX + 1] = '\0';
    assert_string_equal(find_path("h", path), "404");
    for (size_t i = 0; i < ROUTE_PATH_MAX - 1; i++)
        memcpy(escaped + 1 + 3 * i, "%62", 4);
    assert_string_equal(find_path("h", escaped), "long");
    memcpy(escaped + strlen(escaped), "%62", 4);
    assert_string_equal(find_path("h", escaped), "404");
    for (size_t i = 0; i < 4000; i++)
        memcpy(path + 2 * i, "/a", 3);
    assert_string_equal(find_path("h", path), "deep");
    path[2 * ROUTE_SEGMENTS_MAX - 1] = '\0';
    assert_string_equal(find_path("h", path), "404");
}

/* ---- conditions ---- */

static void methods_are_compared_exactly(void **state)
{
    (void)state;
    feed_route("m", "\"hosts\":[\"h\"],\"match\":{\"methods\":[\"GET\",\"PURGE\"]}");
    commit();
    assert_string_equal(find(&(struct request){.host = "h", .path = "/", .method = "PURGE"}), "m");
    assert_string_equal(find(&(struct request){.host = "h", .path = "/", .method = "get"}), "404");
    assert_string_equal(find(&(struct request){.host = "h", .path = "/", .method = "PUR"}), "404");
    assert_string_equal(find(&(struct request){.host = "h", .path = "/", .method = "HEAD"}), "404");
}

struct query_case {
    const char *query;
    bool present; /* the parameter "k y" is there */
    bool equal;   /* and its value is "v=&%" */
};

static void the_first_parameter_of_a_name_is_compared_unescaped(void **state)
{
    static const struct query_case cases[] = {
        {"k%20y=v=%26%25", true, true},
        {"k%20y=%76%3D%26%25", true, true},
        {"k%20y=v%3d%26%", true, true}, /* a "%" that escapes nothing is itself */
        {"a=b&%6b%20y=v=%26%25&c", true, true},
        {"k%20y", true, false},
        {"k%20y=", true, false},
        {"k%20y=v=%26%25x", true, false},
        {"k%20y=v=%26", true, false},
        {"k%20y=x&k%20y=v=%26%25", true, false},
        {"k+y=v=%26%25", false, false},
        {"K%20y=v=%26%25", false, false},
        {"k%20=1", false, false},
        {"k%20y%00=1", false, false},
        {"=k%20y", false, false},
        {"&&", false, false},
        {"", false, false},
    };
    (void)state;
    feed_route("present", "\"hosts\":[\"p\"],\"match\":{\"queries\":[{\"name\":\"k y\"}]}");
    feed_route("equal", "\"hosts\":[\"e\"],\"match\":{\"queries\":[{\"name\":\"k y\",\"value\":"
                        "\"v=&%\"}]}");
    commit();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request r = {.host = "p", .path = "/", .query = cases[i].query};

        if ((strcmp(find(&r), "present") == 0) != cases[i].present)
            fail_msg("\"%s\" has it: %s", r.query, find(&r));
        r.host = "e";
        if ((strcmp(find(&r), "equal") == 0) != cases[i].equal)
            fail_msg("\"%s\" equals it: %s", r.query, find(&r));
    }
}

static void all_conditions_hold_or_it_is_another_route(void **state)
{
    struct request r = {.host = "h",
                        .path = "/",
                        .query = "q",
                        .fields = {{{"x", "1"}, {"y", ""}, {"cookie", "k=v; l"}}}};

    (void)state;
    feed_route("r", "\"hosts\":[\"h\"],\"match\":{\"methods\":[\"GET\"],\"headers\":[{\"name\":"
                    "\"X\",\"value\":\"1\"},{\"name\":\"y\"}],\"queries\":[{\"name\":\"q\","
                    "\"value\":\"\"}],\"cookies\":[{\"name\":\"k\",\"value\":\"v\"}]}");
    commit();
    assert_string_equal(find(&r), "r");
    r.fields.all[0].value = "2";
    assert_string_equal(find(&r), "404");
    r.fields.all[0].value = "1";
    r.fields.all[1].name = "z";
    assert_string_equal(find(&r), "404");
    r.fields.all[1].name = "y";
    r.fields.all[2].value = "k=w";
    assert_string_equal(find(&r), "404");
    r.fields.all[2] = (struct field){NULL, NULL};
    assert_string_equal(find(&r), "404");
    r.fields.all[2] = (struct field){"cookie", "k=v"};
    r.query = "p";
    assert_string_equal(find(&r), "404");
    r.query = "q";
    r.method = "POST";
    assert_string_equal(find(&r), "404");
}

/* ---- conflicts ---- */

static const struct table_refusal *only_refusal(void)
{
    assert_int_equal(c.num_refusals, 1);
    assert_string_equal(c.refusals[0].why.code, "Conflicted");
    return &c.refusals[0];
}

static void routes_that_ask_for_the_same_conflict_the_oldest_serves(void **state)
{
    (void)state;
    feed_route("a", "\"hosts\":[\"x\",\"*.h\"],\"path\":\"/p\",\"created_ms\":3");
    commit();
    feed_route("b", "\"hosts\":[\"*.h\"],\"path\":\"/%70/\",\"created_ms\":2");
    commit();
    assert_string_equal(only_refusal()->name, "a");
    assert_string_equal(only_refusal()->why.field, "/hosts/1");
    assert_string_equal(find_path("1.h", "/p"), "b");
    assert_string_equal(find_path("x", "/p"), "a");
    feed_route("c", "\"hosts\":[\"*.h\"],\"path\":\"/p\"");
    commit();
    assert_string_equal(only_refusal()->name, "c"); /* a knows already */
    feed_delete("b");
    commit();
    assert_int_equal(c.num_refusals, 0);
    assert_string_equal(find_path("1.h", "/p"), "a");
    feed_route("a", "\"hosts\":[\"x\"],\"path\":\"/p\",\"created_ms\":3");
    commit();
    assert_string_equal(find_path("1.h", "/p"), "c");
}

static void another_path_type_or_match_is_no_conflict(void **state)
{
    (void)state;
    feed_route("a", "\"hosts\":[\"h\"],\"path\":\"/p\"");
    feed_route("b", "\"hosts\":[\"h\"],\"path\":\"/p\",\"path_type\":\"exact\"");
    feed_route("c", "\"hosts\":[\"h\"],\"path\":\"/q\"");
    feed_route("d", "\"hosts\":[\"*\"],\"path\":\"/p\"");
    feed_route("e", "\"hosts\":[\"h\"],\"path\":\"/p\",\"match\":{\"headers\":[{\"name\":\"x\"}]}");
    feed_route("f", "\"hosts\":[\"h\"],\"path\":\"/p\",\"match\":{\"headers\":[{\"name\":\"x\","
                    "\"value\":\"\"}]}");
    feed_route("g", "\"hosts\":[\"h\"],\"path\":\"/p\",\"match\":{\"queries\":[{\"name\":\"x\"}]}");
    feed_route("h", "\"hosts\":[\"h\"],\"path\":\"/p\",\"match\":{\"cookies\":[{\"name\":\"x\"}]}");
    feed_route("i", "\"hosts\":[\"h\"],\"path\":\"/p\",\"match\":{\"methods\":[\"x\"]}");
    commit();
    assert_int_equal(c.num_refusals, 0);
    feed_route("z", "\"hosts\":[\"h\"],\"path\":\"/p\",\"match\":{}"); /* asks for nothing */
    commit();
    assert_string_equal(only_refusal()->name, "z");
}

static void the_order_inside_a_match_makes_no_difference(void **state)
{
    (void)state;
    feed_route("a", "\"hosts\":[\"h\"],\"match\":{\"methods\":[\"A\",\"B\"],\"headers\":[{"
                    "\"name\":\"X\"},{\"name\":\"y\",\"value\":\"1\"}]}");
    feed_route("b", "\"hosts\":[\"h\"],\"match\":{\"headers\":[{\"name\":\"y\",\"value\":\"1\"},{"
                    "\"name\":\"x\"}],\"methods\":[\"B\",\"A\"]}");
    commit();
    assert_string_equal(only_refusal()->name, "b");
}

static void a_snapshot_tells_again_who_waits_anywhere(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        feed("{\"hello\":{\"cluster\":\"c\",\"epoch\":\"1-a\",\"revision\":9,\"mode\":"
             "\"snapshot\"}}");
        feed_route("a", "\"hosts\":[\"h\",\"*.w\"],\"path\":\"/x/y\"");
        feed_route("b", "\"hosts\":[\"h\"],\"path\":\"/x/y\"");
        feed_route("c", "\"hosts\":[\"k\",\"*.w\"],\"path\":\"/x/y/\"");
        commit();
        assert_int_equal(c.num_refusals, 2);
        bool first = c.refusals[0].name[0] == 'b';

        assert_string_equal(c.refusals[first ? 0 : 1].why.field, "/hosts/0");
        assert_string_equal(c.refusals[first ? 1 : 0].name, "c");
        assert_string_equal(c.refusals[first ? 1 : 0].why.field, "/hosts/1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_pair_is_tried_in_the_order_of_gateway_api),
        TEST(the_next_takes_over_when_the_first_goes),
        TEST(the_most_specific_host_serves),
        TEST(a_known_host_does_not_fall_back_to_a_wider_one),
        TEST(paths_are_compared_in_their_canonical_form),
        TEST(an_exact_root_is_the_root_alone),
        TEST(paths_as_long_and_as_deep_as_they_come_are_found),
        TEST(methods_are_compared_exactly),
        TEST(the_first_parameter_of_a_name_is_compared_unescaped),
        TEST(all_conditions_hold_or_it_is_another_route),
        TEST(routes_that_ask_for_the_same_conflict_the_oldest_serves),
        TEST(another_path_type_or_match_is_no_conflict),
        TEST(the_order_inside_a_match_makes_no_difference),
        TEST(a_snapshot_tells_again_who_waits_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
