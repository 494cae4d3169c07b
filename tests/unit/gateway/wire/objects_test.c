/* Values of objects to structs: what is served, what is not built, what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"

static cJSON *parse(const char *text)
{
    struct err e = {0};
    cJSON *tree = json_parse(str_from(text), &json_limits_frame, &e);

    if (tree == NULL)
        fail_msg("%s: %s", text, e.text);
    return tree;
}

static void a_route_is_read_with_its_hosts_made_canonical(void **state)
{
    cJSON *v = parse("{\"tenant\":\"acme\",\"hosts\":[\"Web.Example.\",\"*\"],\"path\":\"/\","
                     "\"passthrough\":false,\"forward\":[{\"pool\":\"a\",\"weight\":3},"
                     "{\"pool\":\"b\"}]}");
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

static void endpoints_are_read_with_their_defaults(void **state)
{
    cJSON *v = parse("{\"endpoints\":[{\"address\":\"10.0.1.5\",\"port\":8080,\"weight\":2,"
                     "\"task\":\"t1\",\"node\":\"n1\",\"state\":\"draining\"},"
                     "{\"address\":\"FD00:0::1\",\"port\":1}]}");
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
    v = parse("{\"endpoints\":[]}");
    p = objects_endpoints(v, NULL);
    assert_non_null(p);
    assert_int_equal(p->num, 0);
    route_endpoints_free(p);
    cJSON_Delete(v);
}

static void settings_that_are_off_are_accepted(void **state)
{
    cJSON *v = parse("{\"tls_tickets\":false,\"tls_min\":\"1.3\",\"access_log\":false,"
                     "\"proxy_protocol\":false,\"idle_timeout_s\":900}");
    struct route_settings s = route_settings_default();

    (void)state;
    assert_int_equal(s.idle_timeout_ms, 60000);
    assert_true(objects_settings(v, &s, NULL));
    assert_int_equal(s.idle_timeout_ms, 900000);
    assert_false(s.access_log);
    cJSON_Delete(v);
    v = parse("{\"access_log\":true}");
    assert_true(objects_settings(v, &s, NULL));
    assert_true(s.access_log);
    cJSON_Delete(v);
}

struct bad {
    enum route_kind kind;
    const char *value;
    const char *code;
    const char *field;
};

static bool read_object(const struct bad *b, const cJSON *v, struct err *e)
{
    struct route_settings s;
    struct route *r = b->kind == ROUTE_KIND_ROUTE ? objects_route(v, e) : NULL;
    struct route_pool *p = b->kind == ROUTE_KIND_POOL ? objects_pool(v, e) : NULL;
    struct route_endpoints *n = b->kind == ROUTE_KIND_ENDPOINTS ? objects_endpoints(v, e) : NULL;
    bool ok = r != NULL || p != NULL || n != NULL ||
              (b->kind == ROUTE_KIND_SETTINGS && objects_settings(v, &s, e));

    route_free(r);
    route_pool_free(p);
    route_endpoints_free(n);
    return ok;
}

#define FORWARD "\"forward\":[{\"pool\":\"p\"}]"

static void what_cannot_be_used_is_refused_by_field_and_reason(void **state)
{
    static const struct bad cases[] = {
        {ROUTE_KIND_ROUTE, "{" FORWARD "}", "MissingField", "/hosts"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"]}", "MissingField", "/forward"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[]," FORWARD "}", "OutOfRange", "/hosts"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":\"a\"," FORWARD "}", "WrongType", "/hosts"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":null," FORWARD "}", "WrongType", "/hosts"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\",1]," FORWARD "}", "WrongType", "/hosts/1"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\",\"a b\"]," FORWARD "}", "BadHost", "/hosts/1"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\",\"A.\"]," FORWARD "}", "DuplicateHost", "/hosts/1"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[]}", "OutOfRange", "/forward"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[{}]}", "MissingField",
         "/forward/0/pool"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[1]}", "WrongType", "/forward/0"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[{\"pool\":\"\"}]}", "BadName",
         "/forward/0/pool"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[{\"pool\":\"p\",\"weight\":-1}]}",
         "OutOfRange", "/forward/0/weight"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[{\"pool\":\"p\",\"weight\":1000001}]}",
         "OutOfRange", "/forward/0/weight"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[{\"pool\":\"p\",\"weight\":\"1\"}]}",
         "WrongType", "/forward/0/weight"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"forward\":[{\"pool\":\"p\"},{\"pool\":\"p\"}]}",
         "DuplicatePool", "/forward/1/pool"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"passthrough\":true," FORWARD "}", "Unsupported",
         "/passthrough"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"passthrough\":1," FORWARD "}", "WrongType",
         "/passthrough"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"redirect\":{\"port\":1}," FORWARD "}",
         "Contradiction", "/redirect"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"fowards\":[]," FORWARD "}", "UnknownField",
         "/fowards"},
        {ROUTE_KIND_ROUTE, "{\"hosts\":[\"a\"],\"tenant\":7," FORWARD "}", "WrongType", "/tenant"},
        {ROUTE_KIND_POOL, "{\"protocol\":\"https\"}", "Unsupported", "/protocol"},
        {ROUTE_KIND_POOL, "{\"protocol\":1}", "WrongType", "/protocol"},
        {ROUTE_KIND_POOL, "{\"balance\":\"least_busy\"}", "BadValue", "/balance"},
        {ROUTE_KIND_POOL, "{\"health\":{}}", "MissingField", "/health/type"},
        {ROUTE_KIND_POOL, "{\"ballance\":\"round_robin\"}", "UnknownField", "/ballance"},
        {ROUTE_KIND_ENDPOINTS, "{}", "MissingField", "/endpoints"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":{}}", "WrongType", "/endpoints"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"port\":1}]}", "MissingField",
         "/endpoints/0/address"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"address\":\"10.0.0.1\"}]}", "MissingField",
         "/endpoints/0/port"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"address\":\"web\",\"port\":1}]}", "BadAddress",
         "/endpoints/0/address"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"address\":\"[::1]\",\"port\":1}]}", "BadAddress",
         "/endpoints/0/address"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"address\":\"10.0.0.1\",\"port\":0}]}",
         "OutOfRange", "/endpoints/0/port"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"address\":\"10.0.0.1\",\"port\":65536}]}",
         "OutOfRange", "/endpoints/0/port"},
        {ROUTE_KIND_ENDPOINTS, "{\"endpoints\":[{\"address\":\"10.0.0.1\",\"port\":80.0}]}",
         "OutOfRange", "/endpoints/0/port"},
        {ROUTE_KIND_ENDPOINTS,
         "{\"endpoints\":[{\"address\":\"10.0.0.1\",\"port\":1,\"state\":\"dead\"}]}", "BadValue",
         "/endpoints/0/state"},
        {ROUTE_KIND_ENDPOINTS,
         "{\"endpoints\":[{\"address\":\"10.0.0.1\",\"port\":1,\"weight\":0}]}", "OutOfRange",
         "/endpoints/0/weight"},
        {ROUTE_KIND_ENDPOINTS,
         "{\"endpoints\":[{\"address\":\"::1\",\"port\":1},{\"address\":\"0::1\",\"port\":1}]}",
         "DuplicateEndpoint", "/endpoints/1"},
        {ROUTE_KIND_SETTINGS, "{\"tls_tickets\":true}", "Unsupported", "/tls_tickets"},
        {ROUTE_KIND_SETTINGS, "{\"access_log\":1}", "WrongType", "/access_log"},
        {ROUTE_KIND_SETTINGS, "{\"ticket_generation\":2}", "Unsupported", "/ticket_generation"},
        {ROUTE_KIND_SETTINGS, "{\"tls_min\":\"1.1\"}", "BadValue", "/tls_min"},
        {ROUTE_KIND_SETTINGS, "{\"idle_timeout_s\":0}", "OutOfRange", "/idle_timeout_s"},
        {ROUTE_KIND_SETTINGS, "{\"idle_timeout\":5}", "UnknownField", "/idle_timeout"},
        {ROUTE_KIND_SETTINGS, "[]", "WrongType", ""},
    };
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_read_with_its_hosts_made_canonical),
        cmocka_unit_test(endpoints_are_read_with_their_defaults),
        cmocka_unit_test(settings_that_are_off_are_accepted),
        cmocka_unit_test(what_cannot_be_used_is_refused_by_field_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
