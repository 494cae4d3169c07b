/*
 * One write into the plan, judged on the way, and out of it again. A write is judged as a whole:
 * all its documents are put in, the plan settles, and each is asked whether it may stand as things
 * are now; one fault and all of them are taken out again. Called by write_batch.c.
 */
#include <string.h>

#include "clusters/catalog.h"
#include "clusters/write_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

char *write_key(enum intent_kind kind, const char *tenant, const char *name, struct str *out)
{
    char *text = xasprintf("%d/%s/%s", (int)kind, tenant, name); /* neither tenant has a '/' */

    *out = str_from(text);
    return text;
}

static struct staged *staged_of(const struct coordinator *c, const struct write_op *op)
{
    struct str key;
    char *text = write_key(op->kind, op->tenant, op->name, &key);
    struct staged *s = map_get(&c->staged, key);

    free(text);
    return s;
}

static void staged_free(void *p)
{
    struct staged *s = p;

    free(s->value);
    free(s);
}

void write_staged_clear(struct map *staged)
{
    map_free(staged, staged_free);
    map_init(staged);
}

/* value NULL: deleted. */
static void stage(struct coordinator *c, const struct write_op *op, const char *value,
                  int64_t created_ms)
{
    struct staged *s = xcalloc(1, sizeof *s);
    struct staged *old;
    struct str key;
    char *text = write_key(op->kind, op->tenant, op->name, &key);

    s->deleted = value == NULL;
    s->value = value != NULL ? xstrdup(value) : NULL;
    s->created_ms = created_ms;
    old = map_put(&c->staged, key, s);
    if (old != NULL)
        staged_free(old);
    free(text);
}

static void unstage(struct coordinator *c, const struct write_op *op)
{
    struct str key;
    char *text = write_key(op->kind, op->tenant, op->name, &key);
    struct staged *old = map_remove(&c->staged, key);

    if (old != NULL)
        staged_free(old);
    free(text);
}

/* The document that the op meets. */
static void look_up(struct write *w, size_t i)
{
    const struct write_op *op = &w->ops[i];
    const struct staged *s = staged_of(w->owner, op);
    const struct write_document *d =
        s == NULL ? catalog_get(w->owner->catalog, op->kind, op->tenant, op->name) : NULL;
    struct write_before *b = &w->before[i];

    b->was_staged = s != NULL;
    b->created_ms = w->created_ms[i] != 0 ? w->created_ms[i] : clock_wall_ms();
    if (s != NULL && !s->deleted) {
        b->value = xstrdup(s->value);
        b->created_ms = s->created_ms;
    } else if (d != NULL) {
        b->value = xstrdup(d->value);
        b->created_ms = d->created_ms;
    }
}

static bool fault(struct write *w, size_t i, int status, const char *code, const char *text)
{
    struct err why = {0};
    char field[ERR_FIELD_MAX];

    (void)snprintf(field, sizeof field, "/%zu", i);
    err_set(&why, code, field, "%s", text);
    errs_add(w->faults, &why);
    if (w->status == 0)
        w->status = status;
    return false;
}

/* A client can only name a commit that was answered: one of this batch is none. */
static bool is_at(const struct write *w, size_t i)
{
    const struct write_op *op = &w->ops[i];
    const struct write_document *d = catalog_get(w->owner->catalog, op->kind, op->tenant, op->name);

    return !w->before[i].was_staged && d != NULL && d->set_by == op->at;
}

static bool precondition_holds(struct write *w, size_t i)
{
    bool there = w->before[i].value != NULL;

    switch (w->ops[i].when) {
    case WRITE_ALWAYS:
        return true;
    case WRITE_IF_ABSENT:
        return !there || fault(w, i, 412, "AlreadyThere", "there is one of that name");
    case WRITE_IF_PRESENT:
        return there || fault(w, i, 412, "NotThere", "there is none of that name");
    case WRITE_IF_AT:
        return is_at(w, i) || fault(w, i, 412, "Changed",
                                    "it is not what the If-Match names: somebody changed it");
    }
    WRONG("a precondition is one of four");
}

static bool tenant_exists(const struct coordinator *c, const char *tenant)
{
    return tenant[0] == '\0' || strcmp(tenant, COORDINATOR_DEFAULT_TENANT) == 0 ||
           plan_intent(c->plan, INTENT_TENANT, "", tenant) != NULL;
}

