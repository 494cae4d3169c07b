/* The admin API's surface: which path goes where, who may, and that every row can be answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/api/api_priv.h"
#include "admin/api/schemas.h"
#include "gateway/wire/json.h"

static void every_path_finds_its_row(void **state)
{
    static const struct {
        const char *method;
        const char *uri;
        int op;            /* -1: none */
        const char *allow; /* NULL: no such path */
        const char *last;  /* the last variable, or NULL */
    } rows[] = {
        {"GET", "/livez", SURFACE_LIVE_OP, "GET, HEAD, OPTIONS", NULL},
        {"HEAD", "/readyz", SURFACE_READY_OP, "GET, HEAD, OPTIONS", NULL},
        {"GET", "/v1", SURFACE_INDEX_OP, "GET, HEAD, OPTIONS", NULL},
        {"GET", "/v1/clusters/east", SURFACE_CLUSTER_OP, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
         "east"},
        {"PUT", "/v1/clusters/east", SURFACE_PUT_OP, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
         "east"},
        {"GET", "/v1/clusters/east/services", SURFACE_CLUSTER_SERVICES_OP, "GET, HEAD, OPTIONS",
         "east"},
        {"GET", "/v1/clusters/services/services/services", SURFACE_CLUSTER_SERVICE_OP,
         "GET, HEAD, OPTIONS", "services"},
        {"PATCH", "/v1/tenants/acme/routes/web", SURFACE_PATCH_OP,
         "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "web"},
        {"POST", "/v1/tenants/acme/tokens", SURFACE_TOKEN_NEW_OP, "GET, HEAD, POST, OPTIONS",
         "acme"},
        {"PUT", "/v1/tenants/acme/tokens/x", -1, "GET, HEAD, DELETE, OPTIONS", NULL},
        {"POST", "/livez", -1, "GET, HEAD, OPTIONS", NULL},
        {"OPTIONS", "/v1/apply", -1, "POST, OPTIONS", NULL},
        {"HEAD", "/v1/apply", -1, "POST, OPTIONS", NULL},
        {"GET", "/", -1, NULL, NULL},
        {"GET", "/v2", -1, NULL, NULL},
        {"GET", "/v1/clusters/east/stream", -1, NULL, NULL},
        {"GET", "/v1/tenants/acme/routes/web/x", -1, NULL, NULL},
        {"GET", "/LIVEZ", -1, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str vars[TARGET_VARS_MAX] = {0};
        const struct surface_row *row, *path;
        struct target t;
        char *allow;

        assert_true(target_parse(str_from(rows[i].uri), &t, NULL));
        row = api_find(rows[i].method, &t, vars, &path);
        if ((row != NULL ? (int)row->op : -1) != rows[i].op)
            fail_msg("%s %s goes elsewhere", rows[i].method, rows[i].uri);
        assert_int_equal(path != NULL, rows[i].allow != NULL);
        if (path != NULL) {
            allow = api_allow(path);
            assert_string_equal(allow, rows[i].allow);
            free(allow);
        }
        if (rows[i].last != NULL)
            assert_true(str_eq(vars[vars[1].p != NULL ? 1 : 0], str_from(rows[i].last)));
    }
}

static void scopes_and_tenants_decide_who_may(void **state)
{
    static const struct {
        const char *method;
        const char *uri;
        const char *tenant; /* of the caller */
        unsigned scopes;
        int status;
    } rows[] = {
        {"GET", "/v1/tenants/acme/routes", "", SURFACE_OPERATOR, 0},
        {"GET", "/v1/tenants/acme/routes", "acme", SURFACE_TENANT_READ, 0},
        {"PUT", "/v1/tenants/acme/routes/web", "acme", SURFACE_TENANT_READ, 403},
        {"PUT", "/v1/tenants/acme/routes/web", "acme", SURFACE_TENANT_ADMIN, 0},
        {"PUT", "/v1/tenants/acme/routes/web", "other", SURFACE_TENANT_ADMIN, 404},
        {"GET", "/v1/tenants/acme", "other", SURFACE_TENANT_READ, 404},
        {"GET", "/v1/tenants/acme", "acme", SURFACE_TENANT_READ, 0},
        {"PUT", "/v1/tenants/acme", "acme", SURFACE_TENANT_ADMIN, 403},
        {"GET", "/v1/tenants", "acme", SURFACE_TENANT_ADMIN, 404},
        {"GET", "/v1/clusters/east", "acme", SURFACE_TENANT_ADMIN, 404},
        {"GET", "/v1/clusters/east/metrics", "acme", SURFACE_TENANT_ADMIN | SURFACE_METRICS, 404},
        {"GET", "/v1/clusters/east/metrics", "", SURFACE_METRICS, 0},
        {"GET", "/v1/clusters/east", "", SURFACE_METRICS, 403},
        {"GET", "/v1", "acme", SURFACE_TENANT_READ, 0},
        {"GET", "/v1", "", SURFACE_METRICS, 0},
        {"POST", "/v1/apply", "acme", SURFACE_TENANT_ADMIN, 404},
        {"GET", "/v1/tenants/acme/tokens", "acme", SURFACE_TENANT_READ, 403},
        {"GET", "/v1/tenants/acme/routes", "", 0, 403},
        /* A tenant's token cannot have it; if a document said so, it would still be a tenant's. */
        {"GET", "/v1/tenants", "acme", SURFACE_OPERATOR, 404},
        {"GET", "/v1/tenants/other/routes", "acme", SURFACE_OPERATOR, 404},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str vars[TARGET_VARS_MAX] = {0};
        struct auth_caller caller = {.scopes = rows[i].scopes};
        const struct surface_row *row, *path;
        struct target t;

        memcpy(caller.tenant, rows[i].tenant, strlen(rows[i].tenant) + 1);
        assert_true(target_parse(str_from(rows[i].uri), &t, NULL));
        row = api_find(rows[i].method, &t, vars, &path);
        assert_non_null(row);
        if (api_judge(row, &caller, vars[0]) != rows[i].status)
            fail_msg("%s %s by \"%s\" with %u", rows[i].method, rows[i].uri, rows[i].tenant,
                     rows[i].scopes);
    }
}

static bool has_schema(const char *name)
{
    for (size_t i = 0; i < schemas_num; i++) {
        if (strcmp(schemas_all[i].name, name) == 0)
            return true;
    }
    return false;
}

/* "Route", or with `suffix` "RouteList". */
static bool is_kinds_schema(const char *kind, const char *name, const char *suffix)
{
    for (size_t i = 0; i < schemas_num_kinds; i++) {
        size_t n = strlen(schemas_kinds[i].name);

        if (strcmp(schemas_kinds[i].kind, kind) == 0 &&
            strncmp(name, schemas_kinds[i].name, n) == 0 && strcmp(name + n, suffix) == 0)
            return true;
    }
    return false;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < surface_num_rows; i++) {
        const struct surface_row *row = &surface_rows[i];
        enum intent_kind kind;

        assert_int_equal(row->scopes == 0, strncmp(row->path, "/v1", 3) != 0);
        assert_string_not_equal(row->doc, "");
        assert_int_not_equal(row->answers & (SURFACE_200 | SURFACE_201), 0);
        assert_non_null(api_handler_of(row->op));
        assert_true(row->kind[0] == '\0' || intent_kind_from_name(row->kind, &kind));
        assert_true(row->request[0] == '\0' || has_schema(row->request) ||
                    is_kinds_schema(row->kind, row->request, ""));
        assert_true(has_schema(row->response) || strcmp(row->response, "NewToken") == 0 ||
                    is_kinds_schema(row->kind, row->response, "") ||
                    is_kinds_schema(row->kind, row->response, "List"));
        assert_true(row->example[0] == '\0' ||
                    json_check(str_from(row->example), &json_limits_frame, NULL));
        assert_int_equal(row->request[0] != '\0', row->example[0] != '\0');
    }
}

static void no_row_hides_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < surface_num_rows; i++) {
        struct str vars[TARGET_VARS_MAX];
        const struct surface_row *path;
        struct target t;

        /* A pattern is a path of itself, with braces in it. */
        assert_true(target_parse(str_from(surface_rows[i].path), &t, NULL));
        assert_ptr_equal(api_find(surface_rows[i].method, &t, vars, &path), &surface_rows[i]);
    }
}

static void schemas_are_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < schemas_num; i++)
        assert_true(json_check(str_from(schemas_all[i].json), &json_limits_frame, NULL));
    for (size_t i = 0; i < SURFACE_PARAMS; i++)
        assert_true(json_check(str_from(surface_params[i].schema), &json_limits_frame, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_finds_its_row),
        cmocka_unit_test(scopes_and_tenants_decide_who_may),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(no_row_hides_another),
        cmocka_unit_test(schemas_are_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
