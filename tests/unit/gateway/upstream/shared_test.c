/* What workers share by endpoint id: chunks that appear when needed, from any thread, and stay. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/upstream/shared.h"

enum { LAST_ID = UPSTREAM_SHARED_CHUNK * UPSTREAM_SHARED_CHUNKS - 1, THREADS = 4, ROUNDS = 20000 };

static void every_id_has_a_line_of_its_own_that_never_moves(void **state)
{
    static const uint32_t ids[] = {0, 1, UPSTREAM_SHARED_CHUNK - 1, UPSTREAM_SHARED_CHUNK, LAST_ID};
    struct upstream_shared *s = upstream_shared_new();
    struct upstream_shared_endpoint *first[sizeof ids / sizeof ids[0]];

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        first[i] = upstream_shared_get(s, ids[i]);
        assert_int_equal((uintptr_t)first[i] % 64, 0);
        assert_int_equal(atomic_load(&first[i]->failures), 0);
        atomic_store(&first[i]->failures, (uint32_t)i + 1);
    }
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_ptr_equal(upstream_shared_get(s, ids[i]), first[i]);
        assert_int_equal(atomic_load(&first[i]->failures), i + 1);
    }
    upstream_shared_free(s);
}

static void an_id_that_is_given_back_is_cleared(void **state)
{
    struct upstream_shared *s = upstream_shared_new();
    struct upstream_shared_endpoint *e = upstream_shared_get(s, 7);

    (void)state;
    atomic_store(&e->failures, 3);
    atomic_store(&e->ejected_until_ms, 99);
    upstream_shared_clear(s, 7);
    assert_int_equal(atomic_load(&e->failures), 0);
    assert_int_equal(atomic_load(&e->ejected_until_ms), 0);
    upstream_shared_clear(s, LAST_ID); /* never asked for */
    upstream_shared_free(s);
}

static void *count(void *arg)
{
    struct upstream_shared *s = arg;

    for (uint32_t i = 0; i < ROUNDS; i++)
        atomic_fetch_add(&upstream_shared_get(s, i)->in_flight, 1);
    return NULL;
}

static void threads_that_race_for_a_chunk_get_the_same_one(void **state)
{
    struct upstream_shared *s = upstream_shared_new();
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, s), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint32_t i = 0; i < ROUNDS; i++)
        assert_int_equal(atomic_load(&upstream_shared_get(s, i)->in_flight), THREADS);
    upstream_shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_has_a_line_of_its_own_that_never_moves),
        cmocka_unit_test(an_id_that_is_given_back_is_cleared),
        cmocka_unit_test(threads_that_race_for_a_chunk_get_the_same_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
