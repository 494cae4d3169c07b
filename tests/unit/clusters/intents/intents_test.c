/*
 * Documents: what each kind becomes, all that is wrong with one at once, and what stays the same
 * when it is read again. In the JSON here a ' stands for a ".
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

#include "clusters/intents/intents.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"

#define IN_EAST "'cluster':'east',"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char *quoted(const char *text)
{
    char *json = xstrdup(text);

    for (char *p = json; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    return json;
}

static const char *name_of(enum intent_kind kind)
{
    return kind == INTENT_OWNERSHIP ? "ownership" : "web";
}

static const char *tenant_of(enum intent_kind kind)
{
    return kind <= INTENT_TOKEN ? "" : "acme";
}

static struct intent *read_as(enum intent_kind kind, const char *tenant, const char *text,
                              struct errs *e)
{
    char *json = quoted(text);

    e->num = 0;
    struct intent *i = intent_read(kind, tenant, name_of(kind), 7, str_from(json), e);

    assert_true((i != NULL) == (e->num == 0));
    free(json);
    return i;
}

static struct intent *right(enum intent_kind kind, const char *text)
{
    struct errs e;
    struct intent *i = read_as(kind, tenant_of(kind), text, &e);

    if (i == NULL)
        fail_msg("%s: %s at %s: %s", text, e.all[0].code, e.all[0].field, e.all[0].text);
    return i;
}

static void assert_json(const char *got, const char *want)
{
    char *json = quoted(want);

    assert_string_equal(got, json);
    free(json);
}

/* ---- what they become ---- */

static const struct {
    enum intent_kind kind;
    const char *text;
    const char *value; /* canonical */
} canonical[] = {
    {INTENT_CLUSTER, "{}", "{}"},
    {INTENT_CLUSTER, " { 'services' : {'labels':{'b':'2','a':'1'}}, 'default':true } ",
     "{'default':true,'services':{'labels':{'a':'1','b':'2'}}}"},
    {INTENT_TENANT, "{'quotas':{'routes':100},'hosts':['Shop.Example.','*.shop.example']}",
     "{'hosts':['Shop.Example.','*.shop.example'],'quotas':{'routes':100}}"},
    {INTENT_OWNERSHIP, "{'claims':'open'}", "{'claims':'open'}"},
    {INTENT_SETTINGS, "{'timeouts':{},'access_log':false}", "{'access_log':false,'timeouts':{}}"},
    {INTENT_TOKEN, "{'scopes':['operator'],'hash':'" HASH "'}",
     "{'hash':'" HASH "','scopes':['operator']}"},
    {INTENT_ROUTE, "{'hosts':['a'],'forward':[{'weight':1,'pool':'p'}]," IN_EAST "'path':'/'}",
     "{'cluster':'east','forward':[{'pool':'p','weight':1}],'hosts':['a'],'path':'/'}"},
    {INTENT_POOL, "{'protocol':'h2c','cluster':'east'}", "{'cluster':'east','protocol':'h2c'}"},
    {INTENT_ENDPOINTS, "{'endpoints':[],'cluster':'east'}", "{'cluster':'east','endpoints':[]}"},
    {INTENT_CERTIFICATE, "{'key':'k','hosts':['a']," IN_EAST "'cert':'c'}",
     "{'cert':'c','cluster':'east','hosts':['a'],'key':'k'}"},
    {INTENT_PIN, "{'labels':{'x':'1\\n'},'commit':812}",
     "{'commit':812,'labels':{'x':'1\\u000a'}}"},
    {INTENT_SERVICE, "{'labels':{'\\u00e4':'/'}}", "{'labels':{'\xc3\xa4':'/'}}"},
};

static void documents_are_printed_canonically_and_read_back_as_they_are(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(canonical) / sizeof(canonical[0]); k++) {
        struct intent *i = right(canonical[k].kind, canonical[k].text);
        struct errs e = {.num = 0};

        assert_json(i->value, canonical[k].value);
        struct intent *again =
            intent_read(i->kind, i->tenant, i->name, i->created_ms, str_from(i->value), &e);

        assert_non_null(again);
        assert_string_equal(again->value, i->value);
        intent_free(again);
        intent_free(i);
    }
}

