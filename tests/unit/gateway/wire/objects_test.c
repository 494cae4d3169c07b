/*
 * Values of objects to structs: what becomes of what is right. What is wrong is in refused_test.c
 * and schema_test.c. In the JSON here a ' stands for a ".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"
#include "tests/unit/gateway/wire/quoted.h"

static void a_route_is_read_with_its_hosts_made_canonical(void **state)
{
    cJSON *v = parse("{'tenant':'acme','hosts':['Web.Example.','*'],'path':'/',"
                     "'passthrough':false,'forward':[{'pool':'a','weight':3},"
                     "{'pool':'b'}]}");
    struct err e = {0};
    struct route *r = objects_route(v, &e);

    (void)state;
    assert_non_null(r);
    assert_string_equal(r->tenant, "acme");
    assert_string_equal(r->path, "/");
    assert_int_equal(r->num_hosts, 2);
    assert_string_equal(r->hosts[0], "web.example");
    assert_string_equal(r->hosts[1], "*");
    assert_int_equal(r->num_forward, 2);
    assert_string_equal(r->forward[0].pool, "a");
    assert_int_equal(r->forward[0].weight, 3);
    assert_int_equal(r->forward[1].weight, 1);
    route_free(r);
    cJSON_Delete(v);
}

static struct route *route_of(const char *json)
{
    cJSON *v = parse(json);
    struct err e = {0};
    struct route *r = objects_route(v, &e);

    cJSON_Delete(v);
    if (r == NULL)
        fail_msg("%s at %s: %s", e.code, e.field, e.text);
    return r;
}

/* What objects_route_plain takes; the fuzz target holds the results against objects_route. */
static void only_plain_routes_are_read_by_hand(void **state)
{
#define ROUTE(tenant, host, path, pool, weight)                                                \
    "{\"tenant\":\"" tenant "\",\"hosts\":[\"" host "\"],\"path\":\"" path "\",\"forward\":[{" \
    "\"pool\":\"" pool "\",\"weight\":" weight "}]}"
    static const struct {
        const char *value;
        bool plain;
    } rows[] = {
        {ROUTE("", "a.example", "/", "p", "1"), true},
        {ROUTE("t", "*.A.Example.", "/a//b/", "a pool", "1000000"), true},
        {ROUTE("t", "*", "/", "p", "0"), true},
        {ROUTE("t", "a", "/", "p", "1000001"), false},
        {ROUTE("t", "a", "/", "p", "01"), false},
        {ROUTE("t", "a", "/", "p", "-1"), false},
        {ROUTE("t", "a", "/", "p", "1.0"), false},
        {ROUTE("t", "a", "/", "p", ""), false},
        {ROUTE("t", "a", "/", "", "1"), false},
        {ROUTE("t", "", "/", "p", "1"), false},
        {ROUTE("t", "a_*", "/", "p", "1"), false},
        {ROUTE("t", "a", "b", "p", "1"), false},
        {ROUTE("t", "a", "/?", "p", "1"), false},
        {ROUTE("t\x7f", "a", "/", "p", "1"), false},
        {ROUTE("\xc3\xa4", "a", "/", "p", "1"), false},
        {ROUTE("t\\n", "a", "/", "p", "1"), false},
        {ROUTE("t", "a", "/", "p", "1") " ", false},
        {" " ROUTE("t", "a", "/", "p", "1"), false},
        {ROUTE("t", "a\",\"b", "/", "p", "1"), false},
        {ROUTE("t", "a", "/", "p", "1},{\"pool\":\"q\",\"weight\":1"), false},
        {"{\"hosts\":[\"a\"],\"path\":\"/\",\"forward\":[{\"pool\":\"p\",\"weight\":1}]}", true},
        {"{,\"hosts\":[\"a\"],\"path\":\"/\",\"forward\":[{\"pool\":\"p\",\"weight\":1}]}", false},
        {"", false},
        {"{\"tenant\":\"t", false},
    };
#undef ROUTE

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route *r = objects_route_plain(str_from(rows[i].value));

        assert_int_equal(r != NULL, rows[i].plain);
        route_free(r);
    }
    struct route *r = objects_route_plain(
        STR("{\"tenant\":\"t\",\"hosts\":[\"*.A.Example.\"],\"path\":\"/a\",\"forward\":[{\"pool\":"
            "\"p\",\"weight\":7}]}"));

    assert_string_equal(r->tenant, "t");
    assert_string_equal(r->hosts[0], "*.a.example");
    assert_string_equal(r->path, "/a");
    assert_string_equal(r->forward[0].pool, "p");
    assert_int_equal(r->forward[0].weight, 7);
    assert_int_equal(r->created_ms, INT64_MAX);
    route_free(r);
}

