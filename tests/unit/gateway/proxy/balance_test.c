/* From a route to an endpoint: passes, pools by weight and by cohort, who sticks. No sockets. */
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
#include "tests/unit/gateway/table/feed_line.h"
#include "tests/unit/gateway/table/match_host.h"

struct fixture {
    struct loop loop;
    struct metrics metrics;
    struct upstream_shared *shared;
    struct upstreams ups;
    struct table_builder *builder;
    const struct table *table;
    uint64_t random;
    struct balancer_tried tried;
    const char *cookie; /* of the request; NULL: no such field */
    struct balance_choice choice;
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
    feed_line(f->builder, line);
    snprintf(line, sizeof line,
             "{\"set\":{\"kind\":\"pool\",\"name\":\"%s\",\"value\":{\"protocol\":\"http1\"}}}",
             name);
    feed_line(f->builder, line);
}

static void commit(struct fixture *f)
{
    struct table_commit c;

    feed_line(f->builder, "{\"commit\":{\"revision\":1}}");
    assert_true(table_builder_take(f->builder, &c));
    for (size_t i = 0; i < c.num_changes; i++)
        for (size_t k = 0; c.changes[i].after != NULL && k < c.changes[i].after->num_endpoints; k++)
            upstreams_stays(&f->ups, c.changes[i].after, &c.changes[i].after->all[k]);
    table_unref(&f->table);
    f->table = c.table;
}

static void eject(struct fixture *f, uint32_t id)
{
    upstreams_note(&f->ups, id, &(struct eject_ticket){0, false}, EJECT_REFUSED);
}

/* A route of a.test, "more" in JSON behind what it forwards to. */
static void feed_route(struct fixture *f, const char *forward, const char *more)
{
    char line[1024];

    snprintf(line, sizeof line,
             "{\"set\":{\"kind\":\"route\",\"name\":\"r\",\"value\":{\"hosts\":[\"a.test\"],"
             "\"forward\":[%s]%s}}}",
             forward, more);
    feed_line(f->builder, line);
}

static const struct table_route *match(struct fixture *f)
{
    const struct route_request q = {.host = STR("a.test"), .path = STR("/"), .method = STR("GET")};
    enum table_miss why;
    const struct table_route *r = table_match(f->table, &q, &why);

    assert_non_null(r);
    return r;
}

/* A cookie that stands in the second of two fields is found as well. */
static bool find_field(const void *head, struct str name, size_t *at, struct str *out)
{
    const struct fixture *f = head;

    assert_true(str_eq(name, STR("cookie")));
    *out = *at == 0 ? STR("other=1") : str_from(f->cookie);
    return (*at)++ < 2 && f->cookie != NULL;
}

static const struct table_endpoint *pick(struct fixture *f)
{
    const struct balance_query q = {
        .table = f->table,
        .route = match(f),
        .ups = &f->ups,
        .random = &f->random,
        .tried = &f->tried,
        .client = STR("192.0.2.1"),
        .field = find_field,
        .head = f,
    };

    balance_pick(&q, &f->choice);
    return f->choice.endpoint;
}

static const struct table_endpoint *pick_for(struct fixture *f, const char *cookie)
{
    f->cookie = cookie;
    return pick(f);
}

static bool is_of(const struct fixture *f, const struct table_endpoint *e, const char *pool)
{
    const struct table_pool *p = table_pool(f->table, str_from(pool));

    return e >= p->all && e < p->all + p->num_endpoints;
}

static void the_ejected_are_used_only_when_there_is_nobody_else(void **state)
{
    struct fixture *f = *state;
    uint32_t first;

    feed_pool(f, "p", 2, NULL);
    feed_route(f, "{\"pool\":\"p\"}", "");
    commit(f);
    first = table_pool(f->table, STR("p"))->all[0].id;
    eject(f, first);
    for (int i = 0; i < 10; i++)
        assert_int_not_equal(pick(f)->id, first);
    eject(f, table_pool(f->table, STR("p"))->all[1].id);
    assert_non_null(pick(f));
}

