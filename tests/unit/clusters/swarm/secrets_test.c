/* Lists of secrets as Docker gives them, odd ones included; what is in a secret is in none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/swarm/secrets.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

static struct secrets *decode(const char *json)
{
    struct err e = {0};
    struct secrets *s = secrets_decode(str_from(json), &e);

    if (s == NULL)
        fail_msg("%s: %s", json, e.text);
    return s;
}

static void a_secret_is_what_swarm_says_of_it(void **state)
{
    struct secrets *s =
        decode("[{\"ID\":\"b\",\"Version\":{\"Index\":9},\"CreatedAt\":\"2026-01-01T00:00:00Z\","
               "\"UpdatedAt\":\"2026-02-01T00:00:00Z\",\"Spec\":{\"Name\":\"web.key\",\"Data\":"
               "\"c2VjcmV0\","
               "\"Labels\":{\"z\":\"1\",\"com.docker.lb.tenant\":\"acme\","
               "\"com.docker.lb.expires\":\"2027-01-31\"}}},"
               "{\"ID\":\"a\",\"Version\":{\"Index\":2},\"Spec\":{\"Name\":\"plain\"}}]");

    (void)state;
    assert_int_equal(s->num, 2);
    assert_string_equal(s->all[0].name, "plain"); /* by id */
    assert_string_equal(s->all[0].labels, "{}");
    assert_string_equal(s->all[0].tenant, "");
    assert_string_equal(s->all[1].name, "web.key");
    assert_int_equal(s->all[1].version, 9);
    assert_string_equal(s->all[1].created_at, "2026-01-01T00:00:00Z");
    assert_string_equal(s->all[1].updated_at, "2026-02-01T00:00:00Z");
    assert_string_equal(s->all[1].tenant, "acme");
    assert_string_equal(s->all[1].expires, "2027-01-31");
    assert_null(strstr(s->all[1].labels, "c2VjcmV0"));
    assert_true(secret_same(&s->all[1], &s->all[1]) && !secret_same(&s->all[0], &s->all[1]));
    secrets_free(s);
}

static void what_is_no_secret_is_passed_over(void **state)
{
    static const char *const odd[] = {
        "1",
        "{}",
        "{\"ID\":\"x\",\"Version\":{\"Index\":1}}",
        "{\"ID\":\"x\",\"Version\":{\"Index\":-1},\"Spec\":{\"Name\":\"n\"}}",
        "{\"ID\":\"x\",\"Version\":{},\"Spec\":{\"Name\":7}}",
        "{\"ID\":\"\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"n\"}}",
        "{\"ID\":\"x\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"n\",\"Labels\":[]}}",
        "{\"ID\":\"x\",\"ID\":\"y\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"n\"}}"};

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char *list = xasprintf("[%s,{\"ID\":\"g\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":"
                               "\"good\"}}]",
                               odd[i]);
        struct secrets *s = decode(list);

        if (s->num != 1 || strcmp(s->all[0].name, "good") != 0)
            fail_msg("%s gives %zu", odd[i], s->num);
        secrets_free(s);
        free(list);
    }
}

static void of_one_id_one_is_kept(void **state)
{
    struct secrets *s =
        decode("[{\"ID\":\"g\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"n\"}},"
               "{\"ID\":\"g\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"n\"}}]");

    (void)state;
    assert_int_equal(s->num, 1);
    secrets_free(s);
}

static void too_long_labels_are_left_out(void **state)
{
    char *value = xcalloc(SECRETS_LABELS_MAX + 1, 1);
    char *list;
    struct secrets *s;

    (void)state;
    memset(value, 'v', SECRETS_LABELS_MAX);
    list = xasprintf("[{\"ID\":\"g\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":\"n\",\"Labels\":"
                     "{\"long\":\"%s\",\"com.docker.lb.expires\":\"%.50s\","
                     "\"com.docker.lb.tenant\":\"acme\"}}}]",
                     value, value);
    s = decode(list);
    assert_string_equal(s->all[0].labels, "{}");
    assert_string_equal(s->all[0].expires, "");
    assert_string_equal(s->all[0].tenant, "acme"); /* it narrows, whatever else there is */
    secrets_free(s);
    free(list);
    free(value);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const bad[] = {"", "{}", "[", "[{\"ID\":\"a\"}", "page not found"};
    struct buf many;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(secrets_decode(str_from(bad[i]), &e));
    buf_init(&many, 8 << 20);
    assert_true(buf_add_str(&many, STR("[")));
    for (int i = 0; i <= SECRETS_MAX; i++)
        assert_true(buf_add_fmt(&many,
                                "%s{\"ID\":\"i%d\",\"Version\":{\"Index\":1},\"Spec\":{"
                                "\"Name\":\"n%d\"}}",
                                i > 0 ? "," : "", i, i));
    assert_true(buf_add_str(&many, STR("]")));
    assert_null(secrets_decode(buf_str(&many), &e));
    assert_non_null(strstr(e.text, "too long"));
    buf_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_what_swarm_says_of_it),
        cmocka_unit_test(what_is_no_secret_is_passed_over),
        cmocka_unit_test(of_one_id_one_is_kept),
        cmocka_unit_test(too_long_labels_are_left_out),
        cmocka_unit_test(what_is_no_list_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
