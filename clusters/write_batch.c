/*
 * To the store and back. At the end of a turn everything that is there to be committed goes to the
 * writer thread as one batch: first what was observed of the swarm, then each write, each a commit
 * of its own. While it is away the plan rests. What comes back committed is published, shown and
 * answered; what does not is taken out of the plan again, and the observed part is tried each
 * second. Called by coordinator.c.
 */
#include <string.h>

#include "clusters/backlog.h"
#include "clusters/catalog.h"
#include "clusters/publish/mailbox.h"
#include "clusters/publish/publish.h"
#include "clusters/write_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "store/writer.h"

/* One commit on its way. */
struct batch_commit {
    struct write *write;       /* NULL: what was observed, or an event */
    struct audit_event *event; /* for the audit alone */
    struct plan_delta delta;   /* of the observed; a write has its own */
    struct store_change *changes;
    struct store_doc_change *docs;
    char *diff;
};

struct batch {
    struct mailbox_item item; /* first: posted by the writer's thread when it is done */
    struct err failure;
    struct batch_commit *all;
    struct store_commit_rq *rqs; /* one for each of all[] */
    size_t num;
    size_t room;
};

/* ---- what is observed ---------------------------------------------------------------------------
 */

void coordinator_note_delta(struct coordinator *c, const struct plan_delta *delta, bool left_out)
{
    for (size_t i = 0; i < delta->num; i++) {
        const struct plan_change *ch = &delta->changes[i];
        struct cluster *cl = coordinator_find(c, ch->cluster);

        ASSERT(cl != NULL); /* coordinator_clusters_add made it */
        if (!left_out || !cl->in_batch)
            backlog_note(&cl->backlog, ch->kind, ch->name, ch->before);
    }
}

/* What gathers the differences of the clusters that are not held. */
struct gather {
    const struct coordinator *c;
    const struct cluster *cl;
    struct plan_delta *out;
    size_t room;
};

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void on_backlog(void *arg, enum route_kind kind, const char *name, const char *before)
{
    struct gather *g = arg;
    const char *after = plan_object(g->c->plan, g->cl->name, kind, name);

    if (same(before, after))
        return;
    if (g->out->num == g->room) {
        g->room = g->room * 2 + 16;
        g->out->changes = xrealloc(g->out->changes, g->room * sizeof g->out->changes[0]);
    }
    g->out->changes[g->out->num++] = (struct plan_change){
        .cluster = xstrdup(g->cl->name),
        .kind = kind,
        .name = xstrdup(name),
        .before = before != NULL ? xstrdup(before) : NULL,
        .after = after != NULL ? xstrdup(after) : NULL,
    };
}

static int change_order(const void *a, const void *b)
{
    const struct plan_change *x = a;
    const struct plan_change *y = b;
    int order = strcmp(x->cluster, y->cluster);

    if (order == 0 && x->kind != y->kind)
        order = x->kind < y->kind ? -1 : 1;
    return order != 0 ? order : strcmp(x->name, y->name);
}

static struct plan_delta gather_observed(struct coordinator *c)
{
    struct plan_delta delta = {0};
    struct gather g = {.c = c, .out = &delta};

    for (size_t i = 0; i < c->num_clusters; i++) {
        c->clusters[i]->in_batch = c->clusters[i]->held == HELD_NOT;
        if (!c->clusters[i]->in_batch)
            continue;
        g.cl = c->clusters[i];
        backlog_each(&c->clusters[i]->backlog, on_backlog, &g);
    }
    if (delta.num > 0)
        qsort(delta.changes, delta.num, sizeof delta.changes[0], change_order);
    return delta;
}

/* ---- filling a batch ----------------------------------------------------------------------------
 */

static struct batch_commit *batch_add(struct batch *b, struct write *w)
{
    if (b->num == b->room) {
        b->room = b->room * 2 + 4;
        b->all = xrealloc(b->all, b->room * sizeof b->all[0]);
    }
    b->all[b->num] = (struct batch_commit){.write = w};
    return &b->all[b->num++];
}

/* The changes of clusters that are held are not in it: they wait in their backlogs. */
static size_t rows_of(const struct coordinator *c, const struct plan_delta *delta,
                      struct store_change **out)
{
    size_t num = 0;

