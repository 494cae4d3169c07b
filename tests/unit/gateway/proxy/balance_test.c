/* Choosing endpoints: turns, weights, suspects, what was tried. Pools are made by hand, no sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/proxy/balance.h"
#include "gateway/table/table.h"
#include "gateway/wire/frame.h"
#include "tests/unit/gateway/table/match_host.h"

struct fixture {
    struct loop loop;
    struct metrics metrics;
    struct upstream_shared *shared;
    struct upstreams ups;
    struct table_builder *builder;
    const struct table *table;
    uint64_t random;
    struct eject_ticket ticket;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    assert_true(loop_init(&f->loop, NULL));
    f->shared = upstream_shared_new();
    upstreams_init(&f->ups, &f->loop, &f->metrics, f->shared);
    f->builder = table_builder_new();
    f->random = 42;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    table_unref(&f->table);
    table_builder_free(f->builder);
    upstreams_free(&f->ups);
    upstream_shared_free(f->shared);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static void feed(struct fixture *f, const char *line)
{
    struct frame fr;
    struct err e = {0};

    if (!frame_parse(str_from(line), &fr, &e))
        fail_msg("%s: %s", line, e.text);
    table_builder_frame(f->builder, &fr);
    frame_free(&fr);
}

/* Endpoints on ports 1..num with these weights. */
static void feed_pool(struct fixture *f, const char *name, size_t num, const uint32_t *weights)
{
    char line[2048];
    int n = snprintf(line, sizeof line,
                     "{\"set\":{\"kind\":\"endpoints\",\"name\":\"%s\",\"value\":{\"endpoints\":[",
                     name);

    for (size_t i = 0; i < num; i++)
        n += snprintf(line + n, sizeof line - (size_t)n,
                      "%s{\"address\":\"127.0.0.1\",\"port\":%zu,\"weight\":%u}", i > 0 ? "," : "",
                      i + 1, weights != NULL ? weights[i] : 1);
    snprintf(line + n, sizeof line - (size_t)n, "]}}}");
    feed(f, line);
    snprintf(line, sizeof line,
             "{\"set\":{\"kind\":\"pool\",\"name\":\"%s\",\"value\":{\"protocol\":\"http1\"}}}",
             name);
    feed(f, line);
}

static void commit(struct fixture *f)
{
    struct table_commit c;

    feed(f, "{\"commit\":{\"revision\":1}}");
    assert_true(table_builder_take(f->builder, &c));
    for (size_t i = 0; i < c.num_changes; i++)
        for (size_t k = 0; c.changes[i].after != NULL && k < c.changes[i].after->num_endpoints; k++)
            upstreams_stays(&f->ups, &c.changes[i].after->all[k]);
    f->table = c.table;
}

static void eject(struct fixture *f, uint32_t id)
{
    upstreams_note(&f->ups, id, &(struct eject_ticket){0, false}, EJECT_REFUSED);
}

static int port_of(const struct table_endpoint *e)
{
    return e == NULL ? 0 : ntohs(e->addr.v4.sin_port);
}

static void equal_weights_take_turns(void **state)
{
    struct fixture *f = *state;
    struct balance_tried none = {0};
    int seen[4] = {0};

    feed_pool(f, "p", 3, NULL);
    commit(f);
    for (int i = 0; i < 30; i++)
        seen[port_of(balance_pick_in_pool(table_pool(f->table, STR("p")), &f->ups, BALANCE_FRESH,
                                          &none, &f->ticket))]++;
    for (int i = 1; i <= 3; i++)
        assert_int_equal(seen[i], 10);
}

static void weights_are_kept_exactly_and_spread(void **state)
{
    struct fixture *f = *state;
    struct balance_tried none = {0};
    int seen[4] = {0}, run = 0, longest = 0;

    feed_pool(f, "p", 3, (const uint32_t[]){5, 1, 1});
    commit(f);
    for (int i = 0; i < 70; i++) {
        int port = port_of(balance_pick_in_pool(table_pool(f->table, STR("p")), &f->ups,
                                                BALANCE_FRESH, &none, &f->ticket));

        seen[port]++;
        run = port == 1 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_int_equal(seen[1], 50);
    assert_int_equal(seen[2], 10);
    assert_int_equal(seen[3], 10);
    assert_true(longest <= 5);
}

static void what_was_tried_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct balance_tried tried = {0};
    const struct table_pool *p;

    feed_pool(f, "p", 3, NULL);
    commit(f);
    p = table_pool(f->table, STR("p"));
    for (int i = 0; i < 3; i++) {
        const struct table_endpoint *e =
            balance_pick_in_pool(p, &f->ups, BALANCE_PANIC, &tried, &f->ticket);

        assert_non_null(e);
        for (int k = 0; k < tried.num; k++)
            assert_int_not_equal(tried.ids[k], e->id);
        tried.ids[tried.num++] = e->id;
    }
    assert_null(balance_pick_in_pool(p, &f->ups, BALANCE_PANIC, &tried, &f->ticket));
}

static void the_ejected_are_used_only_when_there_is_nobody_else(void **state)
{
    struct fixture *f = *state;
    struct balance_tried none = {0};
    const struct table_route *r;
    uint32_t first;

    feed_pool(f, "p", 2, NULL);
    feed(f,
         "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],\"path\":"
         "\"/\",\"forward\":[{\"pool\":\"p\",\"weight\":1}]}}}");
    commit(f);
    r = match_host(f->table, STR("a.test"));
    assert_non_null(r);
    first = table_pool(f->table, STR("p"))->all[0].id;
    eject(f, first);
    for (int i = 0; i < 10; i++)
        assert_int_not_equal(balance_pick(f->table, r, &f->ups, &f->random, &none, &f->ticket)->id,
                             first);
    eject(f, table_pool(f->table, STR("p"))->all[1].id);
    assert_non_null(balance_pick(f->table, r, &f->ups, &f->random, &none, &f->ticket));
}

