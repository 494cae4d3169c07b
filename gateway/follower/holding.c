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

/* A key is the kind as one byte, then the name. */
struct key {
    char bytes[1 + ROUTE_NAME_MAX];
    size_t n;
};

static struct str make_key(struct key *k, enum route_kind kind, struct str name)
{
    ASSERT(name.n <= ROUTE_NAME_MAX);
    k->bytes[0] = (char)('0' + (int)kind);
    memcpy(k->bytes + 1, name.p, name.n);
    k->n = 1 + name.n;
    return (struct str){k->bytes, k->n};
}

static struct str object_key(struct key *k, const struct holding_object *o)
{
    return make_key(k, o->kind, o->name);
}

static size_t cost(const struct holding_object *o)
{
    return o->name.n + o->value.n + OBJECT_COST;
}

static struct holding_object *object_new(enum route_kind kind, struct str name, struct str value)
{
    struct holding_object *o = xmalloc(sizeof(*o) + name.n + value.n);
    o->kind = kind;
    memcpy(o->bytes, name.p, name.n);
    o->name = (struct str){o->bytes, name.n};
    o->value = (struct str){NULL, 0};
    if (value.p != NULL) {
        memcpy(o->bytes + name.n, value.p, value.n);
        o->value = (struct str){o->bytes + name.n, value.n};
    }
    return o;
}

void holding_init(struct holding *h)
{
    *h = (struct holding){.valid = false};
    map_init(&h->objects);
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
    STAILQ_INIT(&c->list);
    map_init(&c->by_key);
}

void holding_changes_clear(struct holding_changes *c)
{
    struct holding_change *ch;
    while ((ch = STAILQ_FIRST(&c->list)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->list, entry);
        if (ch->owned)
            free(ch->object);
        free(ch);
    }
    map_free(&c->by_key, NULL);
    c->bytes = 0;
}

bool holding_changes_empty(const struct holding_changes *c)
{
    return STAILQ_EMPTY(&c->list);
}

bool holding_changes_add(struct holding_changes *c, enum route_kind kind, struct str name,
                         struct str value, struct err *e)
{
    struct key k;
    struct str key = make_key(&k, kind, name);
    if (c->bytes + name.n + value.n + OBJECT_COST > HOLDING_BYTES_MAX)
        return err_set(e, "TooLarge", "", "a commit of more than %zu MiB is not taken",
                       HOLDING_BYTES_MAX >> 20);
    struct holding_change *ch = map_get(&c->by_key, key);
    if (ch == NULL) {
        ch = xcalloc(1, sizeof(*ch));
        ch->owned = true;
        STAILQ_INSERT_TAIL(&c->list, ch, entry);
        map_put(&c->by_key, key, ch);
    } else {
        c->bytes -= cost(ch->object);
        free(ch->object);
    }
    ch->object = object_new(kind, name, value);
    c->bytes += cost(ch->object);
    return true;
}

/* What the table would be with the changes: its digest and its size. */
static void foresee(const struct holding *h, const struct holding_changes *c, bool snapshot,
                    struct digest *out_digest, size_t *out_bytes)
{
    const struct holding_change *ch;
    struct key k;
    *out_digest = (struct digest){{0}};
    *out_bytes = 0;
    if (!snapshot) {
        *out_digest = h->digest;
        *out_bytes = h->bytes;
    }
    STAILQ_FOREACH(ch, &c->list, entry)
    {
        const struct holding_object *o = ch->object;
        const struct holding_object *old =
            snapshot ? NULL : map_get(&h->objects, object_key(&k, o));
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

static size_t counted(const struct holding_object *o)
{
    return o != NULL && o->kind == ROUTE_KIND_ROUTE ? 1 : 0;
}

static void take_over(struct holding *h, struct holding_changes *c)
{
    struct holding_change *ch;
    struct holding_object *old;
    struct key k;
    STAILQ_FOREACH(ch, &c->list, entry)
    {
        struct str key = object_key(&k, ch->object);
        if (ch->object->value.p == NULL) {
            old = map_remove(&h->objects, key);
        } else {
            old = map_put(&h->objects, key, ch->object);
            h->num_routes += counted(ch->object);
            ch->owned = false;
        }
        h->num_routes -= counted(old);
        free(old);
    }
}

bool holding_commit(struct holding *h, struct holding_changes *c, bool snapshot, const char *digest,
                    struct err *e)
{
    struct digest next;
    size_t bytes;
    char hex[FRAME_DIGEST_HEX + 1];
    foresee(h, c, snapshot, &next, &bytes);
    if (bytes > HOLDING_BYTES_MAX)
        return err_set(e, "TooLarge", "", "a table of more than %zu MiB is not taken",
                       HOLDING_BYTES_MAX >> 20);
    digest_hex(&next, hex);
    if (strcmp(hex, digest) != 0)
        return err_set(e, "DigestMismatch", "/commit/digest",
                       "with this commit the table's digest would be %.12s..., not %.12s...", hex,
                       digest[0] != '\0' ? digest : "(none)");
    if (snapshot) {
        map_free(&h->objects, free);
        h->num_routes = 0;
    }
    take_over(h, c);
    h->digest = next;
    h->bytes = bytes;
    return true;
}
