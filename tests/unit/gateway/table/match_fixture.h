/* A builder that is fed routes, and requests that are matched against what it makes. */
#ifndef TESTS_UNIT_GATEWAY_TABLE_MATCH_FIXTURE_H
#define TESTS_UNIT_GATEWAY_TABLE_MATCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/table/table.h"
#include "tests/unit/gateway/table/builder_fixture.h"

/* value: what stands in the object beside "forward". */
static void feed_route(const char *name, const char *value)
{
    char line[8192];

    snprintf(line, sizeof(line),
             "{\"set\":{\"kind\":\"route\",\"name\":\"%s\",\"value\":{%s,\"forward\":[{\"pool\":"
             "\"p\"}]}}}",
             name, value);
    feed(line);
}

static void feed_delete(const char *name)
{
    char line[128];

    snprintf(line, sizeof(line), "{\"delete\":{\"kind\":\"route\",\"name\":\"%s\"}}", name);
    feed(line);
}

static void commit(void)
{
    table_unref(&c.table);
    feed("{\"commit\":{\"revision\":1}}");
    assert_true(table_builder_take(b, &c));
}

/* ---- requests ---- */

struct field {
    const char *name;
    const char *value;
};

struct fields {
    struct field all[4];
};

static bool find_field(const void *head, struct str name, size_t *at, struct str *out)
{
    const struct fields *f = head;

    while (*at < 4 && f->all[*at].name != NULL) {
        const struct field *one = &f->all[(*at)++];

        if (!str_eq(str_from(one->name), name))
            continue;
        *out = str_from(one->value);
        return true;
    }
    return false;
}

struct request {
    const char *host;
    const char *path;
    const char *query;
    const char *method;
    struct fields fields;
};

static const char *find(const struct request *r)
{
    const struct route_request q = {
        .host = str_from(r->host),
        .path = str_from(r->path),
        .query = str_from(r->query),
        .method = r->method != NULL ? str_from(r->method) : STR("GET"),
        .field = find_field,
        .head = &r->fields,
    };
    enum table_miss why;
    const struct table_route *found = table_match(c.table, &q, &why);

    if (found != NULL)
        return found->name;
    return why == TABLE_MISS_HOST ? "503" : "404";
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
