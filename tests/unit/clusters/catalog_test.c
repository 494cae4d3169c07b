/* Documents in memory: keys, order, slices of a tenant, replacing and removing. */
#include "clusters/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put(struct catalog *d, enum intent_kind kind, const char *tenant, const char *name,
                const char *value, uint64_t set_by)
{
    const struct write_document doc = {kind, tenant, name, value, set_by, 7};

    catalog_put(d, &doc);
}

struct listing {
    char text[512];
    size_t stop_after; /* 0: never */
    size_t num;
};

static bool on_document(void *arg, const struct write_document *doc)
{
    struct listing *l = arg;
    size_t used = strlen(l->text);

    (void)snprintf(l->text + used, sizeof l->text - used, "%s/%s=%s@%llu ", doc->tenant, doc->name,
                   doc->value, (unsigned long long)doc->set_by);
    l->num++;
    return l->num != l->stop_after;
}

static void expect_list(const struct catalog *d, enum intent_kind kind, const char *tenant,
                        const char *wanted)
{
    struct listing l = {0};

    catalog_each(d, kind, tenant, on_document, &l);
    assert_string_equal(l.text, wanted);
}

static void test_a_key_has_one_document_and_the_last_one_holds(void **state)
{
    struct catalog *d = catalog_new();
    const struct write_document *doc;

    (void)state;
    assert_null(catalog_get(d, INTENT_ROUTE, "acme", "web"));
    put(d, INTENT_ROUTE, "acme", "web", "1", 3);
    put(d, INTENT_POOL, "acme", "web", "2", 4);
    put(d, INTENT_ROUTE, "other", "web", "3", 5);
    put(d, INTENT_ROUTE, "acme", "web", "4", 6);
    doc = catalog_get(d, INTENT_ROUTE, "acme", "web");
    assert_string_equal(doc->value, "4");
    assert_int_equal(doc->set_by, 6);
    assert_int_equal(doc->created_ms, 7);
    expect_list(d, INTENT_ROUTE, NULL, "acme/web=4@6 other/web=3@5 ");
    expect_list(d, INTENT_POOL, NULL, "acme/web=2@4 ");
    catalog_free(d);
}

static void test_a_document_may_be_put_from_itself(void **state)
{
    struct catalog *d = catalog_new();
    const struct write_document *doc;
    struct write_document again;

    (void)state;
    put(d, INTENT_ROUTE, "acme", "web", "1", 3);
    again = *catalog_get(d, INTENT_ROUTE, "acme", "web");
    again.set_by = 9;
    catalog_put(d, &again);
    doc = catalog_get(d, INTENT_ROUTE, "acme", "web");
    assert_string_equal(doc->value, "1");
    assert_int_equal(doc->set_by, 9);
    catalog_remove(d, INTENT_ROUTE, doc->tenant, doc->name);
    assert_null(catalog_get(d, INTENT_ROUTE, "acme", "web"));
    catalog_remove(d, INTENT_ROUTE, "acme", "web"); /* once more is nothing */
    catalog_free(d);
}

static void test_lists_are_by_tenant_and_name(void **state)
{
    struct catalog *d = catalog_new();
    struct listing two = {.stop_after = 2};

    (void)state;
    put(d, INTENT_ROUTE, "b", "2", "x", 1);
    put(d, INTENT_ROUTE, "b", "1", "x", 2);
    put(d, INTENT_ROUTE, "a", "9", "x", 3);
    put(d, INTENT_ROUTE, "ab", "0", "x", 4);
    put(d, INTENT_ROUTE, "", "z", "x", 5);
    expect_list(d, INTENT_ROUTE, NULL, "/z=x@5 a/9=x@3 ab/0=x@4 b/1=x@2 b/2=x@1 ");
    expect_list(d, INTENT_ROUTE, "b", "b/1=x@2 b/2=x@1 ");
    expect_list(d, INTENT_ROUTE, "a", "a/9=x@3 ");
    expect_list(d, INTENT_ROUTE, "", "/z=x@5 ");
    expect_list(d, INTENT_ROUTE, "c", "");
    catalog_each(d, INTENT_ROUTE, NULL, on_document, &two);
    assert_int_equal(two.num, 2);
    catalog_free(d);
}

static void expect_walk(struct catalog_walk *w, const char *wanted)
{
    struct listing l = {0};
    const struct write_document *doc;

    while ((doc = catalog_walk_next(w)) != NULL)
        (void)on_document(&l, doc);
    assert_string_equal(l.text, wanted);
    catalog_walk_free(w);
}

static void test_a_walk_sees_what_was_there_when_it_began(void **state)
{
    struct catalog *d = catalog_new();
    struct catalog_walk *first;
    struct catalog_walk *second;

    (void)state;
    put(d, INTENT_ROUTE, "a", "1", "x", 1);
    put(d, INTENT_ROUTE, "a", "2", "x", 2);
    put(d, INTENT_POOL, "a", "p", "x", 3);
    put(d, INTENT_SERVICE, "a", "s", "x", 4);
    first = catalog_walk_new(d, INTENT_SERVICE);
    put(d, INTENT_ROUTE, "a", "1", "new", 5);
    catalog_remove(d, INTENT_ROUTE, "a", "2");
    put(d, INTENT_ROUTE, "a", "0", "new", 6);
    second = catalog_walk_new(d, INTENT_SERVICE);
    catalog_remove(d, INTENT_ROUTE, "a", "1");
    expect_walk(first, "a/1=x@1 a/2=x@2 a/p=x@3 ");
    expect_walk(second, "a/0=new@6 a/1=new@5 a/p=x@3 ");
    expect_list(d, INTENT_ROUTE, NULL, "a/0=new@6 ");
    first = catalog_walk_new(d, INTENT_SERVICE);
    catalog_walk_free(first); /* before its end */
    catalog_free(d);
}

/* Against a plain model: a thousand random changes of forty keys. */
static void test_any_order_of_changes_gives_the_same_list(void **state)
{
    struct catalog *d = catalog_new();
    uint64_t model[40] = {0};
    uint64_t x = 42;

    (void)state;
    for (uint64_t step = 1; step <= 1000; step++) {
        char name[16];
        size_t key;

        x = x * 6364136223846793005u + 1442695040888963407u;
        key = (size_t)(x >> 33) % 40;
        (void)snprintf(name, sizeof name, "n%02zu", key);
        if ((x >> 20) % 3 == 0) {
            catalog_remove(d, INTENT_ROUTE, "t", name);
            model[key] = 0;
        } else {
            put(d, INTENT_ROUTE, "t", name, "v", step);
            model[key] = step;
        }
    }
    for (size_t key = 0; key < 40; key++) {
        char name[16];
        const struct write_document *doc;

        (void)snprintf(name, sizeof name, "n%02zu", key);
        doc = catalog_get(d, INTENT_ROUTE, "t", name);
        assert_int_equal(doc != NULL ? doc->set_by : 0, model[key]);
    }
    catalog_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_has_one_document_and_the_last_one_holds),
        cmocka_unit_test(test_a_document_may_be_put_from_itself),
        cmocka_unit_test(test_a_walk_sees_what_was_there_when_it_began),
        cmocka_unit_test(test_lists_are_by_tenant_and_name),
        cmocka_unit_test(test_any_order_of_changes_gives_the_same_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
