/* How often the tasks of a service are read again after an event that named it. */
#include "clusters/swarm/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_service_is_read_four_times_at_growing_distances(void **state)
{
    static const int64_t due[] = {250, 750, 1750, 3750};
    struct map recent = {0};

    (void)state;
    recent_add(&recent, "a", 0);
    for (size_t i = 0; i < sizeof(due) / sizeof(*due); i++) {
        struct ids out = {0};

        assert_int_equal(recent_next(&recent), due[i]);
        recent_take(&recent, due[i] - 1, &out);
        assert_int_equal(out.num, 0);
        recent_take(&recent, due[i], &out);
        assert_int_equal(out.num, 1);
        assert_string_equal(out.items[0], "a");
        ids_clear(&out);
    }
    assert_int_equal(recent_next(&recent), INT64_MAX);
    assert_int_equal(recent.len, 0);
    recent_clear(&recent);
}

static void another_event_begins_anew_and_the_nearest_counts(void **state)
{
    struct map recent = {0};
    struct ids out = {0};

    (void)state;
    assert_int_equal(recent_next(&recent), INT64_MAX);
    recent_add(&recent, "a", 0);
    recent_take(&recent, 250, &out);
    assert_int_equal(recent_next(&recent), 750);
    recent_add(&recent, "a", 300);
    recent_add(&recent, "b", 400);
    assert_int_equal(recent_next(&recent), 550);
    recent_take(&recent, 700, &out);
    assert_int_equal(out.num, 2);
    ids_clear(&out);
    recent_clear(&recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_is_read_four_times_at_growing_distances),
        cmocka_unit_test(another_event_begins_anew_and_the_nearest_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
