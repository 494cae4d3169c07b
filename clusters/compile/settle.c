/*
 * The steps of plan_settle, in their order; plan_priv.h has the picture.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

/* ---- tasks ---- */

static bool takes_requests(const struct plan *p, const struct view_task *t)
{
    return reach_task_serves(p->view, t) || reach_task_ends(p->view, t);
}

static void add_task(struct unit *u, const struct view_task *t)
{
    if ((u->num_tasks & (u->num_tasks - 1)) == 0) /* a power of two: the array is full */
        u->tasks = xrealloc(u->tasks, (u->num_tasks > 0 ? u->num_tasks * 2 : 1) *
                                          sizeof(const struct view_task *));
    u->tasks[u->num_tasks++] = t;
}

static void collect(const struct plan *p, struct unit *u)
{
    const struct queue *ids = map_get(&p->tasks, str_from(u->id));

    for (size_t i = 0; ids != NULL && i < ids->num; i++) {
        const struct view_task *t = view_task(p->view, ids->all[i]);

        if (t != NULL && takes_requests(p, t))
            add_task(u, t);
    }
}

void units_collect(struct plan *p, const struct queue *units)
{
    for (size_t i = 0; i < units->num; i++) {
        struct unit *u = units->all[i];

        if (!u->there || u->collected)
            continue;
        u->collected = true;
        queue_add(&p->collected, u);
        collect(p, u);
    }
}

void units_let_go(struct plan *p)
{
    for (size_t i = 0; i < p->collected.num; i++) {
        struct unit *u = p->collected.all[i];

        free(u->tasks);
        u->tasks = NULL;
        u->num_tasks = 0;
        u->collected = false;
    }
    p->collected.num = 0;
}

/* ---- the steps ---- */

static void queue_everything(struct plan *p)
{
    size_t pos = 0;
    struct str key;
    void *thing;

    while (map_next(&p->units, &pos, &key, &thing))
        thing_queue(p, thing, THING_JUDGE);
    for (int k = 0; k < INTENT_KIND__COUNT; k++) {
        pos = 0;
        while (document_is_thing((enum intent_kind)k) &&
               map_next(&p->documents[k], &pos, &key, &thing))
            thing_queue(p, thing, THING_JUDGE);
    }
}

/* Which clusters there are concerns all: it hardly ever changes. */
static void review_clusters(struct plan *p)
{
    if (!p->clusters_changed)
        return;
    p->clusters_changed = false;
    p->settings_changed = true;
    tables_review(p);
    queue_everything(p);
}

static void judge_units(struct plan *p)
{
    struct queue work = p->judge_units;

    p->judge_units = (struct queue){0};
    units_collect(p, &work);
    for (size_t i = 0; i < work.num; i++) {
        struct unit *u = work.all[i];

        u->thing.queued &= ~(unsigned)THING_JUDGE;
        unit_judge(p, u);
    }
    queue_free(&work);
}

static void judge_documents(struct plan *p)
{
    struct queue work;

    documents_collect(p);
    work = p->judge_documents;
    p->judge_documents = (struct queue){0};
    for (size_t i = 0; i < work.num; i++) {
        struct document *d = work.all[i];

        d->thing.queued &= ~(unsigned)THING_JUDGE;
        document_judge(p, d);
    }
    queue_free(&work);
}

/* What a quota leaves of a thing's endpoints is judged in a second round, which changes no rank. */
static void judge(struct plan *p)
{
    do {
        judge_units(p);
        names_judge(p);
        judge_documents(p);
        tenants_rank(p);
    } while (p->judge_units.num > 0 || p->judge_documents.num > 0);
}

static void ask(struct plan *p)
{
    for (size_t i = 0; i < p->asks.num; i++) {
        struct thing *t = p->asks.all[i];

        t->queued &= ~(unsigned)THING_ASK;
        thing_ask(p, t);
    }
    p->asks.num = 0;
}

static void emit_settings(struct plan *p)
{
    size_t pos = 0;
    struct str key;
    void *found;

    while (p->settings_changed && map_next(&p->tables, &pos, &key, &found)) {
        struct table *t = found;
        const struct intent *doc = plan_intent(p, INTENT_SETTINGS, "", t->name);
        bool wanted = t->there && doc != NULL;

        table_set(p, t, ROUTE_KIND_SETTINGS, "settings",
                  wanted ? xstrdup(doc->as.table_value) : NULL);
    }
    p->settings_changed = false;
}

/* ---- what is gone ---- */

static void bury_unit(struct plan *p, struct unit *u)
{
    name_remove(p, u);
    (void)map_remove(&p->units, str_from(u->id));
    unit_free(u);
}

static void bury(struct plan *p)
{
    for (size_t i = 0; i < p->graves.num; i++) {
        struct thing *t = p->graves.all[i];

        if (t->is_service)
            bury_unit(p, unit_of(t));
        else
            document_remove(p, document_of(t));
    }
    p->graves.num = 0;
}

void plan_settle(struct plan *p, struct plan_delta *out)
{
    p->losses.num = 0;
    review_clusters(p);
    judge(p);
    ask(p);
    hosts_judge(p);
    guards_settle(p);
    emit_all(p);
    emit_settings(p);
    tenants_emit(p);
    units_let_go(p);
    hosts_sweep(p);
    bury(p);
    tables_take_delta(p, out);
    tables_sweep(p);
    p->settled++;
}
