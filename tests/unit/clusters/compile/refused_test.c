/* Services that the view names as not understood: shown to their owners, routed as they were. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/clusters/compile/fixture.h"

static const char *const clusters[] = {"east"};

static void refuse(struct view *v, const char *id, const char *name, const char *kind)
{
    struct view_refused r = {
        .id = xstrdup(id), .name = xstrdup(name), .kind = kind, .why = xstrdup("odd\nthing")};

    view_add_refused(v, &r);
}

static const struct compile_condition *condition(const struct compile_result *r, const char *id,
                                                 const char *type)
{
    for (size_t i = 0; i < r->num_services; i++)
        for (size_t k = 0; strcmp(r->services[i].id, id) == 0 && k < r->services[i].num_conditions;
             k++)
            if (strcmp(r->services[i].conditions[k].type, type) == 0 &&
                strcmp(r->services[i].conditions[k].reason, "NotUnderstood") == 0)
                return &r->services[i].conditions[k];
    fail_msg("%s has no condition %s", id, type);
    return NULL;
}

static void they_have_a_condition_and_keep_their_routes(void **state)
{
    struct view v = {0};
    struct compile_input in = {&v, clusters, 1, "east"};
    struct compile_result *r;

    (void)state;
    fixture_network(&v, "net", "app", false);
    fixture_node(&v, "n1", VIEW_NODE_READY);
    fixture_web(&v, "known", "a.test", "net");
    refuse(&v, "zz", "new", "service");
    refuse(&v, "known", "known", "service");
    refuse(&v, "aa", "", "service");
    refuse(&v, "task", "", "task");
    r = compile_run(&in);
    assert_int_equal(r->num_services, 3);
    assert_string_equal(r->services[0].id, "aa"); /* sorted */
    assert_string_equal(r->services[2].id, "zz");
    assert_false(condition(r, "zz", "Accepted")->status);
    assert_non_null(strstr(condition(r, "zz", "Accepted")->message, "odd"));
    assert_string_equal(r->services[2].name, "new");
    assert_false(condition(r, "known", "ResolvedRefs")->status);
    assert_true(r->services[1].conditions[0].status); /* Accepted */
    assert_int_equal(r->clusters[0].num_objects, 3);
    compile_free(r);
    for (size_t i = 0; i < v.num_refused; i++)
        view_refused_clear(&v.refused[i]);
    free(v.refused);
    fixture_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_have_a_condition_and_keep_their_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
