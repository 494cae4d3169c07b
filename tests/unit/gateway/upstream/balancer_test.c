/*
 * Who of a pool is picked: distribution, movement when somebody joins or leaves, loads, warming up,
 * who is left out. Pools come from frames, there are no sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/route/cohort.h"
#include "gateway/upstream/balancer.h"
#include "gateway/upstream/ring.h"
#include "tests/unit/gateway/table/feed_line.h"

enum { LINE_BYTES = 1 << 20 };

struct fixture {
    struct loop loop;
    struct metrics metrics;
    struct upstream_shared *shared;
    struct upstreams ups;
    struct table_builder *builder;
    const struct table *table;
    const struct table_pool *pool;
    uint64_t random;
    struct balancer_tried tried;
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

/* What a worker does when it adopts a version. */
static void adopt(struct fixture *f)
{
    struct table_commit c;

    feed_line(f->builder, "{\"commit\":{\"revision\":1}}");
    assert_true(table_builder_take(f->builder, &c));
    assert_int_equal(c.num_refusals, 0);
    for (size_t i = 0; i < c.num_changes; i++) {
        const struct table_pool *before = c.changes[i].before, *after = c.changes[i].after;

        for (size_t k = 0; k < after->num_endpoints; k++)
            upstreams_stays(&f->ups, after, &after->all[k]);
        for (size_t k = 0; before != NULL && k < before->num_endpoints; k++) {
            bool stays = false;

            for (size_t m = 0; m < after->num_endpoints; m++)
                stays |= after->all[m].id == before->all[k].id;
            if (!stays)
                upstreams_leaves(&f->ups, before->all[k].id);
        }
    }
    table_unref(&f->table);
    f->table = c.table;
    f->pool = table_pool(f->table, STR("p"));
}

/* The pool "p": a spec in JSON, endpoints on ports 1..num but `without`, weights or all 1. */
static void have(struct fixture *f, const char *spec, size_t num, const uint32_t *weights,
                 size_t without)
{
    char *line = xmalloc(LINE_BYTES);
    int n = snprintf(line, LINE_BYTES,
                     "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p\",\"value\":{\"endpoints\":[");
    const char *comma = "";

    for (size_t i = 1; i <= num; i++) {
        if (i == without)
            continue;
        n += snprintf(line + n, LINE_BYTES - (size_t)n,
                      "%s{\"address\":\"127.0.0.1\",\"port\":%zu,\"weight\":%u,\"node\":\"n%zu\"}",
                      comma, i, weights != NULL ? weights[i - 1] : 1, i % 4);
        comma = ",";
    }
    snprintf(line + n, LINE_BYTES - (size_t)n, "]}}}");
    feed_line(f->builder, line);
    snprintf(line, LINE_BYTES, "{\"set\":{\"kind\":\"pool\",\"name\":\"p\",\"value\":{%s}}}", spec);
    feed_line(f->builder, line);
    free(line);
    adopt(f);
}

static struct balancer_query query(struct fixture *f)
{
    return (struct balancer_query){.tried = &f->tried, .random = &f->random};
}

static size_t port_of(const struct table_endpoint *e)
{
    return e == NULL ? 0 : ntohs(e->addr.v4.sin_port);
}

static size_t pick(struct fixture *f)
{
    struct balancer_query q = query(f);

    return port_of(balancer_pick(&f->ups, f->pool, &q));
}

static size_t pick_key(struct fixture *f, uint64_t key, bool sticks)
{
    struct balancer_query q = query(f);

    q.has_key = true;
    q.key = key;
    q.sticks = sticks;
    return port_of(balancer_pick(&f->ups, f->pool, &q));
}

static uint32_t id_of(const struct fixture *f, size_t port)
{
    for (size_t i = 0; i < f->pool->num_live; i++)
        if (port_of(&f->pool->all[i]) == port)
            return f->pool->all[i].id;
    fail_msg("no port %zu", port);
    return 0;
}

