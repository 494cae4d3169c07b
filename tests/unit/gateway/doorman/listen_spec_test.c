/* The --listen flag of the doorman, and the device that guards a listener when the flag names none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/doorman/device.h"
#include "gateway/doorman/listen_spec.h"

static void a_flag_becomes_an_address_a_device_and_a_name(void **state)
{
    static const struct {
        const char *flag;
        const char *name;
        const char *device;
        bool wildcard;
        bool loopback;
    } rows[] = {
        {"http=0.0.0.0:80", "http:0.0.0.0:80#3", "", true, false},
        {"https=192.0.2.7:443", "https:192.0.2.7:443#3", "", false, false},
        {"https=192.0.2.7:443@eth0", "https:192.0.2.7:443#3", "eth0", false, false},
        {"http=[::]:65535@eth0.12", "http:[::]:65535#3", "eth0.12", true, false},
        {"http=[2001:DB8:0::1]:1", "http:[2001:db8::1]:1#3", "", false, false},
        {"http=127.9.9.9:8081", "http:127.9.9.9:8081#3", "", false, true},
        {"http=[::1]:8081", "http:[::1]:8081#3", "", false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listen_spec spec;
        struct err e = {0};
        char name[DOORMAN_NAME_MAX];

        assert_true(listen_spec_parse(str_from(rows[i].flag), &spec, &e));
        listen_spec_name(&spec, 3, name);
        assert_string_equal(name, rows[i].name);
        assert_string_equal(spec.device, rows[i].device);
        assert_int_equal(spec.wildcard, rows[i].wildcard);
        assert_int_equal(spec.loopback, rows[i].loopback);
    }
}

static void what_is_no_listener_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *flag;
        const char *code;
    } rows[] = {
        {"", "BadListen"},
        {"http", "BadListen"},
        {"0.0.0.0:80", "BadListen"},
        {"HTTP=0.0.0.0:80", "BadListen"},
        {"http=", "BadPort"},
        {"http=0.0.0.0", "BadPort"},
        {"http=0.0.0.0:", "BadPort"},
        {"http=0.0.0.0:0", "BadPort"},
        {"http=0.0.0.0:65536", "BadPort"},
        {"http=0.0.0.0:+80", "BadPort"},
        {"http=0.0.0.0:80 ", "BadPort"},
        {"http=:80", "BadAddress"},
        {"http=[]:80", "BadAddress"},
        {"http=::1:80", "BadAddress"},
        {"http=host.example:80", "BadAddress"},
        {"http=1.2.3:80", "BadAddress"},
        {"http=[1.2.3.4]:80", "BadAddress"},
        {"http=[::ffff:1.2.3.4]:80", "BadAddress"},
        {"http=[fe80::1]:80", "BadAddress"},
        {"http=0.0.0.0:80@", "BadDevice"},
        {"http=0.0.0.0:80@a/b", "BadDevice"},
        {"http=0.0.0.0:80@sixteen-letters-", "BadDevice"},
        {"http=127.0.0.1:80@lo", "BadDevice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listen_spec spec;
        struct err e = {0};

        assert_false(listen_spec_parse(str_from(rows[i].flag), &spec, &e));
        assert_string_equal(e.code, rows[i].code);
        assert_string_equal(e.field, "--listen");
    }
}

static void the_longest_name_fits(void **state)
{
    struct listen_spec spec;
    char name[DOORMAN_NAME_MAX];

    (void)state;
    assert_true(listen_spec_parse(
        STR("https=[2001:1111:2222:3333:4444:5555:6666:7777]:65535@123456789012345"), &spec, NULL));
    listen_spec_name(&spec, DOORMAN_SHARDS_MAX - 1, name);
    assert_string_equal(name, "https:[2001:1111:2222:3333:4444:5555:6666:7777]:65535#255");
}

static void the_best_default_route_names_the_device(void **state)
{
    static const char head[] =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU"
        "\tWindow\tIRTT\n";
    static const struct {
        const char *rows;
        const char *device;
    } tables[] = {
        {"", NULL},
        {"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", NULL},
        {"eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "eth0"},
        {"wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
         "eth1\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
         "eth1"},
        {"down0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n", NULL},
        {"*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n", NULL},
        {"lo\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", NULL},
        {"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n", NULL},
        {"an-interface-name-too-long\t00000000\t0\t0003\t0\t0\t0\t00000000\n", NULL},
        {"eth0\t00000000\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char text[512];
        char device[IFNAMSIZ] = "";
        int n = snprintf(text, sizeof(text), "%s%s", head, tables[i].rows);
        bool found = device_default_v4((struct str){text, (size_t)n}, device);

        assert_int_equal(found, tables[i].device != NULL);
        assert_string_equal(device, tables[i].device != NULL ? tables[i].device : "");
    }
}

static void the_default_route_of_ipv6_is_not_the_unreachable_one(void **state)
{
    static const char zero[] = "00000000000000000000000000000000";
    char text[1024];
    char device[IFNAMSIZ] = "";
    int n;

    (void)state;
    n = snprintf(text, sizeof(text),
                 "fd000000000000000000000000000000 40 %s 00 %s 00000100 00000001 00000000 00000001 "
                 "eth9\n%s 00 %s 00 %s ffffffff 00000001 00000000 00200200       lo\n",
                 zero, zero, zero, zero, zero);
    assert_false(device_default_v6((struct str){text, (size_t)n}, device));
    n +=
        snprintf(text + n, sizeof(text) - (size_t)n,
                 "%s 00 %s 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003 "
                 "    eth0\n",
                 zero, zero);
    assert_true(device_default_v6((struct str){text, (size_t)n}, device));
    assert_string_equal(device, "eth0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_becomes_an_address_a_device_and_a_name),
        cmocka_unit_test(what_is_no_listener_is_refused_with_its_reason),
        cmocka_unit_test(the_longest_name_fits),
        cmocka_unit_test(the_best_default_route_names_the_device),
        cmocka_unit_test(the_default_route_of_ipv6_is_not_the_unreachable_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
