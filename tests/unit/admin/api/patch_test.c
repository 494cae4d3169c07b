/* JSON Merge Patch: the RFC's own examples (appendix A of RFC 7396), and what its words imply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/api/jsontext.h"
#include "admin/api/patch.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static void patches_are_those_of_the_rfc(void **state)
{
    static const struct {
        const char *target, *patch, *want;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        /* Ours: blanks, escaped keys, numbers that no double holds. */
        {" { \"a\" : 1 , \"b\" : 2 } ", " { \"a\" : null } ", "{\"b\":2}"},
        {"{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}"},
        {"{\"a\\\"b\":1}", "{\"a\\u0022b\":null}", "{}"},
        {"{\"n\":9223372036854775807,\"m\":1}", "{\"m\":1.50}",
         "{\"n\":9223372036854775807,\"m\":1.50}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":{}}", "{\"a\":{\"x\":1}}"},
        {"{\"a\":\"}]\\\"\",\"b\":[{\"c\":\"{\"}]}", "{\"b\":null}", "{\"a\":\"}]\\\"\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;

        buf_init(&out, 4096);
        assert_true(patch_merge(str_from(rows[i].target), str_from(rows[i].patch), &out));
        assert_string_equal(out.bytes, rows[i].want);
        buf_free(&out);
    }
}

static void depth_and_size_have_ends(void **state)
{
    struct buf deep, out;

    (void)state;
    buf_init(&deep, 4096);
    buf_init(&out, 4096);
    for (int i = 0; i < PATCH_DEPTH_MAX + 2; i++)
        assert_true(buf_add_str(&deep, STR("{\"a\":")));
    assert_true(buf_add_str(&deep, STR("1")));
    for (int i = 0; i < PATCH_DEPTH_MAX + 2; i++)
        assert_true(buf_add_str(&deep, STR("}")));
    assert_false(patch_merge(STR("{}"), buf_str(&deep), &out));
    buf_free(&out);
    buf_init(&out, 8);
    assert_false(patch_merge(STR("{\"a\":\"long enough\"}"), STR("{}"), &out));
    buf_free(&deep);
    buf_free(&out);
}

/* A body of a megabyte is mostly keys at worst: what it costs may not grow with their square. */
static void many_members_are_merged_in_time(void **state)
{
    struct buf target, patch, out;

    (void)state;
    buf_init(&target, 8 << 20);
    buf_init(&patch, 8 << 20);
    buf_init(&out, 16 << 20);
    assert_true(buf_add_str(&target, STR("{")) && buf_add_str(&patch, STR("{")));
    for (int i = 0; i < 100000; i++) {
        assert_true(buf_add_fmt(&target, "%s\"k%d\":1", i > 0 ? "," : "", i));
        assert_true(
            buf_add_fmt(&patch, "%s\"k%d\":%s", i > 0 ? "," : "", i + 50000, i % 2 ? "null" : "2"));
    }
    assert_true(buf_add_str(&target, STR("}")) && buf_add_str(&patch, STR("}")));
    assert_true(patch_merge(buf_str(&target), buf_str(&patch), &out));
    assert_true(json_check(buf_str(&out), &json_limits_docker, NULL));
    buf_free(&target);
    buf_free(&patch);
    buf_free(&out);
}

static void strings_are_unescaped(void **state)
{
    static const struct {
        const char *json, *want; /* NULL: it is refused */
    } rows[] = {
        {"\"\"", ""},
        {"\"a\\n\\t\\/\\\\\\\"b\"", "a\n\t/\\\"b"},
        {"\"\\u00e9\\u20ac\"", "\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
        {"\"plain\"", "plain"},
        {"12", NULL},
        {"null", NULL},
        {"{}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[32];

        assert_int_equal(jsontext_copy(str_from(rows[i].json), out, sizeof out),
                         rows[i].want != NULL);
        assert_string_equal(out, rows[i].want != NULL ? rows[i].want : "");
    }
    char small[4];

    assert_false(jsontext_copy(STR("\"four\""), small, sizeof small));
    assert_true(jsontext_copy(STR("\"thr\""), small, sizeof small));
}

static void members_and_elements_come_in_order(void **state)
{
    struct str text = STR(" {\"a\" : [1, {\"x\":\"]\"}, \"s,\" ] ,\"b\":{}, \"c\":-1.5e3}");
    struct jsontext w;
    struct str key, value, list;

    (void)state;
    assert_true(jsontext_object(text, &w));
    assert_true(jsontext_member(&w, &key, &list));
    assert_true(str_eq(key, STR("\"a\"")));
    assert_true(jsontext_member(&w, &key, &value) && str_eq(value, STR("{}")));
    assert_true(jsontext_member(&w, &key, &value) && str_eq(value, STR("-1.5e3")));
    assert_false(jsontext_member(&w, &key, &value));
    assert_true(jsontext_array(list, &w));
    assert_true(jsontext_element(&w, &value) && str_eq(value, STR("1")));
    assert_true(jsontext_element(&w, &value) && str_eq(value, STR("{\"x\":\"]\"}")));
    assert_true(jsontext_element(&w, &value) && str_eq(value, STR("\"s,\"")));
    assert_false(jsontext_element(&w, &value));
    assert_false(jsontext_array(text, &w));
    assert_true(jsontext_get(text, "c", &value));
    assert_false(jsontext_get(text, "d", &value));
    assert_true(jsontext_array(STR("[]"), &w));
    assert_false(jsontext_element(&w, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_those_of_the_rfc),
        cmocka_unit_test(depth_and_size_have_ends),
        cmocka_unit_test(many_members_are_merged_in_time),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(members_and_elements_come_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
