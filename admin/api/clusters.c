/*
 * The resources of a service cluster: its services as seen, with the conditions that say why, and
 * its gateways. Printed from what the coordinator lends for this turn; a service that belongs to no
 * cluster is shown under each, so that its owner finds the reason wherever he looks. Handlers of
 * endpoints.c.
 */
#include <string.h>

#include "admin/api/api_priv.h"
#include "clusters/compile/plan.h"
#include "clusters/coordinator.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"

bool api_named_cluster(struct api_call *call, char out[API_CLUSTER_MAX + 1])
{
    struct str name = call->vars[0];
    struct err why = {0};

    if (coordinator_name_ok(name)) {
        memcpy(out, name.p, name.n);
        out[name.n] = '\0';
        if (coordinator_has_cluster(call->coordinator, out))
            return true;
    }
    err_set(&why, "NotFound", "cluster", "this coordinator has no service cluster \"%.*s\"",
            name.n > 80 ? 80 : (int)name.n, name.p);
    answer_problem(call->req, 404, &why);
    return false;
}

static bool belongs(const struct compile_service *s, const char *cluster)
{
    return s->cluster[0] == '\0' || strcmp(s->cluster, cluster) == 0;
}

/* False: the swarm has not been read yet, and that was answered (503). */
static bool has_services(struct api_call *call)
{
    struct err why = {0};

    if (coordinator_has_read(call->coordinator))
        return true;
    err_set(&why, "NotRead", "", "the coordinator has not read the swarm yet");
    reply_later(call->req, 503, 1, &why);
    return false;
}

/* ---- the cluster --------------------------------------------------------------------------------
 */

void api_get_cluster(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct coordinator_cluster seen;
    struct write_document d;
    struct answer p;

    if (!api_named_cluster(call, cluster))
        return;
    ASSERT(coordinator_cluster(call->coordinator, cluster, &seen));
    answer_open(&p);
    answer_text(&p, "{\"cluster\":", cluster);
    answer_text(&p, ",\"state\":", seen.held ? "held" : "published");
    answer_text(&p, ",\"code\":", seen.why.code != NULL ? seen.why.code : "");
    answer_text(&p, ",\"reason\":", seen.why.text);
    answer_bool(&p, ",\"streaming\":", seen.served);
    answer_text(&p, ",\"epoch\":", seen.epoch);
    answer_number(&p, ",\"revision\":", seen.revision);
    answer_number(&p, ",\"routes\":", seen.routes);
    answer_number(&p, ",\"gateway_routes\":", seen.held_routes);
    answer_number(&p, ",\"gateways_expected\":", seen.expected);
    answer_number(&p, ",\"gateways_answered\":", seen.answered);
    if (coordinator_document(call->coordinator, INTENT_CLUSTER, "", cluster, &d)) {
        answer_add(&p, ",\"document\":");
        api_print_document(&p, call->api, &d);
        api_print_document_end(&p);
    }
    answer_add(&p, "}");
    answer_send(&p, call->req, 200);
}

/* ---- services -----------------------------------------------------------------------------------
 */

/* What the first "Accepted" says; compile.h promises one. */
static bool is_accepted(const struct compile_service *s)
{
    for (size_t i = 0; i < s->num_conditions; i++) {
        if (strcmp(s->conditions[i].type, "Accepted") == 0)
            return s->conditions[i].status;
    }
    return false;
}

struct service_page {
    struct answer page;
    const char *cluster;
};

static void add_service(void *arg, const struct compile_service *s)
{
    struct service_page *sp = arg;
    struct answer *p = &sp->page;

    if (!belongs(s, sp->cluster))
        return;
    answer_separator(p);
    answer_text(p, "{\"service\":", s->name);
    answer_text(p, ",\"id\":", s->id);
    answer_text(p, ",\"cluster\":", s->cluster);
    answer_bool(p, ",\"accepted\":", is_accepted(s));
    answer_add(p, "}");
}

void api_get_cluster_services(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct service_page sp = {.cluster = cluster};

    if (!api_named_cluster(call, cluster) || !has_services(call))
        return;
    answer_open(&sp.page);
    answer_text(&sp.page, "{\"cluster\":", cluster);
    answer_number(&sp.page, ",\"revision\":", coordinator_revision(call->coordinator, cluster));
    answer_add(&sp.page, ",\"services\":[");
    plan_each_service(coordinator_plan(call->coordinator), add_service, &sp);
    answer_add(&sp.page, "]}");
    answer_send(&sp.page, call->req, 200);
}

static void send_service(struct api_call *call, const char *cluster,
                         const struct compile_service *s)
{
    struct answer p;

    answer_open(&p);
    answer_text(&p, "{\"service\":", s->name);
    answer_text(&p, ",\"id\":", s->id);
    answer_text(&p, ",\"cluster\":", s->cluster);
    answer_add(&p, ",\"hosts\":[");
    for (size_t i = 0; i < s->num_hosts; i++) {
        answer_separator(&p);
        answer_text(&p, "", s->hosts[i]);
    }
    answer_number(&p, "],\"endpoints\":", s->num_endpoints);
    answer_number(&p,
                  ",\"commit\":", coordinator_service_commit(call->coordinator, cluster, s->name));
    answer_add(&p, ",\"conditions\":[");
    for (size_t i = 0; i < s->num_conditions; i++)
        answer_condition(&p, &s->conditions[i], coordinator_head(call->coordinator));
    if (is_accepted(s))
        api_print_service_programmed(&p, call->api, s);
    answer_add(&p, "]}");
    answer_send(&p, call->req, 200);
}

