/* What to commit so that an old table becomes the new one. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "clusters/compile/diff.h"
#include "gateway/core/buf.h"
#include "tests/unit/clusters/compile/fixture.h"

enum { OBJECTS_MAX = 5 };

/* Tables as "kind/name=value"; changes as "+kind/name=value" and "-kind/name". */
static const struct {
    const char *name;
    const char *old[OBJECTS_MAX];
    const char *now[OBJECTS_MAX];
    const char *want;
} rows[] = {
    {"two empty tables", {NULL}, {NULL}, ""},
    {"equal tables", {"pool/a=1", "route/a=2"}, {"pool/a=1", "route/a=2"}, ""},
    {"from nothing", {NULL}, {"pool/a=1", "route/a=2"}, "+route/a=2 +pool/a=1 "},
    {"to nothing", {"pool/a=1", "route/a=2"}, {NULL}, "-route/a -pool/a "},
    {"another value", {"pool/a=1"}, {"pool/a=2"}, "+pool/a=2 "},
    {"another kind of the same name", {"pool/a=1"}, {"route/a=1"}, "+route/a=1 -pool/a "},
    {"a name that begins like another", {"pool/a=1"}, {"pool/aa=1"}, "-pool/a +pool/aa=1 "},
    {"in the middle",
     {"pool/a=1", "pool/b=1", "pool/d=1"},
     {"pool/a=1", "pool/c=1", "pool/d=2"},
     "-pool/b +pool/c=1 +pool/d=2 "},
    {"whatever the order of loading",
     {"route/b=1", "endpoints/a=1", "pool/a=1", "route/a=1"},
     {"pool/a=1", "route/a=1", "route/b=2", "endpoints/a=1"},
     "+route/b=2 "},
};

static void load(struct compile_cluster *table, const char *const *objects)
{
    for (size_t i = 0; i < OBJECTS_MAX && objects[i] != NULL; i++) {
        char *kind = xstrdup(objects[i]);
        char *name = strchr(kind, '/');
        char *value = strchr(kind, '=');

        *name = '\0';
        *value = '\0';
        assert_true(diff_table_add(table, kind, name + 1, value + 1));
        free(kind);
    }
    diff_table_sort(table);
}

static char *text_of(const struct diff_change *changes, size_t num)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < num; i++) {
        const struct diff_change *c = &changes[i];

        assert_true(buf_add_fmt(&b, "%s%s/%s%s%s ", c->value != NULL ? "+" : "-",
                                route_kind_name(c->kind), c->name, c->value != NULL ? "=" : "",
                                c->value != NULL ? c->value : ""));
    }
    return buf_take(&b);
}

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct compile_cluster old = {0};
        struct compile_cluster now = {0};
        struct diff_change *changes;

        load(&old, rows[i].old);
        load(&now, rows[i].now);
        size_t num = diff_tables(&old, &now, &changes);
        char *got = text_of(changes, num);

        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, got);
        assert_true((num == 0) == (changes == NULL));
        free(got);
        free(changes);
        diff_table_clear(&old);
        diff_table_clear(&now);
    }
}

static void a_kind_that_is_not_known_is_not_taken(void **state)
{
    struct compile_cluster table = {0};

    (void)state;
    assert_false(diff_table_add(&table, "future", "a", "1"));
    assert_false(diff_table_add(&table, "", "a", "1"));
    assert_int_equal(table.num_objects, 0);
    diff_table_clear(&table);
}

static void a_table_grows_to_any_size(void **state)
{
    struct compile_cluster table = {0};
    char name[16];

    (void)state;
    for (int i = 4999; i >= 0; i--) {
        snprintf(name, sizeof(name), "s%05d", i);
        assert_true(diff_table_add(&table, "pool", name, "{}"));
    }
    diff_table_sort(&table);
    assert_int_equal(table.num_objects, 5000);
    assert_string_equal(table.objects[0].name, "s00000");
    assert_string_equal(table.objects[4999].name, "s04999");
    diff_table_clear(&table);
}

static struct compile_result *compile(const struct view *v)
{
    static const char *const clusters[] = {"east"};
    struct compile_input in = {v, clusters, 1, "east"};

    return compile_run(&in);
}

static void a_new_task_changes_the_endpoints_and_nothing_else(void **state)
{
    struct view v = {0};
    struct diff_change *changes;

    (void)state;
    fixture_network(&v, "net-a", "app", false);
    fixture_web(&v, "shop", "a.x", "net-a");
    fixture_web(&v, "web", "b.x", "net-a");
    fixture_task(&v, "t1", "shop", "net-a", "10.0.1.5");
    struct compile_result *before = compile(&v);

    fixture_task(&v, "t2", "shop", "net-a", "10.0.1.6");
    struct compile_result *after = compile(&v);

    assert_int_equal(diff_tables(&before->clusters[0], &after->clusters[0], &changes), 1);
    assert_int_equal(changes[0].kind, ROUTE_KIND_ENDPOINTS);
    assert_string_equal(changes[0].name, "shop");
    free(changes);
    compile_free(before);
    compile_free(after);
    fixture_free(&v);
}

static void a_new_host_changes_the_route_and_nothing_else(void **state)
{
    struct view v = {0};
    struct diff_change *changes;

    (void)state; /* scenario 9 */
    fixture_network(&v, "net-a", "app", false);
    fixture_web(&v, "shop", "old.x", "net-a");
    struct compile_result *before = compile(&v);

    free(v.services[0].labels[0].value);
    v.services[0].labels[0].value = xstrdup("new.x");
    struct compile_result *after = compile(&v);

    assert_int_equal(diff_tables(&before->clusters[0], &after->clusters[0], &changes), 1);
    assert_int_equal(changes[0].kind, ROUTE_KIND_ROUTE);
    assert_non_null(strstr(changes[0].value, "new.x"));
    free(changes);
    compile_free(before);
    compile_free(after);
    fixture_free(&v);
}

static void a_removed_service_takes_its_three_objects_along(void **state)
{
    struct view v = {0};
    struct diff_change *changes;

    (void)state; /* scenario 8 */
    fixture_network(&v, "net-a", "app", false);
    fixture_web(&v, "shop", "a.x", "net-a");
    struct compile_result *before = compile(&v);

    fixture_free(&v);
    struct compile_result *after = compile(&v);

    assert_int_equal(diff_tables(&before->clusters[0], &after->clusters[0], &changes), 3);
    for (size_t i = 0; i < 3; i++)
        assert_null(changes[i].value);
    free(changes);
    compile_free(before);
    compile_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(a_kind_that_is_not_known_is_not_taken),
        cmocka_unit_test(a_table_grows_to_any_size),
        cmocka_unit_test(a_new_task_changes_the_endpoints_and_nothing_else),
        cmocka_unit_test(a_new_host_changes_the_route_and_nothing_else),
        cmocka_unit_test(a_removed_service_takes_its_three_objects_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
