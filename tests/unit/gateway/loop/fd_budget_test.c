/* The budget of descriptors: what is kept from clients, and that sockets count themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/loop/fd_budget.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"

static void a_part_is_kept_from_clients_and_a_little_from_endpoints(void **state)
{
    static const struct {
        uint32_t total, for_clients, for_endpoints;
    } rows[] = {
        {0, 0, 0},       {1, 1, 1},        {33, 17, 25},          {100, 50, 84},
        {200, 136, 184}, {1000, 875, 984}, {20000, 17500, 19984},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fd_budget b;

        fd_budget_init(&b, rows[i].total);
        assert_int_equal(b.for_clients, rows[i].for_clients);
        assert_int_equal(b.for_endpoints, rows[i].for_endpoints);
    }
}

static void clients_stop_before_endpoints_do(void **state)
{
    struct fd_budget b;

    (void)state;
    fd_budget_init(&b, 200);
    for (uint32_t used = 0; used < 200; used++) {
        assert_int_equal(fd_budget_may_accept(&b), used < 136);
        assert_int_equal(fd_budget_may_connect(&b), used < 184);
        fd_budget_add(&b);
    }
    for (uint32_t used = 200; used > 0; used--)
        fd_budget_drop(&b);
    assert_int_equal(fd_budget_used(&b), 0);
    assert_true(fd_budget_may_accept(&b));
}

static void without_a_budget_everything_is_allowed(void **state)
{
    (void)state;
    fd_budget_add(NULL);
    fd_budget_drop(NULL);
    assert_true(fd_budget_may_accept(NULL) && fd_budget_may_connect(NULL));
}

static void not_ready(void *owner)
{
    (void)owner;
}

static void a_socket_is_counted_while_it_is_open(void **state)
{
    struct fd_budget b;
    struct loop l;
    struct sock s;
    int pair[2];

    (void)state;
    fd_budget_init(&b, 100);
    assert_true(loop_init(&l, NULL));
    l.budget = &b;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_true(sock_open(&s, &l, pair[0], not_ready, NULL));
    assert_int_equal(fd_budget_used(&b), 1);
    sock_close(&s);
    sock_close(&s);
    assert_int_equal(fd_budget_used(&b), 0);
    close(pair[1]);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_kept_from_clients_and_a_little_from_endpoints),
        cmocka_unit_test(clients_stop_before_endpoints_do),
        cmocka_unit_test(without_a_budget_everything_is_allowed),
        cmocka_unit_test(a_socket_is_counted_while_it_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
