/*
 * Printing of /v1/openapi.json: a path item for each path of the surface, an operation for each
 * row, the schemas behind them. A document's answer is its schema with the members that every
 * answer has. Called by system.c, once; used by docs and by the tests that validate answers.
 */
#include "admin/api/openapi.h"

#include <string.h>

#include "admin/api/api_priv.h"
#include "admin/api/jsontext.h"
#include "admin/api/schemas.h"
#include "gateway/core/check.h"

enum { SCHEMA_MAX = 4 << 20 };

/* ---- schemas -----------------------------------------------------------------------------------
 */

/* "Route" -> the properties of a route, and those of every document. */
static void print_document_schema(struct answer *a, const struct schema_kind *k, struct str schema)
{
    struct str properties, key, value;
    struct jsontext w;

    answer_text(a, ",", k->name);
    a->b.len--; /* the closing quote comes behind "Document" */
    answer_add(a, "Document\":{\"type\":\"object\",\"required\":[\"kind\",\"name\",\"status\"],"
                  "\"additionalProperties\":false,\"properties\":{\"kind\":{\"const\":");
    answer_text(a, "", k->kind);
    answer_add(a, "},\"tenant\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},"
                  "\"status\":{\"$ref\":\"#/components/schemas/Status\"}");
    if (jsontext_get(schema, "properties", &properties) && jsontext_object(properties, &w)) {
        while (jsontext_member(&w, &key, &value)) {
            if (strcmp(k->kind, "token") == 0 && str_eq(key, STR("\"hash\"")))
                continue;
            answer_add(a, ",");
            answer_span(a, key);
            answer_add(a, ":");
            answer_span(a, value);
        }
    }
    answer_add(a, "}}");
}

static void print_list_schema(struct answer *a, const char *name)
{
    a->fits = a->fits &&
              buf_add_fmt(&a->b,
                          ",\"%sList\":{\"type\":\"object\",\"required\":[\"commit\",\"total\","
                          "\"items\"],\"additionalProperties\":false,\"properties\":{\"commit\":"
                          "{\"type\":\"integer\"},\"total\":{\"type\":\"integer\"},\"next\":"
                          "{\"type\":\"string\"},\"items\":{\"type\":\"array\",\"items\":"
                          "{\"$ref\":\"#/components/schemas/%sDocument\"}}}}",
                          name, name);
}

/* What a new token answers: its document, and the token itself. */
static void print_new_token_schema(struct answer *a)
{
    answer_add(a, ",\"NewToken\":{\"type\":\"object\",\"required\":[\"token\",\"status\"],"
                  "\"properties\":{\"token\":{\"type\":\"string\"},"
                  "\"status\":{\"$ref\":\"#/components/schemas/Status\"}}}");
}

static void print_schemas(struct answer *a)
{
    struct buf schema;
    enum intent_kind kind;

    answer_add(a, "\"schemas\":{");
    for (size_t i = 0; i < schemas_num; i++) {
        answer_separator(a);
        answer_text(a, "", schemas_all[i].name);
        answer_add(a, ":");
        answer_add(a, schemas_all[i].json);
    }
    for (size_t i = 0; i < schemas_num_kinds; i++) {
        const struct schema_kind *k = &schemas_kinds[i];

        ASSERT(intent_kind_from_name(k->kind, &kind));
        buf_init(&schema, SCHEMA_MAX);
        a->fits = a->fits && intent_write_schema(kind, &schema);
        answer_text(a, ",", k->name);
        answer_add(a, ":");
        answer_span(a, buf_str(&schema));
        print_document_schema(a, k, buf_str(&schema));
        print_list_schema(a, k->name);
        buf_free(&schema);
    }
    print_new_token_schema(a);
    answer_add(a, "}");
}

/* ---- operations --------------------------------------------------------------------------------
 */

static const char *var_doc(struct str name)
{
    for (const struct surface_var *v = surface_vars; v->name != NULL; v++) {
        if (str_eq(name, str_from(v->name)))
            return v->doc;
    }
    WRONG("a variable without a sentence");
}