static void a_cluster_says_whose_services_and_tenants_are_its(void **state)
{
    struct intent *i =
        right(INTENT_CLUSTER, "{'services':{'labels':{'region':'eu'}},'default':true,"
                              "'tenants':['acme','beta']}");

    (void)state;
    assert_int_equal(i->as.cluster.num_labels, 1);
    assert_string_equal(i->as.cluster.labels[0].key, "region");
    assert_string_equal(i->as.cluster.labels[0].value, "eu");
    assert_true(i->as.cluster.is_default && !i->as.cluster.any_tenant);
    assert_int_equal(i->as.cluster.num_tenants, 2);
    assert_string_equal(i->as.cluster.tenants[1], "beta");
    assert_null(i->cluster);
    intent_free(i);
}

static void a_tenant_has_claims_services_and_quotas(void **state)
{
    struct intent *i =
        right(INTENT_TENANT,
              "{'hosts':['Shop.example.','*.shop.example'],'clusters':['us-east'],"
              "'services':{'labels':{'ns':'shop'},'names':['shop_*']},'quotas':{'routes':"
              "100,'endpoints':0,'in_flight':500,'per_second':1000,'burst':100,'connections':70},"
              "'metadata':{'labels':{'tier':'gold'}}}");
    const struct intent_tenant *t = &i->as.tenant;

    (void)state;
    assert_int_equal(t->num_claims, 2);
    assert_string_equal(t->claims[0], "shop.example");
    assert_string_equal(t->claims[1], "*.shop.example");
    assert_true(!t->any_cluster && t->num_clusters == 1 && t->num_labels == 1);
    assert_string_equal(t->services[0], "shop_*");
    assert_true(t->quotas.routes == 100 && t->quotas.hosts == -1 && t->quotas.endpoints == 0);
    assert_json(t->table_value,
                "{'burst':100,'connections':70,'in_flight':500,'requests_per_second':1000}");
    assert_int_equal(i->num_labels, 1);
    assert_string_equal(i->labels[0].value, "gold");
    intent_free(i);
}

static void a_tenant_of_nothing_has_no_quotas_and_no_services(void **state)
{
    struct intent *i = right(INTENT_TENANT, "{}");
    const struct intent_tenant *t = &i->as.tenant;

    (void)state;
    assert_true(t->any_cluster && t->num_claims == 0 && t->num_services == 0 && t->num_labels == 0);
    assert_true(t->quotas.routes == -1 && t->quotas.certificates == -1);
    assert_null(t->table_value);
    intent_free(i);
}

static void a_route_goes_into_a_table_with_the_hosts_that_are_kept(void **state)
{
    struct intent *i = right(
        INTENT_ROUTE,
        "{'metadata':{'labels':{'a':'b'}},'hosts':['A.example','*.b','c'],'path':'/x',"
        "'forward':[{'pool':'p','weight':3},{'pool':'q'}]," IN_EAST "'retry':{'attempts':1}}");
    const bool keep[] = {true, false, true};

    (void)state;
    assert_string_equal(i->cluster, "east");
    assert_true(i->as.route.num_hosts == 3 && i->as.route.num_pools == 2);
    assert_string_equal(i->as.route.hosts[0], "a.example");
    assert_string_equal(i->as.route.pools[1], "q");
    char *value = intent_route_value(i, keep);
    struct err e;

    assert_json(value, "{'created_ms':7,'forward':[{'pool':'acme/p','weight':3},{'pool':'acme/q'}],"
                       "'hosts':['a.example','c'],'path':'/x','retry':{'attempts':1},"
                       "'tenant':'acme'}");
    cJSON *tree = json_parse(str_from(value), &json_limits_frame, &e);
    struct route *r = objects_route(tree, &e);

    assert_non_null(r);
    route_free(r);
    cJSON_Delete(tree);
    free(value);
    intent_free(i);
}

