/* The canonical spelling of hosts, in tables and in Host headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/route/route.h"

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct host_case {
    const char *in;
    const char *out; /* NULL: refused */
};

static void table_hosts_have_one_spelling(void **state)
{
    static const struct host_case cases[] = {
        {"shop.example", "shop.example"},
        {"Shop.EXAMPLE.", "shop.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"a_b-c.example", "a_b-c.example"},
        {"localhost", "localhost"},
        {"10.0.0.1", "10.0.0.1"},
        {"[2001:DB8:0::1]", "[2001:db8::1]"},
        {"*", "*"},
        {LABEL63 ".x", LABEL63 ".x"},
        {LABEL63 "a.x", NULL},
        {"", NULL},
        {".", NULL},
        {"a..b", NULL},
        {".a", NULL},
        {"a..", NULL},
        {"*.Example.", "*.example"},
        {"*.shop.example", "*.shop.example"},
        {"*.", NULL},
        {"**", NULL},
        {"*example", NULL},
        {"*.*.example", NULL},
        {"a.*.example", NULL},
        {"*..example", NULL},
        {"*.[::1]", NULL},
        {"*.a:80", NULL},
        {"a b", NULL},
        {"a\n", NULL},
        {"a\tb", NULL},
        {"a:80", NULL},
        {"b\xc3\xbc"
         "cher.example",
         NULL},
        {"a%2e", NULL},
        {"[::1", NULL},
        {"[fe80::1%eth0]", NULL},
        {"[1.2.3.4]", NULL},
        {"[]", NULL},
        {"a/b", NULL},
        {"a@b", NULL},
        {"a,b", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[ROUTE_HOST_MAX + 1] = "";
        struct err e = {0};
        bool ok = route_host_canonical(str_from(cases[i].in), true, out, &e);

        assert_int_equal(ok, cases[i].out != NULL);
        if (ok)
            assert_string_equal(out, cases[i].out);
        else
            assert_string_equal(e.code, "BadHost");
    }
}

static void the_longest_host_fits_and_one_byte_more_does_not(void **state)
{
    char host[ROUTE_HOST_MAX + 1];
    char out[ROUTE_HOST_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(host); i++)
        host[i] = i % 50 == 49 ? '.' : 'a';
    host[ROUTE_HOST_MAX] = 'a';
    assert_true(route_host_canonical((struct str){host, ROUTE_HOST_MAX}, false, out, NULL));
    assert_int_equal(strlen(out), ROUTE_HOST_MAX);
    assert_false(route_host_canonical((struct str){host, ROUTE_HOST_MAX + 1}, false, out, NULL));
    host[ROUTE_HOST_MAX] = '.'; /* a final dot is no part of the name */
    assert_true(route_host_canonical((struct str){host, ROUTE_HOST_MAX + 1}, false, out, NULL));
}

static void a_wildcard_is_no_longer_than_a_host_of_it(void **state)
{
    char host[ROUTE_HOST_MAX + 2] = "*.";
    char out[ROUTE_HOST_MAX + 1];

    (void)state;
    for (size_t i = 2; i < sizeof(host); i++)
        host[i] = i % 50 == 49 ? '.' : 'a';
    assert_true(route_host_canonical((struct str){host, ROUTE_HOST_MAX}, true, out, NULL));
    assert_int_equal(strlen(out), ROUTE_HOST_MAX);
    assert_false(route_host_canonical((struct str){host, ROUTE_HOST_MAX + 1}, true, out, NULL));
    assert_false(route_host_canonical((struct str){host, ROUTE_HOST_MAX}, false, out, NULL));
    assert_false(route_host_of_request((struct str){host, ROUTE_HOST_MAX}, out, NULL));
}

static void a_nul_byte_is_no_part_of_a_host(void **state)
{
    char out[ROUTE_HOST_MAX + 1];

    (void)state;
    assert_false(route_host_canonical((struct str){"a\0b", 3}, false, out, NULL));
    assert_false(route_host_canonical((struct str){"[::1\0]", 6}, false, out, NULL));
}

static void host_headers_lose_their_port(void **state)
{
    static const struct host_case cases[] = {
        {"shop.example", "shop.example"},
        {"Shop.example:8080", "shop.example"},
        {"shop.example.:80", "shop.example"},
        {"shop.example:", "shop.example"},
        {"shop.example:65535", "shop.example"},
        {"[::1]:8080", "[::1]"},
        {"[::1]", "[::1]"},
        {"[::0001]:", "[::1]"},
        {"127.0.0.1:80", "127.0.0.1"},
        {"shop.example:65536", NULL},
        {"shop.example:8a", NULL},
        {"shop.example:-1", NULL},
        {"shop.example:+1", NULL},
        {"shop.example:80:80", NULL},
        {"shop.example:000080", NULL},
        {"[::1]8080", NULL},
        {"[::1", NULL},
        {"::1", NULL},
        {":80", NULL},
        {"", NULL},
        {"*", NULL},
        {"*.shop.example", NULL},
        {"user@shop.example", NULL},
        {" shop.example", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[ROUTE_HOST_MAX + 1] = "";
        bool ok = route_host_of_request(str_from(cases[i].in), out, NULL);

        assert_int_equal(ok, cases[i].out != NULL);
        if (ok)
            assert_string_equal(out, cases[i].out);
    }
}

static void kinds_have_names_both_ways(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUTE_KIND__COUNT; i++) {
        enum route_kind kind;

        assert_true(route_kind_from_name(route_kind_name((enum route_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    enum route_kind kind;

    assert_false(route_kind_from_name("Route", &kind));
    assert_false(route_kind_from_name("", &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_hosts_have_one_spelling),
        cmocka_unit_test(the_longest_host_fits_and_one_byte_more_does_not),
        cmocka_unit_test(a_wildcard_is_no_longer_than_a_host_of_it),
        cmocka_unit_test(a_nul_byte_is_no_part_of_a_host),
        cmocka_unit_test(host_headers_lose_their_port),
        cmocka_unit_test(kinds_have_names_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