static void print_param(struct answer *a, const char *where, struct str name, const char *schema,
                        const char *doc)
{
    answer_separator(a);
    answer_add(a, "{\"name\":");
    a->fits = a->fits && buf_add_json(&a->b, name);
    answer_text(a, ",\"in\":", where);
    answer_bool(a, ",\"required\":", strcmp(where, "path") == 0);
    answer_add(a, ",\"schema\":");
    answer_add(a, schema);
    answer_text(a, ",\"description\":", doc);
    answer_add(a, "}");
}

static void print_path_params(struct answer *a, const char *path)
{
    struct str rest = str_from(path);
    struct str part;

    while (str_split(&rest, '/', &part)) {
        if (part.n > 2 && part.p[0] == '{') {
            part = (struct str){part.p + 1, part.n - 2};
            print_param(a, "path", part, "{\"type\":\"string\"}", var_doc(part));
        }
    }
}

static void print_header_params(struct answer *a, const struct surface_row *row)
{
    bool writes = (row->params & SURFACE_DRY_RUN) != 0;

    if ((row->answers & SURFACE_ETAG) == 0 && row->op != SURFACE_DELETE_OP)
        return;
    print_param(a, "header", STR("If-Match"), "{\"type\":\"string\"}",
                writes ? "write only over this state, else 412" : "answer only this state");
    print_param(a, "header", STR("If-None-Match"), "{\"type\":\"string\"}",
                writes ? "*: only what is not there yet" : "304 when it is still this state");
}

static void print_params(struct answer *a, const struct surface_row *row)
{
    answer_add(a, ",\"parameters\":[");
    print_path_params(a, row->path);
    for (size_t i = 0; i < SURFACE_PARAMS; i++) {
        if ((row->params & 1U << i) != 0)
            print_param(a, "query", str_from(surface_params[i].name), surface_params[i].schema,
                        surface_params[i].doc);
    }
    print_header_params(a, row);
    answer_add(a, "]");
}

static void print_content(struct answer *a, const char *type, const char *schema,
                          const char *suffix)
{
    a->fits = a->fits &&
              buf_add_fmt(
                  &a->b, "\"content\":{\"%s\":{\"schema\":{\"$ref\":\"#/components/schemas/%s%s\"}",
                  type, schema, suffix);
}

static void print_body(struct answer *a, const struct surface_row *row)
{
    if (row->request[0] == '\0')
        return;
    answer_add(a, ",\"requestBody\":{\"required\":true,");
    print_content(a,
                  row->op == SURFACE_PATCH_OP ? "application/merge-patch+json" : "application/json",
                  row->request, "");
    if (row->example[0] != '\0') {
        answer_add(a, ",\"example\":");
        answer_add(a, row->example);
    }
    answer_add(a, "}}}");
}

static const char *media_type(const struct surface_row *row)
{
    if (strcmp(row->response, "Text") == 0)
        return "text/plain";
    return strcmp(row->response, "Events") == 0 ? "text/event-stream" : "application/json";
}

static void print_answer(struct answer *a, const struct surface_row *row, int status,
                         const char *schema, const char *suffix)
{
    answer_separator(a);
    a->fits = a->fits && buf_add_fmt(&a->b, "\"%d\":{\"description\":", status);
    answer_text(a, "", status == 202 ? "committed; some gateways have not got it yet" : row->doc);
    answer_add(a, ",");
    print_content(a, media_type(row), schema, suffix);
    answer_add(a, "}}}");
}

/* Documents are answered with their status; a dry run with what it would do. */
static bool answers_document(const struct surface_row *row)
{
    return row->op == SURFACE_GET_OP || row->op == SURFACE_PUT_OP || row->op == SURFACE_PATCH_OP;
}

