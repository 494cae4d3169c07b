/*
 * What the audit says of a commit: its documents before and after, and which objects of which
 * tables it changed. For people and witnesses; the history has everything. Called by write_batch.c.
 */
#include <string.h>

#include "clusters/catalog.h"
#include "clusters/write_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

enum {
    DIFF_MAX = 128 << 10,     /* bytes of what an audit row says of a commit */
    DIFF_OBJECTS_MAX = 200,   /* objects that it names */
    DIFF_VALUE_MAX = 16 << 10 /* a longer document is named without its value */
};

static void diff_text(struct buf *b, const char *before, const char *text, bool *fits)
{
    *fits = *fits && buf_add_str(b, str_from(before)) && buf_add_json(b, str_from(text));
}

/* A token's document holds the hash of its secret: nobody needs to see it. */
static void diff_value(struct buf *b, const char *before, const char *value, enum intent_kind kind,
                       bool *fits)
{
    if (value != NULL && (kind == INTENT_TOKEN || strlen(value) > DIFF_VALUE_MAX))
        value = "true";
    *fits = *fits && buf_add_str(b, str_from(before)) &&
            buf_add_str(b, str_from(value != NULL ? value : "null"));
}

static void diff_document(struct buf *b, const struct write_op *op, const char *before, bool *fits)
{
    bool first = b->len > 0 && b->bytes[b->len - 1] == '[';

    diff_text(b, first ? "{\"kind\":" : ",{\"kind\":", intent_kind_name(op->kind), fits);
    diff_text(b, ",\"tenant\":", op->tenant, fits);
    diff_text(b, ",\"name\":", op->name, fits);
    diff_value(b, ",\"before\":", before, op->kind, fits);
    diff_value(b, ",\"after\":", op->value, op->kind, fits);
    *fits = *fits && buf_add_str(b, STR("}"));
}

static void diff_objects(struct buf *b, const struct plan_delta *delta, bool *fits)
{
    size_t num = delta->num < DIFF_OBJECTS_MAX ? delta->num : DIFF_OBJECTS_MAX;

    for (size_t i = 0; i < num; i++) {
        const struct plan_change *ch = &delta->changes[i];

        diff_text(b, i > 0 ? ",{\"cluster\":" : "{\"cluster\":", ch->cluster, fits);
        diff_text(b, ",\"kind\":", route_kind_name(ch->kind), fits);
        diff_text(b, ",\"name\":", ch->name, fits);
        diff_text(b, ",\"change\":", ch->after != NULL ? "set" : "delete", fits);
        *fits = *fits && buf_add_str(b, STR("}"));
    }
}

static void diff_write(struct buf *b, const struct write *w, bool *fits)
{
    for (size_t i = 0; i < w->num_ops; i++) {
        if (w->effects[i] != WRITE_UNCHANGED)
            diff_document(b, &w->ops[i], w->before[i].value, fits);
    }
}

static void diff_observed(struct buf *b, const struct coordinator *c,
                          const struct store_commit_rq *rq, bool *fits)
{
    for (size_t i = 0; i < rq->num_docs && *fits; i++) {
        const struct store_doc_change *d = &rq->docs[i];
        const struct write_document *now =
            catalog_get(c->catalog, INTENT_SERVICE, d->tenant, d->name);
        const struct write_op op = {
            .kind = INTENT_SERVICE, .tenant = d->tenant, .name = d->name, .value = d->value};

        diff_document(b, &op, now != NULL ? now->value : NULL, fits);
    }
}

/* What does not fit is counted, not shown: the history has all of it. */
char *write_diff(const struct coordinator *c, const struct write *w,
                 const struct store_commit_rq *rq, const struct plan_delta *delta)
{
    struct buf b;
    bool fits;

    buf_init(&b, DIFF_MAX);
    fits = buf_add_str(&b, STR("{\"documents\":["));
    if (w != NULL)
        diff_write(&b, w, &fits);
    else
        diff_observed(&b, c, rq, &fits);
    fits = fits && buf_add_str(&b, STR("],\"objects\":["));
    diff_objects(&b, delta, &fits);
    fits = fits && buf_add_fmt(&b, "],\"num_objects\":%zu}", delta->num);
    if (!fits) {
        buf_free(&b);
        return xasprintf("{\"documents\":%zu,\"num_objects\":%zu}", rq->num_docs, delta->num);
    }
    return buf_take(&b);
}
