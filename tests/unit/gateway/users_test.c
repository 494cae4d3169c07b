/* --users: three different ids that are not root's, or a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/users.h"

static void test_good_and_bad(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } all[] = {
        {"65101:65111:65121", true},
        {"1:2:3", true},
        {"999999999:2:3", true},
        {"", false},
        {"65101", false},
        {"65101:65111", false},
        {"65101:65111:", false},
        {"65101:65111:65121:", false},
        {"65101:65111:65121:1", false},
        {":65111:65121", false},
        {"0:65111:65121", false},
        {"65101:0:65121", false},
        {"65101:65111:0", false},
        {"65101:65101:65121", false},
        {"65101:65111:65101", false},
        {"65101:65111:65111", false},
        {"-1:2:3", false},
        {"+1:2:3", false},
        {" 1:2:3", false},
        {"1:2:3 ", false},
        {"0x1:2:3", false},
        {"4294967296:2:3", false}, /* root, if it were cut */
        {"4294967295:2:3", false}, /* "no change" */
        {"18446744073709551616:2:3", false},
        {"root:2:3", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct users u = {0};
        struct err e = {0};

        if (users_parse(all[i].text, &u, &e) != all[i].good)
            fail_msg("\"%s\"", all[i].text);
        assert_true(u.apart == all[i].good && (e.code == NULL) == all[i].good);
    }
}

static void test_their_order(void **state)
{
    struct users u;

    (void)state;
    assert_true(users_parse("7:8:9", &u, NULL));
    assert_true(u.parent == 7 && u.follower == 8 && u.proxy == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_and_bad),
        cmocka_unit_test(test_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