#define ADDRESS(address, port, rest) "{\"address\":\"" address "\",\"port\":" port "," rest "}"
#define ENDPOINTS(list) "{\"endpoints\":[" list "]}"

static void only_plain_endpoints_are_read_by_hand(void **state)
{
    static const struct {
        const char *value;
        bool plain;
    } rows[] = {
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1")), true},
        {ENDPOINTS(ADDRESS("::1", "65535", "\"weight\":1000000,\"task\":\"t\",\"node\":\"n\"")),
         true},
        {ENDPOINTS(ADDRESS("::1", "1", "\"weight\":1,\"node\":\"n\",\"state\":\"draining\"")),
         true},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1") "," ADDRESS("10.0.0.1", "81",
                                                                         "\"weight\":1")),
         true},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1") "," ADDRESS("10.0.0.1", "80",
                                                                         "\"weight\":1")),
         false},
        {ENDPOINTS(
             ADDRESS("::1", "80", "\"weight\":1") "," ADDRESS("0:0::1", "80", "\"weight\":1")),
         false},
        {ENDPOINTS(""), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1") ","), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1")) " ", false},
        {ENDPOINTS(ADDRESS("10.0.0.01", "80", "\"weight\":1")), false},
        {ENDPOINTS(ADDRESS("a.example", "80", "\"weight\":1")), false},
        {ENDPOINTS(ADDRESS("", "80", "\"weight\":1")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "0", "\"weight\":1")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "65536", "\"weight\":1")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "080", "\"weight\":1")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":0")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1000001")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1,\"state\":\"dead\"")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1,\"node\":\"n\",\"task\":\"t\"")), false},
        {ENDPOINTS(ADDRESS("10.0.0.1", "80", "\"weight\":1,\"task\":\"\\n\"")), false},
        {"", false},
        {"{\"endpoints\":[", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route_endpoints *p = objects_endpoints_plain(str_from(rows[i].value));

        if ((p != NULL) != rows[i].plain)
            fail_msg("row %zu: %s", i, rows[i].value);
        route_endpoints_free(p);
    }
    struct route_endpoints *p = objects_endpoints_plain(STR(ENDPOINTS(ADDRESS(
        "10.0.0.1", "80", "\"weight\":7,\"task\":\"t\",\"node\":\"n\",\"state\":\"draining\""))));

    assert_int_equal(p->num, 1);
    assert_string_equal(p->all[0].address, "10.0.0.1");
    assert_int_equal(p->all[0].port, 80);
    assert_int_equal(p->all[0].weight, 7);
    assert_string_equal(p->all[0].task, "t");
    assert_string_equal(p->all[0].node, "n");
    assert_int_equal(p->all[0].state, ENDPOINT_DRAINING);
    route_endpoints_free(p);
}

static void a_route_without_more_has_defaults(void **state)
{
    struct route *r = route_of("{'hosts':['a'],'forward':[{'pool':'p'}]}");

    (void)state;
    assert_string_equal(r->tenant, "");
    assert_string_equal(r->path, "/");
    assert_false(r->path_exact);
    assert_int_equal(r->action, ROUTE_FORWARD);
    assert_true(r->created_ms == INT64_MAX);
    assert_null(r->redirect);
    assert_null(r->respond);
    assert_null(r->match);
    assert_null(r->rewrite);
    assert_null(r->request_fields);
    assert_null(r->response_fields);
    assert_null(r->sticky);
    assert_null(r->split);
    assert_null(r->limits);
    assert_null(r->timeouts);
    assert_null(r->retry);
    route_free(r);
}