/* Each fault of the document, behind the number of its op. */
static bool take_faults(struct write *w, size_t i, const struct errs *faults, int status)
{
    for (size_t k = 0; k < errs_kept(faults); k++) {
        struct err why = faults->all[k];

        (void)snprintf(why.field, sizeof why.field, "/%zu%.*s", i, ERR_FIELD_MAX - 24,
                       faults->all[k].field);
        errs_add(w->faults, &why);
    }
    if (w->status == 0)
        w->status = status;
    return false;
}

/* What a newer program put into Swarm is kept as it is, as one from the store would be. */
static bool may_be_unread(const struct write *w, size_t i, const struct errs *faults)
{
    const struct write_op *op = &w->ops[i];

    if (w->restored)
        log_warn("the %s \"%s\" of tenant \"%s\" in Swarm has no effect: %s",
                 intent_kind_name(op->kind), op->name, op->tenant, faults->all[0].text);
    return w->restored;
}

static bool put(struct write *w, size_t i)
{
    struct write_op *op = &w->ops[i];
    struct errs *faults = xcalloc(1, sizeof *faults);
    struct intent *intent = intent_read(op->kind, op->tenant, op->name, w->before[i].created_ms,
                                        str_from(op->value), faults);
    bool ran_out = errs_has(faults, "NoMemory");
    bool usable = intent != NULL || (!ran_out && may_be_unread(w, i, faults));

    ASSERT(!ran_out || !w->restored); /* as xmalloc does: without these there is no going on */
    if (!usable)
        take_faults(w, i, faults, ran_out ? 503 : 422);
    free(faults);
    if (!usable)
        return false;
    if (intent != NULL) {
        free((char *)op->value);
        op->value = xstrdup(intent->value);
    }
    if (w->before[i].value != NULL && strcmp(w->before[i].value, op->value) == 0) {
        w->effects[i] = WRITE_UNCHANGED;
        intent_free(intent);
        return true;
    }
    w->effects[i] = w->before[i].value != NULL ? WRITE_CHANGED : WRITE_CREATED;
    w->before[i].planned = true;
    w->changed = true;
    stage(w->owner, op, op->value, w->before[i].created_ms);
    if (intent != NULL)
        plan_put(w->owner->plan, intent);
    else if (w->before[i].value != NULL)
        plan_delete(w->owner->plan, op->kind, op->tenant, op->name);
    return true;
}

static bool drop(struct write *w, size_t i)
{
    const struct write_op *op = &w->ops[i];

    if (w->before[i].value == NULL)
        return fault(w, i, 404, "NotFound", "there is none of that name");
    w->effects[i] = WRITE_DELETED;
    w->before[i].planned = true;
    w->changed = true;
    stage(w->owner, op, NULL, w->before[i].created_ms);
    plan_delete(w->owner->plan, op->kind, op->tenant, op->name);
    return true;
}

static bool put_all(struct write *w)
{
    bool ok = true;

    for (size_t i = 0; i < w->num_ops; i++) {
        look_up(w, i);
        if (!precondition_holds(w, i))
            ok = false;
        else
            ok = (w->ops[i].value != NULL ? put(w, i) : drop(w, i)) && ok;
    }
    return ok;
}

/* ---- judged in its surroundings -----------------------------------------------------------------
 */

static int status_of(const struct errs *faults)
{
    static const struct {
        const char *code;
        int status;
    } known[] = {
        {"Conflicted", 409}, {"QuotaExceeded", 409}, {"NotClaimed", 403}, {"NotAllowed", 403}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(faults->all[0].code, known[i].code) == 0)
            return known[i].status;
    }
    return 422;
}

static bool judge_put(struct write *w, size_t i)
{
    const struct write_op *op = &w->ops[i];
    struct errs *faults;
    bool ok;

    if (!tenant_exists(w->owner, op->tenant))
        return fault(w, i, 404, "NotFound", "there is no such tenant");
    faults = xcalloc(1, sizeof *faults);
    ok = plan_judge(w->owner->plan, op->kind, op->tenant, op->name, faults);
    if (!ok)
        take_faults(w, i, faults, status_of(faults));
    free(faults);
    return ok;
}

/* Does the plan still have a document of this tenant, or one that names this cluster? */
struct user {
    const struct plan *plan;
    const char *cluster; /* NULL: any document counts */
    bool found;
};

