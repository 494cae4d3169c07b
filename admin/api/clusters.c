/*
 * The resources of a service cluster: its services as seen, with the conditions that say why, and
 * its gateways. Printed from what the coordinator lends for this turn; a service that belongs to no
 * cluster is shown under each, so that its owner finds the reason wherever he looks. Handlers of
 * endpoints.c.
 */
#include <string.h>

#include "admin/api/api_priv.h"
#include "clusters/coordinator.h"
#include "clusters/publish/reply.h"
#include "clusters/write.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

enum { ANSWER_MAX = 64 << 20 };

/* An answer being printed; `fits` turns false when it would exceed ANSWER_MAX. */
struct page {
    struct buf b;
    bool fits;
    bool first; /* of the elements of the list under way */
};

static void page_open(struct page *p)
{
    buf_init(&p->b, ANSWER_MAX);
    p->fits = true;
    p->first = true;
}

static void add(struct page *p, const char *json)
{
    p->fits = p->fits && buf_add_str(&p->b, str_from(json));
}

static void add_text(struct page *p, const char *before, const char *text)
{
    add(p, before);
    p->fits = p->fits && buf_add_json(&p->b, str_from(text));
}

static void add_number(struct page *p, const char *before, uint64_t n)
{
    p->fits = p->fits && buf_add_fmt(&p->b, "%s%llu", before, (unsigned long long)n);
}

static void add_bool(struct page *p, const char *before, bool value)
{
    add(p, before);
    add(p, value ? "true" : "false");
}

static void add_separator(struct page *p)
{
    if (!p->first)
        add(p, ",");
    p->first = false;
}

static void page_send(struct page *p, struct api_call *call)
{
    struct err why = {0};

    add(p, "\n");
    if (p->fits) {
        reply_json(call->req, 200, &p->b);
    } else {
        err_set(&why, "TooLarge", "", "the answer would be larger than %d bytes", (int)ANSWER_MAX);
        reply_later(call->req, 503, 60, &why);
    }
    buf_free(&p->b);
}

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
    reply_problem(call->req, 404, &why);
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
    struct page p;

    if (!api_named_cluster(call, cluster))
        return;
    ASSERT(coordinator_cluster(call->coordinator, cluster, &seen));
    page_open(&p);
    add_text(&p, "{\"cluster\":", cluster);
    add_text(&p, ",\"state\":", seen.held ? "held" : "published");
    add_text(&p, ",\"code\":", seen.why.code != NULL ? seen.why.code : "");
    add_text(&p, ",\"reason\":", seen.why.text);
    add_bool(&p, ",\"streaming\":", seen.served);
    add_text(&p, ",\"epoch\":", seen.epoch);
    add_number(&p, ",\"revision\":", seen.revision);
    add_number(&p, ",\"routes\":", seen.routes);
    add_number(&p, ",\"gateway_routes\":", seen.held_routes);
    add_number(&p, ",\"gateways_expected\":", seen.expected);
    add_number(&p, ",\"gateways_answered\":", seen.answered);
    add(&p, "}");
    page_send(&p, call);
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
    struct page page;
    const char *cluster;
};

static void add_service(void *arg, const struct compile_service *s)
{
    struct service_page *sp = arg;
    struct page *p = &sp->page;

    if (!belongs(s, sp->cluster))
        return;
    add_separator(p);
    add_text(p, "{\"service\":", s->name);
    add_text(p, ",\"id\":", s->id);
    add_text(p, ",\"cluster\":", s->cluster);
    add_bool(p, ",\"accepted\":", is_accepted(s));
    add(p, "}");
}

void api_get_services(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct service_page sp = {.cluster = cluster};

    if (!api_named_cluster(call, cluster) || !has_services(call))
        return;
    page_open(&sp.page);
    add_text(&sp.page, "{\"cluster\":", cluster);
    add_number(&sp.page, ",\"revision\":", coordinator_revision(call->coordinator, cluster));
    add(&sp.page, ",\"services\":[");
    plan_each_service(coordinator_plan(call->coordinator), add_service, &sp);
    add(&sp.page, "]}");
    page_send(&sp.page, call);
}

static void add_condition(struct page *p, const struct compile_condition *c)
{
    add_separator(p);
    add_text(p, "{\"type\":", c->type);
    add_text(p, ",\"status\":", c->status ? "True" : "False");
    add_text(p, ",\"reason\":", c->reason);
    add_text(p, ",\"message\":", c->message);
    add_text(p, ",\"label\":", c->label);
    add_text(p, ",\"value\":", c->value);
    add(p, "}");
}

static void send_service(struct api_call *call, const char *cluster,
                         const struct compile_service *s)
{
    struct page p;

    page_open(&p);
    add_text(&p, "{\"service\":", s->name);
    add_text(&p, ",\"id\":", s->id);
    add_text(&p, ",\"cluster\":", s->cluster);
    add(&p, ",\"hosts\":[");
    for (size_t i = 0; i < s->num_hosts; i++) {
        add_separator(&p);
        add_text(&p, "", s->hosts[i]);
    }
    add_number(&p, "],\"endpoints\":", s->num_endpoints);
    add_number(&p, ",\"commit\":", coordinator_service_commit(call->coordinator, cluster, s->name));
    add(&p, ",\"conditions\":[");
    p.first = true;
    for (size_t i = 0; i < s->num_conditions; i++)
        add_condition(&p, &s->conditions[i]);
    add(&p, "]}");
    page_send(&p, call);
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

void api_get_service(struct api_call *call)
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
    reply_problem(call->req, 404, &why);
}

/* ---- gateways -----------------------------------------------------------------------------------
 */

struct gateway_page {
    struct page page;
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
    struct page *p = &gp->page;

    add_separator(p);
    add_text(p, "{\"id\":", g->id);
    add_text(p, ",\"node\":", g->node);
    add_number(p, ",\"applied\":", g->applied);
    add_number(p, ",\"behind\":", gp->revision > g->applied ? gp->revision - g->applied : 0);
    add_text(p, ",\"epoch\":", g->epoch);
    if (g->routes >= 0)
        add_number(p, ",\"routes\":", (uint64_t)g->routes);
    else
        add(p, ",\"routes\":null");
    add_bool(p, ",\"connected\":", g->connected);
    add_text(p, ",\"state\":", gateway_states[g->state]);
    add_bool(p, ",\"up_to_date\":", is_up_to_date(g, gp));
    if (g->reported)
        add_number(p, ",\"last_report_ms_ago\":", (uint64_t)g->last_report_ms_ago);
    else
        add(p, ",\"last_report_ms_ago\":null");
    add(p, ",\"refusals\":");
    add(p, g->refusals_json);
    add(p, "}");
}

void api_get_gateways(struct api_call *call)
{
    char cluster[API_CLUSTER_MAX + 1];
    struct coordinator_cluster seen;
    struct gateway_page gp;

    if (!api_named_cluster(call, cluster))
        return;
    ASSERT(coordinator_cluster(call->coordinator, cluster, &seen));
    page_open(&gp.page);
    gp.epoch = seen.epoch;
    gp.revision = seen.revision;
    add_text(&gp.page, "{\"cluster\":", cluster);
    add_number(&gp.page, ",\"revision\":", gp.revision);
    add(&gp.page, ",\"gateways\":[");
    coordinator_each_gateway(call->coordinator, cluster, add_gateway, &gp);
    add(&gp.page, "]}");
    page_send(&gp.page, call);
}