static void set_load(struct fixture *f, size_t port, uint32_t in_flight)
{
    atomic_store(&upstream_shared_get(f->shared, id_of(f, port))->in_flight, in_flight);
}

static void unload(struct fixture *f)
{
    for (size_t i = 0; i < f->pool->num_live; i++)
        set_load(f, port_of(&f->pool->all[i]), 0);
}

static void eject(struct fixture *f, size_t port)
{
    upstreams_note(&f->ups, id_of(f, port), &(struct eject_ticket){0, false}, EJECT_REFUSED);
}

static void pass_time(struct fixture *f, int64_t ms)
{
    f->loop.now_ms = loop_now_ms(&f->loop) + ms;
}

static uint64_t key_of(size_t user)
{
    char name[24];

    snprintf(name, sizeof name, "%zu", user);
    return cohort_hash(STR(""), str_from(name));
}

/* ---- round robin ---- */

static void equal_weights_take_turns(void **state)
{
    struct fixture *f = *state;

    have(f, "", 3, NULL, 0);
    for (size_t i = 0; i < 30; i++)
        assert_int_equal(pick(f), i % 3 + 1);
}

static void weights_are_kept_exactly_and_spread(void **state)
{
    struct fixture *f = *state;
    size_t seen[4] = {0}, run = 0, longest = 0;

    have(f, "", 3, (const uint32_t[]){5, 1, 1}, 0);
    for (int i = 0; i < 70; i++) {
        size_t port = pick(f);

        seen[port]++;
        run = port == 1 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_int_equal(seen[1], 50);
    assert_int_equal(seen[2], 10);
    assert_int_equal(seen[3], 10);
    assert_in_range(longest, 1, 4);
}

static void very_unequal_weights_share_as_said_whoever_is_out(void **state)
{
    struct fixture *f = *state;
    size_t seen[5] = {0};

    have(f, "", 4, (const uint32_t[]){1000000, 1, 3, 1}, 0);
    eject(f, 1);
    for (int i = 0; i < 500; i++)
        seen[pick(f)]++;
    assert_int_equal(seen[1], 0);
    assert_in_range(seen[2], 99, 101);
    assert_in_range(seen[3], 299, 301);
    assert_in_range(seen[4], 99, 101);
}

static void who_is_back_does_not_make_up_for_what_it_missed(void **state)
{
    struct fixture *f = *state;
    size_t seen[3] = {0};

    have(f, "", 2, (const uint32_t[]){2, 1}, 0);
    eject(f, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(f), 2);
    upstreams_note(&f->ups, id_of(f, 1), &(struct eject_ticket){1, false}, EJECT_ANSWERED);
    for (int i = 0; i < 12; i++)
        seen[pick(f)]++;
    assert_in_range(seen[1], 6, 9);
}

/* ---- who is left out ---- */

static void what_was_tried_is_left_out(void **state)
{
    struct fixture *f = *state;
    static const char *const specs[] = {"", "\"balance\":\"least_requests\"",
                                        "\"balance\":\"hash\""};

    for (size_t s = 0; s < 3; s++) {
        f->tried.num = 0;
        have(f, specs[s], 3, s == 0 ? (const uint32_t[]){2, 1, 1} : NULL, 0);
        for (int i = 0; i < 3; i++) {
            struct balancer_query q = query(f);
            const struct table_endpoint *e;

            q.pass = BALANCER_PANIC;
            e = balancer_pick(&f->ups, f->pool, &q);
            assert_non_null(e);
            for (int k = 0; k < f->tried.num; k++)
                assert_int_not_equal(f->tried.ids[k], e->id);
            f->tried.ids[f->tried.num++] = e->id;
        }
        assert_int_equal(pick(f), 0);
    }
}

static void one_request_of_all_probes_an_endpoint_whose_ejection_is_over(void **state)
{
    static const struct {
        const char *spec;
        uint32_t weights[2];
        int picks;
    } rows[] = {
        {"", {1, 1}, 20},
        {"", {2, 1}, 20},
        {"\"balance\":\"least_requests\"", {1, 1}, 100},
        {"\"balance\":\"hash\"", {1, 1}, 100},
    };
    struct fixture *f = *state;

    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        size_t seen[3] = {0}, probes = 0;

        have(f, rows[r].spec, 2, rows[r].weights, 0);
        eject(f, 1);
        pass_time(f, EJECT_FIRST_MS);
        for (int i = 0; i < rows[r].picks; i++) {
            struct balancer_query q = query(f);

            seen[port_of(balancer_pick(&f->ups, f->pool, &q))]++;
            probes += q.ticket.probe;
        }
        assert_int_equal(probes, 1);
        assert_int_equal(seen[1], 1);
        assert_int_equal(seen[2], rows[r].picks - 1);
        upstreams_note(&f->ups, id_of(f, 1), &(struct eject_ticket){1, true}, EJECT_ANSWERED);
    }
}

