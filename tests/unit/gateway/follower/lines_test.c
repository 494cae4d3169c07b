/* Lines out of pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/follower/lines.h"

/* Writes each line as "<line>", "!" for one that is too long, with the text fed in pieces. */
static void cut(const char *text, size_t piece, size_t line_max, char *out)
{
    struct lines l;
    struct str rest = str_from(text);

    lines_init(&l, line_max);
    while (rest.n > 0) {
        size_t n = rest.n < piece ? rest.n : piece;
        struct str line;
        enum lines_result r;
        lines_feed(&l, (struct str){rest.p, n});
        while ((r = lines_next(&l, &line)) != LINES_MORE) {
            if (r == LINES_LINE)
                out += snprintf(out, 200, "<%.*s>", STR_ARG(line));
            else
                out += snprintf(out, 200, "!");
        }
        rest.p += n;
        rest.n -= n;
    }
    *out = '\0';
    lines_free(&l);
}

static void the_size_of_pieces_does_not_matter(void **state)
{
    static const struct {
        const char *text, *lines;
    } rows[] = {
        {"a\nbc\n\nd\n", "<a><bc><><d>"},
        {"half", ""},
        {"a\nhalf", "<a>"},
        {"12345678\nx\n", "<12345678><x>"},
        {"123456789\nx\n", "!<x>"},
        {"123456789123456789123456789\n\n12345678\n123456789\n", "!<><12345678>!"},
        {"a\r\n", "<a\r>"},
        {"12345678", ""},
        {"123456789", "!"},
        {"12345678901234567890", "!"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t piece = 1; piece <= 40; piece++) {
            char out[1000];
            cut(rows[i].text, piece, 8, out);
            assert_string_equal(out, rows[i].lines);
        }
}

static void a_reset_forgets_the_half_line(void **state)
{
    struct lines l;
    struct str line;

    (void)state;
    lines_init(&l, 100);
    lines_feed(&l, STR("half"));
    assert_int_equal(lines_next(&l, &line), LINES_MORE);
    lines_reset(&l);
    lines_feed(&l, STR("whole\n"));
    assert_int_equal(lines_next(&l, &line), LINES_LINE);
    assert_true(str_eq(line, STR("whole")));
    assert_int_equal(lines_next(&l, &line), LINES_MORE);
    lines_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_size_of_pieces_does_not_matter),
        cmocka_unit_test(a_reset_forgets_the_half_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
