/*
 * A document as it is shown: its members, its key, and "status": which commit set it, the plan's
 * conditions, and whether every live gateway of its cluster has it. Used by everything that shows
 * documents.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/api/api_priv.h"
#include "admin/api/jsontext.h"
#include "clusters/compile/plan.h"
#include "clusters/coordinator.h"
#include "gateway/core/check.h"

/* How far the gateways of a cluster are. */
struct progress {
    const char *epoch;
    uint64_t wanted;  /* the commit that they must have */
    const char *kind; /* of the object in the table; NULL: all of that name */
    const char *name;
    size_t live;
    size_t have;
    size_t refuse;
};

static bool is_refused(const char *refusals_json, const struct progress *p)
{
    struct jsontext w;
    struct str one, kind, name;
    char text[512];

    if (!jsontext_array(str_from(refusals_json), &w))
        return false;
    while (jsontext_element(&w, &one)) {
        if (jsontext_get(one, "kind", &kind) && jsontext_get(one, "name", &name) &&
            jsontext_copy(kind, text, sizeof text) &&
            (p->kind == NULL || strcmp(text, p->kind) == 0) &&
            jsontext_copy(name, text, sizeof text) && strcmp(text, p->name) == 0)
            return true;
    }
    return false;
}

static void count_gateway(void *arg, const struct coordinator_gateway *g)
{
    struct progress *p = arg;

    if (g->state != COORDINATOR_GATEWAY_LIVE && g->state != COORDINATOR_GATEWAY_SILENT)
        return;
    p->live++;
    if (g->state == COORDINATOR_GATEWAY_LIVE && g->reported && g->applied >= p->wanted &&
        strcmp(g->epoch, p->epoch) == 0) {
        p->have++;
        p->refuse += is_refused(g->refusals_json, p);
    }
}

static void print_programmed(struct answer *a, struct progress *p, uint64_t head)
{
    char *message = p->refuse > 0
                        ? xasprintf("%zu of %zu live gateways refuse it", p->refuse, p->live)
                    : p->live == 0 ? xstrdup("no gateway of the cluster lives")
                                   : xasprintf("%zu of %zu live gateways have commit %" PRIu64,
                                               p->have, p->live, p->wanted);
    const struct compile_condition c = {
        .type = "Programmed",
        .status = p->live > 0 && p->have == p->live && p->refuse == 0,
        .reason = p->refuse > 0        ? (char *)"Refused"
                  : p->live == 0       ? (char *)"NoGateways"
                  : p->have == p->live ? (char *)"Applied"
                                       : (char *)"Pending",
        .message = message,
        .label = (char *)"",
        .value = (char *)"",
    };

    answer_condition(a, &c, head);
    free(message);
}

/* Does the kind become an object of its cluster's table? */
static bool is_programmed(enum intent_kind kind)
{
    return kind == INTENT_ROUTE || kind == INTENT_POOL || kind == INTENT_ENDPOINTS ||
           kind == INTENT_SETTINGS;
}

/* A revision is the last commit that changed the table: one that changed nothing in it needs no
 * more than that. */
static void print_progress(struct answer *a, const struct api *api, const char *in, uint64_t commit,
                           struct progress *p)
{
    struct coordinator_cluster cluster;

    if (!coordinator_cluster(api->coordinator, in, &cluster))
        return;
    p->epoch = cluster.epoch;
    p->wanted = commit < cluster.revision ? commit : cluster.revision;
    coordinator_each_gateway(api->coordinator, in, count_gateway, p);
    print_programmed(a, p, coordinator_head(api->coordinator));
}

/* Its own objects, and the routes of hosts that it shares. */
void api_print_service_programmed(struct answer *a, const struct api *api,
                                  const struct compile_service *s)
{
    struct progress p = {.name = s->name};
    uint64_t commit = coordinator_service_commit(api->coordinator, s->cluster, s->name);

    for (size_t i = 0; i < s->num_hosts; i++) {
        char *shared = xasprintf("host:%s", s->hosts[i]);
        uint64_t n = coordinator_service_commit(api->coordinator, s->cluster, shared);

        commit = n > commit ? n : commit;
        free(shared);
    }
    print_progress(a, api, s->cluster, commit, &p);
}

static void programmed(struct answer *a, const struct api *api, const struct write_document *d)
{
    const struct intent *i =
        plan_intent(coordinator_plan(api->coordinator), d->kind, d->tenant, d->name);
    struct progress p = {.kind = intent_kind_name(d->kind)};
    char *name;

    if (i == NULL || i->cluster == NULL)
        return;
    name = d->kind == INTENT_SETTINGS ? xstrdup("settings") : intent_table_name(d->tenant, d->name);
    p.name = name;
    print_progress(a, api, i->cluster, d->set_by, &p);
    free(name);
}

static void print_conditions(struct answer *a, const struct api *api,
                             const struct write_document *d)
{
    size_t num = 0;
    const struct compile_condition *all =
        plan_conditions(coordinator_plan(api->coordinator), d->kind, d->tenant, d->name, &num);
    bool accepted = true;
    bool said = false;

    answer_add(a, ",\"conditions\":[");
    for (size_t i = 0; i < num; i++) {
        answer_condition(a, &all[i], coordinator_head(api->coordinator));
        accepted = accepted && (strcmp(all[i].type, "Accepted") != 0 || all[i].status);
        said = said || strcmp(all[i].type, "Programmed") == 0;
    }
    if (accepted && !said && is_programmed(d->kind))
        programmed(a, api, d);
    answer_add(a, "]");
}

/* The members of the value; of a token all but its hash. */
static void print_members(struct answer *a, const struct write_document *d)
{
    struct jsontext w;
    struct str key, value;

    if (!jsontext_object(str_from(d->value), &w))
        return;
    while (jsontext_member(&w, &key, &value)) {
        if (d->kind == INTENT_TOKEN && str_eq(key, STR("\"hash\"")))
            continue;
        answer_add(a, ",");
        answer_span(a, key);
        answer_add(a, ":");
        answer_span(a, value);
    }
}

void api_print_document(struct answer *a, const struct api *api, const struct write_document *d)
{
    answer_text(a, "{\"kind\":", intent_kind_name(d->kind));
    if (d->tenant[0] != '\0')
        answer_text(a, ",\"tenant\":", d->tenant);
    answer_text(a, ",\"name\":", d->name);
    print_members(a, d);
    answer_number(a, ",\"status\":{\"commit\":", d->set_by);
    answer_number(a, ",\"created_ms\":", (uint64_t)d->created_ms);
    if (d->kind == INTENT_TOKEN)
        answer_number(a, ",\"last_used_ms\":", (uint64_t)auth_last_used(api->config.auth, d->name));
    print_conditions(a, api, d);
}

void api_print_document_end(struct answer *a)
{
    answer_add(a, "}}");
}