static void an_endpoint_whose_kept_connection_failed_comes_before_the_ejected(void **state)
{
    struct fixture *f = *state;
    const struct table_pool *p;

    feed_pool(f, "p", 3, NULL);
    feed_route(f, "{\"pool\":\"p\"}", "");
    commit(f);
    p = table_pool(f->table, STR("p"));
    eject(f, p->all[0].id);
    f->tried = (struct balancer_tried){.ids = {p->all[1].id, p->all[2].id}, .num = 2, .stale = 2};
    for (int i = 0; i < 5; i++)
        assert_int_equal(pick(f)->id, p->all[2].id);
    f->tried.ids[f->tried.num++] = p->all[2].id; /* the new connection failed as well */
    assert_int_equal(pick(f)->id, p->all[0].id);
    f->tried.num = 2;
    f->tried.stale = 0;
    assert_int_equal(pick(f)->id, p->all[0].id);
    assert_false(f->choice.ticket.probe);
}

static void pools_share_by_weight_and_the_empty_take_nothing(void **state)
{
    struct fixture *f = *state;
    int seen[2] = {0};

    feed_pool(f, "heavy", 1, NULL);
    feed_pool(f, "light", 2, NULL);
    feed_pool(f, "empty", 0, NULL);
    feed_route(f,
               "{\"pool\":\"heavy\",\"weight\":3},{\"pool\":\"light\"},"
               "{\"pool\":\"empty\",\"weight\":9},{\"pool\":\"missing\",\"weight\":9}",
               "");
    commit(f);
    for (int i = 0; i < 4000; i++)
        seen[is_of(f, pick(f), "heavy") ? 0 : 1]++;
    assert_in_range(seen[0], 2850, 3150); /* 3000, five standard deviations each way */
}

static void a_pool_of_weight_zero_takes_nothing_while_another_weighs(void **state)
{
    struct fixture *f = *state;

    feed_pool(f, "off", 1, NULL);
    feed_pool(f, "on", 1, NULL);
    feed_route(f, "{\"pool\":\"off\",\"weight\":0},{\"pool\":\"on\"}", "");
    commit(f);
    for (int i = 0; i < 100; i++)
        assert_true(is_of(f, pick(f), "on"));
    feed_route(f, "{\"pool\":\"off\",\"weight\":0}", "");
    commit(f);
    assert_true(is_of(f, pick(f), "off"));
}

/* ---- cohorts ---- */

enum { USERS = 2000 };

static void name_user(char out[32], int user)
{
    snprintf(out, 32, "x=1; uid=u%d", user);
}

static void a_split_keeps_users_and_moves_as_many_as_its_weights(void **state)
{
    static const char *const splits[] = {
        "{\"pool\":\"old\",\"weight\":90},{\"pool\":\"new\",\"weight\":10}",
        "{\"pool\":\"old\",\"weight\":80},{\"pool\":\"new\",\"weight\":20}",
        "{\"pool\":\"old\",\"weight\":0},{\"pool\":\"new\",\"weight\":100}",
    };
    struct fixture *f = *state;
    bool was_new[USERS] = {false};
    char cookie[32];
    int num_new = 0;

    feed_pool(f, "old", 3, NULL);
    feed_pool(f, "new", 2, NULL);
    for (int s = 0; s < 3; s++) {
        feed_route(f, splits[s], ",\"split\":{\"by\":\"cookie\",\"name\":\"uid\"}");
        commit(f);
        num_new = 0;
        for (int u = 0; u < USERS; u++) {
            bool is_new;

            name_user(cookie, u);
            is_new = is_of(f, pick_for(f, cookie), "new");
            for (int again = 0; again < 3; again++)
                assert_int_equal(is_of(f, pick_for(f, cookie), "new"), is_new);
            assert_true(is_new || !was_new[u]);
            was_new[u] = is_new;
            num_new += is_new;
        }
        assert_in_range(num_new,
                        s == 0   ? 160
                        : s == 1 ? 346
                                 : USERS,
                        s == 0   ? 240
                        : s == 1 ? 454
                                 : USERS);
    }
}

