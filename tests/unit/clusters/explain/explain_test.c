/*
 * What is said of a request: the winner, what the others lost by, what came nearest; and which
 * routes no request reaches. In the JSON here a ' stands for a ".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "clusters/explain/explain.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"

enum { ANSWER_MAX = 1 << 20 };

static struct explain_table *table;
static struct map values; /* of char *, by "kind name" */
static bool held;

static char *quoted(const char *text)
{
    char *json = xstrdup(text);

    for (char *p = json; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    return json;
}

static int setup(void **state)
{
    (void)state;
    table = explain_table_new();
    map_init(&values);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    explain_table_free(table);
    map_free(&values, free);
    return 0;
}

static void set(enum route_kind kind, const char *name, const char *text)
{
    char *json = quoted(text);
    char *key = xasprintf("%s %s", route_kind_name(kind), name);

    explain_table_set(table, kind, name, str_from(json));
    free(map_put(&values, str_from(key), json));
    free(key);
}

static void route(const char *name, const char *text)
{
    char *json = xasprintf("{%s}", text);

    set(ROUTE_KIND_ROUTE, name, json);
    free(json);
}

#define TO_P ",'forward':[{'pool':'p'}]"

static const char *value(void *arg, enum route_kind kind, const char *name)
{
    char *key = xasprintf("%s %s", route_kind_name(kind), name);
    const char *json = map_get(&values, str_from(key));

    (void)arg;
    free(key);
    return json;
}

static cJSON *ask_as(const char *tenant, const char *request)
{
    char *json = quoted(request);
    struct errs e = {.num = 0};
    struct explain_request *rq = explain_request_read(str_from(json), &e);
    const struct explain_view view = {
        .tenant = tenant, .value = value, .commit = 812, .held = held};
    struct buf out;
    struct err why = {0};

    if (rq == NULL)
        fail_msg("%s: %s %s", request, e.all[0].field, e.all[0].text);
    buf_init(&out, ANSWER_MAX);
    assert_true(explain_write(table, rq, &view, &out));
    cJSON *answer = json_parse(buf_str(&out), &json_limits_frame, &why);

    if (answer == NULL)
        fail_msg("%s: %s", out.bytes, why.text);
    buf_free(&out);
    explain_request_free(rq);
    free(json);
    return answer;
}

static cJSON *ask(const char *request)
{
    return ask_as(NULL, request);
}

static const char *text_of(const cJSON *o, const char *name)
{
    const cJSON *item = json_get(o, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static int number_of(const cJSON *o, const char *name)
{
    const cJSON *item = json_get(o, name);

    return item != NULL ? item->valueint : -1;
}

static void assert_outcome(const cJSON *answer, const char *outcome, int status, const char *name)
{
    assert_string_equal(text_of(answer, "outcome"), outcome);
    assert_int_equal(number_of(answer, "status"), status);
    assert_string_equal(text_of(json_get(answer, "route"), "name"), name);
}

/* "name clause, name clause" in their order. */
static void assert_losers(const cJSON *answer, const char *want)
{
    char got[1024] = "";
    size_t n = 0;

    for (const cJSON *l = json_get(answer, "losers")->child; l != NULL; l = l->next) {
        assert_true(text_of(l, "why")[0] != '\0');
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s %s", n != 0 ? ", " : "",
                              text_of(l, "name"), text_of(l, "lost_by"));
    }
    assert_string_equal(got, want);
}

/* ---- winners and losers ---- */

static void make_shop(void)
{
    set(ROUTE_KIND_POOL, "p", "{'balance':'least_requests','tenant':'acme'}");
    set(ROUTE_KIND_ENDPOINTS, "p",
        "{'endpoints':[{'address':'10.0.0.1','port':80},{'address':'10.0.0.2','port':80,'state':"
        "'draining'}]}");
    route("all", "'tenant':'acme','hosts':['shop.example']" TO_P);
    route("cart", "'tenant':'acme','hosts':['shop.example'],'path':'/cart','created_ms':5,"
                  "'timeouts':{'response_ms':9}" TO_P);
    route("cart-young", "'tenant':'acme','hosts':['shop.example'],'path':'/cart/'" TO_P);
    route("cart-post", "'tenant':'acme','hosts':['shop.example'],'path':'/cart','match':{'methods':"
                       "['POST','PUT']}" TO_P);
    route("cart-beta", "'tenant':'acme','hosts':['shop.example'],'path':'/cart','match':{'headers':"
                       "[{'name':'x-beta','value':'1'}]}" TO_P);
    route("admin", "'tenant':'acme','hosts':['shop.example'],'path':'/admin'" TO_P);
    route("wild", "'tenant':'acme','hosts':['*.example','other.example'],'path':'/cart'" TO_P);
    route("anywhere", "'hosts':['*'],'respond':{'status':410}");
    assert_int_equal(explain_table_commit(table), 0);
}

static void a_winner_has_its_policies_pools_and_losers(void **state)
{
    (void)state;
    make_shop();
    cJSON *a = ask("{'cluster':'east','host':'Shop.Example:80','path':'/cart/1?x=y'}");
    const cJSON *pool = json_get(a, "pools")->child;

    assert_outcome(a, "forward", -1, "cart");
    assert_string_equal(text_of(a, "host"), "shop.example");
    assert_int_equal(
        number_of(json_get(json_get(json_get(a, "route"), "policies"), "timeouts"), "response_ms"),
        9);
    assert_true(number_of(pool, "live") == 1 && number_of(pool, "draining") == 1);
    assert_string_equal(text_of(json_get(pool, "policies"), "balance"), "least_requests");
    assert_int_equal(cJSON_GetArraySize(json_get(pool, "endpoints")), 2);
    assert_losers(a, "cart-young age, all path_length, cart-beta header, cart-post method, admin "
                     "path, wild host, anywhere host");
    cJSON_Delete(a);
}

static void conditions_win_where_they_hold(void **state)
{
    (void)state;
    make_shop();
    cJSON *a = ask("{'cluster':'east','host':'shop.example','path':'/cart','method':'POST',"
                   "'headers':[{'name':'X-Beta','value':'1'}]}");

    assert_outcome(a, "forward", -1, "cart-post");
    assert_losers(a,
                  "cart conditions, cart-beta conditions, cart-young conditions, all path_length, "
                  "admin path, wild host, anywhere host");
    cJSON_Delete(a);
}

static void a_wildcard_and_the_default_are_asked_in_their_turn(void **state)
{
    (void)state;
    make_shop();
    cJSON *a = ask("{'cluster':'east','host':'new.example','path':'/cart'}");
    cJSON *b = ask("{'cluster':'east','host':'','path':'/'}");

    assert_outcome(a, "forward", -1, "wild");
    assert_string_equal(text_of(json_get(a, "route"), "host"), "*.example");
    assert_losers(a, "anywhere host");
    assert_outcome(b, "respond", 410, "anywhere");
    assert_losers(b, "");
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void a_winner_by_one_host_is_no_loser_by_another(void **state)
{
    (void)state;
    route("r", "'hosts':['*','*.b.a','a.b.a'],'respond':{'status':200}");
    (void)explain_table_commit(table);
    cJSON *a = ask("{'cluster':'east','host':'x.b.a'}");

    assert_string_equal(text_of(json_get(a, "route"), "host"), "*.b.a");
    assert_losers(a, "");
    cJSON_Delete(a);
}

static void a_pool_without_endpoints_is_said(void **state)
{
    (void)state;
    route("r", "'hosts':['a'],'forward':[{'pool':'gone','weight':3}]");
    (void)explain_table_commit(table);
    cJSON *a = ask("{'cluster':'east','host':'a'}");

    assert_outcome(a, "no_endpoint", 503, "r");
    assert_true(cJSON_IsFalse(json_get(json_get(a, "pools")->child, "exists")));
    assert_int_equal(number_of(json_get(a, "pools")->child, "weight"), 3);
    cJSON_Delete(a);
}

static void what_a_gateway_refuses_is_refused(void **state)
{
    (void)state;
    make_shop();
    cJSON *a = ask("{'cluster':'east','host':'a b'}");
    cJSON *b = ask("{'cluster':'east','host':'a','path':'/x/../y'}");
    cJSON *c = ask("{'cluster':'east','host':'a','scheme':'https','sni':'a','client':'::1'}");

    assert_outcome(a, "bad_host", 400, "");
    assert_outcome(b, "bad_path", 400, "");
    assert_int_equal(cJSON_GetArraySize(json_get(c, "notes")), 1);
    cJSON_Delete(a);
    cJSON_Delete(b);
    cJSON_Delete(c);
}

/* ---- nearest misses ---- */

static void assert_nearest(const char *request, const char *outcome, int status, const char *first,
                           int num)
{
    cJSON *a = ask(request);
    const cJSON *nearest = json_get(a, "nearest");

    assert_outcome(a, outcome, status, "");
    if (cJSON_GetArraySize(nearest) != num)
        fail_msg("%s: %s", request, cJSON_Print(nearest));
    if (num > 0 && strstr(nearest->child->valuestring, first) == NULL)
        fail_msg("%s: %s", request, nearest->child->valuestring);
    cJSON_Delete(a);
}

static void what_nobody_takes_has_a_nearest_miss(void **state)
{
    (void)state;
    route("shop", "'hosts':['shop.example'],'path':'/app'" TO_P);
    route("post", "'hosts':['shop.example'],'path':'/form','match':{'methods':['POST']}" TO_P);
    route("wild", "'hosts':['*.apps.example'],'path':'/'" TO_P);
    (void)explain_table_commit(table);
    assert_nearest("{'cluster':'c','host':'shpo.example','path':'/app'}", "no_host", 503,
                   "which takes such a request", 1);
    assert_nearest("{'cluster':'c','host':'shop.examples','path':'/'}", "no_host", 503,
                   "does not take such a request", 1);
    assert_nearest("{'cluster':'c','host':'www.shop.example'}", "no_host", 503, "shop.example", 1);
    assert_nearest("{'cluster':'c','host':'a.aps.example'}", "no_host", 503, "*.apps.example", 1);
    assert_nearest("{'cluster':'c','host':'apps.example'}", "no_host", 503, "*.apps.example", 1);
    assert_nearest("{'cluster':'c','host':'else.where'}", "no_host", 503, "", 0);
    assert_nearest("{'cluster':'c','host':'shop.example','path':'/form/x'}", "no_path", 404,
                   "asks for the method POST, this is GET", 1);
    assert_nearest("{'cluster':'c','host':'shop.example','path':'/App'}", "no_path", 404,
                   "under \"/app\"", 1);
    assert_nearest("{'cluster':'c','host':'shop.example','path':'/else'}", "no_path", 404, "", 0);
}

/* ---- who may see what ---- */

static void a_tenant_sees_its_own_routes_only(void **state)
{
    (void)state;
    make_shop();
    route("beta", "'tenant':'beta','hosts':['beta.example','shop.example'],'path':'/beta'" TO_P);
    (void)explain_table_commit(table);
    cJSON *a = ask_as("beta", "{'cluster':'c','host':'shop.example'}");
    cJSON *b = ask_as("beta", "{'cluster':'c','host':'beta.example'}");
    cJSON *c = ask_as("acme", "{'cluster':'c','host':'shop.example','path':'/cart'}");
    cJSON *d = ask_as("default", "{'cluster':'c','host':'nobody'}");

    assert_outcome(a, "other_tenant", -1, "");
    assert_null(json_get(a, "losers"));
    assert_outcome(b, "no_path", 404, "");
    assert_losers(b, "beta path");
    assert_outcome(c, "forward", -1, "cart");
    for (const cJSON *l = json_get(c, "losers")->child; l != NULL; l = l->next)
        assert_string_equal(text_of(l, "tenant"), "acme");
    assert_outcome(d, "respond", 410, "anywhere");
    cJSON_Delete(a);
    cJSON_Delete(b);
    cJSON_Delete(c);
    cJSON_Delete(d);
}

static void many_losers_are_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char name[16];
        char text[96];

        snprintf(name, sizeof(name), "r%02d", i);
        snprintf(text, sizeof(text), "'hosts':['a'],'path':'/%d','respond':{'status':200}", i);
        route(name, text);
    }
    (void)explain_table_commit(table);
    cJSON *a = ask("{'cluster':'c','host':'a','path':'/50'}");

    assert_outcome(a, "respond", 200, "r50");
    assert_int_equal(cJSON_GetArraySize(json_get(a, "losers")), 32);
    assert_int_equal(number_of(a, "more_losers"), 67);
    assert_string_equal(text_of(json_get(a, "losers")->child, "name"), "r00");
    cJSON_Delete(a);
}

/* ---- requests that are none ---- */

static const struct {
    const char *text;
    const char *code;
    const char *field;
} bad[] = {
    {"", "BadJson", ""},
    {"{}", "MissingField", "/cluster"},
    {"{'cluster':'c','host':'a','path':'x'}", "BadPath", "/path"},
    {"{'cluster':'c','host':'a','path':'/a b'}", "BadPath", "/path"},
    {"{'cluster':'c','host':'a','method':'G T'}", "BadValue", "/method"},
    {"{'cluster':'c','host':'a','headers':[{'name':'x','value':'a\\nb'}]}", "BadValue",
     "/headers/0/value"},
    {"{'cluster':'c','host':'a','headers':[{'name':'Host','value':'b'}]}", "Contradiction",
     "/headers/0/name"},
    {"{'cluster':'c','host':'a','sni':'b'}", "Contradiction", "/sni"},
    {"{'cluster':'c','host':'a','client':'b'}", "BadAddress", "/client"},
    {"{'cluster':'c','host':'a','pth':'/'}", "UnknownField", "/pth"},
};

static void a_request_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *json = quoted(bad[i].text);
        struct errs e = {.num = 0};

        assert_null(explain_request_read(str_from(json), &e));
        if (strcmp(e.all[0].code, bad[i].code) != 0 || strcmp(e.all[0].field, bad[i].field) != 0)
            fail_msg("%s: %s at %s", bad[i].text, e.all[0].code, e.all[0].field);
        free(json);
    }
}

