/* Which refusals hold after which acks. Scripts in words, results as the names refused now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/follower/refusals.h"

/* "c1:ab" a commit 1 of objects a and b; "s1" a snapshot; "n:a" a nack; "k1" an ack. */
static void play(struct refusals *r, const char *script)
{
    struct str rest = str_from(script);
    struct str word;
    struct err why = {0};
    err_set(&why, "Unsupported", "/x", "not yet");
    while (str_split(&rest, ' ', &word)) {
        uint64_t revision = (uint64_t)(word.p[1] - '0');
        struct holding_changes c;
        holding_changes_init(&c);
        for (size_t i = 3; word.p[0] == 'c' && i < word.n; i++) {
            struct err e;
            assert_true(holding_changes_add(&c, ROUTE_KIND_ROUTE, (struct str){word.p + i, 1},
                                            STR("{}"), &e));
        }
        char name[2] = {word.p[2], '\0'};
        if (word.p[0] == 'c')
            refusals_sent(r, revision, &c);
        else if (word.p[0] == 's')
            refusals_sent(r, revision, NULL);
        else if (word.p[0] == 'n')
            refusals_nack(r, ROUTE_KIND_ROUTE, name, &why);
        else
            refusals_ack(r, revision);
        holding_changes_clear(&c);
    }
}

static void refusals_follow_the_acks(void **state)
{
    static const struct {
        const char *script, *refused;
        uint64_t applied;
    } rows[] = {
        {"s1 k1", "", 1},
        {"s1 n:a n:b k1", "ab", 1},
        {"s1 n:a n:b", "", 0},             /* no verdict before the ack */
        {"s1 n:a k1 c2:b k2", "a", 2},     /* another object's commit changes nothing */
        {"s1 n:a k1 c2:a k2", "", 2},      /* mended */
        {"s1 n:a k1 c2:a n:a k2", "a", 2}, /* wrong again */
        {"s1 n:a k1 c2:a", "a", 1},        /* sent is not adopted */
        {"s1 c2:a n:a k1 k2", "", 2},      /* nacked in 1, mended in 2, both sent ahead */
        {"s1 c2:a k1 n:a k2", "a", 2},
        {"s1 n:a n:b k1 s2 n:b k2", "b", 2}, /* a snapshot judges all anew */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct refusals r;
        struct buf b;
        refusals_init(&r);
        buf_init(&b, 1 << 20);
        play(&r, rows[i].script);
        assert_int_equal(r.applied, rows[i].applied);
        assert_true(refusals_write(&r, &b));
        for (char c = 'a'; c <= 'b'; c++) {
            char needle[32];
            snprintf(needle, sizeof(needle), "\"name\":\"%c\"", c);
            bool found = memmem(b.bytes, b.len, needle, strlen(needle)) != NULL;
            assert_int_equal(found, strchr(rows[i].refused, c) != NULL);
        }
        buf_free(&b);
        refusals_free(&r);
    }
}

static void a_report_is_json_and_has_an_end(void **state)
{
    struct refusals r;
    struct err why = {0};
    struct buf b;

    (void)state;
    err_set(&why, "BadHost", "/hosts/0", "say \"what\"");
    refusals_init(&r);
    buf_init(&b, 1 << 20);
    refusals_nack(&r, ROUTE_KIND_POOL, "p", &why);
    refusals_ack(&r, 1);
    assert_true(refusals_write(&r, &b));
    assert_string_equal(b.bytes, "[{\"kind\":\"pool\",\"name\":\"p\",\"code\":\"BadHost\","
                                 "\"message\":\"say \\\"what\\\"\",\"field\":\"/hosts/0\"}]");
    buf_clear(&b);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        refusals_nack(&r, ROUTE_KIND_ROUTE, name, &why);
    }
    refusals_ack(&r, 2);
    assert_true(refusals_write(&r, &b));
    assert_true(b.len < 20000);
    buf_free(&b);
    refusals_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_follow_the_acks),
        cmocka_unit_test(a_report_is_json_and_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
