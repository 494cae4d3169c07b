/* Patterns of service names, claims of hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/intents/intents.h"
#include "gateway/core/clock.h"

static const struct {
    const char *pattern;
    const char *name;
    bool fits;
} globs[] = {
    {"shop_web", "shop_web", true},
    {"shop_web", "shop_we", false},
    {"shop_we", "shop_web", false},
    {"shop_*", "shop_", true},
    {"shop_*", "shop_web", true},
    {"shop_*", "shopweb", false},
    {"*", "", true},
    {"*", "anything", true},
    {"", "", true},
    {"", "a", false},
    {"*_web", "shop_web", true},
    {"*_web", "shop_web2", false},
    {"a*b*c", "abc", true},
    {"a*b*c", "axbxbxc", true},
    {"a*b*c", "acb", false},
    {"**a", "ba", true},
    {"a*a", "a", false},
    {"*ab", "aab", true},
};

static void globs_fit_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++)
        if (intent_glob(globs[i].pattern, globs[i].name) != globs[i].fits)
            fail_msg("%s %s", globs[i].pattern, globs[i].name);
}

static void a_hostile_glob_takes_no_time(void **state)
{
    int64_t began = clock_mono_ms();

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_false(intent_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_true(clock_mono_ms() - began < 1000);
}

static const struct {
    const char *claim;
    const char *host;
    bool covered;
} claims[] = {
    {"shop.example", "shop.example", true},
    {"shop.example", "a.shop.example", false},
    {"shop.example", "*.shop.example", false},
    {"*.shop.example", "shop.example", false},
    {"*.shop.example", "a.shop.example", true},
    {"*.shop.example", "a.b.shop.example", true},
    {"*.shop.example", "*.shop.example", true},
    {"*.shop.example", "*.a.shop.example", true},
    {"*.shop.example", "*.example", false},
    {"*.shop.example", "ashop.example", false},
    {"*.shop.example", ".shop.example", false},
    {"*", "anything", true},
    {"*", "*", true},
    {"*.example", "*", false},
};

static void claims_cover_what_is_under_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
        if (intent_host_covered(claims[i].claim, claims[i].host) != claims[i].covered)
            fail_msg("%s %s", claims[i].claim, claims[i].host);
}

static void a_name_in_a_table_is_no_label_s(void **state)
{
    char *name = intent_table_name("acme", "web");

    (void)state;
    assert_string_equal(name, "acme/web");
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs_fit_as_the_table_says),
        cmocka_unit_test(a_hostile_glob_takes_no_time),
        cmocka_unit_test(claims_cover_what_is_under_them),
        cmocka_unit_test(a_name_in_a_table_is_no_label_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