static bool on_user(void *arg, const struct write_document *d)
{
    struct user *u = arg;
    const struct intent *i = plan_intent(u->plan, d->kind, d->tenant, d->name);

    if (i != NULL &&
        (u->cluster == NULL || (i->cluster != NULL && strcmp(i->cluster, u->cluster) == 0)))
        u->found = true;
    return !u->found;
}

static bool is_used(const struct coordinator *c, const char *tenant, const char *cluster)
{
    static const enum intent_kind kinds[] = {INTENT_ROUTE,       INTENT_POOL,  INTENT_ENDPOINTS,
                                             INTENT_CERTIFICATE, INTENT_TOKEN, INTENT_PIN,
                                             INTENT_SETTINGS};
    struct user u = {.plan = c->plan, .cluster = cluster};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !u.found; i++)
        catalog_each(c->catalog, kinds[i], tenant, on_user, &u);
    return u.found;
}

/* One of the command line stays without its document. */
static bool is_of_command_line(const struct coordinator *c, const char *cluster)
{
    for (size_t i = 0; i < c->config.num_clusters; i++)
        if (strcmp(c->config.clusters[i], cluster) == 0)
            return true;
    return false;
}

static bool judge_delete(struct write *w, size_t i)
{
    const struct write_op *op = &w->ops[i];

    if (op->kind == INTENT_TENANT && is_used(w->owner, op->name, NULL))
        return fault(w, i, 409, "InUse", "the tenant still has documents; delete them with it");
    if (op->kind == INTENT_CLUSTER && !is_of_command_line(w->owner, op->name) &&
        is_used(w->owner, NULL, op->name))
        return fault(w, i, 409, "InUse", "documents still name the cluster");
    return true;
}

static bool judge_all(struct write *w)
{
    bool ok = true;

    for (size_t i = 0; i < w->num_ops && !w->restored; i++)
        ok = (w->ops[i].value != NULL ? judge_put(w, i) : judge_delete(w, i)) && ok;
    return ok;
}

static bool judge_harm(struct write *w)
{
    bool ok = w->restored || write_harms_nobody(w, w->faults);

    if (!ok && w->status == 0)
        w->status = 409;
    return ok;
}

void write_unjudge(struct write *w)
{
    for (size_t i = 0; i < w->num_ops; i++)
        free(w->before[i].value);
    free(w->before);
    free(w->effects);
    w->before = NULL;
    w->effects = NULL;
    plan_delta_clear(&w->delta);
    memset(w->faults, 0, sizeof *w->faults);
    w->status = 0;
    w->changed = false;
    w->held = false;
}

bool write_apply(struct write *w)
{
    w->effects = xcalloc(w->num_ops + 1, sizeof w->effects[0]);
    w->before = xcalloc(w->num_ops + 1, sizeof w->before[0]);
    if (put_all(w)) {
        plan_settle(w->owner->plan, &w->delta);
        if (judge_all(w) && judge_harm(w))
            return true;
    }
    write_undo(w);
    plan_delta_clear(&w->delta);
    w->changed = false;
    return false;
}

/* The plan had this document, so it can be read. */
static void put_back(struct write *w, size_t i)
{
    const struct write_op *op = &w->ops[i];
    const struct write_before *b = &w->before[i];
    struct errs *faults = xcalloc(1, sizeof *faults);
    struct intent *intent =
        intent_read(op->kind, op->tenant, op->name, b->created_ms, str_from(b->value), faults);

    ASSERT(!errs_has(faults, "NoMemory")); /* the plan would not be what it was */
    if (intent != NULL)
        plan_put(w->owner->plan, intent);
    else
        plan_delete(w->owner->plan, op->kind, op->tenant, op->name); /* of a newer program */
    free(faults);
}

void write_undo(struct write *w)
{
    struct plan_delta ignored;

    for (size_t i = w->num_ops; i-- > 0;) {
        const struct write_op *op = &w->ops[i];
        const struct write_before *b = &w->before[i];

        if (!b->planned)
            continue;
        if (b->value != NULL)
            put_back(w, i);
        else
            plan_delete(w->owner->plan, op->kind, op->tenant, op->name);
        if (b->was_staged)
            stage(w->owner, op, b->value, b->created_ms);
        else
            unstage(w->owner, op);
    }
    plan_settle(w->owner->plan, &ignored);
    plan_delta_clear(&ignored);
}
