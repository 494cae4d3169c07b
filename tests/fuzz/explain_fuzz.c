/*
 * Any JSON as a request to be explained, on a table with something of everything. A refusal names
 * codes and places; an answer is JSON, its winner is no loser, and who may see less is told less.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/explain/explain.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWER_MAX = 8 << 20 };

static const struct {
    const char *name;
    const char *value;
} routes[] = {
    {"all", "{\"tenant\":\"acme\",\"hosts\":[\"a.test\"],\"forward\":[{\"pool\":\"p\"}]}"},
    {"x", "{\"tenant\":\"acme\",\"hosts\":[\"a.test\",\"*.test\"],\"path\":\"/x\",\"forward\":[{"
          "\"pool\":\"p\"}]}"},
    {"exact", "{\"tenant\":\"acme\",\"hosts\":[\"a.test\"],\"path\":\"/x\",\"path_type\":\"exact\","
              "\"match\":{\"methods\":[\"PUT\"]},\"respond\":{\"status\":200}}"},
    {"asks", "{\"tenant\":\"beta\",\"hosts\":[\"*.test\",\"*.b.test\"],\"match\":{\"headers\":[{"
             "\"name\":\"h\",\"value\":\"1\"}],\"queries\":[{\"name\":\"q\"}],\"cookies\":[{"
             "\"name\":\"c\"}]},\"redirect\":{\"path\":\"/\"}}"},
    {"beta", "{\"tenant\":\"beta\",\"hosts\":[\"b.test\"],\"forward\":[{\"pool\":\"gone\"}]}"},
};

static const char *value(void *arg, enum route_kind kind, const char *name)
{
    (void)arg;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (kind == ROUTE_KIND_ROUTE && strcmp(routes[i].name, name) == 0)
            return routes[i].value;
    if (kind == ROUTE_KIND_POOL && strcmp(name, "p") == 0)
        return "{}";
    return kind == ROUTE_KIND_ENDPOINTS && strcmp(name, "p") == 0
               ? "{\"endpoints\":[{\"address\":\"::1\",\"port\":1}]}"
               : NULL;
}

static const struct explain_table *table(void)
{
    static struct explain_table *t;

    if (t != NULL)
        return t;
    t = explain_table_new();
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        explain_table_set(t, ROUTE_KIND_ROUTE, routes[i].name, str_from(routes[i].value));
    ASSERT(explain_table_commit(t) == 0);
    return t;
}

static cJSON *explain_to(const char *tenant, const struct explain_request *rq)
{
    const struct explain_view view = {.tenant = tenant, .value = value};
    struct buf out;

    buf_init(&out, ANSWER_MAX);
    ASSERT(explain_write(table(), rq, &view, &out));
    cJSON *answer = json_parse(buf_str(&out), &json_limits_frame, NULL);

    ASSERT(answer != NULL && cJSON_IsString(json_get(answer, "outcome")));
    buf_free(&out);
    return answer;
}

static bool is_of(const cJSON *route, const char *name, const char *host)
{
    return strcmp(json_get(route, "name")->valuestring, name) == 0 &&
           strcmp(json_get(route, "host")->valuestring, host) == 0;
}

static void check_losers(const cJSON *answer, const char *tenant)
{
    const cJSON *winner = json_get(answer, "route");
    const cJSON *losers = json_get(answer, "losers");

    for (const cJSON *l = losers != NULL ? losers->child : NULL; l != NULL; l = l->next) {
        ASSERT(json_get(l, "lost_by")->valuestring[0] != '\0');
        ASSERT(tenant == NULL || strcmp(json_get(l, "tenant")->valuestring, tenant) == 0);
        ASSERT(winner == NULL || !is_of(l, json_get(winner, "name")->valuestring,
                                        json_get(winner, "host")->valuestring));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errs e = {.num = 0};
    struct explain_request *rq = explain_request_read((struct str){(const char *)data, size}, &e);

    if (rq == NULL) {
        ASSERT(e.num > 0 && e.all[0].code != NULL);
        ASSERT(e.all[0].field[0] == '\0' || e.all[0].field[0] == '/');
        return 0;
    }
    cJSON *all = explain_to(NULL, rq);
    cJSON *acme = explain_to("acme", rq);

    check_losers(all, NULL);
    check_losers(acme, "acme");
    ASSERT(json_get(acme, "route") == NULL || json_get(all, "route") != NULL);
    cJSON_Delete(all);
    cJSON_Delete(acme);
    explain_request_free(rq);
    return 0;
}
