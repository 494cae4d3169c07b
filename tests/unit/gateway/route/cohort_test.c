/* A hundred thousand simulated users: shares, and who moves when weights change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/route/cohort.h"

enum { USERS = 100000, POOLS_MAX = 4 };

static uint64_t users[USERS];

static void draw_users(const char *salt)
{
    for (unsigned i = 0; i < USERS; i++) {
        char name[32];

        snprintf(name, sizeof name, "user-%u", i);
        users[i] = cohort_hash(str_from(salt), str_from(name));
    }
}

static int set_up(void **state)
{
    (void)state;
    draw_users("salt");
    return 0;
}

struct split {
    size_t num;
    uint32_t weights[POOLS_MAX];
};

static uint64_t sum(const struct split *s)
{
    uint64_t total = 0;

    for (size_t i = 0; i < s->num; i++)
        total += s->weights[i];
    return total;
}

/* n of USERS, give or take three standard deviations; squares, to do without a root. */
static void assert_share(uint64_t n, uint64_t weight, uint64_t total)
{
    int64_t off = (int64_t)n - (int64_t)(USERS * weight / total);
    uint64_t variance = USERS * weight / total * (total - weight) / total;

    if ((uint64_t)(off * off) > 9 * variance + 1)
        fail_msg("%llu users instead of %llu of %llu", (unsigned long long)n,
                 (unsigned long long)weight, (unsigned long long)total);
}

static void shares_are_as_weighted(void **state)
{
    static const struct split rows[] = {
        {1, {7}},        {2, {90, 10}},          {2, {10, 90}},
        {2, {1, 1}},     {2, {999999, 1000000}}, {3, {80, 10, 10}},
        {3, {1, 98, 1}}, {4, {40, 30, 20, 10}},
    };

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        uint64_t seen[POOLS_MAX] = {0};

        for (size_t u = 0; u < USERS; u++)
            seen[cohort_choose(users[u], rows[r].weights, rows[r].num)]++;
        for (size_t i = 0; i < rows[r].num; i++)
            assert_share(seen[i], rows[r].weights[i], sum(&rows[r]));
    }
}

/* moved[a][b]: users that go from pool a to pool b. */
static void move(const struct split *before, const struct split *after,
                 uint64_t moved[POOLS_MAX][POOLS_MAX])
{
    memset(moved, 0, sizeof(uint64_t[POOLS_MAX][POOLS_MAX]));
    for (size_t u = 0; u < USERS; u++)
        moved[cohort_choose(users[u], before->weights, before->num)]
             [cohort_choose(users[u], after->weights, after->num)]++;
}

static void ten_more_points_move_ten_points_and_nobody_flips(void **state)
{
    uint64_t moved[POOLS_MAX][POOLS_MAX];

    (void)state;
    for (uint32_t from = 0; from <= 100; from += 10) {
        for (uint32_t to = from; to <= 100; to += 10) {
            const struct split before = {2, {100 - from, from}}, after = {2, {100 - to, to}};

            move(&before, &after, moved);
            assert_int_equal(moved[1][0], 0);
            assert_share(moved[0][1], to - from, 100);
            move(&after, &before, moved); /* and back: the same ones */
            assert_int_equal(moved[0][1], 0);
        }
    }
}

static void the_total_of_the_weights_does_not_matter(void **state)
{
    const struct split a = {2, {90, 10}}, b = {2, {900000, 100000}};
    uint64_t moved[POOLS_MAX][POOLS_MAX];

    (void)state;
    move(&a, &b, moved);
    assert_int_equal(moved[0][1] + moved[1][0], 0);
}

/* Every change of the second and third by ten points, the first one in between giving and taking.
 */
static void with_three_pools_only_the_first_one_gives_and_takes(void **state)
{
    uint64_t moved[POOLS_MAX][POOLS_MAX];

    (void)state;
    for (uint32_t b = 0; b <= 50; b += 10) {
        for (uint32_t c = 0; c <= 50; c += 10) {
            for (uint32_t more_b = 0; more_b <= 50 - b; more_b += 10) {
                for (uint32_t more_c = 0; more_c <= 50 - c; more_c += 10) {
                    const struct split before = {3, {100 - b - c, b, c}};
                    const struct split after = {
                        3, {100 - b - c - more_b - more_c, b + more_b, c + more_c}};

                    move(&before, &after, moved);
                    assert_int_equal(moved[1][0] + moved[1][2], 0);
                    assert_int_equal(moved[2][0] + moved[2][1], 0);
                    assert_share(moved[0][1], more_b, 100);
                    assert_share(moved[0][2], more_c, 100);
                }
            }
        }
    }
}

static void weights_of_zero(void **state)
{
    static const uint32_t none[] = {0, 0}, second[] = {0, 5, 0}, first[] = {5, 0, 0};
    uint64_t seen[2] = {0};

    (void)state;
    for (size_t u = 0; u < USERS; u++) {
        seen[cohort_choose(users[u], none, 2)]++;
        assert_int_equal(cohort_choose(users[u], second, 3), 1);
        assert_int_equal(cohort_choose(users[u], first, 3), 0);
    }
    assert_share(seen[0], 1, 2);
    assert_int_equal(cohort_choose(0, second, 3), 1);
    assert_int_equal(cohort_choose(UINT64_MAX, second, 3), 1);
}

static void another_salt_picks_other_users(void **state)
{
    static const uint32_t weights[] = {90, 10};
    uint64_t in_both = 0;
    static bool was_in[USERS];

    (void)state;
    for (size_t u = 0; u < USERS; u++)
        was_in[u] = cohort_choose(users[u], weights, 2) == 1;
    draw_users("another");
    for (size_t u = 0; u < USERS; u++)
        in_both += was_in[u] && cohort_choose(users[u], weights, 2) == 1;
    assert_share(in_both, 1, 100);
    draw_users("salt");
}

static void it_is_the_same_everywhere_and_for_ever(void **state)
{
    (void)state;
    assert_int_equal(cohort_hash(STR(""), STR("alice")), 0x6093bbdfca451161U);
    assert_int_equal(cohort_hash(STR("new-shop"), STR("alice")), 0xe28d37e02508ee19U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_as_weighted),
        cmocka_unit_test(ten_more_points_move_ten_points_and_nobody_flips),
        cmocka_unit_test(the_total_of_the_weights_does_not_matter),
        cmocka_unit_test(with_three_pools_only_the_first_one_gives_and_takes),
        cmocka_unit_test(weights_of_zero),
        cmocka_unit_test(another_salt_picks_other_users),
        cmocka_unit_test(it_is_the_same_everywhere_and_for_ever),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
