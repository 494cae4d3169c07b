/* PROXY headers, whole and a byte at a time, good and bad. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/http/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\300\0\2\7\12\0\0\1\4\322\0\120" /* 192.0.2.7 to 10.0.0.1, 1234 to 80 */
#define V6_ADDRESS "\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7"
#define BYTES(lit) (lit), sizeof(lit) - 1

static const struct {
    const char *bytes;
    size_t n;
    enum proxy_header_parse result;
    size_t len;
    const char *source; /* NULL: none */
} cases[] = {
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\nGET"), PROXY_HEADER_DONE, 39,
     "::ffff:192.0.2.7"},
    {BYTES("PROXY TCP6 fd00::7 fd00::1 1234 80\r\n"), PROXY_HEADER_DONE, 36, "fd00::7"},
    {BYTES("PROXY UNKNOWN\r\n"), PROXY_HEADER_DONE, 15, NULL},
    {BYTES("PROXY UNKNOWN fd00::7 what ever\r\n"), PROXY_HEADER_DONE, 33, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1234 80 \r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1234\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4  192.0.2.7 10.0.0.1 1234 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 01234 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 65536 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 -1 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 fd00::7 fd00::1 1234 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP6 192.0.2.7 10.0.0.1 1234 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4 192.0.2.7\0 10.0.0.1 1234 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY UDP4 192.0.2.7 10.0.0.1 1234 80\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY TCP4\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXY \r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("PROXYTCP4"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("proxy TCP4"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("GET / HTTP/1.1\r\n"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES("\r\nGET"), PROXY_HEADER_BAD, 0, NULL},
    {BYTES(SIGNATURE "\x21\x11\0\14" V4 "GET"), PROXY_HEADER_DONE, 28, "::ffff:192.0.2.7"},
    {BYTES(SIGNATURE "\x21\x21\0\44" V6_ADDRESS V6_ADDRESS "\4\322\0\120"), PROXY_HEADER_DONE, 52,
     "fd00::7"},
    {BYTES(SIGNATURE "\x21\x11\0\21" V4 "\1\0\2h2"), PROXY_HEADER_DONE, 33, "::ffff:192.0.2.7"},
    {BYTES(SIGNATURE "\x20\0\0\0"), PROXY_HEADER_DONE, 16, NULL},
    {BYTES(SIGNATURE "\x20\x11\0\14" V4), PROXY_HEADER_DONE, 28, NULL}, /* LOCAL */
    {BYTES(SIGNATURE "\x21\0\0\3xyz"), PROXY_HEADER_DONE, 19, NULL},    /* AF_UNSPEC */
    {BYTES(SIGNATURE "\x21\x11\0\13" V4), PROXY_HEADER_BAD, 0, NULL},   /* too short for it */
    {BYTES(SIGNATURE "\x21\x41\0\14" V4), PROXY_HEADER_BAD, 0, NULL},   /* no such family */
    {BYTES(SIGNATURE "\x21\x13\0\14" V4), PROXY_HEADER_BAD, 0, NULL},   /* no such transport */
    {BYTES(SIGNATURE "\x22\x11\0\14" V4), PROXY_HEADER_BAD, 0, NULL},   /* no such command */
    {BYTES(SIGNATURE "\x11\x11\0\14" V4), PROXY_HEADER_BAD, 0, NULL},   /* no such version */
    {BYTES(SIGNATURE "\x21\x11\20\0"), PROXY_HEADER_BAD, 0, NULL},      /* longer than we read */
    {BYTES("\r\n\r\n\0\r\nQUIT\r\n"), PROXY_HEADER_BAD, 0, NULL},
};

static void headers_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proxy_header h;
        char text[INET6_ADDRSTRLEN];

        assert_int_equal(proxy_header_parse((struct str){cases[i].bytes, cases[i].n}, &h),
                         cases[i].result);
        if (cases[i].result != PROXY_HEADER_DONE)
            continue;
        assert_int_equal(h.len, cases[i].len);
        assert_int_equal(h.has_source, cases[i].source != NULL);
        if (cases[i].source == NULL)
            continue;
        assert_non_null(inet_ntop(AF_INET6, h.source, text, sizeof text));
        assert_string_equal(text, cases[i].source);
        assert_int_equal(h.port, 1234);
    }
}

static void a_byte_at_a_time_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proxy_header h;
        enum proxy_header_parse r = PROXY_HEADER_MORE;
        size_t n = 0;

        while (r == PROXY_HEADER_MORE && n <= cases[i].n)
            r = proxy_header_parse((struct str){cases[i].bytes, n++}, &h);
        assert_int_equal(r, cases[i].result);
        if (r == PROXY_HEADER_DONE)
            assert_int_equal(n - 1, cases[i].len);
    }
}

static void a_line_has_a_limit(void **state)
{
    char line[PROXY_HEADER_V1_MAX + 1];
    struct proxy_header h;

    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(proxy_header_parse((struct str){line, PROXY_HEADER_V1_MAX - 1}, &h),
                     PROXY_HEADER_MORE);
    assert_int_equal(proxy_header_parse((struct str){line, PROXY_HEADER_V1_MAX}, &h),
                     PROXY_HEADER_BAD);
    memcpy(line + PROXY_HEADER_V1_MAX - 2, "\r\n", 2);
    assert_int_equal(proxy_header_parse((struct str){line, sizeof line}, &h), PROXY_HEADER_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_or_refused),
        cmocka_unit_test(a_byte_at_a_time_is_the_same),
        cmocka_unit_test(a_line_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
