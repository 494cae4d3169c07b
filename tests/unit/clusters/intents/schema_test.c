/*
 * The JSON Schema of documents: it is JSON, it names the fields that the decoder knows and no
 * others, and says of some what the rows say. In the JSON here a ' stands for a ".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "clusters/intents/intents.h"
#include "clusters/intents/intents_priv.h"
#include "gateway/wire/json.h"

enum { SCHEMA_MAX = 1 << 20 };

static const struct json_limits limits = {.bytes_max = SCHEMA_MAX, .depth_max = 64};

static cJSON *schema_of(enum intent_kind kind)
{
    struct buf b;
    struct err e = {0};

    buf_init(&b, SCHEMA_MAX);
    assert_true(intent_write_schema(kind, &b));
    cJSON *tree = json_parse(buf_str(&b), &limits, &e);

    if (tree == NULL)
        fail_msg("%s: %s", b.bytes, e.text);
    buf_free(&b);
    return tree;
}

static bool lists(const cJSON *array, const char *name)
{
    for (const cJSON *i = array != NULL ? array->child : NULL; i != NULL; i = i->next)
        if (strcmp(i->valuestring, name) == 0)
            return true;
    return false;
}

static void check_schema(const struct shape *shape, const cJSON *schema);

static void check_property(const struct field *f, const cJSON *p)
{
    if (p == NULL)
        fail_msg("%s is not in the schema", f->name);
    if (!f->served) {
        assert_non_null(json_get(p, f->type == FIELD_FLAG ? "const" : "not"));
        return;
    }
    assert_non_null(json_get(p, f->type == FIELD_WORD ? "enum" : "type"));
    if (f->shape != NULL)
        check_schema(f->shape, f->type == FIELD_PARTS ? json_get(p, "items") : p);
}

static void check_schema(const struct shape *shape, const cJSON *schema)
{
    const struct field *fields[SHAPE_FIELDS_MAX];
    size_t num = shape_fields(shape, fields);
    const cJSON *properties = json_get(schema, "properties");

    assert_int_equal(cJSON_GetArraySize(properties), num);
    assert_true(cJSON_IsFalse(json_get(schema, "additionalProperties")));
    for (size_t i = 0; i < num; i++) {
        check_property(fields[i], json_get(properties, fields[i]->name));
        assert_int_equal(lists(json_get(schema, "required"), fields[i]->name), fields[i]->needed);
    }
}

static void every_field_of_the_decoder_is_in_the_schema(void **state)
{
    (void)state;
    for (unsigned k = 0; k < INTENT_KIND__COUNT; k++) {
        cJSON *schema = schema_of((enum intent_kind)k);

        check_schema(intent_rules[k].shape, schema);
        cJSON_Delete(schema);
    }
}

static const struct {
    enum intent_kind kind;
    const char *path; /* names with '/' between */
    const char *json;
} rows[] = {
    {INTENT_ROUTE, "required", "['hosts','cluster']"},
    {INTENT_ROUTE, "properties/path_type/enum", "['prefix','exact']"},
    {INTENT_ROUTE, "properties/path_type/default", "'prefix'"},
    {INTENT_ROUTE, "properties/hosts/maxItems", "1024"},
    {INTENT_ROUTE, "properties/hosts/items", "{'type':'string','minLength':1,'maxLength':256}"},
    {INTENT_ROUTE, "properties/retry/properties/statuses/items",
     "{'type':'integer','minimum':400,'maximum':599}"},
    {INTENT_ROUTE, "properties/passthrough/const", "false"},
    {INTENT_ROUTE, "properties/tenant", NULL},
    {INTENT_ROUTE, "properties/tls/not", "{}"},
    {INTENT_POOL, "properties/protocol/enum", "['http1','h2c']"},
    {INTENT_POOL, "properties/service/required", "['name','port']"},
    {INTENT_TENANT, "properties/services/properties/labels/additionalProperties",
     "{'type':'string','maxLength':256}"},
    {INTENT_TENANT, "properties/quotas/properties/routes/minimum", "0"},
    {INTENT_OWNERSHIP, "required", "['claims']"},
    {INTENT_SETTINGS, "properties/cookie_key/pattern", "'^[0-9a-fA-F]{64}$'"},
};

static const cJSON *at(const cJSON *schema, const char *path)
{
    struct str rest = str_from(path);
    struct str part;

    while (schema != NULL && str_split(&rest, '/', &part)) {
        char *name = str_dup(part);

        schema = json_get(schema, name);
        free(name);
    }
    return schema;
}

static void schemas_say_what_rows_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *schema = schema_of(rows[i].kind);
        const cJSON *part = at(schema, rows[i].path);
        char *json = part != NULL ? cJSON_PrintUnformatted(part) : NULL;

        for (char *p = json; p != NULL && *p != '\0'; p++)
            *p = *p == '"' ? '\'' : *p;
        if ((json == NULL) != (rows[i].json == NULL) ||
            (json != NULL && strcmp(json, rows[i].json) != 0))
            fail_msg("%s: %s", rows[i].path, json);
        cJSON_free(json);
        cJSON_Delete(schema);
    }
}

static void a_schema_that_does_not_fit_is_said(void **state)
{
    (void)state;
    for (size_t max = 0; max < 2000; max += 7) {
        struct buf b;

        buf_init(&b, max);
        assert_false(intent_write_schema(INTENT_ROUTE, &b));
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_the_decoder_is_in_the_schema),
        cmocka_unit_test(schemas_say_what_rows_say),
        cmocka_unit_test(a_schema_that_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