    *out = xcalloc(delta->num + 1, sizeof **out);
    for (size_t i = 0; i < delta->num; i++) {
        const struct plan_change *ch = &delta->changes[i];

        if (coordinator_find(c, ch->cluster)->in_batch)
            (*out)[num++] =
                (struct store_change){ch->cluster, route_kind_name(ch->kind), ch->name, ch->after};
    }
    return num;
}

static size_t seen_rows(const struct coordinator *c, struct store_doc_change **out)
{
    struct str key;
    size_t pos = 0;
    size_t num = 0;
    void *value;

    *out = xcalloc(c->seen.len + 1, sizeof **out);
    while (map_next(&c->seen, &pos, &key, &value)) {
        const struct seen *s = value;
        const struct write_document *d =
            catalog_get(c->catalog, INTENT_SERVICE, s->tenant, s->service);

        if (same(d != NULL ? d->value : NULL, s->value))
            continue;
        (*out)[num++] =
            (struct store_doc_change){s->tenant, intent_kind_name(INTENT_SERVICE), s->service,
                                      s->value, d != NULL ? d->created_ms : clock_wall_ms()};
    }
    return num;
}

static size_t op_rows(const struct write *w, struct store_doc_change **out)
{
    size_t num = 0;

    *out = xcalloc(w->num_ops + 1, sizeof **out);
    for (size_t i = 0; i < w->num_ops; i++) {
        if (w->effects[i] != WRITE_UNCHANGED)
            (*out)[num++] =
                (struct store_doc_change){w->ops[i].tenant, intent_kind_name(w->ops[i].kind),
                                          w->ops[i].name, w->ops[i].value, w->before[i].created_ms};
    }
    return num;
}

/* Whose audit shows it: the one tenant that all its documents belong to. */
static const char *tenant_of(const struct write *w)
{
    for (size_t i = 1; i < w->num_ops; i++) {
        if (strcmp(w->ops[i].tenant, w->ops[0].tenant) != 0)
            return "";
    }
    return w->num_ops > 0 ? w->ops[0].tenant : "";
}

static const struct plan_delta *delta_of(const struct batch_commit *bc)
{
    return bc->write != NULL ? &bc->write->delta : &bc->delta;
}

static void fill_event(const struct audit_event *e, struct store_commit_rq *rq)
{
    rq->event = true;
    rq->author = e->author;
    rq->cause = e->action;
    rq->tenant = e->tenant;
    rq->diff_json = e->detail;
}

static void fill_rq(const struct coordinator *c, struct batch_commit *bc,
                    struct store_commit_rq *rq)
{
    if (bc->event != NULL) {
        fill_event(bc->event, rq);
        return;
    }
    rq->num_changes = rows_of(c, delta_of(bc), &bc->changes);
    rq->num_docs = bc->write != NULL ? op_rows(bc->write, &bc->docs) : seen_rows(c, &bc->docs);
    rq->changes = bc->changes;
    rq->docs = bc->docs;
    bc->diff = write_diff(c, bc->write, rq, delta_of(bc));
    rq->diff_json = bc->diff;
    rq->author = bc->write != NULL ? bc->write->author : "swarm";
    rq->cause = bc->write != NULL ? bc->write->cause : "observed";
    rq->tenant = bc->write != NULL ? tenant_of(bc->write) : "";
    rq->after = c->skip_to;
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->num; i++) {
        plan_delta_clear(&b->all[i].delta);
        free(b->all[i].changes);
        free(b->all[i].docs);
        free(b->all[i].diff);
        if (b->all[i].event != NULL)
            audit_event_free(b->all[i].event);
    }
    free(b->all);
    free(b->rqs);
    free(b);
}

static void add_observed(struct coordinator *c, struct batch *b)
{
    struct plan_delta delta = gather_observed(c);

    if (delta.num == 0 && c->seen.len == 0)
        return;
    batch_add(b, NULL)->delta = delta;
}

/* Refused, or a dry run. */
static void answer_judged(struct coordinator *c, struct write *w)
{
    if (w->status == 0) {
        w->commit = c->head;
        memcpy(w->head, c->audit_head, sizeof w->head);
    }
    write_answer(w, NULL, 0);
}