static void a_route_that_answers_by_itself_has_no_pools(void **state)
{
    struct intent *i = right(INTENT_ROUTE, "{" IN_EAST "'hosts':['a'],'respond':{'status':204}}");
    char *value = intent_route_value(i, &(bool){true});

    (void)state;
    assert_int_equal(i->as.route.num_pools, 0);
    assert_json(value, "{'created_ms':7,'hosts':['a'],'respond':{'status':204},'tenant':'acme'}");
    free(value);
    intent_free(i);
}

static void pools_endpoints_and_certificates_have_their_value_for_a_table(void **state)
{
    struct intent *p =
        right(INTENT_POOL, "{" IN_EAST "'balance':'hash','service':{'name':'shop_web',"
                           "'port':8080,'network':'n'}}");
    struct intent *n =
        right(INTENT_ENDPOINTS,
              "{'endpoints':[{'address':'10.0.0.1','port':80}]," IN_EAST "'metadata':{}}");
    struct intent *c = right(INTENT_CERTIFICATE, "{" IN_EAST "'hosts':['a'],'cert':'c','key':'k'}");

    (void)state;
    assert_json(p->as.pool.table_value, "{'balance':'hash','tenant':'acme'}");
    assert_string_equal(p->as.pool.service, "shop_web");
    assert_string_equal(p->as.pool.network, "n");
    assert_int_equal(p->as.pool.port, 8080);
    assert_json(n->as.table_value, "{'endpoints':[{'address':'10.0.0.1','port':80}]}");
    assert_int_equal(n->num_endpoints, 1);
    assert_json(c->as.table_value, "{'cert':'c','hosts':['a'],'key':'k','tenant':'acme'}");
    intent_free(p);
    intent_free(n);
    intent_free(c);
}

static void settings_are_of_the_cluster_of_their_name(void **state)
{
    struct intent *i = right(INTENT_SETTINGS, "{'limits':{'body_bytes':1125899906842624}}");

    (void)state;
    assert_string_equal(i->cluster, "web");
    assert_json(i->as.table_value,
                "{'info_headers':true,'limits':{'body_bytes':1125899906842624}}");
    assert_json(i->value, "{'limits':{'body_bytes':1125899906842624}}");
    intent_free(i);
    i = right(INTENT_SETTINGS, "{'info_headers':false}");
    assert_json(i->as.table_value, "{'info_headers':false}");
    intent_free(i);
}

static void tokens_have_scopes_of_their_owner(void **state)
{
    struct errs e;
    struct intent *i = read_as(
        INTENT_TOKEN, "acme",
        "{'hash':'" HASH "','scopes':['tenant-read','metrics'],'expires_ms':99,'about':'ci'}", &e);

    (void)state;
    assert_non_null(i);
    assert_int_equal(i->as.token.scopes, INTENT_SCOPE_TENANT_READ | INTENT_SCOPE_METRICS);
    assert_string_equal(i->as.token.hash, HASH);
    assert_int_equal(i->as.token.expires_ms, 99);
    intent_free(i);
}

static void pins_and_services_keep_labels_as_they_were(void **state)
{
    struct intent *p = right(INTENT_PIN, "{'service':'web','commit':812,'labels':{'hosts':'a,b'}}");
    struct intent *s = right(INTENT_SERVICE, "{'labels':{'hosts':'\\u0007'}}");

    (void)state;
    assert_string_equal(p->as.pin.service, "web");
    assert_true(p->as.pin.commit == 812 && p->as.pin.num_labels == 1);
    assert_string_equal(p->as.pin.labels[0].value, "a,b");
    assert_string_equal(s->as.service.labels[0].value, "\a");
    intent_free(p);
    intent_free(s);
}

/* ---- what is asked for ---- */

