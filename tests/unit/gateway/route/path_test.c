/* The rule of paths: what is refused, the canonical form, segments and prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/route/path.h"
#include "gateway/route/route.h"

static void requests_whose_path_an_endpoint_would_resolve_are_refused(void **state)
{
    static const char *const refused[] = {
        "/.",
        "/..",
        "/./",
        "/../",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/a//../b",
        "/%2e",
        "/%2E%2e/",
        "/.%2e/x",
        "/%2E./x",
        "/a/%2e%2E",
        /* what endpoints that take these for a "/" would resolve */
        "/a%2F..",
        "/a%2f../b",
        "/..%2Fb",
        "/..%2f",
        "/a\\..\\b",
        "/..\\b",
        "/..%5cb",
        "/a%5C..",
        "/..;/b",
        "/..;x=1/b",
        "/.;/b",
        "/.;.",
        "/%2e%2e;/b",
        "/..%3B/b",
        "\\..",
        /* no byte, or one that ends the path for some */
        "/%00",
        "/a%00.html",
        "/%",
        "/%2",
        "/%zz",
        "/%2g",
        "/%g2",
        "/100%",
        "/%u0041",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char out[64];
        struct err e = {0};

        if (route_path_allowed(str_from(refused[i])))
            fail_msg("allowed: %s", refused[i]);
        assert_false(route_path_canonical(str_from(refused[i]), out, &e));
        assert_string_equal(e.code, "BadPath");
    }
}

static void everything_else_passes(void **state)
{
    static const char *const allowed[] = {
        "/",    "//",      "/a",     "/a/",          "///a//",         "/...",  "/a..", "/..a",
        "/.a",  "/a.",     "/a/..b", "/....",        "/.well-known/x", "/a;..", "/;",   "/a;b=..",
        "/%2F", "/%2F%2f", "/\\",    "/%5C",         "/%2e%2e%2e",     "/%2ea", "*",    "",
        "/%ff", "/a:b@c",  "/%25",   "/%252e%252e/", "/a%20b",         "/-._~", "/|",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (!route_path_allowed(str_from(allowed[i])))
            fail_msg("refused: %s", allowed[i]);
}

struct canonical_case {
    const char *in;
    const char *out; /* NULL: refused */
};

static void routes_have_one_spelling(void **state)
{
    static const struct canonical_case cases[] = {
        {"/", "/"},
        {"/app", "/app"},
        {"/App/", "/App/"},
        {"//", "//"},
        {"/%41%7a%30%2D%5f%7E", "/Az0-_~"},
        {"/a%2fb", "/a%2Fb"},
        {"/%c3%bc", "/%C3%BC"},
        {"/%2e%2e%2e", "/..."},
        {"/a;b", "/a;b"},
        {"/a\\b", "/a\\b"},
        {"/%25%32%65", "/%252e"},
        {"/a+b", "/a+b"},
        {"", NULL},
        {"*", NULL},
        {"app", NULL},
        {"/a b", NULL},
        {"/a?b", NULL},
        {"/a#b", NULL},
        {"/a\x7f", NULL},
        {"/b\xc3\xbc"
         "cher",
         NULL},
        {"/\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64] = "";
        char again[64] = "";
        struct err e = {0};
        bool ok = route_path_canonical(str_from(cases[i].in), out, &e);

        assert_int_equal(ok, cases[i].out != NULL);
        if (!ok) {
            assert_string_equal(e.code, "BadPath");
            continue;
        }
        assert_string_equal(out, cases[i].out);
        assert_true(route_path_canonical(str_from(out), again, NULL));
        assert_string_equal(again, out);
    }
}

static void a_route_has_a_bounded_number_of_segments(void **state)
{
    char path[2 * ROUTE_SEGMENTS_MAX + 3] = "";
    char out[sizeof(path)];

    (void)state;
    for (size_t i = 0; i <= ROUTE_SEGMENTS_MAX; i++)
        memcpy(path + 2 * i, "/a", 3);
    assert_false(route_path_canonical(str_from(path), out, NULL));
    assert_true(route_path_allowed(str_from(path)));
    path[(size_t)2 * ROUTE_SEGMENTS_MAX] = '\0';
    assert_true(route_path_canonical(str_from(path), out, NULL));
}

static void only_a_literal_slash_parts_segments(void **state)
{
    struct str rest = STR("/a//b%2Fc;d\\e/");
    struct str s;

    (void)state;
    assert_true(route_path_next(&rest, &s));
    assert_true(str_eq(s, STR("a")));
    assert_true(route_path_next(&rest, &s));
    assert_true(str_eq(s, STR("")));
    assert_true(route_path_next(&rest, &s));
    assert_true(str_eq(s, STR("b%2Fc;d\\e")));
    assert_true(route_path_next(&rest, &s));
    assert_true(str_eq(s, STR("")));
    assert_false(route_path_next(&rest, &s));
}

struct after_case {
    const char *prefix;
    const char *path;
    const char *rest; /* NULL: not under the prefix */
};

static void a_prefix_goes_by_whole_segments(void **state)
{
    static const struct after_case cases[] = {
        {"/", "/", "/"},
        {"/", "/a/b", "/a/b"},
        {"/", "", ""},
        {"/app", "/app", ""},
        {"/app", "/app/", "/"},
        {"/app", "/app/x", "/x"},
        {"/app", "/app//x", "//x"},
        {"/app", "/application", NULL},
        {"/app", "/ap", NULL},
        {"/app", "/App", NULL},
        {"/app", "/app;x", NULL},
        {"/app", "/app%2Fx", NULL},
        {"/app", "/app\\x", NULL},
        {"/app/", "/app", ""},
        {"/app/", "/app/x", "/x"},
        {"/app/", "/application", NULL},
        {"/a//", "/a", NULL},
        {"/a//", "/a/", ""},
        {"/a//", "/a//b", "/b"},
        {"/a//", "/a/b", NULL},
        {"//", "//x", "/x"},
        {"//", "/x", NULL},
        {"/~u", "/%7eu/x", "/x"},
        {"/~u", "/%7E%75", ""},
        {"/a%2Fb", "/a%2fb/%7E", "/%7E"},
        {"/a%2Fb", "/a/b", NULL},
        {"/a%2Fb", "/%61%2F%62", ""},
        {"/a%2Fb", "/a%2", NULL},
        {"/", "*", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str rest = STR("untouched");
        bool ok = route_path_after(str_from(cases[i].path), cases[i].prefix, &rest);

        if (ok != (cases[i].rest != NULL))
            fail_msg("%s under %s", cases[i].path, cases[i].prefix);
        if (ok)
            assert_true(str_eq(rest, str_from(cases[i].rest)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_whose_path_an_endpoint_would_resolve_are_refused),
        cmocka_unit_test(everything_else_passes),
        cmocka_unit_test(routes_have_one_spelling),
        cmocka_unit_test(a_route_has_a_bounded_number_of_segments),
        cmocka_unit_test(only_a_literal_slash_parts_segments),
        cmocka_unit_test(a_prefix_goes_by_whole_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
