/*
 * Cutting arrays into elements, against a reference that goes byte by byte: brackets, quotes and
 * backslashes at every place of the blocks that the cutter works in.
 */
#include "clusters/swarm/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"

/* The element at text: up to the comma or closing bracket outside of strings; 0: it does not end.
 */
static size_t reference_len(const char *text, size_t n)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
            return i;
        } else if ((c == ']' || c == '}') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* The first element of "[" text is as long as the reference has it. */
static void assert_cut(const char *text, size_t n)
{
    struct buf b;
    struct list list;
    struct str element = {0};
    struct err e = {0};
    size_t want = reference_len(text, n);

    buf_init(&b, n + 1);
    assert_true(buf_add_str(&b, STR("[")) && buf_add(&b, text, n));
    list = (struct list){.rest = buf_str(&b)};
    if (list_next(&list, &element, &e))
        assert_int_equal(element.n, want);
    else
        assert_int_equal(want, 0);
    buf_free(&b);
}

/* The bytes end where the memory ends: whoever reads on is seen by the sanitizer. */
static void assert_cut_alone(const char *text)
{
    size_t n = strlen(text);
    char *alone = malloc(n);

    assert_non_null(alone);
    memcpy(alone, text, n);
    assert_cut(alone, n);
    free(alone);
}

static void elements_end_at_every_place_of_a_block(void **state)
{
    static const char *const ends[] = {
        "{\"a\":[1,{}]},2]",
        "{\"a\":\"}\"}]",
        "{\"a\":\"\\\"}\"}]",
        "{\"\\\\\":[\"]\"]}]",
        "\"a,b\\\"]\",1]",
        "1,2]",
        "[[[[]]]],1]",
        "{\"a\":\"\\\\\\\"\\\\\"},1]",
        "{\"a\":\"\\\\\\\"}]",
        "{\"a\":{\"b\":1}",
        "",
        "}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        for (int pad = 0; pad < 140; pad++) {
            char *strings = xasprintf("{\"%0*d\":%s", pad, 0, ends[i]);
            char *brackets = xasprintf("[%*s%s", pad, "", ends[i]);

            assert_cut_alone(strings);
            assert_cut_alone(brackets);
            free(strings);
            free(brackets);
        }
}

/* Any bytes, but that a backslash is always inside a string. */
static void any_text_is_cut_as_the_reference_cuts_it(void **state)
{
    static const char outside[] = "{}[]{}[]\"\"\",a1 :", inside[] = "\\\\\\\"\"\"a{}[], ";
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        char text[200];
        size_t n = 1;
        bool in_string = false;

        text[0] = '{';
        for (; n < sizeof(text); n++) {
            random = random * 1664525 + 1013904223;
            text[n] = in_string ? inside[(random >> 16) % (sizeof(inside) - 1)]
                                : outside[(random >> 16) % (sizeof(outside) - 1)];
            if (in_string && text[n] == '\\' && n + 1 < sizeof(text))
                text[++n] = inside[(random >> 24) % (sizeof(inside) - 1)];
            else if (text[n] == '"')
                in_string = !in_string;
        }
        for (size_t at = 0; at < 4; at++)
            assert_cut(text, sizeof(text) - at * 17);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_end_at_every_place_of_a_block),
        cmocka_unit_test(any_text_is_cut_as_the_reference_cuts_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
