/* A packed route says what it said before, and frees what it has (the sanitizers look). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/route/route.h"

/* With so many hosts and pools, and one optional part. */
static struct route *make(size_t num_hosts, size_t num_forward)
{
    struct route *r = xcalloc(1, sizeof(*r));

    r->tenant = xstrdup("shop");
    r->path = xstrdup("/a/b");
    r->path_exact = true;
    r->created_ms = 7;
    r->num_hosts = num_hosts;
    r->hosts = xcalloc(num_hosts + 1, sizeof(*r->hosts));
    for (size_t i = 0; i < num_hosts; i++)
        r->hosts[i] = xstrdup(i % 2 == 0 ? "a.example" : "*.b.example");
    r->num_forward = num_forward;
    r->forward = xcalloc(num_forward + 1, sizeof(*r->forward));
    for (size_t i = 0; i < num_forward; i++)
        r->forward[i] = (struct route_forward){xstrdup(i % 2 == 0 ? "p" : "pool"), (uint32_t)i};
    r->retry = xcalloc(1, sizeof(*r->retry));
    r->retry->attempts = 3;
    return r;
}

static void expect(const struct route *r, size_t num_hosts, size_t num_forward)
{
    assert_true(r->packed);
    assert_string_equal(r->tenant, "shop");
    assert_string_equal(r->path, "/a/b");
    assert_true(r->path_exact);
    assert_int_equal(r->created_ms, 7);
    assert_int_equal(r->num_hosts, num_hosts);
    for (size_t i = 0; i < num_hosts; i++)
        assert_string_equal(r->hosts[i], i % 2 == 0 ? "a.example" : "*.b.example");
    assert_int_equal(r->num_forward, num_forward);
    for (size_t i = 0; i < num_forward; i++) {
        assert_string_equal(r->forward[i].pool, i % 2 == 0 ? "p" : "pool");
        assert_int_equal(r->forward[i].weight, i);
    }
    assert_int_equal(r->retry->attempts, 3);
}

static void a_packed_route_says_what_it_said(void **state)
{
    static const size_t sizes[][2] = {
        {1, 1}, {1, 0}, {0, 1}, {3, 2}, {ROUTE_HOSTS_MAX, ROUTE_FORWARD_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct route *r = route_pack(make(sizes[i][0], sizes[i][1]));

        expect(r, sizes[i][0], sizes[i][1]);
        assert_ptr_equal(route_pack(r), r);
        route_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_route_says_what_it_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