static void who_has_all_it_may_have_is_left_out_and_that_is_told(void **state)
{
    struct fixture *f = *state;
    struct balancer_query q;

    have(f, "\"limits\":{\"endpoint_in_flight\":2}", 2, NULL, 0);
    set_load(f, 1, 2);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pick(f), 2);
        upstreams_let_go(&f->ups);
    }
    set_load(f, 2, 2);
    for (int pass = BALANCER_FRESH; pass < BALANCER__PASSES; pass++) {
        q = query(f);
        q.pass = (enum balancer_pass)pass;
        assert_null(balancer_pick(&f->ups, f->pool, &q));
        assert_true(q.full);
    }
    unload(f);
    eject(f, 1);
    eject(f, 2);
    q = query(f);
    assert_null(balancer_pick(&f->ups, f->pool, &q));
    assert_false(q.full);
}

/* As two workers pick at the same moment: the second sees the place that the first has chosen. */
static void the_last_place_is_picked_once(void **state)
{
    static const char *const specs[] = {"round_robin", "least_requests"};
    struct fixture *f = *state;
    struct upstreams other;

    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char spec[128];
        struct balancer_query q;

        snprintf(spec, sizeof spec, "\"balance\":\"%s\",\"limits\":{\"endpoint_in_flight\":1}",
                 specs[i]);
        have(f, spec, 2, NULL, 0);
        set_load(f, 1, 1);
        upstreams_init(&other, &f->loop, &f->metrics, f->shared);
        assert_int_equal(pick(f), 2);
        q = query(f);
        assert_null(balancer_pick(&other, f->pool, &q));
        assert_true(q.full);
        upstreams_let_go(&f->ups);
        assert_non_null(balancer_pick(&other, f->pool, &q));
        upstreams_let_go(&other);
        upstreams_let_go(&other); /* once is all */
        unload(f);
        upstreams_free(&other);
    }
}

static void the_unhealthy_are_asked_only_in_panic(void **state)
{
    struct fixture *f = *state;
    struct balancer_query q;

    have(f, "", 2, NULL, 0);
    for (size_t port = 1; port <= 2; port++) {
        upstream_shared_set_unhealthy(f->shared, upstream_shared_get(f->shared, id_of(f, port)),
                                      true);
        for (int i = 0; i < 10; i++)
            assert_int_equal(pick(f), port == 1 ? 2 : 0);
    }
    q = query(f);
    q.pass = BALANCER_PANIC;
    assert_non_null(balancer_pick(&f->ups, f->pool, &q));
    assert_false(q.ticket.probe);
}

static void too_few_usable_ones_are_as_good_as_none(void **state)
{
    struct fixture *f = *state;
    size_t seen[5] = {0};

    have(f, "\"panic_percent\":50", 4, NULL, 0);
    eject(f, 1);
    for (int i = 0; i < 30; i++)
        assert_int_not_equal(pick(f), 1);
    eject(f, 2);
    for (int i = 0; i < 40; i++)
        seen[pick(f)]++;
    for (size_t port = 1; port <= 4; port++)
        assert_int_equal(seen[port], 10);
}