static void a_match_is_read(void **state)
{
    struct route *r = route_of("{'hosts':['a'],'path':'/%7euser/a%2fb','path_type':'exact',"
                               "'created_ms':9007199254740993,'forward':[{'pool':'p'}],"
                               "'match':{'methods':['GET','PURGE'],"
                               "'headers':[{'name':'X-Beta','value':'On'},{'name':'x-any'}],"
                               "'queries':[{'name':'Q ','value':' v '}],"
                               "'cookies':[{'name':'Id','value':''}]}}");
    const struct route_match *m = r->match;

    (void)state;
    assert_string_equal(r->path, "/~user/a%2Fb");
    assert_true(r->path_exact);
    assert_true(r->created_ms == 9007199254740993);
    assert_int_equal(m->num_methods, 2);
    assert_string_equal(m->methods[1], "PURGE");
    assert_int_equal(m->headers.num, 2);
    assert_string_equal(m->headers.all[0].name, "x-beta");
    assert_string_equal(m->headers.all[0].value, "On");
    assert_null(m->headers.all[1].value);
    assert_int_equal(m->queries.num, 1);
    assert_string_equal(m->queries.all[0].name, "Q ");
    assert_string_equal(m->queries.all[0].value, " v ");
    assert_string_equal(m->cookies.all[0].name, "Id");
    assert_string_equal(m->cookies.all[0].value, "");
    route_free(r);
}

static void actions_are_read(void **state)
{
    struct route *r =
        route_of("{'hosts':['a'],'redirect':{'status':308,'scheme':'https','host':'B.Example.',"
                 "'port':8443,'path':'/x/%7e','drop_query':true}}");

    (void)state;
    assert_int_equal(r->action, ROUTE_REDIRECT);
    assert_int_equal(r->num_forward, 0);
    assert_int_equal(r->redirect->status, 308);
    assert_int_equal(r->redirect->port, 8443);
    assert_string_equal(r->redirect->scheme, "https");
    assert_string_equal(r->redirect->host, "b.example");
    assert_string_equal(r->redirect->path, "/x/%7e");
    assert_null(r->redirect->prefix);
    assert_true(r->redirect->drop_query);
    route_free(r);
    r = route_of("{'hosts':['a'],'redirect':{'prefix':'/new'}}");
    assert_int_equal(r->redirect->status, 302);
    assert_string_equal(r->redirect->prefix, "/new");
    route_free(r);
    r = route_of("{'hosts':['a'],'respond':{'status':404,'content_type':'text/html',"
                 "'body':'<p>\\r\\n\\tgone</p>'}}");
    assert_int_equal(r->action, ROUTE_RESPOND);
    assert_int_equal(r->respond->status, 404);
    assert_string_equal(r->respond->content_type, "text/html");
    assert_string_equal(r->respond->body, "<p>\r\n\tgone</p>");
    route_free(r);
    r = route_of("{'hosts':['a'],'respond':{'status':204}}");
    assert_string_equal(r->respond->content_type, "text/plain; charset=utf-8");
    assert_string_equal(r->respond->body, "");
    route_free(r);
}

static void what_is_forwarded_is_changed(void **state)
{
    struct route *r = route_of(
        "{'hosts':['a'],'forward':[{'pool':'p'}],'rewrite':{'host':'[FD00:0::1]','prefix':'/'},"
        "'request_headers':{'remove':['X-Debug'],'set':[{'name':'X-Env','value':'a\\tb'}],"
        "'add':[{'name':'x-a','value':''},{'name':'x-a','value':'2'}]},"
        "'response_headers':{'remove':['Server']}}");

    (void)state;
    assert_string_equal(r->rewrite->host, "[fd00::1]");
    assert_string_equal(r->rewrite->prefix, "/");
    assert_null(r->rewrite->path);
    assert_int_equal(r->request_fields->num_removed, 1);
    assert_string_equal(r->request_fields->removed[0], "x-debug");
    assert_int_equal(r->request_fields->num_set, 1);
    assert_string_equal(r->request_fields->set[0].name, "x-env");
    assert_string_equal(r->request_fields->set[0].value, "a\tb");
    assert_int_equal(r->request_fields->num_added, 2);
    assert_string_equal(r->request_fields->added[0].value, "");
    assert_string_equal(r->request_fields->added[1].value, "2");
    assert_int_equal(r->response_fields->num_removed, 1);
    assert_string_equal(r->response_fields->removed[0], "server");
    route_free(r);
}

