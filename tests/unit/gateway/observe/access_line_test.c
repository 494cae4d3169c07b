/* Lines of the access log: members, escaping, time. Any byte gives valid JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/observe/access_line.h"
#include "gateway/wire/json.h"

static const struct json_limits limits = {.bytes_max = ACCESS_LINE_MAX, .depth_max = 2};

static char line[ACCESS_LINE_MAX];
static struct access_clock moment;

static size_t write_target(struct str target)
{
    struct str texts[ACCESS_TEXT__COUNT] = {{0}};
    const struct access_record r = {.protocol = "HTTP/1.1", .reply = "", .end = "done"};

    texts[ACCESS_TARGET] = target;
    return access_line_write(line, &r, texts, 0, &moment);
}

static cJSON *read_line(size_t n)
{
    struct err e = {0};
    cJSON *v = json_parse((struct str){line, n}, &limits, &e);

    if (v == NULL)
        fail_msg("%s: %.*s", e.text, (int)n, line);
    return v;
}

static void texts_come_out_as_they_are_or_escaped(void **state)
{
    const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {STR("/a?b=c&d=%20"), "\"/a?b=c&d=%20\""},
        {STR("\"\\/"), "\"\\\"\\\\/\""},
        {STR("a\x00z"), "\"a\\u0000z\""},
        {STR("\x01\x1f\x7f\r\n\t"), "\"\\u0001\\u001f\\u007f\\u000d\\u000a\\u0009\""},
        {STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa6"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa6\""},
        {STR("\xc3"), "\"\xef\xbf\xbd\""},
        {STR("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xe0\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xf0\x9f\x9a"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xff\xfe!"), "\"\xef\xbf\xbd\xef\xbf\xbd!\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = write_target(rows[i].in);
        char wanted[128];

        line[n] = '\0';
        snprintf(wanted, sizeof wanted, "\"target\":%s,\"upstream\"", rows[i].out);
        if (strstr(line, wanted) == NULL)
            fail_msg("row %zu: %s", i, line);
    }
}

static void any_bytes_make_valid_json(void **state)
{
    char bytes[1024];
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rand_r(&seed) % (round % 10 == 0 ? sizeof bytes : 24);
        size_t n;

        for (size_t i = 0; i < len; i++) {
            int r = rand_r(&seed);

            /* Beginnings of sequences and what may follow them come often. */
            bytes[i] = (char)(r % 3 == 0 ? 0xc0 + r / 8 % 64 : r % 3 == 1 ? 0x80 + r / 8 % 64 : r);
        }
        for (size_t i = 0; i < len; i++)
            if (bytes[i] == '\0')
                bytes[i] = 'x'; /* a strict reader refuses \u0000; how it is written is above */
        n = write_target((struct str){bytes, len});
        assert_int_equal(line[n - 1], '\n');
        assert_null(memchr(line, '\n', n - 1));
        cJSON_Delete(read_line(n - 1));
    }
}

static void the_longest_line_fits(void **state)
{
    static char ones[2048];
    struct str texts[ACCESS_TEXT__COUNT];
    struct access_record r = {.protocol = "HTTP/1.1", .reply = "response_timeout", .end = "done"};
    size_t n;

    (void)state;
    memset(ones, 1, sizeof ones);
#define X(sym, name, max, help) texts[ACCESS_##sym] = (struct str){ones, (max)};
    ACCESS_TEXTS(X)
#undef X
#define X(name, help) r.name = INT64_MIN;
    ACCESS_NUMBERS(X)
#undef X
    n = access_line_write(line, &r, texts, INT64_MAX / 1000000, &moment);
    assert_true(n < ACCESS_LINE_MAX);
    cJSON_Delete(read_line(n - 1));
}

static void every_member_is_there_once(void **state)
{
    size_t n = write_target(STR("/"));
    cJSON *v = read_line(n - 1);

    (void)state;
    assert_non_null(json_get(v, "time"));
#define X(sym, name, max, help) assert_non_null(json_get(v, name));
    ACCESS_TEXTS(X)
#undef X
#define X(name, help) assert_non_null(json_get(v, #name));
    ACCESS_NUMBERS(X)
    ACCESS_WORDS(X)
#undef X
    cJSON_Delete(v);
}

static void time_is_rfc_3339_in_utc(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "{\"time\":\"1970-01-01T00:00:00.000Z\""},
        {951782399999, "{\"time\":\"2000-02-28T23:59:59.999Z\""},
        {951782400000, "{\"time\":\"2000-02-29T00:00:00.000Z\""},
        {951782400007, "{\"time\":\"2000-02-29T00:00:00.007Z\""},
        {4102444799012, "{\"time\":\"2099-12-31T23:59:59.012Z\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = access_line_write_lost(line, 12, 3, rows[i].ms, &moment);

        assert_memory_equal(line, rows[i].text, strlen(rows[i].text));
        assert_memory_equal(line + strlen(rows[i].text), ",\"lost\":12,\"worker\":3}\n",
                            n - strlen(rows[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_out_as_they_are_or_escaped),
        cmocka_unit_test(any_bytes_make_valid_json),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(every_member_is_there_once),
        cmocka_unit_test(time_is_rfc_3339_in_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