static void the_own_node_is_preferred_while_somebody_is_there(void **state)
{
    struct fixture *f = *state;
    size_t seen[9] = {0};

    f->ups.node = table_node(STR("n1")); /* ports 1 and 5 */
    have(f, "\"prefer_node\":true", 8, NULL, 0);
    for (int i = 0; i < 20; i++)
        seen[pick(f)]++;
    assert_int_equal(seen[1], 10);
    assert_int_equal(seen[5], 10);
    eject(f, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(pick(f), 5);
    eject(f, 5);
    for (int i = 0; i < 10; i++)
        assert_int_not_equal(pick(f) % 4, 1);
    have(f, "", 8, NULL, 0);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 60; i++)
        seen[pick(f)]++;
    assert_int_equal(seen[2], 10);
}

/* ---- least requests ---- */

static void the_one_with_fewer_requests_is_taken(void **state)
{
    struct fixture *f = *state;

    have(f, "\"balance\":\"least_requests\"", 2, NULL, 0);
    set_load(f, 1, 3);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(f), 2);
    set_load(f, 2, 4);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(f), 1);
    have(f, "\"balance\":\"least_requests\"", 2, (const uint32_t[]){1, 4}, 0);
    set_load(f, 1, 1); /* two for one against five for four */
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(f), 2);
    unload(f);
}

static void requests_that_stay_are_spread_evenly_by_weight(void **state)
{
    struct fixture *f = *state;
    static uint32_t weights[100];
    size_t load[101] = {0};

    for (size_t i = 0; i < 100; i++)
        weights[i] = i < 50 ? 1 : 3;
    have(f, "\"balance\":\"least_requests\"", 100, weights, 0);
    for (int i = 0; i < 20000; i++) {
        size_t port = pick(f);

        set_load(f, port, (uint32_t)++load[port]);
    }
    for (size_t port = 1; port <= 100; port++) /* 100 and 300 */
        assert_in_range(load[port], port <= 50 ? 95 : 292, port <= 50 ? 105 : 308);
    unload(f);
}

/* ---- hash ---- */

static void a_key_keeps_its_endpoint_and_keys_are_spread(void **state)
{
    struct fixture *f = *state;
    static size_t home[10000];
    size_t seen[11] = {0};

    have(f, "\"balance\":\"hash\"", 10, NULL, 0);
    for (size_t u = 0; u < 10000; u++)
        seen[home[u] = pick_key(f, key_of(u), true)]++;
    for (size_t u = 0; u < 10000; u++)
        assert_int_equal(pick_key(f, key_of(u), true), home[u]);
    for (size_t port = 1; port <= 10; port++)
        assert_in_range(seen[port], 750, 1250);
}

/* Of n endpoints one leaves and comes back: only its own keys move, and back to where they were. */
static void a_leave_or_join_moves_one_nth(void **state)
{
    static const struct {
        size_t num, leaves;
        uint32_t heavy; /* weight of every third */
    } rows[] = {{2, 1, 1}, {10, 4, 1}, {10, 10, 1}, {100, 50, 1}, {30, 6, 5}, {30, 7, 5}};
    struct fixture *f = *state;
    static size_t home[20000];
    static uint32_t weights[100];

    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        size_t moved = 0, total = 0;

        for (size_t i = 0; i < rows[r].num; i++)
            total += weights[i] = (i + 1) % 3 == 0 ? rows[r].heavy : 1;
        have(f, "", rows[r].num, weights, 0);
        for (size_t u = 0; u < 20000; u++)
            home[u] = pick_key(f, key_of(u), true);
        have(f, "", rows[r].num, weights, rows[r].leaves);
        for (size_t u = 0; u < 20000; u++) {
            size_t now = pick_key(f, key_of(u), true);

            assert_int_not_equal(now, rows[r].leaves);
            assert_true(now == home[u] || home[u] == rows[r].leaves);
            moved += now != home[u];
        }
        assert_in_range(moved * total, 0, 20000 * (size_t)weights[rows[r].leaves - 1] * 13 / 10);
        have(f, "", rows[r].num, weights, 0);
        for (size_t u = 0; u < 20000; u++)
            assert_int_equal(pick_key(f, key_of(u), true), home[u]);
    }
}