static void without_the_key_of_a_split_each_request_is_by_weight(void **state)
{
    struct fixture *f = *state;
    int seen = 0;

    feed_pool(f, "old", 3, NULL);
    feed_pool(f, "new", 2, NULL);
    feed_route(f, "{\"pool\":\"old\",\"weight\":3},{\"pool\":\"new\",\"weight\":1}",
               ",\"split\":{\"by\":\"cookie\",\"name\":\"uid\"}");
    commit(f);
    for (int i = 0; i < 4000; i++)
        seen += is_of(f, pick_for(f, i % 2 ? NULL : "other=1"), "new");
    assert_in_range(seen, 850, 1150);
}

static void only_the_users_of_an_empty_pool_are_placed_elsewhere(void **state)
{
    static const char split[] = "{\"pool\":\"a\"},{\"pool\":\"b\"},{\"pool\":\"c\"}";
    static const char by[] = ",\"split\":{\"by\":\"cookie\",\"name\":\"uid\"}";
    struct fixture *f = *state;
    static char was[USERS];
    char cookie[32];

    for (int empty = 0; empty <= 1; empty++) {
        feed_pool(f, "a", 2, NULL);
        feed_pool(f, "b", 2, NULL);
        feed_pool(f, "c", empty ? 0 : 2, NULL);
        feed_route(f, split, by);
        commit(f);
        for (int u = 0; u < USERS; u++) {
            char now;

            name_user(cookie, u);
            pick_for(f, cookie);
            now = is_of(f, f->choice.endpoint, "a")   ? 'a'
                  : is_of(f, f->choice.endpoint, "b") ? 'b'
                                                      : 'c';
            assert_true(!empty || now == was[u] || was[u] == 'c');
            was[u] = now;
        }
    }
}

/* ---- who sticks ---- */

static void the_value_of_an_application_s_cookie_keeps_pool_and_endpoint(void **state)
{
    struct fixture *f = *state;
    const struct table_endpoint *home;
    bool seen[8] = {false};

    feed_pool(f, "p", 4, NULL);
    feed_pool(f, "q", 4, NULL);
    feed_route(f, "{\"pool\":\"p\"},{\"pool\":\"q\"}",
               ",\"sticky\":{\"by\":\"app_cookie\",\"name\":\"sid\"}");
    commit(f);
    home = pick_for(f, "sid=abc");
    for (int i = 0; i < 50; i++) {
        assert_ptr_equal(pick_for(f, "sid=abc"), home);
        assert_false(f->choice.binds);
    }
    f->tried = (struct balancer_tried){.ids = {home->id}, .num = 1, .stale = 1};
    assert_ptr_equal(pick_for(f, "sid=abc"), home); /* only a kept connection had failed */
    f->tried.stale = 0;
    assert_ptr_not_equal(pick_for(f, "sid=abc"), home);
    f->tried.num = 0;
    for (int i = 0; i < 200; i++)
        seen[pick_for(f, NULL)->id] = true;
    for (int i = 0; i < 8; i++)
        assert_true(seen[i]);
}

static void feed_key(struct fixture *f, const char *hex)
{
    char line[256];

    snprintf(line, sizeof line,
             "{\"set\":{\"kind\":\"settings\",\"name\":\"settings\","
             "\"value\":{\"cookie_key\":\"%s\"}}}",
             hex);
    feed_line(f->builder, line);
}

static void have_sticky(struct fixture *f, const char *more)
{
    char sticky[256];

    feed_pool(f, "p", 4, NULL);
    feed_pool(f, "q", 4, NULL);
    snprintf(sticky, sizeof sticky, ",\"sticky\":{\"by\":\"cookie\",\"name\":\"gw\"}%s", more);
    feed_route(f, "{\"pool\":\"p\"},{\"pool\":\"q\"}", sticky);
    commit(f);
}