/* It was judged by what is not committed yet, and may come to nothing (judge_again). */
static void answer_or_hold(struct coordinator *c, struct write *w)
{
    if (c->staged.len == 0) {
        answer_judged(c, w);
        return;
    }
    w->held = true;
    w->stage = WRITE_BATCHED;
    TAILQ_INSERT_TAIL(&c->batched, w, next);
}

/* It is planned, and what follows is planned on top of it; or it is only to be answered. */
static void add_write(struct coordinator *c, struct batch *b, struct write *w)
{
    if ((w->rollback != NULL && !write_rollback_make(w)) || !write_apply(w)) {
        answer_or_hold(c, w);
        return;
    }
    if (w->dry_run) {
        write_undo(w);
        answer_or_hold(c, w);
        return;
    }
    w->commit = c->head;
    memcpy(w->head, c->audit_head, sizeof w->head);
    coordinator_clusters_add(c);
    coordinator_note_delta(c, &w->delta, true);
    w->stage = WRITE_BATCHED;
    TAILQ_INSERT_TAIL(&c->batched, w, next);
    if (w->changed)
        (void)batch_add(b, w);
}

static void add_writes(struct coordinator *c, struct batch *b)
{
    struct write *w;

    while ((w = TAILQ_FIRST(&c->queued)) != NULL) {
        if (w->rollback != NULL && !write_rollback_is_due(w))
            return; /* what is before it makes a batch, and those behind it wait as well */
        TAILQ_REMOVE(&c->queued, w, next);
        add_write(c, b, w);
    }
}

static void add_events(struct coordinator *c, struct batch *b)
{
    struct audit_event *e;

    while ((e = STAILQ_FIRST(&c->events)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->events, next);
        batch_add(b, NULL)->event = e;
    }
    c->num_events = 0;
}

/* They wait for the next one. */
static void give_back_events(struct coordinator *c, struct batch *b)
{
    for (size_t i = b->num; i-- > 0;) {
        if (b->all[i].event == NULL)
            continue;
        STAILQ_INSERT_HEAD(&c->events, b->all[i].event, next);
        b->all[i].event = NULL;
        c->num_events++;
    }
}

/* What was taken from Swarm goes first and alone: nothing may be planned or published without it.
 */
static bool add_restored(struct coordinator *c, struct batch *b)
{
    struct write *w = TAILQ_FIRST(&c->queued);

    if (w == NULL || !w->restored)
        return false;
    for (size_t i = 0; i < c->num_clusters; i++)
        c->clusters[i]->in_batch = false;
    TAILQ_REMOVE(&c->queued, w, next);
    add_write(c, b, w);
    coordinator_turn_soon(c); /* for the others, when this one changes nothing */
    return true;
}

static void answer_batched(struct coordinator *c)
{
    struct write *w;

    while ((w = TAILQ_FIRST(&c->batched)) != NULL) {
        TAILQ_REMOVE(&c->batched, w, next);
        if (w->held)
            answer_judged(c, w);
        else
            write_wait_begin(w);
    }
}

static void serve_all(struct coordinator *c)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (c->clusters[i]->in_batch)
            coordinator_serve(c, c->clusters[i]);
    }
}

/* Nothing differs from what is committed. */
static void settle_empty(struct coordinator *c)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (c->clusters[i]->in_batch)
            backlog_clear(&c->clusters[i]->backlog);
    }
    c->store_failure = (struct err){0};
    serve_all(c);
    coordinator_remember(c);
    answer_batched(c);
}

void coordinator_batch(struct coordinator *c)
{
    struct batch *b = xcalloc(1, sizeof *b);

    if (!add_restored(c, b)) {
        add_observed(c, b);
        add_writes(c, b);
    }
    add_events(c, b);
    if (b->num == 0) {
        batch_free(b);
        settle_empty(c);
        return;
    }
    b->rqs = xcalloc(b->num, sizeof b->rqs[0]);
    for (size_t i = 0; i < b->num; i++)
        fill_rq(c, &b->all[i], &b->rqs[i]);
    c->batch = b;
    store_writer_submit(c->writer, b->rqs, b->num);
}

/* ---- and back -----------------------------------------------------------------------------------
 */

void coordinator_on_written(void *arg, struct store_commit_rq *all, size_t num, const struct err *e)
{
    struct coordinator *c = arg;

    (void)all;
    (void)num;
    c->batch->failure = *e; /* the loop does not touch it before the item is there */
    mailbox_post(c->written, &c->batch->item);
}