static void nobody_has_more_than_a_quarter_above_the_average(void **state)
{
    struct fixture *f = *state;
    size_t load[11] = {0};

    have(f, "\"balance\":\"hash\"", 10, NULL, 0);
    for (int i = 0; i < 1000; i++) { /* all of one key, and all of them stay */
        size_t port = pick_key(f, key_of(7), false);

        set_load(f, port, (uint32_t)++load[port]);
        pass_time(f, 1);
    }
    for (size_t port = 1; port <= 10; port++)
        assert_in_range(load[port], 0, 126);
    unload(f);
    pass_time(f, 1);
    for (int i = 0; i < 50; i++)
        assert_int_equal(pick_key(f, key_of(7), false), pick_key(f, key_of(7), true));
}

static void without_a_key_anybody_is_taken(void **state)
{
    struct fixture *f = *state;
    size_t seen[5] = {0};

    have(f, "\"balance\":\"hash\"", 4, NULL, 0);
    for (int i = 0; i < 4000; i++) {
        seen[pick(f)]++;
        pass_time(f, 1);
    }
    for (size_t port = 1; port <= 4; port++)
        assert_in_range(seen[port], 700, 1300);
}

static void the_keys_of_an_endpoint_that_is_out_move_and_come_back(void **state)
{
    struct fixture *f = *state;
    size_t home[100];

    have(f, "", 5, NULL, 0);
    for (size_t u = 0; u < 100; u++)
        home[u] = pick_key(f, key_of(u), true);
    upstream_shared_set_unhealthy(f->shared, upstream_shared_get(f->shared, id_of(f, 3)), true);
    for (size_t u = 0; u < 100; u++)
        assert_true((pick_key(f, key_of(u), true) == home[u]) == (home[u] != 3));
    upstream_shared_set_unhealthy(f->shared, upstream_shared_get(f->shared, id_of(f, 3)), false);
    for (size_t u = 0; u < 100; u++)
        assert_int_equal(pick_key(f, key_of(u), true), home[u]);
}

static void the_largest_pool_is_hashed_over(void **state)
{
    struct fixture *f = *state;
    static bool seen[ROUTE_ENDPOINTS_MAX + 1];
    size_t num = 0;

    have(f, "\"balance\":\"hash\"", ROUTE_ENDPOINTS_MAX, NULL, 0);
    for (size_t u = 0; u < 100000; u++) {
        size_t port = pick_key(f, key_of(u), false);

        num += !seen[port];
        seen[port] = true;
    }
    assert_int_equal(num, ROUTE_ENDPOINTS_MAX);
}

/* ---- slow start ---- */

static void a_new_endpoint_gets_more_and_more(void **state)
{
    static const char *const specs[] = {
        "\"slow_start_ms\":10000",
        "\"slow_start_ms\":10000,\"balance\":\"least_requests\"",
        "\"slow_start_ms\":10000,\"balance\":\"hash\"",
    };
    struct fixture *f = *state;

    for (size_t s = 0; s < 3; s++) {
        static const struct {
            int64_t after_ms;
            size_t least, most; /* of a thousand and of four */
        } rows[] = {{0, 5, 70}, {2500, 30, 130}, {3000, 80, 210}, {5000, 200, 300}};

        have(f, specs[s], 3, NULL, 0);
        for (int i = 0; i < 9; i++)
            (void)pick(f);
        have(f, specs[s], 4, NULL, 0);
        upstreams_arrives(&f->ups, id_of(f, 4));
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            size_t seen = 0;

            pass_time(f, rows[r].after_ms);
            for (int i = 0; i < 1000; i++)
                seen += pick_key(f, key_of((size_t)i), false) == 4;
            if (seen < rows[r].least || seen > rows[r].most)
                fail_msg("%s: %zu of 1000 after %lld ms more", specs[s], seen,
                         (long long)rows[r].after_ms);
        }
    }
}

