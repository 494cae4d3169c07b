/* Request targets: what is taken apart how, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/publish/target.h"
#include "gateway/core/buf.h"

/* A row: the target; what comes out as "segment|segment?key=value&key=value", or the error's code.
 */
static const struct {
    const char *uri;
    const char *want;
} rows[] = {
    {"/", "?"},
    {"/livez", "livez?"},
    {"/v1/clusters/east/stream?epoch=1-a&from=7", "v1|clusters|east|stream?epoch=1-a&from=7&"},
    {"/a?x=", "a?x=&"},
    {"/a?", "a?"},
    {"/a?x=1&", "a?x=1&"},
    {"/a?x=1=2", "a?x=1=2&"},
    {"/%61b/%C3%A4?%78=%20y", "ab|\xc3\xa4?x= y&"},
    {"", "BadTarget"},
    {"livez", "BadTarget"},
    {"http://host/livez", "BadTarget"},
    {"*", "BadTarget"},
    {"//", "BadTarget"},
    {"/a/", "BadTarget"},
    {"/a//b", "BadTarget"},
    {"/a/./b", "BadTarget"},
    {"/a/../b", "BadTarget"},
    {"/a/%2e%2e/b", "BadTarget"},
    {"/a%2fb", "BadTarget"},
    {"/a%00b", "BadTarget"},
    {"/a%0d%0ab", "BadTarget"},
    {"/a%", "BadTarget"},
    {"/a%4", "BadTarget"},
    {"/a%4g", "BadTarget"},
    {"/a#b", "BadTarget"},
    {"/a?x", "BadQuery"},
    {"/a?=1", "BadQuery"},
    {"/a?&x=1", "BadQuery"},
    {"/a?x=1&x=2", "BadQuery"},
    {"/a?x=1&%78=2", "BadQuery"},
    {"/1/2/3/4/5/6/7/8/9/10/11/12", "1|2|3|4|5|6|7|8|9|10|11|12?"},
    {"/1/2/3/4/5/6/7/8/9/10/11/12/13", "BadTarget"},
    {"/?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1&l=1&m=1", "BadQuery"},
};

static void print(struct buf *b, const struct target *t)
{
    for (size_t i = 0; i < t->num_segments; i++)
        assert_true(buf_add_fmt(b, "%s%.*s", i == 0 ? "" : "|", STR_ARG(t->segments[i])));
    assert_true(buf_add_str(b, STR("?")));
    for (size_t i = 0; i < t->num_params; i++)
        assert_true(
            buf_add_fmt(b, "%.*s=%.*s&", STR_ARG(t->params[i].key), STR_ARG(t->params[i].value)));
}

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct target t;
        struct err e = {0};
        struct buf b;

        buf_init(&b, 4096);
        if (target_parse(str_from(rows[i].uri), &t, &e))
            print(&b, &t);
        else
            assert_true(buf_add_str(&b, str_from(e.code)));
        if (strcmp(b.bytes, rows[i].want) != 0)
            fail_msg("%s gives %s, not %s", rows[i].uri, b.bytes, rows[i].want);
        buf_free(&b);
    }
}

static void a_target_of_the_largest_size_is_taken_and_one_more_byte_is_not(void **state)
{
    char uri[TARGET_BYTES_MAX + 2];
    struct target t;
    struct err e = {0};

    (void)state;
    memset(uri, 'a', sizeof uri);
    uri[0] = '/';
    assert_true(target_parse((struct str){uri, TARGET_BYTES_MAX}, &t, &e));
    assert_int_equal(t.segments[0].n, TARGET_BYTES_MAX - 1);
    assert_false(target_parse((struct str){uri, TARGET_BYTES_MAX + 1}, &t, &e));
}

static void patterns_match_whole_paths_and_give_their_variables(void **state)
{
    static const struct {
        const char *uri;
        const char *pattern;
        const char *want; /* the variables, or NULL: no match */
    } matches[] = {
        {"/livez", "/livez", ""},
        {"/livez/x", "/livez", NULL},
        {"/", "/livez", NULL},
        {"/v1/clusters/east/stream", "/v1/clusters/{c}/stream", "east,"},
        {"/v1/clusters/east/streams", "/v1/clusters/{c}/stream", NULL},
        {"/v1/clusters/east", "/v1/clusters/{c}/stream", NULL},
        {"/v1/clusters/e/gateways/g/report", "/v1/clusters/{c}/gateways/{id}/report", "e,g,"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++) {
        struct str vars[TARGET_VARS_MAX] = {0};
        char seen[64] = "";
        struct target t;
        bool match;

        assert_true(target_parse(str_from(matches[i].uri), &t, NULL));
        match = target_matches(&t, matches[i].pattern, vars);
        assert_int_equal(match, matches[i].want != NULL);
        for (size_t k = 0; match && vars[k].p != NULL; k++)
            (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s,",
                           STR_ARG(vars[k]));
        if (match)
            assert_string_equal(seen, matches[i].want);
    }
}

static void a_stray_parameter_is_named(void **state)
{
    static const char *const known[] = {"from", NULL};
    struct target t;
    struct err e = {0};

    (void)state;
    assert_true(target_parse(STR("/a?from=1&form=2"), &t, NULL));
    assert_false(target_only_params(&t, known, &e));
    assert_non_null(strstr(e.text, "\"form\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(a_target_of_the_largest_size_is_taken_and_one_more_byte_is_not),
        cmocka_unit_test(patterns_match_whole_paths_and_give_their_variables),
        cmocka_unit_test(a_stray_parameter_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
