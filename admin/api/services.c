/*
 * What the swarm has: services with labels of ours, whose they are and what is wrong with them. A
 * tenant sees its own. Handlers of endpoints.c.
 */
#include <string.h>

#include "admin/api/api_priv.h"
#include "admin/api/jsontext.h"
#include "clusters/compile/plan.h"
#include "clusters/coordinator.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

/* ---- services ----------------------------------------------------------------------------------
 */

struct services_page {
    struct answer a;
    struct api_call *call;
    const char *tenant; /* "": all */
    struct map records; /* service -> the tenant that its labels are recorded with, lent */
    struct str wanted;  /* one of them, by name or id */
    bool found;
};

static bool note_record(void *arg, const struct write_document *d)
{
    struct services_page *p = arg;

    map_put(&p->records, str_from(d->name), (void *)d->tenant);
    return true;
}

/* One that nobody has because it cannot be told whose it is, is shown to all who select it. */
static bool is_shown(const struct services_page *p, const struct compile_service *s)
{
    if (p->tenant[0] == '\0' || strcmp(s->tenant, p->tenant) == 0)
        return true;
    return s->tenant[0] == '\0' &&
           plan_selects(coordinator_plan(p->call->coordinator), p->tenant, s->id);
}

static bool is_accepted(const struct compile_service *s)
{
    for (size_t i = 0; i < s->num_conditions; i++) {
        if (strcmp(s->conditions[i].type, "Accepted") == 0)
            return s->conditions[i].status;
    }
    return false;
}

static void print_head(struct services_page *p, const struct compile_service *s)
{
    answer_text(&p->a, "{\"service\":", s->name);
    answer_text(&p->a, ",\"id\":", s->id);
    answer_text(&p->a, ",\"tenant\":", s->tenant);
    answer_text(&p->a, ",\"cluster\":", s->cluster);
    answer_bool(&p->a, ",\"accepted\":", is_accepted(s));
}

static void print_summary(void *arg, const struct compile_service *s)
{
    struct services_page *p = arg;

    if (!is_shown(p, s))
        return;
    answer_separator(&p->a);
    print_head(p, s);
    answer_add(&p->a, "}");
}

/* As last recorded: a tenant that has just taken the service finds them under the one before. */
static void print_labels(struct services_page *p, const struct compile_service *s)
{
    const char *recorded = map_get(&p->records, str_from(s->name));
    struct write_document d;
    struct str labels;

    if (recorded == NULL ||
        !coordinator_document(p->call->coordinator, INTENT_SERVICE, recorded, s->name, &d) ||
        !jsontext_get(str_from(d.value), "labels", &labels))
        return;
    answer_add(&p->a, ",\"labels\":");
    answer_span(&p->a, labels);
    answer_number(&p->a, ",\"labels_commit\":", d.set_by);
}

static void print_whole(void *arg, const struct compile_service *s)
{
    struct services_page *p = arg;
    uint64_t head = coordinator_head(p->call->coordinator);

    if (p->found || !is_shown(p, s) ||
        (!str_eq(p->wanted, str_from(s->name)) && !str_eq(p->wanted, str_from(s->id))))
        return;
    p->found = true;
    print_head(p, s);
    answer_add(&p->a, ",\"hosts\":[");
    for (size_t i = 0; i < s->num_hosts; i++) {
        answer_separator(&p->a);
        answer_text(&p->a, "", s->hosts[i]);
    }
    answer_number(&p->a, "],\"endpoints\":", s->num_endpoints);
    answer_number(&p->a, ",\"commit\":",
                  coordinator_service_commit(p->call->coordinator, s->cluster, s->name));
    print_labels(p, s);
    answer_add(&p->a, ",\"conditions\":[");
    for (size_t i = 0; i < s->num_conditions; i++)
        answer_condition(&p->a, &s->conditions[i], head);
    if (is_accepted(s))
        api_print_service_programmed(&p->a, p->call->api, s);
    answer_add(&p->a, "]}");
}

static void begin(struct services_page *p, struct api_call *call, const char *tenant)
{
    *p = (struct services_page){.call = call, .tenant = tenant};
    map_init(&p->records);
    coordinator_each_document(call->coordinator, INTENT_SERVICE, NULL, note_record, p);
    answer_open(&p->a);
}

void api_get_services(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    struct services_page p;

    if (!api_tenant_of(call, tenant))
        return;
    begin(&p, call, tenant);
    answer_number(&p.a, "{\"commit\":", coordinator_head(call->coordinator));
    answer_add(&p.a, ",\"services\":[");
    plan_each_service(coordinator_plan(call->coordinator), print_summary, &p);
    answer_add(&p.a, "]}");
    answer_send(&p.a, call->req, 200);
    map_free(&p.records, NULL);
}

void api_get_service(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    struct services_page p;

    if (!api_tenant_of(call, tenant))
        return;
    begin(&p, call, tenant);
    p.wanted = call->vars[api_is_tenants(call->row) ? 1 : 0];
    plan_each_service(coordinator_plan(call->coordinator), print_whole, &p);
    if (p.found) {
        answer_send(&p.a, call->req, 200);
    } else {
        answer_free(&p.a);
        api_not_found(call);
    }
    map_free(&p.records, NULL);
}
