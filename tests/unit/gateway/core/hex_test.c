/* Hexadecimal digits: what is written is read, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/hex.h"

static void every_byte_is_written_and_read(void **state)
{
    uint8_t all[256], back[256];
    char text[2 * sizeof(all) + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)i;
    hex_write(all, sizeof(all), text);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 2 * 0xfd, "fdfeff");
    assert_true(hex_read(str_from(text), back, sizeof(back)));
    assert_memory_equal(all, back, sizeof(all));
    hex_write(all, 0, text);
    assert_string_equal(text, "");
}

static void nothing_else_is_read(void **state)
{
    const struct {
        struct str text;
        bool ok;
    } rows[] = {
        {STR("00ff"), true},   {STR(""), false},     {STR("00f"), false},  {STR("00ff0"), false},
        {STR("00FF"), false},  {STR("0x0f"), false}, {STR("00 f"), false}, {STR("00g0"), false},
        {STR("00f\0"), false}, {STR("00:f"), false}, {STR("00/f"), false}, {STR("00`f"), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[2];

        if (hex_read(rows[i].text, out, sizeof(out)) != rows[i].ok)
            fail_msg("row %zu: %.*s", i, STR_ARG(rows[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_written_and_read),
        cmocka_unit_test(nothing_else_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
