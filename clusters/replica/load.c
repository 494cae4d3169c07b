/*
 * From a list of configs to documents: opens them (seal.c), finds the ones that count (chain.c),
 * inflates and applies these (pack.c). It does not ask Docker for anything and removes nothing.
 * Called by replica.c and the tests.
 */
#include "clusters/replica/load.h"

#include <string.h>

#include "gateway/core/check.h"

struct object {
    char name[SEAL_NAME_MAX];
    struct buf payload; /* deflated */
    bool used;
};

struct load {
    const struct seal_keys *keys;
    struct object *objects;
    struct chain_object *places; /* of the objects, one to one */
    size_t num;
    struct err bad;
};

struct load *load_new(const struct seal_keys *keys)
{
    struct load *l = xcalloc(1, sizeof(*l));

    l->keys = keys;
    l->objects = xcalloc(CHAIN_OBJECTS_MAX, sizeof(*l->objects));
    l->places = xcalloc(CHAIN_OBJECTS_MAX, sizeof(*l->places));
    return l;
}

void load_free(struct load *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->num; i++)
        buf_free(&l->objects[i].payload);
    free(l->objects);
    free(l->places);
    free(l);
}

static bool open_object(struct load *l, const char *name, struct str bytes, struct err *e)
{
    struct object *o = &l->objects[l->num];
    struct chain_object *place = &l->places[l->num];

    if (l->num == CHAIN_OBJECTS_MAX)
        return err_set(e, "TooMany", "", "Swarm holds more than %d configs named %s-…",
                       CHAIN_OBJECTS_MAX, l->keys->prefix);
    buf_init(&o->payload, SEAL_PAYLOAD_MAX);
    if (!seal_open(l->keys, name, bytes, &place->place, &o->payload, e)) {
        buf_free(&o->payload);
        return false;
    }
    seal_hash(bytes, place->hash);
    (void)snprintf(o->name, sizeof(o->name), "%s", name); /* seal_open compared it with its own */
    o->used = false;
    l->num++;
    return true;
}

void load_add(struct load *l, const char *name, struct str base64)
{
    struct seal_named named;
    struct err why = {0};
    struct buf bytes;

    if (!seal_read_name(l->keys->prefix, name, &named))
        return;
    buf_init(&bytes, SEAL_OBJECT_MAX);
    if (!seal_from_base64(base64, &bytes))
        err_set(&why, "BadObject", name, "the config %s is no object of Signalbox", name);
    else
        (void)open_object(l, name, buf_str(&bytes), &why); /* why says it */
    if (why.code && !l->bad.code)
        l->bad = why;
    buf_free(&bytes);
}

bool load_pick(const struct load *l, struct chain_head *out, struct err *e)
{
    if (l->bad.code) {
        *e = l->bad;
        return false;
    }
    chain_pick(l->places, l->num, out);
    return true;
}

uint64_t load_term(const struct load *l)
{
    return chain_term(l->places, l->num);
}

static bool apply(const struct load *l, size_t at, struct pack_set *out, struct err *e)
{
    const struct object *o = &l->objects[at];
    struct buf raw;
    bool ok;

    buf_init(&raw, SEAL_RAW_MAX);
    ok = pack_inflate(buf_str(&o->payload), l->places[at].place.raw_len, &raw, e) &&
         pack_apply(out, buf_str(&raw), e);
    buf_free(&raw);
    if (!ok)
        (void)snprintf(e->field, sizeof(e->field), "%s", o->name); /* which one it is */
    return ok;
}

/*
 * A batch may be older than the snapshot under it: it was on its way when that was taken. One that
 * is older in part is right: each document ends as the last of its commits left it.
 */
static bool apply_chain(const struct load *l, const struct chain *c, struct pack_set *out,
                        struct err *e)
{
    uint64_t base = 0;

    for (size_t i = 0; i < c->num_parts; i++) {
        base = l->places[c->parts[i]].place.commit;
        if (!apply(l, c->parts[i], out, e))
            return false;
    }
    for (size_t i = 0; i < c->num_batches; i++)
        if (l->places[c->batches[i]].place.commit > base && !apply(l, c->batches[i], out, e))
            return false;
    return true;
}

bool load_documents(struct load *l, const struct chain_head *head, struct pack_set *out,
                    struct err *e)
{
    struct chain *c = xcalloc(1, sizeof(*c));
    bool ok = chain_follow(l->keys->prefix, l->places, l->num, head, c, e);

    if (!ok && l->bad.code)
        *e = l->bad; /* it is there, but it does not open */
    ok = ok && apply_chain(l, c, out, e);
    for (size_t i = 0; ok && i < c->num_parts; i++)
        l->objects[c->parts[i]].used = true;
    for (size_t i = 0; ok && i < c->num_batches; i++)
        l->objects[c->batches[i]].used = true;
    free(c);
    return ok;
}

void load_each(const struct load *l, load_object_fn *fn, void *arg)
{
    for (size_t i = 0; i < l->num; i++)
        fn(arg, l->objects[i].name, &l->places[i].place, l->objects[i].used);
}

const struct err *load_bad(const struct load *l)
{
    return &l->bad;
}