/* ---- shadows ---- */

static char shadows[1024];

static void note_shadow(void *arg, const struct explain_shadow *s)
{
    size_t n = strlen(shadows);

    (void)arg;
    snprintf(shadows + n, sizeof(shadows) - n, "%s at %s by %s;", s->route, s->host,
             s->by != NULL ? s->by : "none");
}

static const struct {
    const char *a; /* the older one */
    const char *b;
    const char *want;
} shadowed[] = {
    {"'hosts':['h']", "'hosts':['h']", "b at h by a;"},
    {"'hosts':['h']", "'hosts':['h'],'path':'/x'", ""},
    {"'hosts':['h'],'path':'/x/'", "'hosts':['h'],'path':'/x'", "b at h by a;"},
    {"'hosts':['h'],'path':'/x'", "'hosts':['h'],'path':'/x','path_type':'exact'", ""},
    {"'hosts':['h'],'path':'/x','path_type':'exact'", "'hosts':['h'],'path':'/x'", ""},
    {"'hosts':['h']", "'hosts':['h'],'match':{'methods':['GET']}", ""},
    {"'hosts':['h'],'match':{'methods':['GET']}", "'hosts':['h']", ""},
    {"'hosts':['h'],'match':{'methods':['GET','PUT']}", "'hosts':['h'],'match':{'methods':['PUT']}",
     "b at h by a;"},
    {"'hosts':['h'],'match':{'methods':['GET']}", "'hosts':['h'],'match':{'methods':['PUT','GET']}",
     ""},
    {"'hosts':['h'],'match':{'headers':[{'name':'x'}]}",
     "'hosts':['h'],'match':{'headers':[{'name':'x','value':'1'}]}", "b at h by a;"},
    {"'hosts':['h'],'match':{'headers':[{'name':'x','value':'1'}]}",
     "'hosts':['h'],'match':{'headers':[{'name':'x'}]}", ""},
    {"'hosts':['z']",
     "'hosts':['h'],'match':{'headers':[{'name':'x','value':'1'},{'name':'x','value':'2'}]}",
     "b at h by none;"},
    {"'hosts':['z']",
     "'hosts':['h'],'match':{'headers':[{'name':'x'},{'name':'x','value':'2'}],'queries':[{'name':"
     "'&='},{'name':'a','value':'#'}],'cookies':[{'name':'c','value':'1'},{'name':'d'}]}",
     ""},
    {"'hosts':['z']", "'hosts':['h'],'match':{'cookies':[{'name':'c','value':'a;b'}]}",
     "b at h by none;"},
    {"'hosts':['z']", "'hosts':['h'],'match':{'headers':[{'name':'host','value':'g'}]}",
     "b at h by none;"},
    {"'hosts':['z']", "'hosts':['h'],'match':{'headers':[{'name':'host','value':'H:81'}]}", ""},
    {"'hosts':['*.h']", "'hosts':['*.h','h']", "b at *.h by a;"},
    {"'hosts':['a.h','b.h']", "'hosts':['*.h']", ""},
    {"'hosts':['*']", "'hosts':['*']", "b at * by a;"},
};

