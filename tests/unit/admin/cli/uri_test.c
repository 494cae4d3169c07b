/* From nouns to endpoints, and durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/cli/duration.h"
#include "admin/cli/uri.h"

static void a_noun_leads_to_its_endpoint(void **state)
{
    static const struct {
        const char *method, *noun, *tenant, *cluster, *name;
        const char *path; /* NULL: there is none */
    } rows[] = {
        {"GET", "routes", "acme", NULL, NULL, "/v1/tenants/acme/routes"},
        {"GET", "route", "acme", NULL, NULL, "/v1/tenants/acme/routes"},
        {"GET", "routes", "acme", NULL, "web", "/v1/tenants/acme/routes/web"},
        {"GET", "routes", NULL, NULL, NULL, NULL},
        {"GET", "endpoints", "acme", NULL, NULL, "/v1/tenants/acme/endpoints"},
        {"GET", "endpoints", "acme", NULL, "web", "/v1/tenants/acme/endpoints/web"},
        {"GET", "services", NULL, NULL, NULL, "/v1/services"},
        {"GET", "services", "acme", NULL, NULL, "/v1/tenants/acme/services"},
        {"GET", "service", "acme", NULL, "web", "/v1/tenants/acme/services/web"},
        {"GET", "tenant", NULL, NULL, "acme", "/v1/tenants/acme"},
        {"GET", "tenant", "acme", NULL, NULL, "/v1/tenants/acme"},
        {"GET", "tenants", "acme", NULL, NULL, "/v1/tenants"},
        {"GET", "settings", NULL, "east", NULL, "/v1/clusters/east/settings"},
        {"GET", "settings", NULL, "east", "west", "/v1/clusters/west/settings"},
        {"GET", "tokens", NULL, NULL, NULL, "/v1/tokens"},
        {"GET", "tokens", "acme", NULL, NULL, "/v1/tenants/acme/tokens"},
        {"GET", "commit", NULL, NULL, "812", "/v1/commits/812"},
        {"GET", "commit", "acme", NULL, "812", "/v1/tenants/acme/commits/812"},
        {"GET", "service", NULL, NULL, "web", "/v1/services/web"},
        {"GET", "ownership", NULL, NULL, NULL, "/v1/ownership"},
        {"PUT", "route", "acme", NULL, "a/b?c#d e", "/v1/tenants/acme/routes/a%2Fb%3Fc%23d%20e"},
        {"PUT", "routes", "acme", NULL, NULL, NULL},
        {"PUT", "cluster", NULL, NULL, "..", "/v1/clusters/.."},
        {"POST", "cluster", "acme", NULL, "east", "/v1/clusters/east/rollback"},
        {"DELETE", "token", "acme", NULL, "ab", "/v1/tenants/acme/tokens/ab"},
        {"DELETE", "services", "acme", NULL, "ab", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct uri_place at = {rows[i].tenant, rows[i].cluster, rows[i].name};
        const struct surface_row *row = uri_find(rows[i].method, rows[i].noun, &at);
        struct buf out;

        buf_init(&out, URI_MAX);
        if (row != NULL)
            assert_true(uri_path(row, &at, &out));
        if (rows[i].path == NULL)
            assert_null(row);
        else
            assert_string_equal(row != NULL ? out.bytes : "none", rows[i].path);
        buf_free(&out);
    }
}

static void operations_are_the_tenants_when_there_is_one(void **state)
{
    static const enum surface_op both[] = {SURFACE_APPLY_OP,   SURFACE_EXPLAIN_OP,
                                           SURFACE_COMMITS_OP, SURFACE_AUDIT_OP,
                                           SURFACE_WATCH_OP,   SURFACE_TOKEN_NEW_OP};
    const struct uri_place tenant = {.tenant = "acme"};
    const struct uri_place nobody = {.tenant = NULL};

    (void)state;
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        assert_memory_equal(uri_find_op(both[i], &tenant)->path, "/v1/tenants/", 12);
        assert_null(strstr(uri_find_op(both[i], &nobody)->path, "{tenant}"));
    }
    assert_null(uri_find_op(SURFACE_ROLLBACK_OP, &nobody));
}

static void queries_are_encoded(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, URI_MAX);
    assert_true(buf_add_str(&out, STR("/x")) && uri_query(&out, "selector", "a=b,!c") &&
                uri_query(&out, "host", "*.\xc3\xa4"));
    assert_string_equal(out.bytes, "/x?selector=a%3Db%2C%21c&host=%2A.%C3%A4");
    buf_free(&out);
    buf_init(&out, 8);
    assert_false(uri_query(&out, "selector", "a"));
    buf_free(&out);
}

static void durations_are_a_number_and_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* 0: refused */
    } rows[] = {
        {"500ms", 500},
        {"5s", 5000},
        {"2m", 120000},
        {"12h", 43200000},
        {"1d", 86400000},
        {"0s", 0},
        {"5", 0},
        {"", 0},
        {"s", 0},
        {"-5s", 0},
        {"5 s", 0},
        {"5sec", 0},
        {"2d", 0},
        {"1.5s", 0},
        {"99999999999999999999s", 0},
        {"1h30m", 0},
        {"86400s", 86400000},
        {"86401s", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = {0};
        int64_t ms = 0;

        assert_int_equal(duration_read(rows[i].text, 86400000, &ms, &e), rows[i].ms > 0);
        assert_int_equal(ms, rows[i].ms);
        assert_true(rows[i].ms > 0 || e.code != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_noun_leads_to_its_endpoint),
        cmocka_unit_test(operations_are_the_tenants_when_there_is_one),
        cmocka_unit_test(queries_are_encoded),
        cmocka_unit_test(durations_are_a_number_and_a_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