/* The one of that name or id in the cluster, or in none. */
struct wanted_service {
    struct str wanted;
    const char *cluster;
    const struct compile_service *found;
};

static void find_service(void *arg, const struct compile_service *s)
{
    struct wanted_service *w = arg;

    if (w->found == NULL && belongs(s, w->cluster) &&
        (str_eq(w->wanted, str_from(s->name)) || str_eq(w->wanted, str_from(s->id))))
        w->found = s;
}

void api_get_cluster_service(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct wanted_service w = {.wanted = call->vars[1], .cluster = cluster};
    struct err why = {0};

    if (!api_named_cluster(call, cluster) || !has_services(call))
        return;
    plan_each_service(coordinator_plan(call->coordinator), find_service, &w);
    if (w.found != NULL) {
        send_service(call, cluster, w.found);
        return;
    }
    err_set(&why, "NotFound", "service",
            "cluster \"%s\" has no service \"%.*s\" with labels of Signalbox", cluster,
            w.wanted.n > 80 ? 80 : (int)w.wanted.n, w.wanted.p);
    answer_problem(call->req, 404, &why);
}

/* ---- gateways -----------------------------------------------------------------------------------
 */

struct gateway_page {
    struct answer page;
    const char *cluster; /* to be said of each; NULL: it is said once */
    const char *epoch;
    uint64_t revision;
};

static const char *const gateway_states[COORDINATOR_GATEWAY_STATE__COUNT] = {
    [COORDINATOR_GATEWAY_LIVE] = "live",
    [COORDINATOR_GATEWAY_SILENT] = "silent",
    [COORDINATOR_GATEWAY_GONE] = "gone",
    [COORDINATOR_GATEWAY_UNKNOWN] = "unknown",
};

/* In force in this gateway as far as anyone can know: one that is not heard is never up to date. */
static bool is_up_to_date(const struct coordinator_gateway *g, const struct gateway_page *gp)
{
    return g->state == COORDINATOR_GATEWAY_LIVE && g->reported && g->applied >= gp->revision &&
           strcmp(g->epoch, gp->epoch) == 0; /* numbers of another epoch mean other tables */
}

static void add_gateway(void *arg, const struct coordinator_gateway *g)
{
    struct gateway_page *gp = arg;
    struct answer *p = &gp->page;

    answer_separator(p);
    answer_text(p, "{\"id\":", g->id);
    if (gp->cluster != NULL)
        answer_text(p, ",\"cluster\":", gp->cluster);
    answer_text(p, ",\"node\":", g->node);
    answer_number(p, ",\"applied\":", g->applied);
    answer_number(p, ",\"behind\":", gp->revision > g->applied ? gp->revision - g->applied : 0);
    answer_text(p, ",\"epoch\":", g->epoch);
    if (g->routes >= 0)
        answer_number(p, ",\"routes\":", (uint64_t)g->routes);
    else
        answer_add(p, ",\"routes\":null");
    answer_bool(p, ",\"connected\":", g->connected);
    answer_text(p, ",\"state\":", gateway_states[g->state]);
    answer_bool(p, ",\"up_to_date\":", is_up_to_date(g, gp));
    if (g->reported)
        answer_number(p, ",\"last_report_ms_ago\":", (uint64_t)g->last_report_ms_ago);
    else
        answer_add(p, ",\"last_report_ms_ago\":null");
    answer_add(p, ",\"refusals\":");
    answer_add(p, g->refusals_json);
    answer_add(p, "}");
}

static void add_gateways(struct api_call *call, const char *cluster, struct gateway_page *gp)
{
    struct coordinator_cluster seen;

    if (!coordinator_cluster(call->coordinator, cluster, &seen))
        return;
    gp->epoch = seen.epoch;
    gp->revision = seen.revision;
    coordinator_each_gateway(call->coordinator, cluster, add_gateway, gp);
}

void api_get_cluster_gateways(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct gateway_page gp = {.cluster = NULL};

    if (!api_named_cluster(call, cluster))
        return;
    answer_open(&gp.page);
    answer_text(&gp.page, "{\"cluster\":", cluster);
    answer_number(&gp.page, ",\"revision\":", coordinator_revision(call->coordinator, cluster));
    answer_add(&gp.page, ",\"gateways\":[");
    add_gateways(call, cluster, &gp);
    answer_add(&gp.page, "]}");
    answer_send(&gp.page, call->req, 200);
}

void api_get_gateways(struct api_call *call)
{
    const struct plan *p = coordinator_plan(call->coordinator);
    struct gateway_page gp = {.cluster = NULL};

    answer_open(&gp.page);
    answer_add(&gp.page, "{\"gateways\":[");
    for (size_t i = 0; (gp.cluster = plan_cluster_name(p, i)) != NULL; i++)
        add_gateways(call, gp.cluster, &gp);
    answer_add(&gp.page, "]}");
    answer_send(&gp.page, call->req, 200);
}
