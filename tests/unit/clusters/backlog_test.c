/* The committed values that a commit is made from. */
#include "clusters/backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct found {
    size_t num;
    char *web; /* committed value of the route "web"; NULL: none */
    bool web_there;
};

static void on_object(void *arg, enum route_kind kind, const char *name, const char *before)
{
    struct found *f = arg;

    f->num++;
    if (kind == ROUTE_KIND_ROUTE && strcmp(name, "web") == 0) {
        f->web_there = true;
        f->web = before != NULL ? strdup(before) : NULL;
    }
}

static void test_the_first_value_is_the_committed_one(void **state)
{
    struct backlog b = {0};
    struct found f = {0};

    (void)state;
    backlog_note(&b, ROUTE_KIND_ROUTE, "web", "1");
    backlog_note(&b, ROUTE_KIND_ROUTE, "web", "2"); /* a change before the commit */
    backlog_note(&b, ROUTE_KIND_ROUTE, "web", NULL);
    backlog_note(&b, ROUTE_KIND_POOL, "web", NULL); /* it was not there */
    backlog_each(&b, on_object, &f);
    assert_int_equal(f.num, 2);
    assert_true(f.web_there);
    assert_string_equal(f.web, "1");
    assert_int_equal(b.num_routes, 1);
    free(f.web);
    backlog_clear(&b);
}

static void test_it_is_empty_after_clear_and_can_be_filled_again(void **state)
{
    struct backlog b = {0};
    struct found f = {0};

    (void)state;
    backlog_note(&b, ROUTE_KIND_ROUTE, "web", "1");
    backlog_clear(&b);
    assert_int_equal(b.num_routes, 0);
    backlog_each(&b, on_object, &f);
    assert_int_equal(f.num, 0);
    backlog_note(&b, ROUTE_KIND_ROUTE, "web", NULL);
    backlog_each(&b, on_object, &f);
    assert_int_equal(f.num, 1);
    assert_null(f.web);
    assert_int_equal(b.num_routes, 0); /* it is not in the store */
    backlog_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_value_is_the_committed_one),
        cmocka_unit_test(test_it_is_empty_after_clear_and_can_be_filled_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
