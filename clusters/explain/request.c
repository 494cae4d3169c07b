/*
 * The request that is asked about: read from JSON by rows like all objects, and shown to the
 * matcher as a gateway's proxy shows one that it received.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/explain/explain_priv.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/shape.h"

enum { HOST_FIELD_MAX = 1024, NAME_MAX_BYTES = 128, METHOD_MAX = 32 };

/* ---- from JSON ---- */

/* RFC 9112 section 3.2: origin-form, or the asterisk of OPTIONS; no blanks in it. */
static bool text_target(struct str text, char **out, struct err *e)
{
    if (text.p[0] != '/' && !str_eq(text, STR("*")))
        return err_set(e, "BadPath", "", "a path begins with \"/\"");
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] == 0x7f || text.p[i] == '#')
            return err_set(e, "BadPath", "", "byte %zu (0x%02x) is not allowed in a path", i + 1,
                           (unsigned)(unsigned char)text.p[i]);
    *out = str_dup(text);
    return true;
}

static const struct word scheme_words[] = {{"http", true}, {"https", true}, {NULL, false}};

static const struct field header_fields[] = {
    {.name = "name",
     OWNED_AT(struct route_field, name),
     TEXT(1, ROUTE_FIELD_NAME_MAX, text_field_name),
     NEEDED,
     SERVED},
    {.name = "value",
     OWNED_AT(struct route_field, value),
     TEXT(0, EXPLAIN_PATH_MAX, text_field_value),
     NEEDED,
     SERVED},
};
static const struct shape shape_header = {
    .title = "headers", .size = sizeof(struct route_field), FIELDS(header_fields)};

static bool check_request(const struct cJSON *value, void *object, struct err *e)
{
    struct explain_request *rq = object;

    (void)value;
    for (size_t i = 0; i < rq->num_fields; i++) {
        if (strcmp(rq->fields[i].name, "host") != 0)
            continue;
        err_set(e, "Contradiction", "/name", "the Host field is \"host\" itself");
        return json_err_in(e, "/headers/%zu", i);
    }
    if (rq->sni != NULL && !rq->https)
        return err_set(e, "Contradiction", "/sni", "only https has a server name");
    rq->method = rq->method != NULL ? rq->method : xstrdup("GET");
    rq->path = rq->path != NULL ? rq->path : xstrdup("/");
    return true;
}

static const struct field request_fields[] = {
    {.name = "cluster",
     OWNED_AT(struct explain_request, cluster),
     TEXT(1, NAME_MAX_BYTES, text_name),
     NEEDED,
     SERVED},
    {.name = "scheme", AT(struct explain_request, https), WORD(scheme_words), SERVED},
    {.name = "host",
     OWNED_AT(struct explain_request, host),
     TEXT(0, HOST_FIELD_MAX, NULL),
     NEEDED,
     SERVED},
    {.name = "method",
     OWNED_AT(struct explain_request, method),
     TEXT(1, METHOD_MAX, text_token),
     SERVED},
    {.name = "path",
     OWNED_AT(struct explain_request, path),
     TEXT(1, EXPLAIN_PATH_MAX, text_target),
     SERVED},
    {.name = "headers",
     OWNED_AT(struct explain_request, fields),
     COUNT_AT(struct explain_request, num_fields),
     PARTS(0, EXPLAIN_FIELDS_MAX, shape_header),
     SERVED},
    {.name = "sni",
     OWNED_AT(struct explain_request, sni),
     TEXT(1, ROUTE_HOST_MAX + 1, text_host),
     SERVED},
    {.name = "client",
     OWNED_AT(struct explain_request, client),
     TEXT(1, SHAPE_TEXT_MAX, text_address),
     SERVED},
};
static const struct shape shape_request = {.title = "explain",
                                           .size = sizeof(struct explain_request),
                                           .check = check_request,
                                           FIELDS(request_fields)};

struct explain_request *explain_request_read(struct str json, struct errs *e)
{
    struct err why;
    cJSON *tree = json_parse(json, &json_limits_frame, &why);

    if (tree == NULL) {
        errs_add(e, &why);
        return NULL;
    }
    struct explain_request *rq = xcalloc(1, sizeof(*rq));
    bool ok = shape_read_all(&shape_request, tree, rq, e);

    cJSON_Delete(tree);
    if (ok)
        return rq;
    explain_request_free(rq);
    return NULL;
}

void explain_request_free(struct explain_request *rq)
{
    if (rq == NULL)
        return;
    for (size_t i = 0; i < rq->num_fields; i++) {
        free(rq->fields[i].name);
        free(rq->fields[i].value);
    }
    free(rq->fields);
    free(rq->cluster);
    free(rq->host);
    free(rq->method);
    free(rq->path);
    free(rq->sni);
    free(rq->client);
    free(rq);
}

/* ---- for the matcher ---- */

/* The Host field stands before the others. */
static bool next_field(const void *head, struct str name, size_t *at, struct str *out)
{
    const struct explain_request *rq = head;

    if (*at == 0) {
        ++*at;
        if (rq->host[0] != '\0' && str_eq(name, STR("host"))) {
            *out = str_from(rq->host);
            return true;
        }
    }
    for (; *at <= rq->num_fields; ++*at) {
        const struct route_field *f = &rq->fields[*at - 1];

        if (!str_eq(str_from(f->name), name))
            continue;
        *out = str_from(f->value);
        ++*at;
        return true;
    }
    return false;
}

bool explain_request_view(const struct explain_request *rq, char *host, struct route_request *out)
{
    const char *mark = strchr(rq->path, '?');
    size_t before = mark != NULL ? (size_t)(mark - rq->path) : strlen(rq->path);

    memcpy(host, "*", 2);
    if (rq->host[0] != '\0' && !route_host_of_request(str_from(rq->host), host, NULL))
        return false;
    *out = (struct route_request){
        .host = str_from(host),
        .path = {rq->path, before},
        .query = str_from(mark != NULL ? mark + 1 : ""),
        .method = str_from(rq->method),
        .field = next_field,
        .head = rq,
    };
    return true;
}

bool explain_sees(const struct explain_view *view, const struct table_route *r)
{
    const char *owner = r->route->tenant[0] != '\0' ? r->route->tenant : "default";

    return view->tenant == NULL || (strcmp(view->tenant, owner) == 0 && !plan_is_guard(r->name));
}
