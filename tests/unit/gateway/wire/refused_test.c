/*
 * Values of objects that are wrong in ways that a field's row does not say (schema_test.c has
 * those): each is refused with its code and place. In the JSON here a ' stands for a ".
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

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/frame.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"
#include "tests/unit/gateway/wire/quoted.h"

enum { PAGE_MAX = 1 << 20 };

enum {
    R = ROUTE_KIND_ROUTE,
    P = ROUTE_KIND_POOL,
    E = ROUTE_KIND_ENDPOINTS,
    T = ROUTE_KIND_TENANT,
    S = ROUTE_KIND_SETTINGS,
    C = ROUTE_KIND_CERTIFICATE
};

struct bad {
    int kind;
    const char *value;
    const char *code;
    const char *field;
};

static bool read_object(const struct bad *b, const cJSON *v, struct err *e)
{
    struct route_settings s;
    struct route *r = b->kind == R ? objects_route(v, e) : NULL;
    struct route_pool *p = b->kind == P ? objects_pool(v, e) : NULL;
    struct route_endpoints *n = b->kind == E ? objects_endpoints(v, e) : NULL;
    struct route_tenant *t = b->kind == T ? objects_tenant(v, e) : NULL;
    bool ok = r != NULL || p != NULL || n != NULL || t != NULL ||
              (b->kind == C && objects_certificate(v, e)) ||
              (b->kind == S && objects_settings(v, &s, e));

    route_free(r);
    route_pool_free(p);
    route_endpoints_free(n);
    route_tenant_free(t);
    return ok;
}

#define FORWARD "'forward':[{'pool':'p'}]"

static const struct bad cases[] = {
    {R, "{" FORWARD "}", "MissingField", "/hosts"},
    {R, "{'hosts':['a']}", "MissingField", "/forward"},
    {R, "{'hosts':[]," FORWARD "}", "OutOfRange", "/hosts"},
    {R, "{'hosts':'a'," FORWARD "}", "WrongType", "/hosts"},
    {R, "{'hosts':null," FORWARD "}", "WrongType", "/hosts"},
    {R, "{'hosts':['a',1]," FORWARD "}", "WrongType", "/hosts/1"},
    {R, "{'hosts':['a','a b']," FORWARD "}", "BadHost", "/hosts/1"},
    {R, "{'hosts':['a','A.']," FORWARD "}", "DuplicateHost", "/hosts/1"},
    {R, "{'hosts':['*.a','*.A.']," FORWARD "}", "DuplicateHost", "/hosts/1"},
    {R, "{'hosts':['*a']," FORWARD "}", "BadHost", "/hosts/0"},
    {R, "{'hosts':['*.']," FORWARD "}", "BadHost", "/hosts/0"},
    {R, "{'hosts':['*.*.a']," FORWARD "}", "BadHost", "/hosts/0"},
    {R, "{'hosts':['a.*']," FORWARD "}", "BadHost", "/hosts/0"},
    {R, "{'hosts':['']," FORWARD "}", "BadValue", "/hosts/0"},
    {R, "{'hosts':['a:80']," FORWARD "}", "BadHost", "/hosts/0"},
    {R, "{'hosts':['a'],'forward':[]}", "OutOfRange", "/forward"},
    {R, "{'hosts':['a'],'forward':[{}]}", "MissingField", "/forward/0/pool"},
    {R, "{'hosts':['a'],'forward':[1]}", "WrongType", "/forward/0"},
    {R, "{'hosts':['a'],'forward':[{'pool':''}]}", "BadName", "/forward/0/pool"},
    {R, "{'hosts':['a'],'forward':[{'pool':'p','weight':-1}]}", "OutOfRange", "/forward/0/weight"},
    {R, "{'hosts':['a'],'forward':[{'pool':'p','weight':1000001}]}", "OutOfRange",
     "/forward/0/weight"},
    {R, "{'hosts':['a'],'forward':[{'pool':'p','weight':'1'}]}", "WrongType", "/forward/0/weight"},
    {R, "{'hosts':['a'],'forward':[{'pool':'p'},{'pool':'p'}]}", "DuplicatePool",
     "/forward/1/pool"},
    {R, "{'hosts':['a'],'passthrough':true," FORWARD "}", "Unsupported", "/passthrough"},
    {R, "{'hosts':['a'],'passthrough':1," FORWARD "}", "WrongType", "/passthrough"},
    {R, "{'hosts':['a'],'fowards':[]," FORWARD "}", "UnknownField", "/fowards"},
    {R, "{'hosts':['a'],'tenant':7," FORWARD "}", "WrongType", "/tenant"},
    {P, "{'protocol':'https'}", "Unsupported", "/protocol"},
    {P, "{'protocol':1}", "WrongType", "/protocol"},
    {P, "{'balance':'least_busy'}", "BadValue", "/balance"},
    {P, "{'health':{}}", "MissingField", "/health/type"},
    {P, "{'ballance':'round_robin'}", "UnknownField", "/ballance"},
    {E, "{}", "MissingField", "/endpoints"},
    {E, "{'endpoints':{}}", "WrongType", "/endpoints"},
    {E, "{'endpoints':[{'port':1}]}", "MissingField", "/endpoints/0/address"},
    {E, "{'endpoints':[{'address':'10.0.0.1'}]}", "MissingField", "/endpoints/0/port"},
    {E, "{'endpoints':[{'address':'web','port':1}]}", "BadAddress", "/endpoints/0/address"},
    {E, "{'endpoints':[{'address':'[::1]','port':1}]}", "BadAddress", "/endpoints/0/address"},
    {E, "{'endpoints':[{'address':'10.0.0.1','port':0}]}", "OutOfRange", "/endpoints/0/port"},
    {E, "{'endpoints':[{'address':'10.0.0.1','port':65536}]}", "OutOfRange", "/endpoints/0/port"},
    {E, "{'endpoints':[{'address':'10.0.0.1','port':80.0}]}", "OutOfRange", "/endpoints/0/port"},
    {E, "{'endpoints':[{'address':'10.0.0.1','port':1,'state':'dead'}]}", "BadValue",
     "/endpoints/0/state"},
    {E, "{'endpoints':[{'address':'10.0.0.1','port':1,'weight':0}]}", "OutOfRange",
     "/endpoints/0/weight"},
    {E, "{'endpoints':[{'address':'::1','port':1},{'address':'0::1','port':1}]}",
     "DuplicateEndpoint", "/endpoints/1"},
    /* actions */
    {R, "{'hosts':['a'],'redirect':{'port':1}," FORWARD "}", "Contradiction", "/redirect"},
    {R, "{'hosts':['a'],'respond':{'status':200}," FORWARD "}", "Contradiction", "/respond"},
    {R, "{'hosts':['a'],'respond':{'status':200},'redirect':{'port':1}}", "Contradiction",
     "/respond"},
    {R, "{'hosts':['a'],'redirect':{'port':1},'rewrite':{}}", "Contradiction", "/rewrite"},
    {R, "{'hosts':['a'],'redirect':{'port':1},'retry':{}}", "Contradiction", "/retry"},
    {R, "{'hosts':['a'],'respond':{'status':200},'request_headers':{}}", "Contradiction",
     "/request_headers"},
    {R, "{'hosts':['a'],'respond':{'status':200},'split':{'by':'client'}}", "Contradiction",
     "/split"},
    {R, "{'hosts':['a'],'respond':{'status':200},'sticky':{'by':'cookie','name':'a'}}",
     "Contradiction", "/sticky"},
    {R, "{'hosts':['a'],'redirect':{}}", "MissingField", "/redirect"},
    {R, "{'hosts':['a'],'redirect':{'drop_query':true}}", "MissingField", "/redirect"},
    {R, "{'hosts':['a'],'redirect':{'host':'b','status':304}}", "OutOfRange", "/redirect/status"},
    {R, "{'hosts':['a'],'redirect':{'scheme':'ftp'}}", "BadValue", "/redirect/scheme"},
    {R, "{'hosts':['a'],'redirect':{'host':'*'}}", "BadHost", "/redirect/host"},
    {R, "{'hosts':['a'],'redirect':{'host':'*.b'}}", "BadHost", "/redirect/host"},
    {R, "{'hosts':['a'],'redirect':{'host':'a/b'}}", "BadHost", "/redirect/host"},
    {R, "{'hosts':['a'],'redirect':{'host':'a:80'}}", "BadHost", "/redirect/host"},
    {R, "{'hosts':['a'],'redirect':{'path':'/a','prefix':'/b'}}", "Contradiction",
     "/redirect/prefix"},
    {R, "{'hosts':['a'],'path_type':'exact','redirect':{'prefix':'/b'}}", "Contradiction",
     "/redirect/prefix"},
    {R, "{'hosts':['a'],'path_type':'exact','rewrite':{'prefix':'/b'}," FORWARD "}",
     "Contradiction", "/rewrite/prefix"},
    {R, "{'hosts':['a'],'rewrite':{'path':'/a','prefix':'/b'}," FORWARD "}", "Contradiction",
     "/rewrite/prefix"},
    {R, "{'hosts':['a'],'respond':{'status':204,'body':'x'}}", "Contradiction", "/respond/body"},
    {R, "{'hosts':['a'],'respond':{'status':200,'content_type':'a\\nb: c'}}", "BadValue",
     "/respond/content_type"},
    /* paths */
    {R, "{'hosts':['a'],'path':''," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'a'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/a/../b'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/a/%2E%2e'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/%0'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/%00'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/a?b'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/a#b'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path':'/a b'," FORWARD "}", "BadPath", "/path"},
    {R, "{'hosts':['a'],'path_type':'regex'," FORWARD "}", "BadValue", "/path_type"},
    {R, "{'hosts':['a'],'rewrite':{'path':'/a\\r\\nX: y'}," FORWARD "}", "BadPath",
     "/rewrite/path"},
    {R, "{'hosts':['a'],'rewrite':{'prefix':'/../'}," FORWARD "}", "BadPath", "/rewrite/prefix"},
    {R, "{'hosts':['a'],'rewrite':{'host':''}," FORWARD "}", "BadValue", "/rewrite/host"},
    /* fields */
    {R, "{'hosts':['a'],'request_headers':{'set':[{'name':'a','value':'b\\nc'}]}," FORWARD "}",
     "BadValue", "/request_headers/set/0/value"},
    {R, "{'hosts':['a'],'request_headers':{'set':[{'name':'a','value':' b'}]}," FORWARD "}",
     "BadValue", "/request_headers/set/0/value"},
    {R, "{'hosts':['a'],'request_headers':{'add':[{'name':'a:','value':''}]}," FORWARD "}",
     "BadValue", "/request_headers/add/0/name"},
    {R, "{'hosts':['a'],'request_headers':{'remove':['x','a b']}," FORWARD "}", "BadValue",
     "/request_headers/remove/1"},
    {R, "{'hosts':['a'],'request_headers':{'remove':['x','Host']}," FORWARD "}", "ReservedField",
     "/request_headers/remove/1"},
    {R, "{'hosts':['a'],'match':{'methods':['G T']}," FORWARD "}", "BadValue", "/match/methods/0"},
    {R, "{'hosts':['a'],'match':{'headers':[{'name':'a','value':'b '}]}," FORWARD "}", "BadValue",
     "/match/headers/0/value"},
    {R, "{'hosts':['a'],'match':{'cookies':[{'name':'a=b'}]}," FORWARD "}", "BadValue",
     "/match/cookies/0/name"},
    /* conditions */
    {R, "{'hosts':['a'],'sticky':{'by':'cookie','name':'a;b'}," FORWARD "}", "BadValue",
     "/sticky/name"},
    {R, "{'hosts':['a'],'sticky':{'by':'app_cookie','name':'a','ttl_s':1}," FORWARD "}",
     "Contradiction", "/sticky/ttl_s"},
    {R, "{'hosts':['a'],'split':{'by':'header'}," FORWARD "}", "MissingField", "/split/name"},
    {R, "{'hosts':['a'],'split':{'by':'client','name':'a'}," FORWARD "}", "Contradiction",
     "/split/name"},
    {R, "{'hosts':['a'],'limits':{'burst':1}," FORWARD "}", "Contradiction", "/limits/burst"},
    {R, "{'hosts':['a'],'retry':{'statuses':[200]}," FORWARD "}", "OutOfRange",
     "/retry/statuses/0"},
    {R, "{'hosts':['a'],'retry':{'statuses':[500,'x']}," FORWARD "}", "WrongType",
     "/retry/statuses/1"},
    {R,
     "{'hosts':['a'],'retry':{'statuses':[500,500,500,500,500,500,500,500,500,500,500,500,"
     "500,500,500,500,500]}," FORWARD "}",
     "OutOfRange", "/retry/statuses"},
    /* what is not served, right and wrong */
    {R, "{'hosts':['a'],'tls':{'min':'1.2'}," FORWARD "}", "Unsupported", "/tls"},
    {R, "{'hosts':['a'],'tls':{'min':'1.1'}," FORWARD "}", "BadValue", "/tls/min"},
    {R, "{'hosts':['a'],'tls':{'client':'required'}," FORWARD "}", "MissingField",
     "/tls/client_ca"},
    {R, "{'hosts':['a'],'tls':{'client_ca':'ca'}," FORWARD "}", "Contradiction", "/tls/client_ca"},
    {R, "{'hosts':['a'],'tls':{'hsts':{'max_age_s':1,'subdomains':true}}," FORWARD "}",
     "Unsupported", "/tls"},
    {R, "{'hosts':['a'],'https_only':true," FORWARD "}", "Unsupported", "/https_only"},
    {P, "{'tls':{'verify':true,'ca':'ca','cert':'c','key':'k'}}", "Unsupported", "/tls"},
    {P, "{'tls':{'cert':'c'}}", "MissingField", "/tls/key"},
    {P, "{'tls':{'key':'k'}}", "MissingField", "/tls/cert"},
    {P, "{'tls':{'server_name':'a b'}}", "BadHost", "/tls/server_name"},
    {P, "{'drain_ms':5}", "Unsupported", "/drain_ms"},
    {C, "{'hosts':['a'],'cert':'c','key':'k','ca':'x','tenant':'t'}", "Unsupported", ""},
    {C, "{'hosts':['a'],'cert':'c'}", "MissingField", "/key"},
    {C, "{'hosts':['a b'],'cert':'c','key':'k'}", "BadHost", "/hosts/0"},
    {C, "{'hosts':['a'],'cert':'c\\u0001','key':'k'}", "BadName", "/cert"},
    /* pools, tenants */
    {P, "{'hash':{'by':'client'}}", "Contradiction", "/hash"},
    {P, "{'balance':'hash','hash':{'by':'cookie'}}", "MissingField", "/hash/name"},
    {P, "{'health':{'type':'tcp','path':'/x'}}", "Contradiction", "/health/path"},
    {P, "{'health':{'type':'tcp','status_to':200}}", "Contradiction", "/health/status_to"},
    {P, "{'health':{'type':'http','status_from':400}}", "Contradiction", "/health/status_to"},
    {P, "{'health':{'type':'http','host':'a b'}}", "BadHost", "/health/host"},
    {P, "{'health':{'type':'http','path':'/x?y'}}", "BadPath", "/health/path"},
    {P, "{'passive':{'statuses':[600]}}", "OutOfRange", "/passive/statuses/0"},
    {T, "{'burst':5}", "Contradiction", "/burst"},
    {T, "{'requests_per_second':0,'burst':5}", "Contradiction", "/burst"},
    /* settings */
    {S, "{'trusted_proxies':['10.0.0.1/8']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['10.0.0.0/8','x']}", "BadAddress", "/trusted_proxies/1"},
    {S, "{'trusted_proxies':['10.0.0.0/33']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['10.0.0.0/']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['10.0.0.0/-1']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['fd00::/129']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['fd00::1/64']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['fe80::1%eth0']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':['10.0.0.0/8/8']}", "BadAddress", "/trusted_proxies/0"},
    {S, "{'trusted_proxies':[1]}", "WrongType", "/trusted_proxies/0"},
    {S, "{'cookie_key':'00'}", "BadValue", "/cookie_key"},
    {S, "{'cookie_key':'zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'}",
     "BadValue", "/cookie_key"},
    {S, "{'tls_tickets':true}", "Unsupported", "/tls_tickets"},
    {S, "{'access_log':1}", "WrongType", "/access_log"},
    {S, "{'ticket_generation':2}", "Unsupported", "/ticket_generation"},
    {S, "{'tls_min':'1.1'}", "BadValue", "/tls_min"},
    {S, "{'idle_timeout_s':0}", "OutOfRange", "/idle_timeout_s"},
    {S, "{'idle_timeout':5}", "UnknownField", "/idle_timeout"},
    {S, "[]", "WrongType", ""},
};