static void conditions_of_a_route_are_read(void **state)
{
    struct route *r =
        route_of("{'hosts':['a'],'forward':[{'pool':'p'}],"
                 "'sticky':{'by':'cookie','name':'sb','ttl_s':60},"
                 "'split':{'by':'header','name':'X-User','salt':'s'},"
                 "'limits':{'body_bytes':0,'min_rate_bytes_s':0,'in_flight':1,'requests_per_second'"
                 ":2,'burst':3},"
                 "'timeouts':{'connect_ms':1,'body_idle_ms':2,'response_ms':3,'response_idle_ms':4,"
                 "'total_ms':5,'tunnel_idle_ms':6},'retry':{'attempts':0,'statuses':[502,503]}}");

    (void)state;
    assert_int_equal(r->sticky->by, ROUTE_STICKY_COOKIE);
    assert_string_equal(r->sticky->name, "sb");
    assert_int_equal(r->sticky->ttl_s, 60);
    assert_int_equal(r->split->by, ROUTE_KEY_HEADER);
    assert_string_equal(r->split->name, "x-user");
    assert_string_equal(r->split->salt, "s");
    assert_int_equal(r->limits->body_bytes, 0);
    assert_int_equal(r->limits->min_rate, 0);
    assert_int_equal(r->limits->in_flight, 1);
    assert_int_equal(r->limits->per_second, 2);
    assert_int_equal(r->limits->burst, 3);
    assert_int_equal(r->timeouts->connect, 1);
    assert_int_equal(r->timeouts->body_idle, 2);
    assert_int_equal(r->timeouts->response, 3);
    assert_int_equal(r->timeouts->response_idle, 4);
    assert_int_equal(r->timeouts->total, 5);
    assert_int_equal(r->timeouts->tunnel_idle, 6);
    assert_int_equal(r->retry->attempts, 0);
    assert_int_equal(r->retry->num_statuses, 2);
    assert_int_equal(r->retry->statuses[1], 503);
    route_free(r);
    r = route_of("{'hosts':['a'],'forward':[{'pool':'p'}],'limits':{'requests_per_second':7},"
                 "'sticky':{'by':'app_cookie','name':'JSESSIONID'},'split':{'by':'client'},"
                 "'retry':{}}");
    assert_int_equal(r->limits->body_bytes, -1);
    assert_int_equal(r->limits->min_rate, -1);
    assert_int_equal(r->limits->burst, 7);
    assert_int_equal(r->sticky->by, ROUTE_STICKY_APP);
    assert_int_equal(r->split->by, ROUTE_KEY_CLIENT);
    assert_null(r->split->name);
    assert_string_equal(r->split->salt, "");
    assert_int_equal(r->retry->attempts, 2);
    assert_int_equal(r->retry->num_statuses, 0);
    route_free(r);
}

static struct route_pool *pool_of(const char *json)
{
    cJSON *v = parse(json);
    struct err e = {0};
    struct route_pool *p = objects_pool(v, &e);

    cJSON_Delete(v);
    if (p == NULL)
        fail_msg("%s at %s: %s", e.code, e.field, e.text);
    return p;
}

static void a_pool_is_read(void **state)
{
    struct route_pool *p = pool_of(
        "{'tenant':'acme','protocol':'http1','balance':'hash','hash':{'by':'cookie','name':'Id'},"
        "'prefer_node':true,'panic_percent':30,'slow_start_ms':1,'idle_ms':2,"
        "'health':{'type':'http','path':'/up','host':'H.Example','port':81,'status_from':201,"
        "'status_to':204,'interval_ms':1000,'timeout_ms':500,'healthy':4,'unhealthy':5},"
        "'passive':{'max_fails':3,'fail_timeout_ms':7,'statuses':[429]},"
        "'limits':{'in_flight':1,'endpoint_in_flight':2,'queue':3,'queue_ms':4}}");

    (void)state;
    assert_string_equal(p->tenant, "acme");
    assert_int_equal(p->protocol, POOL_HTTP1);
    assert_int_equal(p->balance, POOL_HASH);
    assert_int_equal(p->hash->by, ROUTE_KEY_COOKIE);
    assert_string_equal(p->hash->name, "Id");
    assert_string_equal(p->hash->salt, "");
    assert_true(p->prefer_node);
    assert_int_equal(p->panic_percent, 30);
    assert_int_equal(p->slow_start_ms, 1);
    assert_int_equal(p->idle_ms, 2);
    assert_true(p->health->http);
    assert_string_equal(p->health->path, "/up");
    assert_string_equal(p->health->host, "h.example");
    assert_int_equal(p->health->port, 81);
    assert_int_equal(p->health->status_from, 201);
    assert_int_equal(p->health->status_to, 204);
    assert_int_equal(p->health->interval_ms, 1000);
    assert_int_equal(p->health->timeout_ms, 500);
    assert_int_equal(p->health->healthy, 4);
    assert_int_equal(p->health->unhealthy, 5);
    assert_int_equal(p->passive->max_fails, 3);
    assert_int_equal(p->passive->fail_timeout_ms, 7);
    assert_int_equal(p->passive->num_statuses, 1);
    assert_int_equal(p->passive->statuses[0], 429);
    assert_int_equal(p->limits->in_flight, 1);
    assert_int_equal(p->limits->endpoint_in_flight, 2);
    assert_int_equal(p->limits->queue, 3);
    assert_int_equal(p->limits->queue_ms, 4);
    route_pool_free(p);
}

