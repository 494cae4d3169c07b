/* Reports of gateways: what is taken, cut, refused, and how it is printed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "clusters/gateways.h"
#include "clusters/publish/publish.h"
#include "clusters/publish/report.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

#define EMPTY_REFUSAL "{\"kind\":\"\",\"name\":\"\",\"code\":\"\",\"message\":\"\",\"field\":\"\"}"

/* A row: the body; the code of the refusal or NULL; node, applied and refusals when it is taken. */
static const struct {
    const char *body;
    const char *code;
    const char *node;
    uint64_t applied;
    const char *refusals;
} rows[] = {
    {"{}", NULL, "", 0, "[]"},
    {"{\"node\":\"n1\",\"applied\":12,\"refusals\":[]}", NULL, "n1", 12, "[]"},
    {"{\"applied\":9223372036854775807}", NULL, "", INT64_MAX, "[]"},
    {"{\"from\":\"the future\",\"deep\":[[1]],\"applied\":1}", NULL, "", 1, "[]"},
    {"{\"refusals\":[{},{\"kind\":\"route\",\"name\":\"a\\\"\\n\"}]}", NULL, "", 0,
     "[" EMPTY_REFUSAL
     ",{\"kind\":\"route\",\"name\":\"a\\\"\\u000a\",\"code\":\"\",\"message\":\"\","
     "\"field\":\"\"}]"},
    {"", "BadJson", NULL, 0, NULL},
    {"{", "BadJson", NULL, 0, NULL},
    {"{} {}", "BadJson", NULL, 0, NULL},
    {"[]", "BadReport", NULL, 0, NULL},
    {"{\"applied\":1,\"applied\":2}", "DuplicateKey", NULL, 0, NULL},
    {"{\"refusals\":[1]}", "BadReport", NULL, 0, NULL},
    {"{\"x\":[[[[[[[[[1]]]]]]]]]}", "TooDeep", NULL, 0, NULL},
};

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report r;
        struct err e = {0};
        bool ok = report_parse(str_from(rows[i].body), &r, &e);

        if (ok != (rows[i].code == NULL) || (!ok && strcmp(e.code, rows[i].code) != 0))
            fail_msg("%s: %s", rows[i].body, ok ? "taken" : e.text);
        if (ok) {
            assert_string_equal(r.node, rows[i].node);
            assert_int_equal(r.applied, rows[i].applied);
            assert_string_equal(r.refusals_json, rows[i].refusals);
        }
        report_free(&r);
    }
}

static void what_a_gateway_holds_is_taken_or_not_said(void **state)
{
    static const char long_epoch[] =
        "{\"epoch\":\"1234567890123456789012345678901234567890123456789"
        "0123456789012345\"}";
    struct report r;
    struct err e = {0};

    (void)state;
    assert_true(report_parse(STR("{\"routes\":5,\"epoch\":\"12-ab\"}"), &r, &e));
    assert_int_equal(r.routes, 5);
    assert_string_equal(r.epoch, "12-ab");
    report_free(&r);
    assert_true(report_parse(STR("{\"applied\":3}"), &r, &e));
    assert_int_equal(r.routes, -1);
    assert_string_equal(r.epoch, "");
    report_free(&r);
    assert_false(report_parse(str_from(long_epoch), &r, &e));
    assert_string_equal(e.field, "/epoch");
}

static void values_of_another_type_are_refused_with_their_place(void **state)
{
    static const char *const bodies[] = {
        "{\"node\":1}",      "{\"applied\":\"1\"}",
        "{\"applied\":1.5}", "{\"applied\":-1}",
        "{\"refusals\":{}}", "{\"refusals\":[{\"kind\":1}]}",
        "{\"applied\":1e3}", "{\"applied\":99999999999999999999}",
        "{\"routes\":-1}",   "{\"routes\":\"5\"}",
        "{\"epoch\":5}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct report r;
        struct err e = {0};

        if (report_parse(str_from(bodies[i]), &r, &e))
            fail_msg("%s was taken", bodies[i]);
        assert_string_not_equal(e.field, "");
    }
}

static void a_node_that_is_too_long_is_refused(void **state)
{
    char body[REPORT_NODE_MAX + 32];
    struct report r;

    (void)state;
    (void)snprintf(body, sizeof body, "{\"node\":\"%0*d\"}", REPORT_NODE_MAX, 0);
    assert_true(report_parse(str_from(body), &r, NULL));
    report_free(&r);
    (void)snprintf(body, sizeof body, "{\"node\":\"%0*d\"}", REPORT_NODE_MAX + 1, 0);
    assert_false(report_parse(str_from(body), &r, NULL));
}