static void what_cannot_be_used_is_refused_by_field_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cJSON *v = parse(cases[i].value);
        struct err e = {0};

        if (read_object(&cases[i], v, &e))
            fail_msg("%s was taken", cases[i].value);
        if (strcmp(e.code, cases[i].code) != 0 || strcmp(e.field, cases[i].field) != 0)
            fail_msg("%s: %s %s %s", cases[i].value, e.code, e.field, e.text);
        cJSON_Delete(v);
    }
}

static void read_page(struct buf *b)
{
    char piece[4096];
    FILE *f = fopen(SIGNALBOX_SOURCE_DIR "/docs/table.md", "r");

    assert_non_null(f);
    for (size_t n = 1; n != 0;) {
        n = fread(piece, 1, sizeof(piece), f);
        assert_true(buf_add(b, piece, n));
    }
    fclose(f);
}

/* The code crosses the wire to the follower and the coordinator, which know a list of them. */
static void check_nack(const struct bad *b)
{
    struct err why = {0};
    struct err e = {0};
    struct frame f;
    struct buf line;

    err_set(&why, b->code, b->field, "why");
    buf_init(&line, FRAME_LINE_MAX);
    assert_true(frame_write_nack(&line, (enum route_kind)b->kind, STR("x"), &why));
    assert_true(frame_parse((struct str){line.bytes, line.len - 1}, &f, &e));
    assert_string_equal(f.refusal.code, b->code);
    frame_free(&f);
    buf_free(&line);
}

