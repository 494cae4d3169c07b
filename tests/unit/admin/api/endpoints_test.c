/* The admin API's table of endpoints: which path goes where. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "admin/api/api_priv.h"

static void every_path_finds_its_endpoint(void **state)
{
    static const struct {
        const char *method;
        const char *uri;
        void (*run)(struct api_call *call); /* NULL: none */
        const char *allow;                  /* NULL: no such path */
        const char *last;                   /* the last variable, or NULL */
    } rows[] = {
        {"GET", "/livez", api_get_live, "GET", NULL},
        {"GET", "/readyz", api_get_ready, "GET", NULL},
        {"GET", "/version", api_get_version, "GET", NULL},
        {"GET", "/v1", api_get_index, "GET", NULL},
        {"GET", "/v1/clusters/east/services", api_get_services, "GET", "east"},
        {"GET", "/v1/clusters/east/services/shop", api_get_service, "GET", "shop"},
        {"GET", "/v1/clusters/services/services/services", api_get_service, "GET", "services"},
        {"GET", "/v1/clusters/east/gateways", api_get_gateways, "GET", "east"},
        {"POST", "/livez", NULL, "GET", NULL},
        {"HEAD", "/v1", NULL, "GET", NULL},
        {"DELETE", "/v1/clusters/east/services/shop", NULL, "GET", NULL},
        {"GET", "/", NULL, NULL, NULL},
        {"GET", "/v2", NULL, NULL, NULL},
        {"GET", "/v1/clusters", NULL, NULL, NULL},
        {"GET", "/v1/clusters/east", api_get_cluster, "GET", "east"},
        {"GET", "/v1/clusters/east/stream", NULL, NULL, NULL},
        {"GET", "/v1/clusters/east/services/shop/x", NULL, NULL, NULL},
        {"GET", "/LIVEZ", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str vars[TARGET_VARS_MAX] = {0};
        const struct api_endpoint *ep;
        const char *allow;
        struct target t;

        assert_true(target_parse(str_from(rows[i].uri), &t, NULL));
        ep = api_find(rows[i].method, &t, vars, &allow);
        if ((ep != NULL ? ep->run : NULL) != rows[i].run)
            fail_msg("%s %s goes elsewhere", rows[i].method, rows[i].uri);
        assert_int_equal(allow != NULL, rows[i].allow != NULL);
        if (rows[i].last != NULL)
            assert_true(str_eq(vars[vars[1].p != NULL ? 1 : 0], str_from(rows[i].last)));
    }
}

static void only_what_tells_nothing_is_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_num_endpoints; i++) {
        assert_int_equal(api_endpoints[i].open, strncmp(api_endpoints[i].pattern, "/v1", 3) != 0);
        assert_string_not_equal(api_endpoints[i].doc, "");
        assert_null(strpbrk(api_endpoints[i].doc, "\"\\")); /* printed into JSON as it is */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_finds_its_endpoint),
        cmocka_unit_test(only_what_tells_nothing_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