static void print_answers(struct answer *a, const struct surface_row *row)
{
    const char *suffix = answers_document(row) ? "Document" : "";
    bool plans = (row->params & SURFACE_DRY_RUN) != 0;

    answer_add(a, ",\"responses\":{");
    if ((row->answers & SURFACE_201) != 0)
        print_answer(a, row, 201, row->response, suffix);
    if (plans && strcmp(row->response, "Write") != 0) {
        answer_separator(a);
        a->fits = a->fits &&
                  buf_add_fmt(&a->b,
                              "\"200\":{\"description\":\"done, or with dryRun what would be "
                              "done\",\"content\":{\"application/json\":{\"schema\":{\"anyOf\":["
                              "{\"$ref\":\"#/components/schemas/%s%s\"},"
                              "{\"$ref\":\"#/components/schemas/Write\"}]}}}}",
                              row->response, suffix);
    } else if ((row->answers & SURFACE_200) != 0) {
        print_answer(a, row, 200, row->response, suffix);
    }
    if ((row->params & SURFACE_WAIT) != 0)
        print_answer(a, row, 202, row->response, suffix);
    if ((row->answers & SURFACE_ETAG) != 0 && strcmp(row->method, "GET") == 0)
        answer_add(a, ",\"304\":{\"description\":\"it is still the state that was named\"}");
    answer_add(a, ",\"default\":{\"description\":\"refused: what is wrong, field by field\",");
    print_content(a, "application/problem+json", "Problem", "");
    answer_add(a, "}}}}");
}

static void print_scopes(struct answer *a, const struct surface_row *row)
{
    answer_add(a, row->scopes == 0 ? ",\"security\":[]" : "");
    answer_add(a, ",\"x-signalbox-scopes\":[");
    for (size_t i = 0; i < SURFACE_SCOPES; i++) {
        if ((row->scopes & 1U << i) != 0) {
            answer_separator(a);
            answer_text(a, "", surface_scope_names[i]);
        }
    }
    answer_add(a, "]");
}

static void print_operation(struct answer *a, const struct surface_row *row)
{
    char method[8];
    size_t n = strlen(row->method);

    ASSERT(n < sizeof method);
    for (size_t i = 0; i <= n; i++)
        method[i] = (char)(row->method[i] >= 'A' && row->method[i] <= 'Z' ? row->method[i] + 32
                                                                          : row->method[i]);
    answer_text(a, "", method);
    answer_text(a, ":{\"summary\":", row->doc);
    answer_add(a, ",\"operationId\":\"");
    answer_add(a, method);
    for (const char *p = row->path; *p != '\0'; p++) {
        if (*p != '{' && *p != '}')
            a->fits = a->fits && buf_add(&a->b, *p == '/' || *p == '.' ? "_" : p, 1);
    }
    answer_add(a, "\"");
    print_scopes(a, row);
    print_params(a, row);
    print_body(a, row);
    print_answers(a, row);
    answer_add(a, "}");
}

static bool is_first_of_path(size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (strcmp(surface_rows[i].path, surface_rows[at].path) == 0)
            return false;
    }
    return true;
}

static void print_path(struct answer *a, size_t at)
{
    const char *path = surface_rows[at].path;
    bool first = true;

    answer_text(a, "", path);
    answer_add(a, ":{");
    for (size_t i = at; i < surface_num_rows; i++) {
        if (strcmp(surface_rows[i].path, path) != 0)
            continue;
        answer_add(a, first ? "" : ",");
        print_operation(a, &surface_rows[i]);
        first = false;
    }
    answer_add(a, "}");
}

static void print_paths(struct answer *a)
{
    bool first = true;

    answer_add(a, "\"paths\":{");
    for (size_t i = 0; i < surface_num_rows; i++) {
        if (!is_first_of_path(i))
            continue;
        answer_add(a, first ? "" : ",");
        print_path(a, i);
        first = false;
    }
    answer_add(a, "}");
}

bool openapi_write(struct buf *out)
{
    struct answer a;
    bool ok;

    answer_open(&a);
    answer_add(&a, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Signalbox admin API\",\"version\":"
                   "\"" SIGNALBOX_VERSION "\",\"license\":{\"name\":\"Apache-2.0\"}},"
                   "\"security\":[{\"bearer\":[]}],");
    print_paths(&a);
    answer_add(&a, ",\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\","
                   "\"scheme\":\"bearer\"}},");
    print_schemas(&a);
    answer_add(&a, "}}\n");
    ok = a.fits && buf_add_str(out, buf_str(&a.b));
    answer_free(&a);
    return ok;
}
