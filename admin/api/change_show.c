/*
 * What a write that went well answers: the document with its status, or what became of each
 * document; the commit and the head of the audit chain in headers; who of the gateways has not got
 * it yet. Called when the coordinator is done with a change.
 */
#include <string.h>

#include <event2/http.h>

#include "admin/api/change.h"
#include "admin/api/explain.h"
#include "admin/api/impact.h"
#include "admin/api/warnings.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"

static const char *effect_name(enum write_effect e)
{
    switch (e) {
    case WRITE_CREATED:
        return "created";
    case WRITE_CHANGED:
        return "changed";
    case WRITE_UNCHANGED:
        return "unchanged";
    case WRITE_DELETED:
        return "deleted";
    }
    WRONG("an effect without a name");
}

int change_headers(struct change *c, const struct write_answer *a, int done)
{
    answer_header_number(c->req, "Signalbox-Commit", a->commit);
    if (a->head != NULL && a->head[0] != '\0')
        answer_header(c->req, "Signalbox-Audit-Head", a->head);
    if ((a->waited && !a->applied) || (c->durable && !c->dry_run && !a->durable))
        return 202;
    return done;
}

static void print_laggards(struct answer *out, const struct write_answer *a)
{
    answer_add(out, ",\"laggards\":[");
    for (size_t i = 0; i < a->num_laggards; i++) {
        const struct write_laggard *l = &a->laggards[i];

        answer_separator(out);
        answer_text(out, "{\"cluster\":", l->cluster);
        answer_text(out, ",\"gateway\":", l->gateway);
        answer_text(out, ",\"node\":", l->node);
        answer_text(out, ",\"state\":", l->state);
        answer_number(out, ",\"applied\":", l->applied);
        answer_add(out, ",\"refusals\":");
        answer_add(out, l->refusals_json);
        answer_add(out, "}");
    }
    answer_add(out, "]");
}

static void print_lost(struct answer *out, const struct write_answer *a)
{
    answer_add(out, ",\"lost\":[");
    for (size_t i = 0; i < a->num_lost; i++) {
        answer_separator(out);
        answer_text(out, "", a->lost[i]);
    }
    answer_add(out, "]");
}

void change_print_outcome(struct answer *out, const struct change *c, const struct write_answer *a)
{
    answer_number(out, "\"commit\":", a->commit);
    answer_bool(out, ",\"changed\":", a->changed);
    if (c->dry_run)
        answer_add(out, ",\"dryRun\":true");
    if (a->waited) {
        answer_bool(out, ",\"applied\":", a->applied);
        print_laggards(out, a);
    }
    if (c->durable && !c->dry_run)
        answer_bool(out, ",\"durable\":", a->durable);
    if (c->row->op == SURFACE_ROLLBACK_OP)
        print_lost(out, a);
    warnings_print(out, c->api, a, c->caller.tenant);
    answer_span(out, buf_str(&c->extra));
}

static void print_op(struct answer *out, const struct write_op *op, enum write_effect effect)
{
    answer_separator(out);
    answer_text(out, "{\"kind\":", intent_kind_name(op->kind));
    answer_text(out, ",\"tenant\":", op->tenant);
    answer_text(out, ",\"name\":", op->name);
    answer_text(out, ",\"effect\":", effect_name(effect));
    answer_add(out, "}");
}

void change_show_write(struct change *c, const struct write_answer *a)
{
    struct answer out;

    answer_open(&out);
    answer_add(&out, "{");
    change_print_outcome(&out, c, a);
    answer_add(&out, ",\"documents\":[");
    for (size_t i = 0; i < a->num_ops; i++)
        print_op(&out, &a->ops[i], a->effects[i]);
    answer_add(&out, "]");
    if (c->dry_run) {
        impact_print(&out, coordinator_plan(c->api->coordinator), a->delta, c->caller.tenant);
        explain_print_unreachable(&out, c->api, a->delta, c->caller.tenant);
    }
    answer_add(&out, "}");
    answer_send(&out, c->req, change_headers(c, a, 200));
}

void change_show_document(struct change *c, const struct write_answer *a)
{
    struct write_document d;
    struct answer out;
    int status;

    if (c->dry_run ||
        !coordinator_document(c->api->coordinator, c->key.kind, c->key.tenant, c->key.name, &d)) {
        change_show_write(c, a); /* a later write may have removed it again */
        return;
    }
    answer_open(&out);
    api_print_document(&out, c->api, &d);
    answer_add(&out, ",\"write\":{");
    change_print_outcome(&out, c, a);
    answer_add(&out, "}");
    api_print_document_end(&out);
    status = change_headers(c, a, a->effects[0] == WRITE_CREATED ? 201 : 200);
    answer_etag(c->req, a->effects[0] == WRITE_UNCHANGED ? d.set_by : a->commit);
    answer_send(&out, c->req, status);
}
