/* Command lines against one table of options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/options.h"
#include "gateway/core/str.h"

struct flags {
    const char *table;
    int64_t workers;
    struct options_list listen;
    const char *id;
    bool help;
};

static const struct options_entry options[] = {
    {"--table", "FILE", "a table", OPTIONS_TEXT, offsetof(struct flags, table), 0, 0,
     "OPTIONS_TEST_TABLE"},
    {"--workers", "N", "threads", OPTIONS_NUMBER, offsetof(struct flags, workers), 1, 64, NULL},
    {"--listen", "A:P", "an address", OPTIONS_LIST, offsetof(struct flags, listen), 0, 0, NULL},
    {"--id", "ID", "a name", OPTIONS_NAME, offsetof(struct flags, id), 0, 0, NULL},
    {"--help", NULL, "this", OPTIONS_FLAG, offsetof(struct flags, help), 0, 0, NULL},
};

enum { NUM_OPTIONS = sizeof(options) / sizeof(options[0]) };

static bool parse(struct flags *f, struct err *e, const char *line)
{
    static char copy[4096];
    char *argv[128] = {NULL};
    int argc = 1;
    struct str rest = str_from(line);
    struct str word;
    char *at = copy;

    *f = (struct flags){.workers = 1};
    argv[0] = copy; /* the program's name, which nobody reads */
    while (str_split(&rest, ' ', &word) && argc < 127) {
        if (word.n == 0)
            continue;
        memcpy(at, word.p, word.n);
        at[word.n] = '\0';
        argv[argc++] = at;
        at += word.n + 1;
    }
    return options_parse(options, NUM_OPTIONS, argc, argv, f, e);
}

static void all_types_are_taken_in_both_spellings(void **state)
{
    struct flags f;
    struct err e = {0};

    (void)state;
    assert_true(parse(&f, &e, "--table=a=b --workers 8 --id n-1.a_B --listen x --listen=y --help"));
    assert_string_equal(f.table, "a=b");
    assert_int_equal(f.workers, 8);
    assert_string_equal(f.id, "n-1.a_B");
    assert_int_equal(f.listen.num, 2);
    assert_string_equal(f.listen.all[1], "y");
    assert_true(f.help);
    assert_true(parse(&f, &e, ""));
    assert_null(f.table);
    assert_int_equal(f.workers, 1);
    assert_false(f.help);
}

static void what_is_wrong_is_refused_with_its_option(void **state)
{
    static const struct {
        const char *line, *field;
    } rows[] = {
        {"--tabel x", "--tabel"},
        {"--table", "--table"},
        {"--table=", "--table"},
        {"--workers 0", "--workers"},
        {"--workers 65", "--workers"},
        {"--workers 1x", "--workers"},
        {"--help=yes", "--help"},
        {"stray", "stray"},
        {"-h", "-h"},
        {"--listen a b", "b"},
        {"--id a/b", "--id"},
        {"--id ..", "--id"},
        {"--id=", "--id"},
        {"--id a\tb", "--id"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct flags f;
        struct err e = {0};
        assert_false(parse(&f, &e, rows[i].line));
        assert_string_equal(e.field, rows[i].field);
        assert_true(strlen(e.text) > 10);
    }
}

static void the_environment_gives_a_default(void **state)
{
    struct flags f;
    struct err e = {0};

    (void)state;
    assert_int_equal(setenv("OPTIONS_TEST_TABLE", "env", 1), 0);
    assert_true(parse(&f, &e, ""));
    assert_string_equal(f.table, "env");
    assert_true(parse(&f, &e, "--table arg"));
    assert_string_equal(f.table, "arg");
    assert_int_equal(setenv("OPTIONS_TEST_TABLE", "", 1), 0);
    assert_true(parse(&f, &e, ""));
    assert_null(f.table);
    assert_int_equal(unsetenv("OPTIONS_TEST_TABLE"), 0);
}

static void a_list_has_an_end(void **state)
{
    struct flags f;
    struct err e = {0};
    char line[4096] = "";
    size_t n = 0;

    (void)state;
    for (int i = 0; i < OPTIONS_LIST_MAX + 1; i++)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "--listen=%d ", i);
    assert_false(parse(&f, &e, line));
    assert_string_equal(e.field, "--listen");
}

static void help_shows_every_option(void **state)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    assert_non_null(to);
    options_print(to, options, NUM_OPTIONS);
    assert_int_equal(fclose(to), 0);
    for (size_t i = 0; i < NUM_OPTIONS; i++) {
        assert_non_null(strstr(text, options[i].name));
        assert_non_null(strstr(text, options[i].help));
    }
    assert_non_null(strstr(text, "(or OPTIONS_TEST_TABLE)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_are_taken_in_both_spellings),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_option),
        cmocka_unit_test(the_environment_gives_a_default),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(help_shows_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