static void a_pool_of_h2c_may_be_asked(void **state)
{
    struct route_pool *p = pool_of("{'protocol':'h2c','health':{'type':'http'}}");

    (void)state;
    assert_int_equal(p->protocol, POOL_H2C);
    assert_true(p->health->http);
    route_pool_free(p);
}

static void a_pool_without_more_has_defaults(void **state)
{
    struct route_pool *p = pool_of("{}");

    (void)state;
    assert_string_equal(p->tenant, "");
    assert_int_equal(p->protocol, POOL_HTTP1);
    assert_int_equal(p->balance, POOL_ROUND_ROBIN);
    assert_null(p->hash);
    assert_null(p->health);
    assert_null(p->passive);
    assert_null(p->limits);
    route_pool_free(p);
    p = pool_of("{'balance':'hash','health':{'type':'tcp'},'passive':{},'limits':{}}");
    assert_int_equal(p->hash->by, ROUTE_KEY_CLIENT);
    assert_null(p->hash->name);
    assert_false(p->health->http);
    assert_string_equal(p->health->path, "/");
    assert_null(p->health->host);
    assert_int_equal(p->health->port, 0);
    assert_int_equal(p->health->status_from, 200);
    assert_int_equal(p->health->status_to, 399);
    assert_int_equal(p->health->interval_ms, 5000);
    assert_int_equal(p->health->timeout_ms, 2000);
    assert_int_equal(p->health->healthy, 2);
    assert_int_equal(p->health->unhealthy, 3);
    assert_int_equal(p->passive->max_fails, 0);
    assert_int_equal(p->passive->fail_timeout_ms, 10000);
    assert_int_equal(p->passive->num_statuses, 0);
    assert_int_equal(p->limits->queue, 0);
    assert_int_equal(p->limits->queue_ms, 1000);
    route_pool_free(p);
}

static void a_tenant_is_read(void **state)
{
    cJSON *v = parse("{'in_flight':5,'requests_per_second':6,'connections':7}");
    struct route_tenant *t = objects_tenant(v, NULL);

    (void)state;
    assert_non_null(t);
    assert_int_equal(t->in_flight, 5);
    assert_int_equal(t->per_second, 6);
    assert_int_equal(t->connections, 7);
    assert_int_equal(t->burst, 6);
    route_tenant_free(t);
    cJSON_Delete(v);
}

static void endpoints_are_read_with_their_defaults(void **state)
{
    cJSON *v = parse("{'endpoints':[{'address':'10.0.1.5','port':8080,'weight':2,"
                     "'task':'t1','node':'n1','state':'draining'},"
                     "{'address':'FD00:0::1','port':1}]}");
    struct route_endpoints *p = objects_endpoints(v, NULL);

    (void)state;
    assert_non_null(p);
    assert_int_equal(p->num, 2);
    assert_string_equal(p->all[0].address, "10.0.1.5");
    assert_int_equal(p->all[0].port, 8080);
    assert_int_equal(p->all[0].weight, 2);
    assert_int_equal(p->all[0].state, ENDPOINT_DRAINING);
    assert_string_equal(p->all[0].task, "t1");
    assert_string_equal(p->all[1].address, "fd00::1");
    assert_int_equal(p->all[1].weight, 1);
    assert_int_equal(p->all[1].state, ENDPOINT_LIVE);
    assert_string_equal(p->all[1].node, "");
    route_endpoints_free(p);
    cJSON_Delete(v);
    v = parse("{'endpoints':[]}");
    p = objects_endpoints(v, NULL);
    assert_non_null(p);
    assert_int_equal(p->num, 0);
    route_endpoints_free(p);
    cJSON_Delete(v);
}