static void who_is_back_begins_slowly_as_well(void **state)
{
    struct fixture *f = *state;
    size_t seen[3] = {0};

    have(f, "\"slow_start_ms\":10000", 2, NULL, 0);
    eject(f, 1);
    pass_time(f, EJECT_FIRST_MS);
    for (int i = 0; i < 5; i++) {
        struct balancer_query q = query(f);
        const struct table_endpoint *e = balancer_pick(&f->ups, f->pool, &q);

        upstreams_note(&f->ups, e->id, &q.ticket, EJECT_ANSWERED);
    }
    for (int i = 0; i < 100; i++)
        seen[pick(f)]++;
    assert_in_range(seen[1], 1, 15);
    pass_time(f, 10000);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 100; i++)
        seen[pick(f)]++;
    assert_int_equal(seen[1], 50);
}

/* ---- names ---- */

static void a_name_finds_its_endpoint_and_only_with_the_key(void **state)
{
    static const struct sticky_key key = {{1, 2, 3, 4}}, other = {{1, 2, 3, 5}};
    struct fixture *f = *state;

    for (size_t num = 1; num <= 40; num += 39) {
        have(f, "", num, NULL, 0);
        for (size_t i = 0; i < num; i++) {
            struct sticky_name name =
                sticky_name_of(&key, STR("p"), str_from(f->pool->all[i].text));
            struct balancer_query q = query(f);

            assert_ptr_equal(balancer_pick_named(&f->ups, f->pool, &key, name, &q),
                             &f->pool->all[i]);
            assert_null(balancer_pick_named(&f->ups, f->pool, &other, name, &q));
            name = sticky_name_of(&key, STR("q"), str_from(f->pool->all[i].text));
            assert_null(balancer_pick_named(&f->ups, f->pool, &key, name, &q));
        }
    }
}

static void both_halves_of_a_name_count_without_a_key_as_well(void **state)
{
    static const struct sticky_key none = {{0}};
    struct sticky_name name = sticky_name_of(&none, STR("p"), STR("10.0.0.1:80")), read;
    char text[STICKY_TEXT];

    (void)state;
    assert_int_not_equal(name.words[0], name.words[1]);
    sticky_write(name, text);
    assert_true(sticky_read((struct str){text, STICKY_TEXT}, &read));
    assert_int_equal(sticky_compare(&name, &read), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_weights_take_turns),
        TEST(weights_are_kept_exactly_and_spread),
        TEST(very_unequal_weights_share_as_said_whoever_is_out),
        TEST(who_is_back_does_not_make_up_for_what_it_missed),
        TEST(what_was_tried_is_left_out),
        TEST(one_request_of_all_probes_an_endpoint_whose_ejection_is_over),
        TEST(who_has_all_it_may_have_is_left_out_and_that_is_told),
        TEST(the_last_place_is_picked_once),
        TEST(the_unhealthy_are_asked_only_in_panic),
        TEST(too_few_usable_ones_are_as_good_as_none),
        TEST(the_own_node_is_preferred_while_somebody_is_there),
        TEST(the_one_with_fewer_requests_is_taken),
        TEST(requests_that_stay_are_spread_evenly_by_weight),
        TEST(a_key_keeps_its_endpoint_and_keys_are_spread),
        TEST(a_leave_or_join_moves_one_nth),
        TEST(nobody_has_more_than_a_quarter_above_the_average),
        TEST(without_a_key_anybody_is_taken),
        TEST(the_keys_of_an_endpoint_that_is_out_move_and_come_back),
        TEST(the_largest_pool_is_hashed_over),
        TEST(a_new_endpoint_gets_more_and_more),
        TEST(who_is_back_begins_slowly_as_well),
        TEST(a_name_finds_its_endpoint_and_only_with_the_key),
        TEST(both_halves_of_a_name_count_without_a_key_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
