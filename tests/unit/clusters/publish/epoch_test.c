/* Which of two epochs is the later one; what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "clusters/publish/epoch.h"

static void the_later_one_is_told(void **state)
{
    static const struct {
        const char *claimed;
        const char *ours;
        bool later;
    } rows[] = {
        {"2-a", "1-b", true},
        {"1-b", "2-a", false},
        {"1-b", "1-a", false},
        {"1700000000001-a", "1700000000000-b", true},
        {"10-a", "9-a", true}, /* numbers, not text */
        {"99999999999999-a", "1-a", true},
        {"100000000000000-a", "1-a", false}, /* no epoch is so late */
        {"99999999999999999999999-a", "1-a", false},
        {"", "1-a", false},
        {"-a", "1-a", false},
        {"2-", "1-a", false},
        {"2", "1-a", false},
        {"+2-a", "1-a", false},
        {"0x2-a", "1-a", false},
        {"1-a", "nonsense", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (epoch_is_later(rows[i].claimed, rows[i].ours) != rows[i].later)
            fail_msg("%s after %s", rows[i].claimed, rows[i].ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_later_one_is_told)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
