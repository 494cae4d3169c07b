/*
 * POST …/explain: which route a request takes and why no other, by the gateway's own matcher over
 * the tables as they were last committed; and, for dry runs, which routes nothing would reach. What
 * it says is clusters/explain's; here are who asks and what he may see. Handler of endpoints.c.
 */
#include "admin/api/explain.h"

#include <string.h>

#include "admin/api/api_priv.h"
#include "admin/api/impact.h"
#include "clusters/coordinator.h"
#include "clusters/explain/explainer.h"
#include "clusters/publish/reply.h"

static void answer_request(struct api_call *call, const char *tenant,
                           const struct explain_request *rq)
{
    struct explain_view view = {.tenant = tenant};
    struct coordinator_cluster cluster;
    struct err why = {0};
    struct buf out;

    if (coordinator_cluster(call->coordinator, rq->cluster, &cluster)) {
        view.commit = cluster.revision;
        view.held = cluster.held;
    }
    buf_init(&out, ANSWER_MAX);
    if (!explainer_write(call->api->explainer, coordinator_plan(call->coordinator), view, rq, &out,
                         &why))
        answer_problem(call->req, strcmp(why.code, "UnknownCluster") == 0 ? 422 : 503, &why);
    else
        reply_json(call->req, 200, &out);
    buf_free(&out);
}

void api_explain(struct api_call *call)
{
    char tenant[API_CLUSTER_MAX + 1];
    struct errs faults = {.num = 0};
    struct explain_request *rq;
    struct str body;

    if (!api_tenant_of(call, tenant) || !api_body(call, &body))
        return;
    rq = explain_request_read(body, &faults);
    if (rq == NULL)
        answer_faults(call->req, errs_has(&faults, "NoMemory") ? 503 : 422, &faults, "");
    else
        answer_request(call, tenant[0] != '\0' ? tenant : NULL, rq);
    explain_request_free(rq);
}

struct shadows {
    struct answer *out;
    const char *tenant; /* "": all */
};

static void print_shadow(void *arg, const char *cluster, const struct explain_shadow *s)
{
    const struct shadows *sh = arg;
    bool all = sh->tenant[0] == '\0';

    if (!all && strcmp(s->tenant, sh->tenant) != 0)
        return;
    answer_separator(sh->out);
    answer_text(sh->out, "{\"cluster\":", cluster);
    answer_text(sh->out, ",\"route\":", s->route);
    answer_text(sh->out, ",\"host\":", s->host);
    if (s->by != NULL && (all || impact_is_of(sh->tenant, s->by, NULL)))
        answer_text(sh->out, ",\"by\":", s->by);
    answer_add(sh->out, "}");
}

void explain_print_unreachable(struct answer *out, const struct api *api,
                               const struct plan_delta *delta, const char *tenant)
{
    struct shadows sh = {.out = out, .tenant = tenant};

    answer_add(out, ",\"unreachable\":[");
    explainer_shadows(api->explainer, coordinator_plan(api->coordinator), delta, print_shadow, &sh);
    answer_add(out, "]");
}
