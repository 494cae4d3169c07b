/* The wheel against a plain list of deadlines, and its corners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/loop/wheel.h"

static void one_is_told_when_it_is_due_and_once(void **state)
{
    static const int64_t dues[] = {1001, 1063, 1064, 1100, 17000, 17384, 40000, 1000000};
    struct wheel w;
    struct wheel_entry e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof dues / sizeof dues[0]; i++) {
        wheel_init(&w, 1000);
        wheel_set(&w, &e, dues[i]);
        for (int64_t now = 1000; now<dues[i]; now += dues[i]> 50000 ? 997 : 1)
            assert_null(wheel_turn(&w, now));
        assert_ptr_equal(wheel_turn(&w, dues[i]), &e);
        assert_null(wheel_turn(&w, dues[i]));
        assert_int_equal(w.num, 0);
    }
}

static void what_is_past_is_told_at_once(void **state)
{
    struct wheel w;
    struct wheel_entry e = {0};

    (void)state;
    wheel_init(&w, 1000);
    assert_null(wheel_turn(&w, 100000));
    wheel_set(&w, &e, 5);
    assert_ptr_equal(wheel_turn(&w, 100000), &e);
}

static void a_long_sleep_forgets_nobody(void **state)
{
    enum { NUM = 1000 };
    static struct wheel_entry all[NUM];
    struct wheel w;

    (void)state;
    wheel_init(&w, 1000);
    for (int i = 0; i < NUM; i++)
        wheel_set(&w, &all[i], 1000 + i * 37);
    for (int i = 0; i < NUM; i++)
        assert_non_null(wheel_turn(&w, 10000000));
    assert_null(wheel_turn(&w, 10000000));
}

static void random_deadlines_are_told_in_time(void **state)
{
    enum { NUM = 300 };
    static struct wheel_entry all[NUM];
    static int64_t due[NUM]; /* 0: none */
    struct wheel w;
    struct wheel_entry *e;
    int64_t now = 5000;

    (void)state;
    srand(7);
    wheel_init(&w, now);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % NUM;

        if (rand() % 4 == 0) {
            wheel_remove(&w, &all[i]);
            due[i] = 0;
        } else {
            due[i] = now + 1 + rand() % (rand() % 10 == 0 ? 60000 : 900);
            wheel_set(&w, &all[i], due[i]);
        }
        now += rand() % 30;
        while ((e = wheel_turn(&w, now)) != NULL) {
            assert_true(due[e - all] != 0 && due[e - all] <= now);
            due[e - all] = 0;
        }
        for (int j = 0; j < NUM; j++)
            assert_true(due[j] == 0 || due[j] > now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_told_when_it_is_due_and_once),
        cmocka_unit_test(what_is_past_is_told_at_once),
        cmocka_unit_test(a_long_sleep_forgets_nobody),
        cmocka_unit_test(random_deadlines_are_told_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
