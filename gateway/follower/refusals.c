/*
 * Bookkeeping between commits, nacks and acks, so that a report says what is refused at the
 * revision it names. Acks come in the order of the commits; the nacks of a commit come before its
 * ack. No I/O. Called by follower.c.
 */
#include "gateway/follower/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

struct refusal {
    enum route_kind kind;
    char *name;
    struct err why;
};

/* What a commit touches: its objects get a new verdict with its ack. */
struct refusals_commit {
    uint64_t revision;
    bool everything;
    char **keys;
    size_t num_keys;
    STAILQ_ENTRY(refusals_commit) entry;
};

static void refusal_free(void *p)
{
    struct refusal *f = p;
    if (f == NULL)
        return;
    free(f->name);
    free(f);
}

static void commit_free(struct refusals_commit *c)
{
    for (size_t i = 0; i < c->num_keys; i++)
        free(c->keys[i]);
    free(c->keys);
    free(c);
}

static char *make_key(enum route_kind kind, struct str name)
{
    return xasprintf("%d %.*s", (int)kind, STR_ARG(name));
}

void refusals_init(struct refusals *r)
{
    *r = (struct refusals){.applied = 0};
    map_init(&r->now);
    map_init(&r->pending);
    STAILQ_INIT(&r->sent);
}

static void drop_first(struct refusals *r)
{
    struct refusals_commit *c = STAILQ_FIRST(&r->sent);
    STAILQ_REMOVE_HEAD(&r->sent, entry);
    commit_free(c);
}

void refusals_free(struct refusals *r)
{
    map_free(&r->now, refusal_free);
    map_free(&r->pending, refusal_free);
    while (!STAILQ_EMPTY(&r->sent))
        drop_first(r);
}

static size_t count(const struct holding_changes *changes)
{
    const struct holding_object *o;
    size_t n = 0;
    TAILQ_FOREACH(o, &changes->list, entry)
    n++;
    return n;
}

void refusals_sent(struct refusals *r, uint64_t revision, const struct holding_changes *changes)
{
    struct refusals_commit *c = xcalloc(1, sizeof(*c));
    const struct holding_object *o;
    c->revision = revision;
    c->everything = changes == NULL;
    if (changes != NULL) {
        c->keys = xcalloc(count(changes) + 1, sizeof(*c->keys));
        TAILQ_FOREACH(o, &changes->list, entry)
        c->keys[c->num_keys++] = make_key(o->kind, o->name);
    }
    STAILQ_INSERT_TAIL(&r->sent, c, entry);
}

void refusals_nack(struct refusals *r, enum route_kind kind, const char *name,
                   const struct err *why)
{
    if (r->pending.len >= REFUSALS_KEPT)
        return; /* a report tells of a hundred; nobody reads more */
    struct refusal *f = xcalloc(1, sizeof(*f));
    char *key = make_key(kind, str_from(name));
    f->kind = kind;
    f->name = xstrdup(name);
    f->why = *why;
    refusal_free(map_put(&r->pending, str_from(key), f));
    free(key);
}

static void forget_verdicts(struct refusals *r, const struct refusals_commit *c)
{
    if (c->everything)
        map_free(&r->now, refusal_free);
    for (size_t i = 0; i < c->num_keys; i++)
        refusal_free(map_remove(&r->now, str_from(c->keys[i])));
}

static void adopt_pending(struct refusals *r)
{
    size_t pos = 0;
    struct str key;
    void *f;
    while (map_next(&r->pending, &pos, &key, &f))
        refusal_free(map_put(&r->now, key, f));
    map_free(&r->pending, NULL);
}

void refusals_ack(struct refusals *r, uint64_t revision)
{
    struct refusals_commit *c = STAILQ_FIRST(&r->sent);
    r->applied = revision;
    if (c != NULL) {
        forget_verdicts(r, c);
        drop_first(r);
    }
    adopt_pending(r);
}

static bool write_one(const struct refusal *f, bool first, struct buf *out)
{
    return buf_add_fmt(out, "%s{\"kind\":\"%s\",\"name\":", first ? "" : ",",
                       route_kind_name(f->kind)) &&
           buf_add_json(out, str_from(f->name)) && buf_add_fmt(out, ",\"code\":") &&
           buf_add_json(out, str_from(f->why.code)) && buf_add_fmt(out, ",\"message\":") &&
           buf_add_json(out, str_from(f->why.text)) && buf_add_fmt(out, ",\"field\":") &&
           buf_add_json(out, str_from(f->why.field)) && buf_add(out, "}", 1);
}

bool refusals_write(const struct refusals *r, struct buf *out)
{
    size_t pos = 0;
    struct str key;
    void *f;
    bool ok = buf_add(out, "[", 1);
    for (size_t i = 0; ok && i < REFUSALS_REPORTED && map_next(&r->now, &pos, &key, &f); i++)
        ok = write_one(f, i == 0, out);
    return ok && buf_add(out, "]", 1);
}
