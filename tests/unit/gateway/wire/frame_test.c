/* Frames: what is written is what is read, and what is malformed is refused by its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/wire/frame.h"

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_free(&out);
    return 0;
}

/* The one line in `out`, parsed. */
static struct frame reread(void)
{
    struct frame f;
    struct err e = {0};

    assert_true(out.len > 0 && out.bytes[out.len - 1] == '\n');
    if (!frame_parse((struct str){out.bytes, out.len - 1}, &f, &e))
        fail_msg("%s: %s", e.field, e.text);
    return f;
}

static void a_hello_comes_back_as_it_went(void **state)
{
    (void)state;
    assert_true(frame_write_hello(&out, "us-east", "1700-ab", UINT64_MAX, true));
    struct frame f = reread();

    assert_int_equal(f.type, FRAME_HELLO);
    assert_string_equal(f.cluster, "us-east");
    assert_string_equal(f.epoch, "1700-ab");
    assert_true(f.revision == UINT64_MAX);
    assert_true(f.snapshot);
    frame_free(&f);
    frame_free(&f);
}

static void a_set_keeps_the_exact_bytes_of_its_value(void **state)
{
    struct str value = STR("{ \"hosts\" :[ \"a\\u00e9\"], \"n\":1.50 }");

    (void)state;
    assert_true(frame_write_set(&out, ROUTE_KIND_ROUTE, STR("host:\"x\" \xc3\xa9"), value));
    struct frame f = reread();

    assert_int_equal(f.type, FRAME_SET);
    assert_int_equal(f.kind, ROUTE_KIND_ROUTE);
    assert_string_equal(f.name, "host:\"x\" \xc3\xa9");
    assert_true(str_eq(f.value_bytes, value));
    assert_true(f.value_bytes.p > out.bytes && f.value_bytes.p < out.bytes + out.len);
    assert_true(cJSON_IsObject(f.value));
    assert_non_null(cJSON_GetObjectItemCaseSensitive(f.value, "hosts"));
    frame_free(&f);
}

/* A blank in front takes a line the long way: both ways must judge and read alike. */
static void a_plain_set_is_read_as_any_other_spelling_of_it(void **state)
{
    static const char *const lines[] = {
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a b\",\"value\":{}}}",
        "{\"set\":{\"kind\":\"route\",\"name\":\"x\",\"value\":{\"n\":1.5,\"m\":[1,{\"q\":\"}}\"}]}"
        "}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{\"n\":12345678901234567890}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{\"x\":1,\"x\":2}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{\"x\":1}},\"y\":{}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{},\"name\":{}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{}}} ",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{}}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{\"x\":}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":[]}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"\",\"value\":{}}}",
        "{\"set\":{\"kind\":\"pond\",\"name\":\"a\",\"value\":{}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\\\"b\",\"value\":{}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"\xc3\xa9\",\"value\":{}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"\xc3\",\"value\":{}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\x7f\",\"value\":{}}}",
        /* value at depth 3: 14 levels are allowed, 15 are not */
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{\"v\":[[[[[[[[[[[[[]]]]]]]]]]]]]}}}",
        "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{\"v\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}}"
        "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct frame plain, bytes, late, slow;
        struct err plain_e = {0}, bytes_e = {0}, late_e = {0}, slow_e = {0};
        char spaced[512];

        snprintf(spaced, sizeof(spaced), " %s", lines[i]);
        bool ok = frame_parse(str_from(spaced), &slow, &slow_e);
        assert_int_equal(frame_parse(str_from(lines[i]), &plain, &plain_e), ok);
        assert_int_equal(frame_parse_bytes(str_from(lines[i]), &bytes, &bytes_e), ok);
        bool later = frame_parse_late(str_from(lines[i]), &late, &late_e);

        if (later && late.type == FRAME_SET)
            later = frame_build_value(&late, &late_e);
        assert_int_equal(later, ok);
        if (!ok) {
            frame_free(&late);
            assert_string_equal(plain_e.code, slow_e.code);
            assert_string_equal(bytes_e.code, slow_e.code);
            continue;
        }
        assert_int_equal(plain.type, slow.type);
        assert_int_equal(plain.kind, slow.kind);
        assert_string_equal(plain.name, slow.name);
        assert_true(str_eq(plain.value_bytes, slow.value_bytes));
        assert_true(cJSON_Compare(plain.value, slow.value, true));
        assert_string_equal(bytes.name, slow.name);
        assert_true(str_eq(bytes.value_bytes, slow.value_bytes));
        assert_null(bytes.value);
        if (late.type == FRAME_SET)
            assert_true(cJSON_Compare(late.value, slow.value, true));
        frame_free(&late);
        if (bytes.type == FRAME_SET) {
            assert_true(frame_build_value(&bytes, &bytes_e));
            assert_true(cJSON_Compare(bytes.value, slow.value, true));
        }
        frame_free(&plain);
        frame_free(&bytes);
        frame_free(&slow);
    }
}