static const struct {
    const char *text; /* of the route, besides hosts, cluster and action */
    const char *match;
} matches[] = {
    {"", INTENT_MATCH_ALL},
    {"'path':'/',", INTENT_MATCH_ALL},
    {"'match':{'methods':[]},", INTENT_MATCH_ALL},
    {"'path':'/app/',", "prefix /app"},
    {"'path':'/%61pp',", "prefix /app"},
    {"'path':'/app/','path_type':'exact',", "exact /app/"},
    {"'match':{'methods':['PUT','GET','PUT']},", "prefix / {'methods':['GET','PUT']}"},
    {"'match':{'queries':[{'name':'b'},{'name':'a','value':'1'}],'headers':[{'name':'X'}]},",
     "prefix / {'headers':[['x']],'queries':[['a','1'],['b']]}"},
    {"'match':{'cookies':[{'name':'c','value':''}]},", "prefix / {'cookies':[['c','']]}"},
};

static void the_same_requests_are_the_same_text(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(matches) / sizeof(matches[0]); k++) {
        char *text =
            xasprintf("{" IN_EAST "%s'hosts':['a'],'respond':{'status':200}}", matches[k].text);
        struct intent *i = right(INTENT_ROUTE, text);

        assert_json(i->as.route.match, matches[k].match);
        intent_free(i);
        free(text);
    }
}

/* ---- what is wrong ---- */

struct fault {
    const char *code;
    const char *field;
};

