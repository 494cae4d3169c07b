/* Counts of connections by key: limits, many keys, several threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/proxy/crowd.h"

static void a_key_has_its_limit_and_gets_its_places_back(void **state)
{
    struct crowd *w = crowd_new();
    uint64_t a = crowd_key(w, 'c', STR("a")), b = crowd_key(w, 'l', STR("a"));
    uint32_t place[4];

    (void)state;
    assert_true(a != b); /* kinds are apart */
    assert_true(crowd_enter(w, a, 2, &place[0]) && place[0] != 0);
    assert_true(crowd_enter(w, a, 2, &place[1]));
    assert_false(crowd_enter(w, a, 2, &place[2]));
    assert_int_equal(place[2], 0);
    assert_true(crowd_enter(w, b, 2, &place[2]));
    assert_true(crowd_enter(w, a, 0, &place[3]) && place[3] == 0); /* no limit */
    crowd_leave(w, &place[0]);
    crowd_leave(w, &place[0]);
    assert_true(crowd_enter(w, a, 2, &place[0]));
    assert_false(crowd_enter(w, a, 2, &place[3]));
    for (int i = 0; i < 3; i++)
        crowd_leave(w, &place[i]);
    assert_true(crowd_enter(w, a, 1, &place[0]));
    crowd_free(w);
}

static void more_keys_than_slots_are_let_in_uncounted(void **state)
{
    struct crowd *w = crowd_new();
    unsigned counted = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * CROWD_SLOTS; i++) {
        char text[16];
        uint32_t place;

        snprintf(text, sizeof text, "%u", i);
        assert_true(crowd_enter(w, crowd_key(w, 'c', str_from(text)), 5, &place));
        counted += place != 0;
    }
    assert_true(counted > CROWD_SLOTS * 9 / 10 && counted <= CROWD_SLOTS);
    crowd_free(w);
}

enum { THREADS = 4, ROUNDS = 20000, KEYS = 8 };

static void *run(void *arg)
{
    struct crowd *w = arg;

    for (int i = 0; i < ROUNDS; i++) {
        char text[2] = {(char)('a' + i % KEYS), '\0'};
        uint32_t place;

        if (crowd_enter(w, crowd_key(w, 'c', str_from(text)), 3, &place))
            crowd_leave(w, &place);
    }
    return NULL;
}

static void threads_leave_nothing_behind(void **state)
{
    struct crowd *w = crowd_new();
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, w), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < KEYS; i++) {
        char text[2] = {(char)('a' + i), '\0'};
        uint64_t key = crowd_key(w, 'c', str_from(text));
        uint32_t place[4];

        for (int j = 0; j < 3; j++)
            assert_true(crowd_enter(w, key, 3, &place[j]));
        assert_false(crowd_enter(w, key, 3, &place[3]));
    }
    crowd_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_its_limit_and_gets_its_places_back),
        cmocka_unit_test(more_keys_than_slots_are_let_in_uncounted),
        cmocka_unit_test(threads_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