static void the_order_of_a_sets_members_does_not_matter(void **state)
{
    struct frame f;

    (void)state;
    assert_true(frame_parse(
        STR("{\"set\":{\"value\":{\"value\":{}},\"name\":\"value\",\"kind\":\"pool\"}}"), &f,
        NULL));
    assert_true(str_eq(f.value_bytes, STR("{\"value\":{}}")));
    frame_free(&f);
}

static void the_small_frames_come_back_as_they_went(void **state)
{
    static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct frame f;

    (void)state;
    assert_true(frame_write_delete(&out, ROUTE_KIND_POOL, STR("p")));
    f = reread();
    assert_true(f.type == FRAME_DELETE && f.kind == ROUTE_KIND_POOL);
    assert_string_equal(f.name, "p");
    frame_free(&f);
    buf_clear(&out);
    assert_true(frame_write_commit(&out, 7, digest));
    f = reread();
    assert_true(f.type == FRAME_COMMIT && f.revision == 7);
    assert_string_equal(f.digest, digest);
    frame_free(&f);
    buf_clear(&out);
    assert_true(frame_write_commit(&out, 8, NULL));
    f = reread();
    assert_true(f.type == FRAME_COMMIT && f.revision == 8 && f.digest[0] == '\0');
    frame_free(&f);
    buf_clear(&out);
    assert_true(frame_write_beat(&out, 9));
    f = reread();
    assert_true(f.type == FRAME_BEAT && f.revision == 9);
    frame_free(&f);
    buf_clear(&out);
    assert_true(frame_write_ack(&out, 10));
    f = reread();
    assert_true(f.type == FRAME_ACK && f.revision == 10);
    frame_free(&f);
}

static void a_status_and_stats_come_back_as_they_went(void **state)
{
    struct str value = STR("{\"samples\":[[\"a\",\"\",1]]}");

    (void)state;
    assert_true(frame_write_status(&out, true, 1234, "no space: \"disk\""));
    struct frame f = reread();

    assert_int_equal(f.type, FRAME_STATUS);
    assert_true(f.stale);
    assert_true(f.age_ms == 1234);
    assert_string_equal(f.complaint, "no space: \"disk\"");
    frame_free(&f);
    buf_clear(&out);
    assert_true(frame_write_stats(&out, value));
    f = reread();
    assert_int_equal(f.type, FRAME_STATS);
    assert_true(cJSON_IsObject(f.value));
    assert_true(str_eq(f.value_bytes, value));
    frame_free(&f);
}

static void a_nack_carries_its_reason(void **state)
{
    struct err why;
    struct frame f;

    (void)state;
    err_set(&why, "Unsupported", "/passthrough", "not \"built\" yet");
    assert_true(frame_write_nack(&out, ROUTE_KIND_ROUTE, STR("r"), &why));
    f = reread();
    assert_int_equal(f.type, FRAME_NACK);
    assert_string_equal(f.name, "r");
    assert_string_equal(f.refusal.code, "Unsupported");
    assert_string_equal(f.refusal.field, "/passthrough");
    assert_string_equal(f.refusal.text, "not \"built\" yet");
    frame_free(&f);
    buf_clear(&out);
    why.code = "NobodyKnowsThis";
    assert_true(frame_write_nack(&out, ROUTE_KIND_ROUTE, STR("r"), &why));
    f = reread();
    assert_string_equal(f.refusal.code, "Refused");
    frame_free(&f);
}