static bool plan_names(const struct coordinator *c, const struct cluster *cl, const char *name)
{
    for (int kind = 0; kind < ROUTE_KIND__COUNT; kind++) {
        if (plan_object(c->plan, cl->name, (enum route_kind)kind, name) != NULL)
            return true;
    }
    return false;
}

static void stamp(struct coordinator *c, struct cluster *cl, const struct plan_change *ch,
                  uint64_t commit)
{
    if (ch->after != NULL || plan_names(c, cl, ch->name))
        coordinator_stamp(cl, ch->name, commit);
    else
        free(map_remove(&cl->commits, str_from(ch->name)));
}

/* The changes of one cluster stand together in a delta. */
static size_t publish_run(struct coordinator *c, const struct plan_delta *delta, size_t from,
                          uint64_t commit)
{
    struct cluster *cl = coordinator_find(c, delta->changes[from].cluster);
    struct publish_change *out = xcalloc(delta->num - from, sizeof *out);
    size_t num = 0;

    while (from + num < delta->num && strcmp(delta->changes[from + num].cluster, cl->name) == 0) {
        const struct plan_change *ch = &delta->changes[from + num];

        out[num++] = (struct publish_change){ch->kind, ch->name, ch->after};
        if (cl->in_batch)
            stamp(c, cl, ch, commit);
    }
    if (cl->in_batch && c->fence != REPLICA_FENCE_LOST) {
        cl->revision = commit;
        publish_commit(c->publish, cl->name, commit, out, num);
        log_info("cluster %s: commit %llu changes %zu objects", cl->name,
                 (unsigned long long)commit, num);
    }
    free(out);
    return num;
}

static void publish_delta(struct coordinator *c, const struct plan_delta *delta, uint64_t commit)
{
    for (size_t i = 0; i < delta->num;)
        i += publish_run(c, delta, i, commit);
}

static void take_documents(struct coordinator *c, const struct store_commit_rq *rq)
{
    for (size_t i = 0; i < rq->num_docs; i++) {
        const struct store_doc_change *d = &rq->docs[i];
        enum intent_kind kind;

        ASSERT(intent_kind_from_name(d->kind, &kind));
        if (d->value == NULL)
            catalog_remove(c->catalog, kind, d->tenant, d->name);
        else
            catalog_put(c->catalog, &(struct write_document){kind, d->tenant, d->name, d->value,
                                                             rq->number, d->created_ms});
    }
}

/* Of what was observed the labels of services; of a write its own documents. */
static void tell_watchers(struct coordinator *c, const struct batch_commit *bc,
                          const struct store_commit_rq *rq)
{
    struct write_op *ops = xcalloc(rq->num_docs + 1, sizeof *ops);
    const struct write_event event = {
        .commit = rq->number,
        .at_ms = clock_wall_ms(),
        .author = rq->author,
        .cause = rq->cause,
        .ops = ops,
        .num_ops = rq->num_docs,
        .delta = delta_of(bc),
    };

    for (size_t i = 0; i < rq->num_docs; i++) {
        ASSERT(intent_kind_from_name(rq->docs[i].kind, &ops[i].kind));
        ops[i].tenant = rq->docs[i].tenant;
        ops[i].name = rq->docs[i].name;
        ops[i].value = rq->docs[i].value;
    }
    if (c->on_commit != NULL)
        c->on_commit(c->on_commit_arg, &event);
    coordinator_replicate(c, rq);
    free(ops);
}

static void take_commit(struct coordinator *c, const struct batch_commit *bc,
                        const struct store_commit_rq *rq)
{
    if (bc->write != NULL) {
        bc->write->commit = rq->number;
        memcpy(bc->write->head, rq->head, sizeof bc->write->head);
    }
    if (!rq->made)
        return;
    memcpy(c->audit_head, rq->head, sizeof c->audit_head);
    if (bc->event != NULL)
        return;
    c->head = rq->number;
    take_documents(c, rq);
    publish_delta(c, delta_of(bc), rq->number);
    tell_watchers(c, bc, rq);
}

