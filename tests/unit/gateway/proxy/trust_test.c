/* Whose word is taken for who a client is, as tables. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/proxy/trust.h"

static void network(struct route_settings *s, const char *address, unsigned bits)
{
    struct route_network *n = &s->trusted[s->num_trusted++];

    assert_int_equal(inet_pton(AF_INET6, address, n->address), 1);
    n->bits = (uint8_t)bits;
}

static void networks_hold_their_addresses(void **state)
{
    static const struct {
        const char *address;
        bool in;
    } cases[] = {
        {"::ffff:10.0.0.1", true},    {"::ffff:10.255.255.255", true}, {"::ffff:11.0.0.0", false},
        {"::ffff:192.0.2.7", true},   {"::ffff:192.0.2.8", false},     {"fd00:0:0:10::1", true},
        {"fd00:0:0:1f::1", true},     {"fd00:0:0:20::1", false},       {"::10.0.0.1", false},
        {"::ffff:172.16.0.1", false},
    };
    struct route_settings s = route_settings_default();
    uint8_t address[16];

    (void)state;
    network(&s, "::ffff:10.0.0.0", 104);
    network(&s, "::ffff:192.0.2.7", 128);
    network(&s, "fd00:0:0:10::", 60);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(inet_pton(AF_INET6, cases[i].address, address), 1);
        assert_int_equal(trust_has(&s, address), cases[i].in);
    }
    s.num_trusted = 0;
    assert_false(trust_has(&s, address));
    network(&s, "::", 0);
    assert_true(trust_has(&s, address));
}

static void the_client_is_the_rightmost_that_is_not_trusted(void **state)
{
    static const struct {
        const char *fields, *client; /* NULL: nobody */
    } cases[] = {
        {"", NULL},
        {"X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"},
        {"X-Forwarded-For: 203.0.113.1, 192.0.2.7\r\n", "192.0.2.7"},
        {"X-Forwarded-For: 192.0.2.7, 10.0.0.1,10.0.0.2\r\n", "192.0.2.7"},
        {"X-Forwarded-For: 192.0.2.7\r\nA: b\r\nx-forwarded-for: 10.0.0.1\r\n", "192.0.2.7"},
        {"X-Forwarded-For: 10.0.0.3, 10.0.0.1\r\n", "10.0.0.3"}, /* all are trusted */
        {"X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.1\r\n", "10.0.0.1"},
        {"X-Forwarded-For: 192.0.2.7, , 10.0.0.1\r\n", "10.0.0.1"},
        {"X-Forwarded-For: 192.0.2.7:80\r\n", NULL},
        {"X-Forwarded-For: unknown\r\n", NULL},
        {"X-Forwarded-For: [fd00::7]\r\n", "fd00::7"},
        {"X-Forwarded-For: FD00::0007\r\n", "fd00::7"},
        {"X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7"},
        {"Connection: x-forwarded-for\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"},
    };
    struct route_settings s = route_settings_default();
    static struct h1_head h;

    (void)state;
    network(&s, "::ffff:10.0.0.0", 104);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], got[TRUST_TEXT] = "";
        uint8_t address[16];
        bool found;
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].fields);

        h1_head_init(&h, H1_REQUEST);
        assert_int_equal(h1_head_parse(&h, text, (size_t)n), H1_DONE);
        found = trust_client(&s, &h, text, address);
        assert_int_equal(found, cases[i].client != NULL);
        if (found)
            assert_int_equal(trust_write(address, got), strlen(cases[i].client));
        assert_string_equal(got, found ? cases[i].client : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(the_client_is_the_rightmost_that_is_not_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