static const struct {
    enum intent_kind kind;
    const char *text;
    struct fault faults[6];
} wrong[] = {
    {INTENT_ROUTE, "", {{"BadJson", ""}}},
    {INTENT_ROUTE, "[]", {{"WrongType", ""}}},
    {INTENT_ROUTE, "{}", {{"MissingField", "/hosts"}, {"MissingField", "/cluster"}}},
    {INTENT_ROUTE,
     "{'hosts':['a b','ok','-..'],'path':1,'clustr':'x','forward':[{'pool':'p','weight':-1},{}],"
     "'cluster':'east'}",
     {{"BadHost", "/hosts/0"},
      {"BadHost", "/hosts/2"},
      {"WrongType", "/path"},
      {"UnknownField", "/clustr"},
      {"OutOfRange", "/forward/0/weight"},
      {"MissingField", "/forward/1/pool"}}},
    {INTENT_ROUTE,
     "{'tenant':'beta','created_ms':1,'a/b~':2," IN_EAST "'hosts':['a'],'respond':{'status':200}}",
     {{"UnknownField", "/tenant"}, {"UnknownField", "/created_ms"}, {"UnknownField", "/a~1b~0"}}},
    {INTENT_ROUTE,
     "{" IN_EAST "'hosts':['a'],'passthrough':true,'tls':{'min':'1.1'},'forward':[{'pool':'p'}]}",
     {{"Unsupported", "/passthrough"}, {"BadValue", "/tls/min"}}},
    {INTENT_ROUTE,
     "{" IN_EAST "'hosts':['a','A.'],'forward':[{'pool':'p'}]}",
     {{"DuplicateHost", "/hosts/1"}}},
    {INTENT_ROUTE,
     "{" IN_EAST "'hosts':['a'],'forward':[{'pool':'x/y'},{'pool':'ok'},{'pool':'.'}]}",
     {{"BadName", "/forward/0/pool"}, {"BadName", "/forward/2/pool"}}},
    {INTENT_ROUTE,
     "{'cluster':'a/b','hosts':['a'],'respond':{'status':200}}",
     {{"BadName", "/cluster"}}},
    {INTENT_ROUTE,
     "{" IN_EAST "'hosts':['a'],'respond':{'status':200},'metadata':{'labels':{'k':1,'':'x','a/':"
     "'\\n'},'z':1}}",
     {{"WrongType", "/metadata/labels/k"},
      {"BadValue", "/metadata/labels/"},
      {"BadValue", "/metadata/labels/a~1"},
      {"UnknownField", "/metadata/z"}}},
    {INTENT_POOL,
     "{" IN_EAST "'protocol':'https','service':{'port':0}}",
     {{"Unsupported", "/protocol"},
      {"OutOfRange", "/service/port"},
      {"MissingField", "/service/name"}}},
    {INTENT_POOL,
     "{" IN_EAST "'health':{'type':'tcp','path':'/'},'passive':{'statuses':[1]}}",
     {{"Contradiction", "/health/path"}, {"OutOfRange", "/passive/statuses/0"}}},
    {INTENT_ENDPOINTS,
     "{" IN_EAST
     "'endpoints':[{'address':'a','port':0},{'address':'::1','port':1},{'address':'::1',"
     "'port':1}]}",
     {{"BadAddress", "/endpoints/0/address"}, {"OutOfRange", "/endpoints/0/port"}}},
    {INTENT_ENDPOINTS,
     "{" IN_EAST "'endpoints':[{'address':'::1','port':1},{'address':'0::1','port':1}]}",
     {{"DuplicateEndpoint", "/endpoints/1"}}},
    {INTENT_CERTIFICATE,
     "{" IN_EAST "'hosts':[],'cert':''}",
     {{"OutOfRange", "/hosts"}, {"BadName", "/cert"}, {"MissingField", "/key"}}},
    {INTENT_SETTINGS,
     "{'limits':{'head_bytes':1,'uri_bytes':1},'cluster':'x','tls_tickets':true}",
     {{"OutOfRange", "/limits/head_bytes"},
      {"OutOfRange", "/limits/uri_bytes"},
      {"UnknownField", "/cluster"},
      {"Unsupported", "/tls_tickets"}}},
    {INTENT_TENANT,
     "{'hosts':['a','*.','A'],'clusters':[''],'services':{'names':['a b']},'quotas':{'routes':-1,"
     "'connections':-5}}",
     {{"BadHost", "/hosts/1"},
      {"BadValue", "/clusters/0"},
      {"BadValue", "/services/names/0"},
      {"OutOfRange", "/quotas/routes"},
      {"OutOfRange", "/quotas/connections"}}},
    {INTENT_TENANT,
     "{'hosts':['a','b','A.'],'quotas':{'burst':5}}",
     {{"DuplicateHost", "/hosts/2"}, {"Contradiction", "/quotas/burst"}}},
    {INTENT_CLUSTER,
     "{'default':'yes','tenants':['a/b']}",
     {{"WrongType", "/default"}, {"BadName", "/tenants/0"}}},
    {INTENT_OWNERSHIP, "{'claims':'closed'}", {{"BadValue", "/claims"}}},
    {INTENT_TOKEN,
     "{'hash':'ABC','scopes':['root'],'expires_ms':-1}",
     {{"BadValue", "/hash"}, {"BadValue", "/scopes/0"}, {"OutOfRange", "/expires_ms"}}},
    {INTENT_TOKEN,
     "{'hash':'" HASH "','scopes':['tenant-admin','operator','tenant-read']}",
     {{"Contradiction", "/scopes/0"}, {"Contradiction", "/scopes/2"}}},
    {INTENT_PIN, "{'service':'other','commit':1,'labels':{}}", {{"Contradiction", "/service"}}},
    {INTENT_PIN,
     "{'commit':1.5,'labels':[]}",
     {{"OutOfRange", "/commit"}, {"WrongType", "/labels"}}},
    {INTENT_SERVICE, "{'labels':{'a':null}}", {{"WrongType", "/labels/a"}}},
};

static void every_fault_is_named_at_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
        struct errs e;
        size_t n = 0;

        assert_null(read_as(wrong[k].kind, tenant_of(wrong[k].kind), wrong[k].text, &e));
        for (; n < 6 && wrong[k].faults[n].code != NULL; n++) {
            if (n >= e.num || strcmp(e.all[n].code, wrong[k].faults[n].code) != 0 ||
                strcmp(e.all[n].field, wrong[k].faults[n].field) != 0)
                fail_msg("%s: fault %zu of %zu is %s at %s: %s", wrong[k].text, n, e.num,
                         n < e.num ? e.all[n].code : "none", n < e.num ? e.all[n].field : "",
                         n < e.num ? e.all[n].text : "");
        }
        if (e.num != n)
            fail_msg("%s: %zu faults, the next is %s at %s", wrong[k].text, e.num, e.all[n].code,
                     e.all[n].field);
    }
}