static void the_unreachable_are_found(void **state)
{
    static const char *const hosts[] = {"h", "*.h", "*"};

    (void)state;
    for (size_t i = 0; i < sizeof(shadowed) / sizeof(shadowed[0]); i++) {
        char *a = xasprintf("%s,'created_ms':1" TO_P, shadowed[i].a);
        char *b = xasprintf("%s,'created_ms':2" TO_P, shadowed[i].b);

        route("a", a);
        route("b", b);
        assert_int_equal(explain_table_commit(table), 0);
        shadows[0] = '\0';
        explain_shadows(table, hosts, 3, note_shadow, NULL);
        if (strcmp(shadows, shadowed[i].want) != 0)
            fail_msg("%s, %s: %s", shadowed[i].a, shadowed[i].b, shadows);
        free(a);
        free(b);
    }
}

static void a_route_that_goes_is_forgotten(void **state)
{
    (void)state;
    make_shop();
    explain_table_delete(table, ROUTE_KIND_ROUTE, "cart");
    (void)explain_table_commit(table);
    cJSON *a = ask("{'cluster':'east','host':'shop.example','path':'/cart'}");

    assert_outcome(a, "forward", -1, "cart-young");
    cJSON_Delete(a);
}

static void an_answer_that_does_not_fit_is_said(void **state)
{
    struct errs e = {.num = 0};
    struct explain_request *rq =
        explain_request_read(STR("{\"cluster\":\"c\",\"host\":\"shop.example\"}"), &e);
    const struct explain_view view = {.value = value};

    (void)state;
    make_shop();
    for (size_t max = 0; max < 500; max += 3) {
        struct buf out;

        buf_init(&out, max);
        assert_false(explain_write(table, rq, &view, &out));
        buf_free(&out);
    }
    explain_request_free(rq);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void it_says_whose_table_it_is_and_that_gateways_lack_it(void **state)
{
    (void)state;
    make_shop();
    for (int i = 0; i < 2; i++) {
        held = i == 1;
        cJSON *a = ask("{'cluster':'east','host':'shop.example'}");

        assert_int_equal(number_of(a, "commit"), 812);
        assert_int_equal(cJSON_GetArraySize(json_get(a, "notes")), i);
        cJSON_Delete(a);
    }
    held = false;
}

static void a_guard_is_nobodys_and_says_so_to_all(void **state)
{
    static const char *const tenants[] = {NULL, "blue", "default"};

    (void)state;
    route("blue/all", "'tenant':'blue','hosts':['*.example']" TO_P);
    route("guard:a.example", "'tenant':'','hosts':['a.example'],'respond':{'status':503}");
    route("guard:*.b.example", "'tenant':'','hosts':['*.b.example'],'respond':{'status':503}");
    route("c", "'tenant':'','hosts':['c.b.example']" TO_P);
    assert_int_equal(explain_table_commit(table), 0);
    for (size_t i = 0; i < 3; i++) {
        cJSON *a = ask_as(tenants[i], "{'cluster':'east','host':'a.example'}");

        assert_outcome(a, "guarded", 503, "");
        assert_non_null(strstr(json_get(a, "notes")->child->valuestring, "of another"));
        assert_losers(a, i < 2 ? "blue/all host" : "");
        cJSON_Delete(a);
    }
    cJSON *a = ask_as("default", "{'cluster':'east','host':'c.b.example'}");

    assert_losers(a, "");
    cJSON_Delete(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_winner_has_its_policies_pools_and_losers),
        TEST(conditions_win_where_they_hold),
        TEST(a_wildcard_and_the_default_are_asked_in_their_turn),
        TEST(a_winner_by_one_host_is_no_loser_by_another),
        TEST(a_pool_without_endpoints_is_said),
        TEST(what_a_gateway_refuses_is_refused),
        TEST(what_nobody_takes_has_a_nearest_miss),
        TEST(a_tenant_sees_its_own_routes_only),
        TEST(many_losers_are_counted),
        TEST(a_request_is_judged),
        TEST(the_unreachable_are_found),
        TEST(a_route_that_goes_is_forgotten),
        TEST(an_answer_that_does_not_fit_is_said),
        TEST(it_says_whose_table_it_is_and_that_gateways_lack_it),
        TEST(a_guard_is_nobodys_and_says_so_to_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
