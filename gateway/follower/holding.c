/*
 * The object set of a follower and the check that guards it: after each commit the digest over all
 * objects must be what the coordinator says, or the commit is not taken and nobody hears of it.
 * Values are opaque bytes here. No I/O. Used by session.c and journal.c.
 */
#include "gateway/follower/holding.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

enum { OBJECT_COST = 160 /* bytes of bookkeeping an object is charged with */ };

/* The kind as one byte, then the name: what the maps know the object by, without a copy. */
static struct str object_key(const struct holding_object *o)
{
    return (struct str){o->bytes, 1 + o->name.n};
}

static size_t cost(const struct holding_object *o)
{
    return o->name.n + o->value.n + OBJECT_COST;
}

static struct holding_object *object_new(enum route_kind kind, struct str name, struct str value)
{
    ASSERT(name.n <= ROUTE_NAME_MAX);
    struct holding_object *o = xmalloc(sizeof(*o) + 1 + name.n + value.n);
    char *at = o->bytes + 1;
    o->kind = kind;
    o->change_only = true;
    o->bytes[0] = (char)('0' + (int)kind);
    o->name = (struct str){memcpy(at, name.p, name.n), name.n};
    at += name.n;
    o->value = (struct str){NULL, 0};
    if (value.p != NULL)
        o->value = (struct str){memcpy(at, value.p, value.n), value.n};
    return o;
}

void holding_init(struct holding *h)
{
    *h = (struct holding){.valid = false};
    map_init_lent(&h->objects);
}

void holding_free(struct holding *h)
{
    map_free(&h->objects, free);
    holding_init(h);
}

size_t holding_num_objects(const struct holding *h)
{
    return h->objects.len;
}

const struct holding_object *holding_next(const struct holding *h, size_t *pos)
{
    struct str key;
    void *o;
    return map_next(&h->objects, pos, &key, &o) ? o : NULL;
}

void holding_digest(const struct holding *h, char out[FRAME_DIGEST_HEX + 1])
{
    digest_hex(&h->digest, out);
}

void holding_changes_init(struct holding_changes *c)
{
    *c = (struct holding_changes){.bytes = 0};
    TAILQ_INIT(&c->list);
    map_init_lent(&c->by_key);
}

void holding_changes_clear(struct holding_changes *c)
{
    struct holding_object *o;
    while ((o = TAILQ_FIRST(&c->list)) != NULL) {
        TAILQ_REMOVE(&c->list, o, entry);
        if (o->change_only)
            free(o);
    }
    map_free(&c->by_key, NULL);
    c->bytes = 0;
}

bool holding_changes_empty(const struct holding_changes *c)
{
    return TAILQ_EMPTY(&c->list);
}

bool holding_changes_add(struct holding_changes *c, enum route_kind kind, struct str name,
                         struct str value, struct err *e)
{
    if (c->bytes + name.n + value.n + OBJECT_COST > HOLDING_BYTES_MAX)
        return err_set(e, "TooLarge", "", "a commit of more than %zu MiB is not taken",
                       HOLDING_BYTES_MAX >> 20);
    struct holding_object *o = object_new(kind, name, value);
    struct holding_object *old = map_put(&c->by_key, object_key(o), o);
    if (old != NULL) {
        TAILQ_REMOVE(&c->list, old, entry);
        c->bytes -= cost(old);
        free(old);
    }
    TAILQ_INSERT_TAIL(&c->list, o, entry);
    c->bytes += cost(o);
    return true;
}

/* What the table would be with the changes: its digest and its size. */
static void foresee(const struct holding *h, const struct holding_changes *c,
                    struct digest *out_digest, size_t *out_bytes)
{
    const struct holding_object *o;
    *out_digest = h->digest;
    *out_bytes = h->bytes;
    TAILQ_FOREACH(o, &c->list, entry)
    {
        const struct holding_object *old = map_get(&h->objects, object_key(o));
        if (old != NULL) {
            digest_remove(out_digest, old->kind, old->name, old->value);
            *out_bytes -= cost(old);
        }
        if (o->value.p != NULL) {
            digest_add(out_digest, o->kind, o->name, o->value);
            *out_bytes += cost(o);
        }
    }
}

/* The same of changes that are the whole table. */
static void foresee_all(const struct holding_changes *c, const struct digest *sum,
                        struct digest *out_digest, size_t *out_bytes)
{
    const struct holding_object *o;
    *out_digest = sum != NULL ? *sum : (struct digest){{0}};
    *out_bytes = 0;
    TAILQ_FOREACH(o, &c->list, entry)
    {
        if (o->value.p == NULL)
            continue;
        *out_bytes += cost(o);
        if (sum == NULL)
            digest_add(out_digest, o->kind, o->name, o->value);
    }
}

static size_t counted(const struct holding_object *o)
{
    return o != NULL && o->kind == ROUTE_KIND_ROUTE ? 1 : 0;
}

static void take_over(struct holding *h, struct holding_changes *c)
{
    struct holding_object *o;
    struct holding_object *old;
    TAILQ_FOREACH(o, &c->list, entry)
    {
        struct str key = object_key(o);
        if (o->value.p == NULL) {
            old = map_remove(&h->objects, key);
        } else {
            old = map_put(&h->objects, key, o);
            h->num_routes += counted(o);
            o->change_only = false;
        }
        h->num_routes -= counted(old);
        free(old);
    }
}

/* The changes are the whole table: their map becomes the holding's. */
static void take_over_all(struct holding *h, struct holding_changes *c)
{
    struct holding_object *o;
    map_free(&h->objects, free);
    h->num_routes = 0;
    TAILQ_FOREACH(o, &c->list, entry)
    {
        if (o->value.p == NULL) {
            (void)map_remove(&c->by_key, object_key(o)); /* it stays in the list */
            continue;
        }
        h->num_routes += counted(o);
        o->change_only = false;
    }
    h->objects = c->by_key;
    map_init_lent(&c->by_key);
}

bool holding_commit(struct holding *h, struct holding_changes *c, bool snapshot,
                    const struct digest *sum, const char *digest, struct err *e)
{
    struct digest next;
    size_t bytes;
    char hex[FRAME_DIGEST_HEX + 1];
    ASSERT(snapshot || sum == NULL);
    if (snapshot)
        foresee_all(c, sum, &next, &bytes);
    else
        foresee(h, c, &next, &bytes);
    if (bytes > HOLDING_BYTES_MAX)
        return err_set(e, "TooLarge", "", "a table of more than %zu MiB is not taken",
                       HOLDING_BYTES_MAX >> 20);
    digest_hex(&next, hex);
    if (strcmp(hex, digest) != 0)
        return err_set(e, "DigestMismatch", "/commit/digest",
                       "with this commit the table's digest would be %.12s..., not %.12s...", hex,
                       digest[0] != '\0' ? digest : "(none)");
    if (snapshot)
        take_over_all(h, c);
    else
        take_over(h, c);
    h->digest = next;
    h->bytes = bytes;
    return true;
}