static void an_unknown_field_is_told_the_nearest_one(void **state)
{
    struct errs e;

    (void)state;
    assert_null(read_as(INTENT_ROUTE, "acme",
                        "{'clustr':'east','hosts':['a'],'respond':{'status':200}}", &e));
    assert_int_equal(e.num, 2);
    assert_non_null(strstr(e.all[0].text, "\"cluster\" is the nearest"));
}

static void faults_beyond_those_that_are_kept_are_counted(void **state)
{
    struct errs e;
    char text[2048];
    size_t n = (size_t)snprintf(text, sizeof(text), "{" IN_EAST "'respond':{'status':1},'hosts':[");

    (void)state;
    for (int k = 0; k < 100; k++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s'#'", k != 0 ? "," : "");
    snprintf(text + n, sizeof(text) - n, "]}");
    assert_null(read_as(INTENT_ROUTE, "acme", text, &e));
    assert_int_equal(e.num, 101);
    assert_int_equal(errs_kept(&e), ERRS_MAX);
    assert_string_equal(e.all[ERRS_MAX - 1].field, "/hosts/30");
}

/* ---- keys ---- */

static const struct {
    enum intent_kind kind;
    const char *tenant;
    const char *name;
    bool ok;
} keys[] = {
    {INTENT_SERVICE, "acme", "shop_web.1-x", true},
    {INTENT_SERVICE, "acme", "", false},
    {INTENT_SERVICE, "acme", "_web", false},
    {INTENT_SERVICE, "acme", "a/b", false},
    {INTENT_SERVICE, "acme", "\xc3\xa4", false},
    {INTENT_SERVICE, "", "web", false},
    {INTENT_SERVICE, "a/b", "web", false},
    {INTENT_SERVICE, "..", "web", false},
    {INTENT_CLUSTER, "", "us-east", true},
    {INTENT_CLUSTER, "", "0123456789012345678901234567890123456789012345678901234567890123", false},
    {INTENT_OWNERSHIP, "", "other", false},
};

static void keys_are_judged_as_well(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        struct errs e = {.num = 0};
        struct str value = keys[k].kind == INTENT_CLUSTER ? STR("{}") : STR("{\"labels\":{}}");
        struct intent *i = intent_read(keys[k].kind, keys[k].tenant, keys[k].name, 0, value, &e);

        if ((i != NULL) != keys[k].ok)
            fail_msg("%s/%s", keys[k].tenant, keys[k].name);
        assert_true(keys[k].ok || strcmp(e.all[0].code, "BadName") == 0);
        intent_free(i);
    }
}

static void kinds_have_names(void **state)
{
    enum intent_kind kind;

    (void)state;
    for (unsigned k = 0; k < INTENT_KIND__COUNT; k++) {
        assert_true(intent_kind_from_name(intent_kind_name((enum intent_kind)k), &kind));
        assert_int_equal(kind, k);
    }
    assert_false(intent_kind_from_name("Route", &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_printed_canonically_and_read_back_as_they_are),
        cmocka_unit_test(a_cluster_says_whose_services_and_tenants_are_its),
        cmocka_unit_test(a_tenant_has_claims_services_and_quotas),
        cmocka_unit_test(a_tenant_of_nothing_has_no_quotas_and_no_services),
        cmocka_unit_test(a_route_goes_into_a_table_with_the_hosts_that_are_kept),
        cmocka_unit_test(a_route_that_answers_by_itself_has_no_pools),
        cmocka_unit_test(pools_endpoints_and_certificates_have_their_value_for_a_table),
        cmocka_unit_test(settings_are_of_the_cluster_of_their_name),
        cmocka_unit_test(tokens_have_scopes_of_their_owner),
        cmocka_unit_test(pins_and_services_keep_labels_as_they_were),
        cmocka_unit_test(the_same_requests_are_the_same_text),
        cmocka_unit_test(every_fault_is_named_at_once),
        cmocka_unit_test(an_unknown_field_is_told_the_nearest_one),
        cmocka_unit_test(faults_beyond_those_that_are_kept_are_counted),
        cmocka_unit_test(keys_are_judged_as_well),
        cmocka_unit_test(kinds_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