static const char *write_cookie(const struct fixture *f, char out[64])
{
    char text[STICKY_TEXT];

    assert_true(f->choice.binds);
    sticky_write(f->choice.name, text);
    snprintf(out, 64, "gw=%.*s", STICKY_TEXT, text);
    return out;
}

static void a_cookie_of_ours_names_the_endpoint_until_that_is_out(void **state)
{
    struct fixture *f = *state;
    char cookie[64], another[64];

    have_sticky(f, "");
    for (int i = 0; i < 20; i++) {
        const struct table_endpoint *home = pick_for(f, NULL), *other;

        write_cookie(f, cookie);
        for (int k = 0; k < 5; k++) {
            assert_ptr_equal(pick_for(f, cookie), home);
            assert_false(f->choice.binds);
        }
        f->tried = (struct balancer_tried){.ids = {home->id}, .num = 1};
        other = pick_for(f, cookie);
        assert_ptr_not_equal(other, home);
        write_cookie(f, another);
        f->tried.num = 0;
        assert_ptr_equal(pick_for(f, another), other);
    }
}

static void a_cookie_that_is_none_of_ours_is_replaced(void **state)
{
    static const char *const cookies[] = {
        "gw=",
        "gw=0123456789abcdef0123456789abcdef",
        "gw=0123456789abcdef0123456789abcdeg",
        "gw=0123456789abcdef0123456789abcdef0",
        "gw=127.0.0.1:1",
        "other=1",
    };
    struct fixture *f = *state;

    have_sticky(f, "");
    for (size_t i = 0; i < sizeof cookies / sizeof cookies[0]; i++) {
        assert_non_null(pick_for(f, cookies[i]));
        assert_true(f->choice.binds);
    }
}

static void a_cookie_of_another_key_is_replaced(void **state)
{
    struct fixture *f = *state;
    char cookie[64];

    have_sticky(f, "");
    (void)pick_for(f, NULL);
    write_cookie(f, cookie);
    feed_key(f, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    commit(f);
    (void)pick_for(f, cookie);
    assert_true(f->choice.binds);
    write_cookie(f, cookie);
    (void)pick_for(f, cookie);
    assert_false(f->choice.binds);
}

static void a_split_says_the_pool_and_the_cookie_the_endpoint_in_it(void **state)
{
    struct fixture *f = *state;
    char bound[64], cookie[128];
    const struct table_endpoint *home;

    have_sticky(f, ",\"split\":{\"by\":\"cookie\",\"name\":\"uid\"}");
    home = pick_for(f, "uid=1");
    write_cookie(f, bound);
    for (int u = 1; u < 20; u++) {
        bool same_pool;

        snprintf(cookie, sizeof cookie, "uid=%d", u);
        same_pool = is_of(f, pick_for(f, cookie), "p") == is_of(f, home, "p");
        snprintf(cookie, sizeof cookie, "uid=%d; %s", u, bound);
        assert_int_equal(pick_for(f, cookie) == home, same_pool);
        assert_int_equal(f->choice.binds, !same_pool);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_ejected_are_used_only_when_there_is_nobody_else),
        TEST(an_endpoint_whose_kept_connection_failed_comes_before_the_ejected),
        TEST(pools_share_by_weight_and_the_empty_take_nothing),
        TEST(a_pool_of_weight_zero_takes_nothing_while_another_weighs),
        TEST(a_split_keeps_users_and_moves_as_many_as_its_weights),
        TEST(without_the_key_of_a_split_each_request_is_by_weight),
        TEST(only_the_users_of_an_empty_pool_are_placed_elsewhere),
        TEST(the_value_of_an_application_s_cookie_keeps_pool_and_endpoint),
        TEST(a_cookie_of_ours_names_the_endpoint_until_that_is_out),
        TEST(a_cookie_that_is_none_of_ours_is_replaced),
        TEST(a_cookie_of_another_key_is_replaced),
        TEST(a_split_says_the_pool_and_the_cookie_the_endpoint_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
