/* When a cluster's table may be published after a start: the rule as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "clusters/hold.h"

static const struct {
    const char *when;
    struct hold_facts facts;
    enum hold_verdict verdict;
    const char *says;
} rows[] = {
    {"the swarm is not read", {.read = false}, HOLD_UNREAD, "before the swarm"},
    {"nor with --accept-empty", {.read = false, .accept_empty = true}, HOLD_UNREAD, "the swarm"},
    {"nobody has spoken", {.read = true, .routes = 5}, HOLD_ASKING, "0 of 0"},
    {"nobody has spoken for long enough",
     {.read = true, .routes = 5, .waited_ms = HOLD_WAIT_MS},
     HOLD_SERVE,
     ""},
    {"a moment earlier",
     {.read = true, .routes = 5, .waited_ms = HOLD_WAIT_MS - 1},
     HOLD_ASKING,
     "0 of 0"},
    {"all tasks have answered",
     {.read = true, .routes = 5, .held = 5, .expected = 3, .answered = 3, .all_known = true},
     HOLD_SERVE,
     ""},
    {"one has not",
     {.read = true, .routes = 5, .held = 5, .expected = 3, .answered = 2, .all_known = true},
     HOLD_ASKING,
     "2 of 3"},
    {"all known have, but there may be others",
     {.read = true, .routes = 5, .held = 5, .expected = 3, .answered = 3},
     HOLD_ASKING,
     "3 of 3"},
    {"one has not for too long",
     {.read = true, .routes = 5, .expected = 3, .answered = 2, .waited_ms = HOLD_WAIT_MS},
     HOLD_SERVE,
     ""},
    {"fewer",
     {.read = true, .routes = 3, .held = 5, .gateway = "g1"},
     HOLD_FEWER,
     "--accept-empty"},
    {"fewer, both numbers",
     {.read = true, .routes = 3, .held = 5, .gateway = "g1"},
     HOLD_FEWER,
     "3 routes, gateway \"g1\" holds 5"},
    {"fewer, however long",
     {.read = true, .routes = 3, .held = 4, .gateway = "g", .waited_ms = HOLD_WAIT_MS * 100},
     HOLD_FEWER,
     "holds 4"},
    {"fewer, and all have answered",
     {.read = true, .held = 1, .gateway = "g", .expected = 1, .answered = 1, .all_known = true},
     HOLD_FEWER,
     "0 routes"},
    {"fewer, and told so",
     {.read = true, .accept_empty = true, .routes = 3, .held = 5, .gateway = "g"},
     HOLD_SERVE,
     ""},
    {"more", {.read = true, .routes = 6, .held = 5, .waited_ms = HOLD_WAIT_MS}, HOLD_SERVE, ""},
};

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err why = {0};

        if (hold_judge(&rows[i].facts) != rows[i].verdict)
            fail_msg("%s: %d", rows[i].when, (int)hold_judge(&rows[i].facts));
        hold_explain(&rows[i].facts, "east", &why);
        if (strstr(why.text, rows[i].says) == NULL)
            fail_msg("%s: no \"%s\" in: %s", rows[i].when, rows[i].says, why.text);
        assert_true((why.code == NULL) == (rows[i].verdict == HOLD_SERVE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_of_the_table_holds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