static void malformed_frames_are_refused_by_reason(void **state)
{
    static const struct {
        const char *line;
        const char *code;
        const char *field;
    } cases[] = {
        {"", "BadJson", ""},
        {"[]", "BadFrame", ""},
        {"{}", "BadFrame", ""},
        {"{\"beat\":{\"revision\":1},\"ack\":{\"revision\":1}}", "BadFrame", ""},
        {"{\"reload\":{}}", "BadFrame", ""},
        {"{\"Beat\":{\"revision\":1}}", "BadFrame", ""},
        {"{\"beat\":1}", "BadFrame", ""},
        {"{\"beat\":{}}", "MissingField", "/beat/revision"},
        {"{\"beat\":{\"revision\":-1}}", "WrongType", "/beat/revision"},
        {"{\"beat\":{\"revision\":1.5}}", "WrongType", "/beat/revision"},
        {"{\"beat\":{\"revision\":\"1\"}}", "WrongType", "/beat/revision"},
        {"{\"beat\":{\"revision\":1,\"revison\":1}}", "UnknownField", "/beat/revison"},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"p\"}}", "MissingField", "/set/value"},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":[]}}", "WrongType", "/set/value"},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":null}}", "MissingField",
         "/set/value"},
        {"{\"set\":{\"kind\":\"pol\",\"name\":\"p\",\"value\":{}}}", "UnknownKind", "/set/kind"},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"\",\"value\":{}}}", "BadName", "/set/name"},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"a\\nb\",\"value\":{}}}", "BadName", "/set/name"},
        {"{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{\"a\":1,\"a\":2}}}", "DuplicateKey",
         ""},
        {"{\"delete\":{\"kind\":\"pool\"}}", "MissingField", "/delete/name"},
        {"{\"delete\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{}}}", "UnknownField",
         "/delete/value"},
        {"{\"commit\":{\"revision\":1,\"digest\":\"ABC\"}}", "BadValue", "/commit/digest"},
        {"{\"hello\":{\"cluster\":\"c\",\"epoch\":\"e\",\"revision\":1,\"mode\":\"full\"}}",
         "BadValue", "/hello/mode"},
        {"{\"hello\":{\"cluster\":\"c d\",\"epoch\":\"e\",\"revision\":1,\"mode\":\"delta\"}}",
         "BadValue", "/hello/cluster"},
        {"{\"hello\":{\"cluster\":\"c\",\"revision\":1,\"mode\":\"delta\"}}", "BadValue",
         "/hello/epoch"},
        {"{\"beat\":{\"revision\":1}}\r\n{}", "BadJson", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct frame f;
        struct err e = {0};

        if (frame_parse(str_from(cases[i].line), &f, &e))
            fail_msg("%s was taken", cases[i].line);
        assert_string_equal(e.code, cases[i].code);
        assert_string_equal(e.field, cases[i].field);
        assert_null(f.name);
    }
}

static void a_line_that_does_not_fit_leaves_the_buffer_alone(void **state)
{
    struct buf small;

    (void)state;
    buf_init(&small, 60);
    assert_true(frame_write_beat(&small, 1));
    size_t len = small.len;

    assert_false(frame_write_set(&small, ROUTE_KIND_POOL, STR("pool"), STR("{}")));
    assert_int_equal(small.len, len);
    assert_int_equal(strlen(small.bytes), len);
    buf_free(&small);
}

static void a_name_of_512_bytes_is_the_longest(void **state)
{
    char name[ROUTE_NAME_MAX + 2];
    struct frame f;
    struct err e;

    (void)state;
    memset(name, 'n', sizeof(name));
    assert_true(frame_write_delete(&out, ROUTE_KIND_POOL, (struct str){name, ROUTE_NAME_MAX}));
    f = reread();
    frame_free(&f);
    buf_clear(&out);
    assert_true(frame_write_delete(&out, ROUTE_KIND_POOL, (struct str){name, ROUTE_NAME_MAX + 1}));
    assert_false(frame_parse((struct str){out.bytes, out.len - 1}, &f, &e));
    assert_string_equal(e.code, "BadName");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hello_comes_back_as_it_went, setup, teardown),
        cmocka_unit_test_setup_teardown(a_set_keeps_the_exact_bytes_of_its_value, setup, teardown),
        cmocka_unit_test(a_plain_set_is_read_as_any_other_spelling_of_it),
        cmocka_unit_test(the_order_of_a_sets_members_does_not_matter),
        cmocka_unit_test_setup_teardown(the_small_frames_come_back_as_they_went, setup, teardown),
        cmocka_unit_test_setup_teardown(a_status_and_stats_come_back_as_they_went, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nack_carries_its_reason, setup, teardown),
        cmocka_unit_test(malformed_frames_are_refused_by_reason),
        cmocka_unit_test(a_line_that_does_not_fit_leaves_the_buffer_alone),
        cmocka_unit_test_setup_teardown(a_name_of_512_bytes_is_the_longest, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
