/*
 * The picture of the swarm on its way into the plan. The observer changes its own in place and says
 * what differed; the plan has a copy, which waits while a batch is with the writer's thread: what
 * was written is taken out of the plan again, should that fail, by the picture it was planned with.
 * Called by coordinator.c and write_batch.c.
 */
#include "clusters/coordinator_priv.h"

#include "clusters/write_priv.h"
#include "gateway/core/check.h"

enum { PATCHES_WAITING_MAX = 256 };

void coordinator_drop_patches(struct coordinator *c)
{
    struct view_patch *p;

    while ((p = STAILQ_FIRST(&c->patches)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->patches, next);
        view_patch_free(p);
    }
    c->num_patches = 0;
}

/* Too many differences: the plan compares the whole again. */
void coordinator_take_view(struct coordinator *c, struct view *now, struct view_patch *owned)
{
    c->view = now;
    c->plan_whole = c->plan_whole || c->planned == NULL || c->num_patches == PATCHES_WAITING_MAX;
    if (c->plan_whole) {
        view_patch_free(owned);
        coordinator_drop_patches(c);
        return;
    }
    STAILQ_INSERT_TAIL(&c->patches, owned, next);
    c->num_patches++;
}

bool coordinator_view_waits(const struct coordinator *c)
{
    return c->plan_whole || c->num_patches > 0;
}

static void plan_whole(struct coordinator *c)
{
    struct view *whole = view_clone(c->view);

    plan_view(c->plan, whole);
    view_free(c->planned);
    c->planned = whole;
    c->plan_whole = false;
}

static void plan_patches(struct coordinator *c)
{
    struct view_patch *p;

    STAILQ_FOREACH(p, &c->patches, next)
    {
        view_patch_apply(p, c->planned);
        plan_patch(c->plan, p->gone, p->come);
    }
    coordinator_drop_patches(c);
}

static void on_seen(void *arg, const struct plan_seen *seen)
{
    struct coordinator *c = arg;
    const struct write_op op = {
        .kind = INTENT_SERVICE, .tenant = seen->tenant, .name = seen->service};
    struct str key;
    char *text = write_key(op.kind, op.tenant, op.name, &key);
    struct seen *s = xcalloc(1, sizeof *s);
    struct seen *old;

    s->tenant = xstrdup(seen->tenant);
    s->service = xstrdup(seen->service);
    s->value = seen->value != NULL ? xstrdup(seen->value) : NULL;
    old = map_put(&c->seen, key, s);
    if (old != NULL)
        coordinator_seen_free(old);
    free(text);
}

void coordinator_seen_free(void *p)
{
    struct seen *s = p;

    free(s->tenant);
    free(s->service);
    free(s->value);
    free(s);
}

void coordinator_take_seen(struct coordinator *c)
{
    plan_take_seen(c->plan, on_seen, c);
}

void coordinator_plan_view(struct coordinator *c)
{
    struct plan_delta delta;

    if (!coordinator_view_waits(c))
        return;
    if (c->plan_whole)
        plan_whole(c);
    else
        plan_patches(c);
    plan_settle(c->plan, &delta);
    coordinator_clusters_add(c);
    coordinator_note_delta(c, &delta, false);
    plan_delta_clear(&delta);
    coordinator_take_seen(c);
}
