/* What reaches a terminal: text made safe, widths, tables, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/cli/screen.h"

static void text_is_made_safe(void **state)
{
    static const struct {
        const char *text, *safe;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\033[31mb", "a\\x1b[31mb"},
        {"line\r\n\ttab", "line\\x0d\\x0a\\x09tab"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "2J",
         "\\u009b2J"}, /* CSI in C1 */
        {"\x9b"
         "2J",
         "\\x9b2J"}, /* the same as a raw byte: no UTF-8 */
        {"\xe2\x80\xae"
         "gpj",
         "\\u202egpj"},              /* right to left from here on */
        {"\xe2\x80\x8b", "\\u200b"}, /* no width */
        {"\xc3\xa4\xe4\xbd\xa0", "\xc3\xa4\xe4\xbd\xa0"},
        {"\xc0\xaf", "\\xc0\\xaf"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xe4\xbd", "\\xe4\\xbd"}, /* cut */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;

        buf_init(&out, 256);
        assert_true(screen_safe(&out, str_from(rows[i].text)));
        assert_string_equal(out.bytes != NULL ? out.bytes : "", rows[i].safe);
        buf_free(&out);
    }
}

/* What a function prints into a stream of memory. */
static char printed[4096];

static struct screen open_memory(FILE **out)
{
    struct screen s;

    memset(printed, 0, sizeof printed);
    *out = fmemopen(printed, sizeof printed - 1, "w");
    assert_non_null(*out);
    s = screen_of(stdout);
    s.to = *out;
    s.colour = false;
    return s;
}

static void tables_line_up_by_width(void **state)
{
    FILE *to;
    struct screen s = open_memory(&to);
    struct grid g;

    (void)state;
    grid_init(&g, 3);
    grid_add(&g, TONE_TITLE, "A");
    grid_add(&g, TONE_TITLE, "B");
    grid_add(&g, TONE_TITLE, "C");
    grid_add(&g, TONE_GOOD, "\xe4\xbd\xa0\xe5\xa5\xbd"); /* two characters of two columns */
    grid_add(&g, TONE_BAD, "\033");
    grid_add(&g, TONE_PLAIN, "last");
    grid_print(&g, &s, 1);
    grid_free(&g);
    fclose(to);
    assert_string_equal(printed, " A     B     C\n \xe4\xbd\xa0\xe5\xa5\xbd  \\x1b  last\n");
}

static void colours_are_only_where_they_are_wanted(void **state)
{
    FILE *to;
    struct screen s = open_memory(&to);

    (void)state;
    s.colour = true;
    screen_put(&s, TONE_BAD, "x");
    screen_put(&s, TONE_PLAIN, "y");
    s.colour = false;
    screen_put(&s, TONE_BAD, "z");
    fclose(to);
    assert_string_equal(printed, "\033[31mx\033[0myz");
}

static void json_is_indented_and_its_values_are_as_written(void **state)
{
    static const struct {
        const char *json, *shown;
    } rows[] = {
        {"{\"a\":[1,2.50],\"b\":{}}", "{\n  \"a\": [\n    1,\n    2.50\n  ],\n  \"b\": {}\n}\n"},
        {"[ ]", "[]\n"},
        {"{ \"a\" : [ { } , [ ] ] }", "{\n  \"a\": [\n    {},\n    []\n  ]\n}\n"},
        {"\"a\\\"{[,:\\\\\"", "\"a\\\"{[,:\\\\\"\n"},
        {"\"\xc2\x9b\xe2\x80\xae\xc3\xa4\"", "\"\\u009b\\u202e\xc3\xa4\"\n"},
        {"\"\xf3\xa0\x80\x81\"", "\"\\udb40\\udc01\"\n"}, /* a tag character */
        {"9007199254740993", "9007199254740993\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        FILE *to;
        struct screen s = open_memory(&to);

        screen_json(&s, str_from(rows[i].json));
        fclose(to);
        assert_string_equal(printed, rows[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_made_safe),
        cmocka_unit_test(tables_line_up_by_width),
        cmocka_unit_test(colours_are_only_where_they_are_wanted),
        cmocka_unit_test(json_is_indented_and_its_values_are_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
