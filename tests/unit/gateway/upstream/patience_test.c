/* Who is dead and who only reads late, from what the kernel says of the flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/upstream/patience.h"

static void the_silent_are_told_from_the_slow(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct sock_flight flight; /* unacked, unsent, retransmits, probes, silent */
        enum patience expected;
    } rows[] = {
        {"all acknowledged", {0, 0, 0, 0, 9000}, PATIENCE_OVER},
        {"all acknowledged, keepalive probes on their way", {0, 0, 0, 2, 9000}, PATIENCE_OVER},
        {"data on its way", {5, 0, 0, 0, 30}, PATIENCE_KEEP},
        {"the window is full, probes are answered", {0, 65536, 0, 0, 900}, PATIENCE_KEEP},
        {"the window is full, the next probe is due later", {0, 65536, 0, 0, 9000}, PATIENCE_KEEP},
        {"one probe is on its way", {0, 65536, 0, 1, 9000}, PATIENCE_DOUBT},
        {"two probes without an answer", {0, 65536, 0, 2, 2000}, PATIENCE_DEAD},
        {"two probes, all within a second", {0, 65536, 0, 2, 900}, PATIENCE_KEEP},
        {"a retransmission", {3, 65536, 1, 0, 1200}, PATIENCE_DOUBT},
        {"retransmissions for two seconds", {3, 65536, 3, 0, 2000}, PATIENCE_DEAD},
        {"retransmissions, acknowledged in part", {3, 65536, 3, 0, 400}, PATIENCE_KEEP},
        {"old probes do not count against data", {3, 0, 0, 5, 5000}, PATIENCE_KEEP},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (patience_judge(&rows[i].flight) != rows[i].expected)
            fail_msg("%s", rows[i].what);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_silent_are_told_from_the_slow)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