static void committed(struct coordinator *c, const struct batch *b)
{
    if (c->store_failure.code != NULL)
        log_info("the store takes commits again");
    c->store_failure = (struct err){0};
    serve_all(c);
    for (size_t i = 0; i < b->num; i++)
        take_commit(c, &b->all[i], &b->rqs[i]);
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (c->clusters[i]->in_batch)
            backlog_clear(&c->clusters[i]->backlog);
    }
    map_free(&c->seen, coordinator_seen_free);
    map_init(&c->seen);
    coordinator_take_seen(c); /* of services that are another tenant's now */
    coordinator_want(c);
    write_staged_clear(&c->staged);
    coordinator_clusters_follow(c);
    coordinator_remember(c);
    answer_batched(c);
}

static int store_status(const struct err *why)
{
    return strcmp(why->code, "StoreFull") == 0 ? 507 : 503;
}

/* What was taken from Swarm is tried until the store has it: this coordinator knows nothing else.
 */
static void queue_again(struct coordinator *c, const struct write *w)
{
    const struct write_request rq = {.author = w->author, .cause = w->cause};
    struct write *again = write_new(c, &rq);

    again->restored = true;
    for (size_t i = 0; i < w->num_ops; i++)
        write_add_op(again, &w->ops[i], w->created_ms[i]);
    again->stage = WRITE_QUEUED;
    c->num_writes++;
    TAILQ_INSERT_HEAD(&c->queued, again, next);
}

/* Whoever waits behind it hears why. */
static void refuse_behind(struct coordinator *c, const struct err *why)
{
    struct write *w;

    while ((w = TAILQ_LAST(&c->queued, write_list)) != NULL && !w->restored) {
        TAILQ_REMOVE(&c->queued, w, next);
        write_refuse(w, store_status(why), why->code, "", why->text);
        write_answer(w, NULL, 0);
    }
}

/* Nothing of it is planned; what it was judged by is gone. */
static void judge_again(struct coordinator *c, struct write *w)
{
    write_unjudge(w);
    w->stage = WRITE_QUEUED;
    TAILQ_INSERT_HEAD(&c->queued, w, next);
}

static void not_committed(struct coordinator *c, const struct err *why)
{
    struct write *w;

    while ((w = TAILQ_LAST(&c->batched, write_list)) != NULL) {
        TAILQ_REMOVE(&c->batched, w, next);
        if (w->held) {
            judge_again(c, w);
            continue;
        }
        write_undo(w);
        if (w->restored) {
            queue_again(c, w);
            refuse_behind(c, why);
        }
        w->changed = false;
        write_refuse(w, store_status(why), why->code, "", why->text);
        write_answer(w, NULL, 0);
    }
    write_staged_clear(&c->staged);
    coordinator_clusters_follow(c);
    coordinator_store_failed(c, why,
                             "the store does not take the commit, nothing of it is published");
}

void coordinator_batch_back(void *arg, struct mailbox_item *item)
{
    struct batch *b = (struct batch *)item;
    struct coordinator *c = arg;

    ASSERT(b == c->batch);
    if (b->failure.code == NULL) {
        committed(c, b);
    } else {
        give_back_events(c, b); /* tried with the rest, in a second */
        not_committed(c, &b->failure);
    }
    c->batch = NULL;
    batch_free(b);
    if ((!TAILQ_EMPTY(&c->queued) && !TAILQ_FIRST(&c->queued)->restored) ||
        coordinator_view_waits(c) || c->seen.len > 0 ||
        ((c->turn_waits || !STAILQ_EMPTY(&c->events)) && c->store_failure.code == NULL))
        coordinator_turn_soon(c);
}

void coordinator_batch_drop(struct mailbox_item *item)
{
    (void)item; /* it is the coordinator's batch, which coordinator_batch_end frees */
}

void coordinator_batch_end(struct coordinator *c)
{
    struct write_list *const lists[] = {&c->queued, &c->batched, &c->waiting};
    struct audit_event *e;
    struct write *w;

    while ((e = STAILQ_FIRST(&c->events)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->events, next);
        audit_event_free(e);
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while ((w = TAILQ_FIRST(lists[i])) != NULL) {
            TAILQ_REMOVE(lists[i], w, next);
            w->done = NULL; /* who asked is gone already */
            write_answer(w, NULL, 0);
        }
    }
    if (c->batch != NULL)
        batch_free(c->batch);
    write_staged_clear(&c->staged);
    map_free(&c->seen, coordinator_seen_free);
}
