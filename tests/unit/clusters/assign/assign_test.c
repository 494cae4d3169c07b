/* Which cluster a service is in: label, else selector, else default, else none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/assign/assign.h"

static const struct assign_label east[] = {{"stack", "shop"}, {"tier", "web"}};
static const struct assign_label west[] = {{"tier", "web"}};
static const struct assign_cluster clusters[] = {
    {"East", NULL, 0}, {"east", east, 2}, {"west", west, 1}};
static const struct assign_label shop[] = {{"other", "x"}, {"stack", "shop"}, {"tier", "web"}};
static const struct assign_label news[] = {{"stack", "news"}, {"tier", "web"}};

static const struct {
    const char *name;
    const char *label;
    const char *by_default;
    const struct assign_label *labels;
    size_t num_labels;
    long want;
    const char *code;
} rows[] = {
    {"an explicit label wins over the default", "west", "east", NULL, 0, 2, NULL},
    {"an explicit label needs no default", "west", NULL, NULL, 0, 2, NULL},
    {"no label: the default", NULL, "west", NULL, 0, 2, NULL},
    {"an empty label is no label", "", "east", NULL, 0, 1, NULL},
    {"clusters are told apart by case", "East", NULL, NULL, 0, 0, NULL},
    {"an unknown one does not fall back to the default", "north", "east", NULL, 0, -1,
     "UnknownCluster"},
    {"a beginning is not the name", "eas", "east", NULL, 0, -1, "UnknownCluster"},
    {"no label, no default", NULL, NULL, NULL, 0, -1, "NoCluster"},
    {"a default that is not configured is none", NULL, "north", NULL, 0, -1, "NoCluster"},
    {"hostile bytes", "e\nast;}{\"", "east", NULL, 0, -1, "UnknownCluster"},
    {"a selector wins over the default", NULL, "East", shop, 3, 1, NULL},
    {"of several selectors the first by name", NULL, NULL, shop, 3, 1, NULL},
    {"all labels of a selector are needed", NULL, NULL, news, 2, 2, NULL},
    {"a value is compared whole", NULL, "East", news, 1, 0, NULL},
    {"an explicit label wins over a selector", "East", NULL, shop, 3, 0, NULL},
    {"a wrong label does not fall back to a selector", "north", NULL, shop, 3, -1,
     "UnknownCluster"},
};

static const struct assign_service north = {.wish = "north"};

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct assign_config config = {clusters, 3, rows[i].by_default};
        struct assign_service service = {rows[i].label, rows[i].labels, rows[i].num_labels};
        struct err e = {0};
        long got = assign_cluster(&config, &service, &e);

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
    assert_int_equal(assign_cluster(&config, &north, &e), -1);
    assert_string_equal(e.field, "com.docker.lb.service_cluster");
    assert_non_null(strstr(e.text, "\"north\""));
    assert_non_null(strstr(e.text, "East, east, west."));
}

static void many_clusters_do_not_overflow_the_sentence(void **state)
{
    struct assign_cluster many[200];
    struct assign_config config = {many, 200, NULL};
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < 200; i++)
        many[i] = (struct assign_cluster){"a-cluster-with-a-long-name", NULL, 0};
    assert_int_equal(assign_cluster(&config, &north, &e), -1);
    assert_true(strlen(e.text) < ERR_TEXT_MAX);
}

static void without_clusters_there_is_none(void **state)
{
    struct assign_config config = {NULL, 0, "east"};
    struct err e = {0};

    (void)state;
    assert_int_equal(assign_cluster(&config, &(struct assign_service){0}, &e), -1);
    assert_int_equal(assign_cluster(&config, &(struct assign_service){.wish = "east"}, &e), -1);
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