static void settings_are_read(void **state)
{
    cJSON *v =
        parse("{'tls_tickets':false,'tls_min':'1.3','access_log':true,'info_headers':true,"
              "'underscores_in_headers':true,'proxy_protocol':true,'idle_timeout_s':900,"
              "'cookie_key':'000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1DfeFF',"
              "'limits':{'connections':1,'connections_per_client':2,'head_bytes':2048,"
              "'head_fields':4,'uri_bytes':128,'body_bytes':0,'min_rate_bytes_s':8,'h2_streams':7},"
              "'timeouts':{'head_ms':8,'drain_ms':0}}");
    struct route_settings s;
    struct err e = {0};

    (void)state;
    if (!objects_settings(v, &s, &e))
        fail_msg("%s at %s: %s", e.code, e.field, e.text);
    assert_int_equal(s.idle_timeout_ms, 900000);
    assert_true(s.access_log && s.info_headers && s.underscores && s.proxy_protocol);
    assert_true(s.has_cookie_key);
    assert_int_equal(s.cookie_key[1], 1);
    assert_int_equal(s.cookie_key[26], 0x1a);
    assert_int_equal(s.cookie_key[30], 0xfe);
    assert_int_equal(s.cookie_key[31], 0xff);
    assert_int_equal(s.connections, 1);
    assert_int_equal(s.client_connections, 2);
    assert_int_equal(s.head_bytes, 2048);
    assert_int_equal(s.head_fields, 4);
    assert_int_equal(s.uri_bytes, 128);
    assert_int_equal(s.body_bytes, 0);
    assert_int_equal(s.min_rate, 8);
    assert_int_equal(s.h2_streams, 7);
    assert_int_equal(s.head_ms, 8);
    assert_int_equal(s.drain_ms, 0);
    cJSON_Delete(v);
}

static void settings_that_are_absent_are_the_defaults(void **state)
{
    cJSON *v = parse("{'limits':{},'timeouts':{}}");
    struct route_settings want = route_settings_default();
    struct route_settings s;

    (void)state;
    assert_true(objects_settings(v, &s, NULL));
    assert_int_equal(s.idle_timeout_ms, want.idle_timeout_ms);
    assert_int_equal(s.body_bytes, want.body_bytes);
    assert_int_equal(s.h2_streams, want.h2_streams);
    assert_int_equal(s.head_ms, want.head_ms);
    assert_int_equal(s.drain_ms, want.drain_ms);
    assert_false(s.access_log || s.info_headers || s.underscores || s.proxy_protocol);
    assert_true(want.info_headers); /* of a table without settings, as Interlock has it */
    assert_false(s.has_cookie_key);
    assert_int_equal(s.num_trusted, 0);
    cJSON_Delete(v);
}

static void networks_are_read_as_sixteen_bytes(void **state)
{
    cJSON *v = parse("{'trusted_proxies':['10.0.0.0/8','192.0.2.1','0.0.0.0/0','fd00::/8','::1',"
                     "'::/0','::ffff:192.0.2.0/120']}");
    static const uint8_t bits[] = {104, 128, 96, 8, 128, 0, 120};
    struct route_settings s;
    struct err e = {0};

    (void)state;
    if (!objects_settings(v, &s, &e))
        fail_msg("%s at %s: %s", e.code, e.field, e.text);
    assert_int_equal(s.num_trusted, 7);
    for (size_t i = 0; i < s.num_trusted; i++)
        assert_int_equal(s.trusted[i].bits, bits[i]);
    assert_int_equal(s.trusted[0].address[11], 0xff);
    assert_int_equal(s.trusted[0].address[12], 10);
    assert_int_equal(s.trusted[1].address[15], 1);
    assert_int_equal(s.trusted[3].address[0], 0xfd);
    assert_int_equal(s.trusted[4].address[15], 1);
    assert_int_equal(s.trusted[4].address[11], 0);
    cJSON_Delete(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_read_with_its_hosts_made_canonical),
        cmocka_unit_test(only_plain_routes_are_read_by_hand),
        cmocka_unit_test(only_plain_endpoints_are_read_by_hand),
        cmocka_unit_test(a_route_without_more_has_defaults),
        cmocka_unit_test(a_match_is_read),
        cmocka_unit_test(actions_are_read),
        cmocka_unit_test(what_is_forwarded_is_changed),
        cmocka_unit_test(conditions_of_a_route_are_read),
        cmocka_unit_test(a_pool_is_read),
        cmocka_unit_test(a_pool_of_h2c_may_be_asked),
        cmocka_unit_test(a_pool_without_more_has_defaults),
        cmocka_unit_test(a_tenant_is_read),
        cmocka_unit_test(endpoints_are_read_with_their_defaults),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(settings_that_are_absent_are_the_defaults),
        cmocka_unit_test(networks_are_read_as_sixteen_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
