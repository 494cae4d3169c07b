/* Rewritten targets and the Location of redirects, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/proxy/target.h"

static char *replaced(const char *path, const char *query, const char *prefix, const char *new_path,
                      const char *new_prefix)
{
    const struct target_request q = {.path = str_from(path), .query = str_from(query)};
    struct h1_target t;
    struct buf b;

    buf_init(&b, 4096);
    target_replace(&q, prefix, new_path, new_prefix, &t);
    assert_true(t.pieces[0].n + t.pieces[1].n > 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(buf_add_str(&b, t.pieces[i]));
    return buf_take(&b);
}

static void paths_are_replaced_whole_or_in_front(void **state)
{
    static const struct {
        const char *path, *query, *prefix, *new_path, *new_prefix, *out;
    } cases[] = {
        {"/app/x", "?q=1", "/app", NULL, NULL, "/app/x?q=1"},
        {"/app/x", "?q=1", "/app", "/other", NULL, "/other?q=1"},
        {"/app/x", "?q=1", "/app", NULL, "/", "/x?q=1"},
        {"/app", "?q=1", "/app", NULL, "/", "/?q=1"},
        {"/app/", "", "/app", NULL, "/", "/"},
        {"/app/x", "", "/app", NULL, "/v2", "/v2/x"},
        {"/app", "", "/app", NULL, "/v2", "/v2"},
        {"/app/", "", "/app", NULL, "/v2", "/v2/"},
        {"/app/x", "", "/app", NULL, "/v2/", "/v2/x"},
        {"/app", "", "/app", NULL, "/v2/", "/v2"},
        {"/x/y", "", "/", NULL, "/v2", "/v2/x/y"},
        {"/", "", "/", NULL, "/v2", "/v2/"},
        {"/%61pp/%41", "?", "/app", NULL, "/v2", "/v2/%41?"},
        {"/app//x", "", "/app", NULL, "/", "//x"},
        {"/a//x", "", "/a//", NULL, "/n", "/n/x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *got = replaced(cases[i].path, cases[i].query, cases[i].prefix, cases[i].new_path,
                             cases[i].new_prefix);

        assert_string_equal(got, cases[i].out);
        free(got);
    }
}

static void locations_keep_what_is_not_replaced_and_leak_no_port(void **state)
{
    static const struct {
        const char *proto, *host, *path, *query, *prefix;
        struct route_redirect r;
        const char *out;
    } cases[] = {
        {"http", "a.test", "/x", "?q", "/", {.scheme = "https"}, "https://a.test/x?q"},
        {"http", "a.test:8080", "/x", "", "/", {.scheme = "https"}, "https://a.test/x"},
        {"https", "a.test:8443", "/x", "", "/", {.scheme = "https"}, "https://a.test:8443/x"},
        {"http", "a.test:8080", "/x", "", "/", {.path = "/y"}, "http://a.test:8080/y"},
        {"http", "a.test:80", "/x", "", "/", {.path = "/y"}, "http://a.test/y"},
        {"http", "a.test:", "/x", "", "/", {.path = "/y"}, "http://a.test/y"},
        {"http", "a.test:8080", "/x", "", "/", {.host = "b.test"}, "http://b.test/x"},
        {"http", "a.test", "/x", "", "/", {.host = "b.test", .port = 81}, "http://b.test:81/x"},
        {"http", "a.test", "/x", "", "/", {.scheme = "https", .port = 443}, "https://a.test/x"},
        {"http", "a.test", "/x", "", "/", {.scheme = "https", .port = 80}, "https://a.test:80/x"},
        {"http", "[fd00::1]:81", "/", "", "/", {.path = "/y"}, "http://[fd00::1]:81/y"},
        {"http", "[fd00::1]", "/", "", "/", {.port = 82}, "http://[fd00::1]:82/"},
        {"http", "10.0.0.1", "/", "", "/", {.port = 82}, "http://10.0.0.1:82/"},
        {"http", "a.test", "/app/x", "?q", "/app", {.prefix = "/v2"}, "http://a.test/v2/x?q"},
        {"http",
         "a.test",
         "/x",
         "?q",
         "/",
         {.scheme = "https", .drop_query = true},
         "https://a.test/x"},
        {"http", "", "/x", "?q", "/", {.scheme = "https"}, "/x?q"},
        {"http", "", "//evil.test/x", "", "/", {.scheme = "https"}, "/evil.test/x"},
        {"http", "", "/app//evil.test", "", "/app", {.prefix = "/"}, "/evil.test"},
        {"http", "", "/app//x//y", "", "/app", {.prefix = "/v2"}, "/v2//x//y"},
        {"http", "", "/x", "", "/", {.host = "b.test"}, "http://b.test/x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct target_request q = {str_from(cases[i].proto), str_from(cases[i].host),
                                         str_from(cases[i].path), str_from(cases[i].query)};
        struct buf b;

        buf_init(&b, 4096);
        assert_true(target_add_location(&q, cases[i].prefix, &cases[i].r, &b));
        assert_string_equal(b.bytes, cases[i].out);
        buf_free(&b);
    }
}

static void a_location_that_does_not_fit_is_said(void **state)
{
    const struct target_request q = {STR("http"), STR("a.test"), STR("/x"), STR("")};
    const struct route_redirect r = {.scheme = (char[]){"https"}};

    (void)state;
    for (size_t cap = 0; cap < sizeof "https://a.test/x" - 1; cap++) {
        struct buf b;

        buf_init(&b, cap);
        assert_false(target_add_location(&q, "/", &r, &b));
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_replaced_whole_or_in_front),
        cmocka_unit_test(locations_keep_what_is_not_replaced_and_leak_no_port),
        cmocka_unit_test(a_location_that_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