static void codes_cross_the_wire_and_are_explained(void **state)
{
    char word[64];
    struct buf page;

    (void)state;
    buf_init(&page, PAGE_MAX);
    read_page(&page);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_nack(&cases[i]);
        snprintf(word, sizeof(word), "`%s`", cases[i].code);
        if (strstr(page.bytes, word) == NULL)
            fail_msg("docs/table.md does not explain %s", word);
    }
    buf_free(&page);
}

static void fields_of_the_gateways_own_are_refused_in_any_spelling(void **state)
{
    static const char *const own[] = {
        "Host",
        "content-length",
        "Transfer-Encoding",
        "CONNECTION",
        "Upgrade",
        "TE",
        "Trailer",
        "Keep-Alive",
        "Expect",
        "Forwarded",
        "X-Real-IP",
        "Proxy-Connection",
        "proxy_status",
        "X-Forwarded-For",
        "x_forwarded_proto",
        "X-Forwarded_Host",
        "HTTP2-Settings",
        "transfer_encoding",
    };
    static const char *const lists[] = {
        "{'hosts':['a'],'request_headers':{'set':[{'name':'%s','value':'1'}]}," FORWARD "}",
        "{'hosts':['a'],'request_headers':{'add':[{'name':'%s','value':'1'}]}," FORWARD "}",
        "{'hosts':['a'],'request_headers':{'remove':['%s']}," FORWARD "}",
        "{'hosts':['a'],'response_headers':{'set':[{'name':'%s','value':'1'}]}," FORWARD "}",
        "{'hosts':['a'],'response_headers':{'remove':['%s']}," FORWARD "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
            const char *at = strstr(lists[k], "%s");
            char *json = xasprintf("%.*s%s%s", (int)(at - lists[k]), lists[k], own[i], at + 2);
            cJSON *v = parse(json);
            struct err e = {0};

            assert_null(objects_route(v, &e));
            if (strcmp(e.code, "ReservedField") != 0)
                fail_msg("%s: %s %s", json, e.code, e.text);
            cJSON_Delete(v);
            free(json);
        }
    }
}

static void an_unknown_field_is_answered_with_the_nearest(void **state)
{
    cJSON *v = parse("{'hosts':['a'],'forward':[{'pool':'p'}],'timeouts':{'conect_ms':1}}");
    struct err e = {0};

    (void)state;
    assert_null(objects_route(v, &e));
    assert_string_equal(e.code, "UnknownField");
    assert_string_equal(e.field, "/timeouts/conect_ms");
    assert_non_null(strstr(e.text, "\"connect_ms\""));
    cJSON_Delete(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_used_is_refused_by_field_and_reason),
        cmocka_unit_test(codes_cross_the_wire_and_are_explained),
        cmocka_unit_test(fields_of_the_gateways_own_are_refused_in_any_spelling),
        cmocka_unit_test(an_unknown_field_is_answered_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
