/* The numbers of a report: what is taken, what is refused, and that lines give back what was said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "clusters/publish/report.h"
#include "clusters/publish/stats.h"
#include "gateway/wire/json.h"

#define ONE(sample) "{\"samples\":[" sample "]}"

/* A row: the object; the lines, or NULL when it is refused, and then where. */
static const struct {
    const char *json;
    const char *lines;
    const char *field;
} rows[] = {
    {"{\"samples\":[]}", "", NULL},
    {"{\"samples\":[],\"later\":1}", "", NULL},
    {ONE("[\"a\",\"\",1]"), "a 0  1\n", NULL},
    {ONE("[\"a:b_9\",\"x=\\\"y z\\\"\",-9223372036854775808]"),
     "a:b_9 7 x=\"y z\" -9223372036854775808\n", NULL},
    {ONE("[\"b\",\"\",1],[\"a\",\"l=\\\"2\\\"\",2],[\"a\",\"l=\\\"1\\\"\",3]"),
     "a 5 l=\"1\" 3\na 5 l=\"2\" 2\nb 0  1\n", NULL},
    {ONE("[\"a\",\"x=\\\"\\\\\\\\ \\\\\\\" \\\\n\\\",y=\\\"\\\"\",1]"),
     "a 17 x=\"\\\\ \\\" \\n\",y=\"\" 1\n", NULL},
    {ONE("[\"a\",\"x=\\\"} 1\\\"\",1]"), "a 7 x=\"} 1\" 1\n", NULL},
    {"{}", NULL, ""},
    {"[]", NULL, ""},
    {"{\"samples\":{}}", NULL, "/samples"},
    {ONE("1"), NULL, "/samples/0"},
    {ONE("[]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\"]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\",1,1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\",1],[1,\"\",1]"), NULL, "/samples/1"},
    {ONE("[\"a\",1,1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\",\"1\"]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\",1.5]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\",1e3]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"\",9223372036854775808]"), NULL, "/samples/0"},
    {ONE("[\"\",\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"9a\",\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a b\",\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\\nb\",\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a{x=\\\"1\\\"}\",\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"\xc3\xa4\",\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=1\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\\",\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\\" 7\\nforged 1\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\\"} 7\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\n2\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"\\\\t\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"\\\\\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\",x=\\\"1\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\\",x=\\\"2\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x:y=\\\"1\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"cluster=\\\"other\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\\",gateway=\\\"other\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"node=\\\"other\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"__name__=\\\"b\\\"\",1]"), NULL, "/samples/0"},
    {ONE("[\"a\",\"x=\\\"1\\\"\",1],[\"a\",\"x=\\\"1\\\"\",2]"), NULL, "/samples"},
};

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = {0};
        cJSON *v = json_parse(str_from(rows[i].json), &json_limits_frame, &e);
        struct buf b;
        bool ok;

        assert_non_null(v);
        buf_init(&b, STATS_BYTES_MAX * 2);
        ok = stats_print(v, &b, &e);
        if (ok != (rows[i].lines != NULL))
            fail_msg("%s: %s", rows[i].json, ok ? "taken" : e.text);
        if (ok)
            assert_string_equal(b.len > 0 ? b.bytes : "", rows[i].lines);
        else
            assert_string_equal(e.field, rows[i].field);
        assert_true(ok || b.len == 0);
        buf_free(&b);
        cJSON_Delete(v);
    }
}

static void lines_give_back_what_was_said(void **state)
{
    struct str rest = STR("a 7 x=\"} 1\" -1\nb 0  9223372036854775807\n");
    struct stats_sample s;

    (void)state;
    assert_true(stats_next(&rest, &s));
    assert_true(str_eq(s.name, STR("a")) && str_eq(s.labels, STR("x=\"} 1\"")) && s.value == -1);
    assert_true(stats_next(&rest, &s));
    assert_true(str_eq(s.name, STR("b")) && s.labels.n == 0 && s.value == INT64_MAX);
    assert_false(stats_next(&rest, &s));
}

static char *many(int num, const char *label)
{
    struct buf b;
    bool ok;

    buf_init(&b, 4 << 20);
    ok = buf_add_str(&b, STR("{\"applied\":7,\"stats\":{\"samples\":["));
    for (int i = 0; ok && i < num; i++)
        ok = buf_add_fmt(&b, "%s[\"m%d\",\"x=\\\"%s\\\"\",%d]", i > 0 ? "," : "", i, label, i);
    assert_true(ok && buf_add_str(&b, STR("]}}")));
    return buf_take(&b);
}

static void too_much_is_refused_and_the_report_is_taken(void **state)
{
    static const char hundred[] =
        "1234567890123456789012345678901234567890123456789012345678901234567"
        "890123456789012345678901234567890";
    static const struct {
        int num;
        const char *label;
        bool ok;
    } cases[] = {
        {2000, hundred, true}, {8192, "", true}, {8193, "", false}, {4000, hundred, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *json = many(cases[i].num, cases[i].label);
        struct report r;
        struct err e = {0};

        assert_true(report_parse(str_from(json), &r, &e));
        assert_int_equal(r.applied, 7);
        if ((r.stats_refusal.code == NULL) != cases[i].ok)
            fail_msg("%d samples: %s", cases[i].num, r.stats_refusal.text);
        if (!cases[i].ok)
            assert_memory_equal(r.stats_refusal.field, "/stats/samples", 14);
        assert_true(cases[i].ok == (r.stats[0] != '\0'));
        report_free(&r);
        free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(lines_give_back_what_was_said),
        cmocka_unit_test(too_much_is_refused_and_the_report_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
