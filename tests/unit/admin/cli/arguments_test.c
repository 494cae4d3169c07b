/* Command lines against the tables of commands and options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/cli/arguments.h"
#include "admin/cli/commands.h"
#include "gateway/core/str.h"

static char line_copy[4096];

static bool read_line(const char *line, struct arguments *out, struct err *e)
{
    char *argv[128] = {NULL};
    int argc = 1;

    (void)snprintf(line_copy, sizeof line_copy, "%s", line); /* lines of tests are short */
    argv[0] = (char *)"signalbox";
    for (char *p = line_copy; *p != '\0' && argc < 127;) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p != '\0')
            *p++ = '\0';
    }
    return arguments_read(argc, argv, out, e);
}

static void options_are_read_wherever_they_stand(void **state)
{
    static const char *const lines[] = {
        "-t acme get routes -o json",
        "get -tacme routes --output=json",
        "--tenant acme -o json get routes",
        "get routes --tenant=acme -ojson",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct arguments a;
        struct err e = {0};

        assert_true(read_line(lines[i], &a, &e));
        assert_string_equal(a.command->name, "get");
        assert_int_equal(a.num_words, 1);
        assert_string_equal(a.words[0], "routes");
        assert_string_equal(a.values[ARG_TENANT], "acme");
        assert_string_equal(a.values[ARG_OUTPUT], "json");
        assert_null(a.values[ARG_FILE]);
    }
}

static void a_value_that_may_be_left_out_stands_behind_an_equals_sign(void **state)
{
    struct arguments a;
    struct err e = {0};

    (void)state;
    assert_true(read_line("delete --wait route web", &a, &e));
    assert_string_equal(a.values[ARG_WAIT], "");
    assert_int_equal(a.num_words, 2);
    assert_true(read_line("delete --wait=3s route web", &a, &e));
    assert_string_equal(a.values[ARG_WAIT], "3s");
}

static void words_may_look_like_options_behind_two_dashes(void **state)
{
    struct arguments a;
    struct err e = {0};

    (void)state;
    assert_true(read_line("get route -- -web", &a, &e));
    assert_string_equal(a.words[1], "-web");
    assert_true(read_line("apply -f -", &a, &e));
    assert_string_equal(a.values[ARG_FILE], "-");
}

static void headers_are_collected(void **state)
{
    struct arguments a;
    struct err e = {0};
    char many[1024] = "explain u";

    (void)state;
    assert_true(read_line("explain u -H a:b --header c:d", &a, &e));
    assert_int_equal(a.num_headers, 2);
    assert_string_equal(a.headers[1], "c:d");
    for (int i = 0; i <= ARGUMENTS_HEADERS_MAX; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), " -H a:b"); /* fits */
    assert_false(read_line(many, &a, &e));
}

static void what_is_wrong_is_said_with_the_nearest_that_is_right(void **state)
{
    static const struct {
        const char *line;
        const char *sentence; /* a part of it */
    } rows[] = {
        {"gte routes", "\"get\" is the nearest"},
        {"frobnicate", "\"signalbox help\" lists them"},
        {"get routes --selektor a", "--selector is the nearest"},
        {"get routes --prune", "has no option \"--prune\""}, /* another command's */
        {"--prune get routes", "has no option \"--prune\""}, /* also in front of it */
        {"get routes --tenant", "--tenant needs a value"},
        {"get routes --tenant=", "--tenant needs a value"},
        {"delete route web --dry-run=yes", "takes no value"},
        {"get routes -z", "has no option \"-z\""},
        {"get a b c d e", "a word too many"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arguments a;
        struct err e = {0};

        assert_false(read_line(rows[i].line, &a, &e));
        if (strstr(e.text, rows[i].sentence) == NULL)
            fail_msg("%s: %s", rows[i].line, e.text);
    }
}

static void every_command_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_num; i++) {
        struct arguments a;
        struct err e = {0};

        assert_true(read_line(commands_all[i].name, &a, &e));
        assert_ptr_equal(a.command, &commands_all[i]);
        assert_true(commands_all[i].least <= commands_all[i].most);
        assert_true(commands_all[i].most <= ARGUMENTS_WORDS_MAX);
    }
}

static void letters_and_names_are_each_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < ARG__COUNT; i++)
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(arguments_rows[i].name, arguments_rows[k].name);
            assert_true(arguments_rows[i].letter == 0 ||
                        arguments_rows[i].letter != arguments_rows[k].letter);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read_wherever_they_stand),
        cmocka_unit_test(a_value_that_may_be_left_out_stands_behind_an_equals_sign),
        cmocka_unit_test(words_may_look_like_options_behind_two_dashes),
        cmocka_unit_test(headers_are_collected),
        cmocka_unit_test(what_is_wrong_is_said_with_the_nearest_that_is_right),
        cmocka_unit_test(every_command_can_be_read),
        cmocka_unit_test(letters_and_names_are_each_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
