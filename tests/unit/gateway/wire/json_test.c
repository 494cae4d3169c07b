/* What the strict decoder takes, what it refuses, and that it stays linear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/clock.h"
#include "gateway/wire/json.h"

#define TEXT(lit)            \
    {                        \
        lit, sizeof(lit) - 1 \
    }

struct text_case {
    struct str text;
    const char *code; /* NULL: accepted */
};

static void the_decoder_takes_json_and_nothing_else(void **state)
{
    static const struct text_case cases[] = {
        {TEXT("{}"), NULL},
        {TEXT(" [1, -2.5e+3 ,true,false,null,\"x\"] \n"), NULL},
        {TEXT("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}"), NULL},
        {TEXT("\"\\u00e9\\ud83d\\ude00\\n\""), NULL},
        {TEXT("\"\xc3\xa9\xf0\x9f\x98\x80\""), NULL},
        {TEXT("{\"A\":1,\"a\":2}"), NULL},
        {TEXT(""), "BadJson"},
        {TEXT("   "), "BadJson"},
        {TEXT("{}x"), "BadJson"},
        {TEXT("{}\0"), "BadJson"},
        {TEXT("{} {}"), "BadJson"},
        {TEXT("\xef\xbb\xbf{}"), "BadJson"},
        {TEXT("{\"a\":1,}"), "BadJson"},
        {TEXT("[1,]"), "BadJson"},
        {TEXT("[1"), "BadJson"},
        {TEXT("{\"a\""), "BadJson"},
        {TEXT("{\"a\":"), "BadJson"},
        {TEXT("{\"a\" 1}"), "BadJson"},
        {TEXT("{a:1}"), "BadJson"},
        {TEXT("{'a':1}"), "BadJson"},
        {TEXT("\"\\u0000\""), "BadJson"},
        {TEXT("{\"a\\u0000b\":1}"), "BadJson"},
        {TEXT("\"a\nb\""), "BadJson"},
        {TEXT("\"a\0b\""), "BadJson"},
        {TEXT("\"\\x\""), "BadJson"},
        {TEXT("\"\\"), "BadJson"},
        {TEXT("\"\\u12"), "BadJson"},
        {TEXT("\"\\u12g4\""), "BadJson"},
        {TEXT("\"\\ud800\""), "BadJson"},
        {TEXT("\"\\ud800\\u0041\""), "BadJson"},
        {TEXT("\"\\udc00\""), "BadJson"},
        {TEXT("\"\xc3\""), "BadJson"},
        {TEXT("\"\xc0\xaf\""), "BadJson"},
        {TEXT("\"\xed\xa0\x80\""), "BadJson"},
        {TEXT("\"\xf4\x90\x80\x80\""), "BadJson"},
        {TEXT("\"\xff\""), "BadJson"},
        {TEXT("\"abc"), "BadJson"},
        {TEXT("01"), "BadJson"},
        {TEXT("-"), "BadJson"},
        {TEXT("+1"), "BadJson"},
        {TEXT("1."), "BadJson"},
        {TEXT(".5"), "BadJson"},
        {TEXT("1e"), "BadJson"},
        {TEXT("0x10"), "BadJson"},
        {TEXT("NaN"), "BadJson"},
        {TEXT("tru"), "BadJson"},
        {TEXT("truex"), "BadJson"},
        {TEXT("{\"a\":1,\"a\":1}"), "DuplicateKey"},
        {TEXT("{\"a\":1,\"\\u0061\":1}"), "DuplicateKey"},
        {TEXT("[{\"x\":{\"k\":1,\"b\":{},\"k\":2}}]"), "DuplicateKey"},
        {TEXT("{\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"9\":0,\"3\":0}"),
         "DuplicateKey"},
        {TEXT("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), NULL},
        {TEXT("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), "TooDeep"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};
        char *exact = malloc(cases[i].text.n + 1); /* a sanitizer sees a read past the end */

        memcpy(exact, cases[i].text.p, cases[i].text.n);
        exact = realloc(exact, cases[i].text.n != 0 ? cases[i].text.n : 1);
        cJSON *tree = json_parse((struct str){exact, cases[i].text.n}, &json_limits_frame, &e);

        if (tree == NULL && cases[i].code == NULL)
            fail_msg("%s: %s", cases[i].text.p, e.text);
        if (tree != NULL && cases[i].code != NULL)
            fail_msg("%s was taken", cases[i].text.p);
        if (tree == NULL)
            assert_string_equal(e.code, cases[i].code);
        cJSON_Delete(tree);
        free(exact);
    }
}

static cJSON *parse(const char *text)
{
    struct err e = {0};
    cJSON *tree = json_parse(str_from(text), &json_limits_docker, &e);

    if (tree == NULL)
        fail_msg("%s", e.text);
    return tree;
}

static void integers_are_exact_to_the_last_bit(void **state)
{
    cJSON *o = parse("{\"min\":-9223372036854775808,\"max\":9223372036854775807,"
                     "\"over\":9223372036854775808,\"umax\":18446744073709551615,"
                     "\"uover\":18446744073709551616,\"odd\":9007199254740993,"
                     "\"half\":1.5,\"one\":1.0,\"exp\":1e3,\"small\":-7,\"zero\":-0,"
                     "\"deep\":[[1.25,{\"n\":9007199254740995}],2]}");
    int64_t v = 0;
    uint64_t u = 0;
    struct err e;

    (void)state;
    assert_true(json_get_int(o, "min", INT64_MIN, INT64_MAX, &v, &e) && v == INT64_MIN);
    assert_true(json_get_int(o, "max", INT64_MIN, INT64_MAX, &v, &e) && v == INT64_MAX);
    assert_true(json_get_int(o, "odd", 0, INT64_MAX, &v, &e) && v == 9007199254740993);
    assert_true(json_get_int(o, "small", -7, -7, &v, &e) && v == -7);
    assert_true(json_get_int(o, "zero", -1, 1, &v, &e) && v == 0);
    assert_true(json_get_u64(o, "umax", &u, &e) && u == UINT64_MAX);
    assert_true(json_get_u64(o, "over", &u, &e) && u == (uint64_t)INT64_MAX + 1);
    assert_false(json_get_u64(o, "uover", &u, &e));
    assert_false(json_get_u64(o, "small", &u, &e));
    assert_false(json_get_int(o, "over", INT64_MIN, INT64_MAX, &v, &e));
    assert_string_equal(e.code, "WrongType");
    assert_string_equal(e.field, "/over");
    assert_false(json_get_int(o, "half", 0, 9, &v, &e));
    assert_false(json_get_int(o, "one", 0, 9, &v, &e));
    assert_false(json_get_int(o, "exp", 0, 9999, &v, &e));
    assert_false(json_get_int(o, "small", -6, 0, &v, &e));
    const cJSON *deep = cJSON_GetArrayItem(json_get(o, "deep"), 0);

    assert_true(json_get_int(cJSON_GetArrayItem(deep, 1), "n", 0, INT64_MAX, &v, &e));
    assert_true(v == 9007199254740995);
    cJSON_Delete(o);
}

static void lookups_know_case_types_and_null(void **state)
{
    cJSON *o = parse("{\"s\":\"x\",\"b\":true,\"a\":[],\"o\":{},\"n\":null,\"Name\":\"N\"}");
    const char *s = "unset";
    const cJSON *item = NULL;
    bool b = false;
    struct err e;

    (void)state;
    assert_true(json_get_str(o, "name", &s, &e));
    assert_string_equal(s, "unset");
    assert_true(json_get_str(o, "n", &s, &e));
    assert_string_equal(s, "unset");
    assert_true(json_get_str(o, "Name", &s, &e));
    assert_string_equal(s, "N");
    assert_true(json_get_bool(o, "b", &b, &e) && b);
    assert_true(json_get_array(o, "a", &item, &e) && item != NULL);
    assert_true(json_get_object(o, "o", &item, &e) && cJSON_IsObject(item));
    assert_false(json_get_str(o, "b", &s, &e));
    assert_false(json_get_bool(o, "s", &b, &e));
    assert_false(json_get_array(o, "o", &item, &e));
    assert_false(json_get_object(o, "a", &item, &e));
    assert_false(json_need(o, "n", &e));
    assert_string_equal(e.code, "MissingField");
    assert_true(json_need(o, "s", &e));
    assert_null(json_get(NULL, "s"));
    cJSON_Delete(o);
}

static void a_stray_key_is_told_its_nearest_neighbour(void **state)
{
    static const char *const known[] = {"hosts", "forward", "tenant", NULL};
    cJSON *o = parse("{\"hosts\":1,\"foward\":2}");
    struct err e;

    (void)state;
    assert_false(json_only_keys(o, known, &e));
    assert_string_equal(e.code, "UnknownField");
    assert_string_equal(e.field, "/foward");
    assert_non_null(strstr(e.text, "\"forward\""));
    assert_null(json_nearest("zzzzzz", known));
    cJSON_Delete(o);
}

static void fields_of_errors_get_their_parents(void **state)
{
    struct err e;

    (void)state;
    assert_false(err_set(&e, "X", "/port", "no"));
    assert_false(json_err_in(&e, "/endpoints/%d", 3));
    assert_string_equal(e.field, "/endpoints/3/port");
}

static void the_span_of_a_value_is_its_exact_bytes(void **state)
{
    struct str text =
        STR("{ \"set\" : {\"x\":{\"value\":1}, \"v\\u0061lue\" :  { \"a\": [1 ,2]} } }");
    struct str span;
    cJSON *o = json_parse_span(text, &json_limits_frame, "value", 2, &span, NULL);

    (void)state;
    assert_non_null(o);
    assert_true(str_eq(span, STR("{ \"a\": [1 ,2]}")));
    cJSON_Delete(o);
    o = json_parse_span(STR("{\"set\":{}}"), &json_limits_frame, "value", 2, &span, NULL);
    assert_null(span.p);
    cJSON_Delete(o);
}

static void an_object_of_200000_keys_is_read_in_linear_time(void **state)
{
    enum { NUM = 200000 };
    struct buf b;
    struct err e = {0};

    (void)state;
    buf_init(&b, 64 << 20);
    assert_true(buf_add_str(&b, STR("{")));
    for (int i = 0; i < NUM; i++)
        assert_true(buf_add_fmt(&b, "%s\"com.example.key%d\":[{\"a\":%d}]", i ? "," : "", i, i));
    assert_true(buf_add_str(&b, STR("}")));
    int64_t start = clock_mono_ms();
    cJSON *tree = json_parse(buf_str(&b), &json_limits_docker, &e);

    assert_non_null(tree);
    assert_true(clock_mono_ms() - start < 5000); /* quadratic would be minutes */
    cJSON_Delete(tree);
    b.len--;
    assert_true(buf_add_str(&b, STR(",\"com.example.key77\":0}")));
    assert_null(json_parse(buf_str(&b), &json_limits_docker, &e));
    assert_string_equal(e.code, "DuplicateKey");
    assert_non_null(strstr(e.text, "com.example.key77\""));
    buf_free(&b);
}

static void a_text_over_the_limit_is_not_looked_at(void **state)
{
    const struct json_limits tiny = {.bytes_max = 3, .depth_max = 2};
    struct err e;

    (void)state;
    assert_null(json_parse(STR("[10]"), &tiny, &e));
    assert_string_equal(e.code, "TooLarge");
}

static long allocations_left;

static void *scarce_malloc(size_t n)
{
    return allocations_left-- > 0 ? malloc(n) : NULL;
}

static void a_tree_that_memory_does_not_allow_is_no_fault_of_the_text(void **state)
{
    const struct str text = STR("{\"a\":[1,2.50,{\"b\":\"c\"}],\"d\":12345678901234567890}");
    cJSON_Hooks scarce = {scarce_malloc, free};
    cJSON *tree = NULL;
    long needed = 0;

    (void)state;
    cJSON_InitHooks(&scarce);
    for (; tree == NULL && needed < 100; needed++) {
        struct err e = {0};

        allocations_left = needed;
        tree = json_parse(text, &json_limits_frame, &e);
        if (tree == NULL)
            assert_string_equal(e.code, "NoMemory");
    }
    cJSON_InitHooks(NULL);
    assert_non_null(tree);
    assert_true(needed > 12); /* nodes, keys, and the numbers that are kept as texts */
    cJSON_Delete(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_decoder_takes_json_and_nothing_else),
        cmocka_unit_test(integers_are_exact_to_the_last_bit),
        cmocka_unit_test(lookups_know_case_types_and_null),
        cmocka_unit_test(a_stray_key_is_told_its_nearest_neighbour),
        cmocka_unit_test(fields_of_errors_get_their_parents),
        cmocka_unit_test(the_span_of_a_value_is_its_exact_bytes),
        cmocka_unit_test(an_object_of_200000_keys_is_read_in_linear_time),
        cmocka_unit_test(a_text_over_the_limit_is_not_looked_at),
        cmocka_unit_test(a_tree_that_memory_does_not_allow_is_no_fault_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