static void many_long_refusals_are_counted_and_cut(void **state)
{
    struct buf body;
    struct report r;

    (void)state;
    buf_init(&body, PUBLISH_REPORT_MAX);
    assert_true(buf_add_str(&body, STR("{\"refusals\":[")));
    for (int i = 0; i < 500; i++) {
        assert_true(buf_add_str(&body, str_from(i == 0 ? "{\"name\":\"" : ",{\"name\":\"")));
        for (int k = 0; k < 300; k++)
            assert_true(buf_add_str(&body, STR("\xc3\xa9\xc3\xa9\xc3")) &&
                        buf_add_str(&body, STR("\xa9")));
        assert_true(buf_add_str(&body, STR("\"}")));
    }
    assert_true(buf_add_str(&body, STR("]}")));
    assert_true(report_parse(buf_str(&body), &r, NULL));
    assert_int_equal(r.num_refusals, 500);
    assert_true(strlen(r.refusals_json) < REPORT_REFUSALS_BYTES + REPORT_TEXT_MAX + 100);
    /* What is printed can be read again, so no character was cut in two. */
    struct cJSON *again = json_parse(str_from(r.refusals_json), &json_limits_frame, NULL);

    assert_non_null(again);
    report_free(&r);
    cJSON_Delete(again);
    buf_free(&body);
}

/* Every byte is six bytes in JSON; each gateway is kept and all are printed in one answer. */
static void a_thousand_hostile_reports_fit_one_answer(void **state)
{
    static const char *const keys[] = {"kind", "name", "code", "message", "field"};
    struct buf body;
    struct report r;

    (void)state;
    buf_init(&body, PUBLISH_REPORT_MAX);
    assert_true(buf_add_str(&body, STR("{\"refusals\":[")));
    for (int i = 0; i < PUBLISH_REFUSALS_MAX; i++) {
        assert_true(buf_add_str(&body, str_from(i == 0 ? "{" : "},{")));
        for (int k = 0; k < 5; k++) {
            assert_true(buf_add_fmt(&body, "%s\"%s\":\"", k == 0 ? "" : ",", keys[k]));
            for (int n = 0; n < REPORT_TEXT_MAX; n++)
                assert_true(buf_add_str(&body, STR("\\u0001")));
            assert_true(buf_add_str(&body, STR("\"")));
        }
    }
    assert_true(buf_add_str(&body, STR("}]}")));
    assert_true(report_parse(buf_str(&body), &r, NULL));
    assert_int_equal(r.num_refusals, PUBLISH_REFUSALS_MAX);
    assert_true(strlen(r.refusals_json) * GATEWAYS_MAX < 60 << 20);
    report_free(&r);
    buf_free(&body);
}

static void sixty_four_honest_refusals_are_all_kept(void **state)
{
    struct buf body;
    struct report r;

    (void)state;
    buf_init(&body, PUBLISH_REPORT_MAX);
    assert_true(buf_add_str(&body, STR("{\"refusals\":[")));
    for (int i = 0; i < PUBLISH_REFUSALS_MAX; i++)
        assert_true(
            buf_add_fmt(&body,
                        "%s{\"kind\":\"endpoints\",\"name\":\"shop_production_frontend_%d\","
                        "\"code\":\"DuplicateEndpoint\",\"message\":\"%0100d\","
                        "\"field\":\"/endpoints/4095/address\"}",
                        i == 0 ? "" : ",", i, 0));
    assert_true(buf_add_str(&body, STR("]}")));
    assert_true(report_parse(buf_str(&body), &r, NULL));
    struct cJSON *again = json_parse(str_from(r.refusals_json), &json_limits_frame, NULL);

    assert_int_equal(cJSON_GetArraySize(again), PUBLISH_REFUSALS_MAX);
    cJSON_Delete(again);
    report_free(&r);
    buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(what_a_gateway_holds_is_taken_or_not_said),
        cmocka_unit_test(values_of_another_type_are_refused_with_their_place),
        cmocka_unit_test(a_node_that_is_too_long_is_refused),
        cmocka_unit_test(many_long_refusals_are_counted_and_cut),
        cmocka_unit_test(a_thousand_hostile_reports_fit_one_answer),
        cmocka_unit_test(sixty_four_honest_refusals_are_all_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
