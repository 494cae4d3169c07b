/*
 * One sorted array of pointers for each kind: a look-up is a bisection, a list of a tenant is a
 * slice, and a new document moves pointers, which at a hundred thousand costs less than its commit.
 * Used by the files of the coordinator.
 */
#include "clusters/catalog.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/obj.h"

enum { CATALOG_MAGIC = 0x0d0c5001 };

struct shelf {
    struct write_document **all; /* each with its strings behind it */
    size_t num;
    size_t room;
};

struct catalog {
    unsigned magic;
    struct shelf shelves[INTENT_KIND__COUNT];
    size_t num_walks;
    struct shelf graves; /* what was replaced or removed during walks, in no order */
};

struct catalog *catalog_new(void)
{
    struct catalog *d = xcalloc(1, sizeof *d);

    d->magic = CATALOG_MAGIC;
    return d;
}

void catalog_free(struct catalog *d)
{
    if (d == NULL)
        return;
    OBJ_CHECK(d, CATALOG_MAGIC);
    ASSERT(d->num_walks == 0);
    for (size_t kind = 0; kind < INTENT_KIND__COUNT; kind++) {
        for (size_t i = 0; i < d->shelves[kind].num; i++)
            free(d->shelves[kind].all[i]);
        free(d->shelves[kind].all);
    }
    OBJ_KILL(d);
}

static void shelf_grow(struct shelf *s)
{
    if (s->num < s->room)
        return;
    s->room = s->room * 2 + 16;
    s->all = xrealloc(s->all, s->room * sizeof(struct write_document *));
}

/* A walk may still come to it. */
static void bury(struct catalog *d, struct write_document *gone)
{
    if (d->num_walks == 0) {
        free(gone);
        return;
    }
    shelf_grow(&d->graves);
    d->graves.all[d->graves.num++] = gone;
}

/* Where the key is, or would be: the first one that is not before it. name NULL: before all of the
 * tenant's. */
static size_t place_of(const struct shelf *s, const char *tenant, const char *name)
{
    size_t low = 0;
    size_t high = s->num;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct write_document *at = s->all[middle];
        int order = strcmp(at->tenant, tenant);

        if (order == 0 && name != NULL)
            order = strcmp(at->name, name);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct shelf *s, size_t place, const char *tenant, const char *name)
{
    return place < s->num && strcmp(s->all[place]->tenant, tenant) == 0 &&
           strcmp(s->all[place]->name, name) == 0;
}

/* One block: the document and its three strings. */
static struct write_document *copy(const struct write_document *doc)
{
    size_t tenant = strlen(doc->tenant) + 1;
    size_t name = strlen(doc->name) + 1;
    size_t value = strlen(doc->value) + 1;
    struct write_document *made = xcalloc(1, sizeof *made + tenant + name + value);
    char *at = (char *)(made + 1);

    *made = *doc;
    made->tenant = memcpy(at, doc->tenant, tenant);
    made->name = memcpy(at + tenant, doc->name, name);
    made->value = memcpy(at + tenant + name, doc->value, value);
    return made;
}

void catalog_put(struct catalog *d, const struct write_document *doc)
{
    struct shelf *s = &d->shelves[doc->kind];
    size_t place = place_of(s, doc->tenant, doc->name);
    struct write_document *made = copy(doc); /* `doc` may point into the one that goes */

    if (is_at(s, place, doc->tenant, doc->name)) {
        bury(d, s->all[place]);
        s->all[place] = made;
        return;
    }
    shelf_grow(s);
    memmove(&s->all[place + 1], &s->all[place], (s->num - place) * sizeof(struct write_document *));
    s->all[place] = made;
    s->num++;
}

void catalog_remove(struct catalog *d, enum intent_kind kind, const char *tenant, const char *name)
{
    struct shelf *s = &d->shelves[kind];
    size_t place = place_of(s, tenant, name);
    struct write_document *gone;

    if (!is_at(s, place, tenant, name))
        return;
    gone = s->all[place]; /* its strings may be `tenant` and `name` */
    s->num--;
    memmove(&s->all[place], &s->all[place + 1], (s->num - place) * sizeof(struct write_document *));
    bury(d, gone);
}

const struct write_document *catalog_get(const struct catalog *d, enum intent_kind kind,
                                         const char *tenant, const char *name)
{
    const struct shelf *s = &d->shelves[kind];
    size_t place = place_of(s, tenant, name);

    return is_at(s, place, tenant, name) ? s->all[place] : NULL;
}

void catalog_each(const struct catalog *d, enum intent_kind kind, const char *tenant,
                  write_document_fn *fn, void *arg)
{
    const struct shelf *s = &d->shelves[kind];
    size_t i = tenant != NULL ? place_of(s, tenant, NULL) : 0;

    for (; i < s->num; i++) {
        if (tenant != NULL && strcmp(s->all[i]->tenant, tenant) != 0)
            return;
        if (!fn(arg, s->all[i]))
            return;
    }
}

/* ---- walks --------------------------------------------------------------------------------------
 */

/* The pointers of then; documents never change, they are replaced. */
struct catalog_walk {
    struct catalog *of;
    size_t num;
    size_t at;
    const struct write_document *all[];
};

struct catalog_walk *catalog_walk_new(struct catalog *d, enum intent_kind but)
{
    struct catalog_walk *w;
    size_t num = 0;

    OBJ_CHECK(d, CATALOG_MAGIC);
    for (int kind = 0; kind < INTENT_KIND__COUNT; kind++)
        num += d->shelves[kind].num;
    w = xcalloc(1, sizeof *w + num * sizeof(struct write_document *));
    w->of = d;
    d->num_walks++;
    for (int kind = 0; kind < INTENT_KIND__COUNT; kind++) {
        const struct shelf *s = &d->shelves[kind];

        if (kind == (int)but || s->num == 0)
            continue;
        memcpy(&w->all[w->num], s->all, s->num * sizeof(struct write_document *));
        w->num += s->num;
    }
    return w;
}

const struct write_document *catalog_walk_next(struct catalog_walk *w)
{
    return w->at < w->num ? w->all[w->at++] : NULL;
}

void catalog_walk_free(struct catalog_walk *w)
{
    struct catalog *d = w->of;

    free(w);
    if (--d->num_walks > 0)
        return;
    for (size_t i = 0; i < d->graves.num; i++)
        free(d->graves.all[i]);
    free(d->graves.all);
    d->graves = (struct shelf){0};
}