static void an_endpoint_whose_kept_connection_failed_comes_before_the_ejected(void **state)
{
    struct fixture *f = *state;
    struct balance_tried tried = {0};
    const struct table_pool *p;
    const struct table_route *r;

    feed_pool(f, "p", 3, NULL);
    feed(f,
         "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],\"path\":"
         "\"/\",\"forward\":[{\"pool\":\"p\",\"weight\":1}]}}}");
    commit(f);
    p = table_pool(f->table, STR("p"));
    r = match_host(f->table, STR("a.test"));
    eject(f, p->all[0].id);
    tried = (struct balance_tried){.ids = {p->all[1].id, p->all[2].id}, .num = 2, .stale = 2};
    for (int i = 0; i < 5; i++)
        assert_int_equal(balance_pick(f->table, r, &f->ups, &f->random, &tried, &f->ticket)->id,
                         p->all[2].id);
    tried.stale = 0;
    assert_int_equal(balance_pick(f->table, r, &f->ups, &f->random, &tried, &f->ticket)->id,
                     p->all[0].id);
    assert_false(f->ticket.probe);
}

static void one_request_of_all_probes_an_endpoint_whose_ejection_is_over(void **state)
{
    static const uint32_t weights[] = {2, 1}, even[] = {1, 1};
    struct fixture *f = *state;
    struct balance_tried none = {0};

    for (int weighted = 0; weighted <= 1; weighted++) {
        const struct table_pool *p;
        int seen[3] = {0}, probes = 0;

        feed_pool(f, "p", 2, weighted ? weights : even);
        if (f->table != NULL)
            table_unref(&f->table);
        commit(f);
        p = table_pool(f->table, STR("p"));
        eject(f, p->all[0].id);
        f->loop.now_ms = loop_now_ms(&f->loop) + EJECT_FIRST_MS;
        for (int i = 0; i < 20; i++) {
            seen[port_of(balance_pick_in_pool(p, &f->ups, BALANCE_FRESH, &none, &f->ticket))]++;
            probes += f->ticket.probe;
        }
        assert_int_equal(probes, 1);
        assert_int_equal(seen[1], 1);
        assert_int_equal(seen[2], 19);
        upstreams_note(&f->ups, p->all[0].id, &(struct eject_ticket){1, true}, EJECT_ANSWERED);
    }
}

static void pools_share_by_weight_and_the_empty_take_nothing(void **state)
{
    struct fixture *f = *state;
    struct balance_tried none = {0};
    const struct table_route *r;
    int seen[3] = {0};

    feed_pool(f, "heavy", 1, NULL);
    feed_pool(f, "light", 2, NULL);
    feed_pool(f, "empty", 0, NULL);
    feed(f,
         "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],\"path\":"
         "\"/\",\"forward\":[{\"pool\":\"heavy\",\"weight\":3},{\"pool\":\"light\",\"weight\":1},"
         "{\"pool\":\"empty\",\"weight\":9},{\"pool\":\"missing\",\"weight\":9}]}}}");
    commit(f);
    r = match_host(f->table, STR("a.test"));
    for (int i = 0; i < 4000; i++) {
        const struct table_endpoint *e =
            balance_pick(f->table, r, &f->ups, &f->random, &none, &f->ticket);

        seen[e->id == table_pool(f->table, STR("heavy"))->all[0].id ? 0 : 1]++;
    }
    assert_in_range(seen[0], 2850, 3150); /* 3000, five standard deviations each way */
}

static void a_pool_of_weight_zero_takes_nothing_while_another_weighs(void **state)
{
    struct fixture *f = *state;
    struct balance_tried none = {0};
    const struct table_route *r;

    feed_pool(f, "off", 1, NULL);
    feed_pool(f, "on", 1, NULL);
    feed(f,
         "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],\"path\":"
         "\"/\",\"forward\":[{\"pool\":\"off\",\"weight\":0},{\"pool\":\"on\",\"weight\":1}]}}}");
    feed(f,
         "{\"set\":{\"kind\":\"route\",\"name\":\"z\",\"value\":{\"hosts\":[\"z.test\"],\"path\":"
         "\"/\",\"forward\":[{\"pool\":\"off\",\"weight\":0}]}}}");
    commit(f);
    r = match_host(f->table, STR("a.test"));
    for (int i = 0; i < 100; i++)
        assert_int_equal(balance_pick(f->table, r, &f->ups, &f->random, &none, &f->ticket)->id,
                         table_pool(f->table, STR("on"))->all[0].id);
    assert_non_null(balance_pick(f->table, match_host(f->table, STR("z.test")), &f->ups, &f->random,
                                 &none, &f->ticket));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_weights_take_turns),
        TEST(weights_are_kept_exactly_and_spread),
        TEST(what_was_tried_is_left_out),
        TEST(the_ejected_are_used_only_when_there_is_nobody_else),
        TEST(an_endpoint_whose_kept_connection_failed_comes_before_the_ejected),
        TEST(one_request_of_all_probes_an_endpoint_whose_ejection_is_over),
        TEST(pools_share_by_weight_and_the_empty_take_nothing),
        TEST(a_pool_of_weight_zero_takes_nothing_while_another_weighs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
