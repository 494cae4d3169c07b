/* Tasks that were told to end: the last resort of a service, and nothing while it has others. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/clusters/compile/fixture.h"

static const char *const clusters[] = {"east"};

/* t1 ends on a node that is ready, t2 has not begun, t3 was to end on a node that is down. */
static void make_view(struct view *v)
{
    struct view_task *lost;

    fixture_network(v, "net", "app", false);
    fixture_node(v, "n1", VIEW_NODE_READY);
    fixture_node(v, "n2", VIEW_NODE_DOWN);
    fixture_web(v, "shop", "a.test", "net");
    fixture_task(v, "t1", "shop", "net", "10.0.1.1")->desired_running = false;
    fixture_task(v, "t2", "shop", "net", "10.0.1.2")->state = VIEW_TASK_BEFORE_RUNNING;
    lost = fixture_task(v, "t3", "shop", "net", "10.0.1.3");
    lost->desired_running = false;
    lost->node_id = "n2";
}

static void endpoints_are(const struct view *v, const char *want, size_t num_serving)
{
    struct compile_input in = {v, clusters, 1, "east"};
    struct compile_result *r = compile_run(&in);
    const struct compile_cluster *c = &r->clusters[0];
    const char *found = NULL;

    for (size_t i = 0; i < c->num_objects; i++)
        if (c->objects[i].kind == ROUTE_KIND_ENDPOINTS)
            found = c->objects[i].value;
    assert_non_null(found);
    assert_string_equal(found, want);
    assert_int_equal(r->services[0].num_endpoints, num_serving);
    compile_free(r);
}

static void a_service_without_another_task_keeps_those_that_end(void **state)
{
    struct view v = {0};

    (void)state;
    make_view(&v);
    endpoints_are(&v,
                  "{\"endpoints\":[{\"address\":\"10.0.1.1\",\"port\":8080,\"weight\":1,"
                  "\"task\":\"t1\",\"node\":\"n1\",\"state\":\"draining\"}]}",
                  0);
    fixture_free(&v);
}

static void one_that_serves_is_listed_alone(void **state)
{
    struct view v = {0};

    (void)state;
    make_view(&v);
    fixture_task(&v, "t4", "shop", "net", "10.0.1.4");
    endpoints_are(&v,
                  "{\"endpoints\":[{\"address\":\"10.0.1.4\",\"port\":8080,\"weight\":1,"
                  "\"task\":\"t4\",\"node\":\"n1\"}]}",
                  1);
    fixture_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_without_another_task_keeps_those_that_end),
        cmocka_unit_test(one_that_serves_is_listed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
