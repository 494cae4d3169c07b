/* Which cluster a service is in: label, else default, else none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/assign/assign.h"

static const char *const clusters[] = {"east", "west", "East"};

static const struct {
    const char *name;
    const char *label;
    const char *by_default;
    long want;
    const char *code;
} rows[] = {
    {"an explicit label wins over the default", "west", "east", 1, NULL},
    {"an explicit label needs no default", "west", NULL, 1, NULL},
    {"no label: the default", NULL, "west", 1, NULL},
    {"an empty label is no label", "", "east", 0, NULL},
    {"clusters are told apart by case", "East", NULL, 2, NULL},
    {"an unknown one does not fall back to the default", "north", "east", -1, "UnknownCluster"},
    {"a beginning is not the name", "eas", "east", -1, "UnknownCluster"},
    {"no label, no default", NULL, NULL, -1, "NoCluster"},
    {"a default that is not configured is none", NULL, "north", -1, "NoCluster"},
    {"hostile bytes", "e\nast;}{\"", "east", -1, "UnknownCluster"},
};

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct assign_config config = {clusters, 3, rows[i].by_default};
        struct err e = {0};
        long got = assign_cluster(&config, rows[i].label, &e);

        if (got != rows[i].want)
            fail_msg("%s: %ld", rows[i].name, got);
        if (got < 0)
            assert_string_equal(e.code, rows[i].code);
    }
}

static void an_unknown_cluster_is_told_the_known_ones(void **state)
{
    struct assign_config config = {clusters, 3, NULL};
    struct err e = {0};

    (void)state;
    assert_int_equal(assign_cluster(&config, "north", &e), -1);
    assert_string_equal(e.field, "com.docker.lb.service_cluster");
    assert_non_null(strstr(e.text, "\"north\""));
    assert_non_null(strstr(e.text, "east, west, East."));
}

static void many_clusters_do_not_overflow_the_sentence(void **state)
{
    const char *many[200];
    struct assign_config config = {many, 200, NULL};
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < 200; i++)
        many[i] = "a-cluster-with-a-long-name";
    assert_int_equal(assign_cluster(&config, "north", &e), -1);
    assert_true(strlen(e.text) < ERR_TEXT_MAX);
}

static void without_clusters_there_is_none(void **state)
{
    struct assign_config config = {NULL, 0, "east"};
    struct err e = {0};

    (void)state;
    assert_int_equal(assign_cluster(&config, NULL, &e), -1);
    assert_int_equal(assign_cluster(&config, "east", &e), -1);
    assert_non_null(strstr(e.text, "none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(an_unknown_cluster_is_told_the_known_ones),
        cmocka_unit_test(many_clusters_do_not_overflow_the_sentence),
        cmocka_unit_test(without_clusters_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
