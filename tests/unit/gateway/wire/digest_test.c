/* The digest of a set of objects: order does not matter, everything else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/digest.h"

static void the_empty_set_has_the_hash_of_2048_zero_bytes(void **state)
{
    struct digest d = {0};
    char hex[65];

    (void)state;
    digest_hex(&d, hex);
    /* head -c 2048 /dev/zero | sha256sum */
    assert_string_equal(hex, "e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad");
}

static void a_known_object_has_a_known_digest(void **state)
{
    struct digest d = {0};
    char hex[65];

    (void)state;
    digest_add(&d, ROUTE_KIND_POOL, STR("web"), STR("{\"protocol\":\"http1\"}"));
    digest_hex(&d, hex);
    assert_string_equal(hex, "e48dfd2b4dc7e3eb6362bb620e5f95c3e51c690731f49d9feb20d022a5b44d92");
}

static void order_does_not_matter_and_removing_undoes(void **state)
{
    struct digest a = {0};
    struct digest b = {0};
    char name[16];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        digest_add(&a, ROUTE_KIND_ROUTE, str_from(name), STR("{}"));
        snprintf(name, sizeof(name), "r%d", 99 - i);
        digest_add(&b, ROUTE_KIND_ROUTE, str_from(name), STR("{}"));
    }
    assert_memory_equal(&a, &b, sizeof(a));
    digest_add(&a, ROUTE_KIND_POOL, STR("p"), STR("{}"));
    assert_memory_not_equal(&a, &b, sizeof(a));
    digest_remove(&a, ROUTE_KIND_POOL, STR("p"), STR("{}"));
    assert_memory_equal(&a, &b, sizeof(a));
}

static void kind_name_and_value_cannot_be_shifted(void **state)
{
    static const struct {
        enum route_kind kind;
        struct str name;
        struct str value;
    } cases[] = {
        {ROUTE_KIND_ROUTE, {"ab", 2}, {"{}", 2}},  {ROUTE_KIND_POOL, {"ab", 2}, {"{}", 2}},
        {ROUTE_KIND_ROUTE, {"a", 1}, {"b{}", 3}},  {ROUTE_KIND_ROUTE, {"ab{", 3}, {"}", 1}},
        {ROUTE_KIND_ROUTE, {"ab", 2}, {"{ }", 3}},
    };
    enum { NUM = sizeof(cases) / sizeof(cases[0]) };
    char hex[NUM][65];

    (void)state;
    for (size_t i = 0; i < NUM; i++) {
        struct digest d = {0};

        digest_add(&d, cases[i].kind, cases[i].name, cases[i].value);
        digest_hex(&d, hex[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(hex[i], hex[j]);
    }
}

static void the_same_object_twice_is_not_nothing(void **state)
{
    struct digest d = {0};
    struct digest none = {0};

    (void)state;
    digest_add(&d, ROUTE_KIND_ROUTE, STR("a"), STR("{}"));
    digest_add(&d, ROUTE_KIND_ROUTE, STR("a"), STR("{}"));
    assert_memory_not_equal(&d, &none, sizeof(d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_set_has_the_hash_of_2048_zero_bytes),
        cmocka_unit_test(a_known_object_has_a_known_digest),
        cmocka_unit_test(order_does_not_matter_and_removing_undoes),
        cmocka_unit_test(kind_name_and_value_cannot_be_shifted),
        cmocka_unit_test(the_same_object_twice_is_not_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
