/*
 * The trie's nodes: 64-way, compressed by a bitmap; a slot is a value and its hash, so that only a
 * value that is looked for is touched, or, with its low bit set, a node and its bitmap, so that one
 * line of a node is read on the way to a value and not its head as well: in a large trie each line
 * comes from memory. Eleven levels use up the 64 bits of a hash; values whose hashes are equal
 * share a bucket below them. A node with one reference belongs to whoever came to it through nodes
 * with one reference: it is changed in place, every other one is copied first.
 */
#include "gateway/table/trie.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

enum {
    BITS = 6,
    BUCKET_SHIFT = 66, /* from here on nodes are buckets: bitmap unused */
    ROOM = 2,          /* slots a node grows by */
    CACHE_LINE = 64
};

struct trie_slot {
    uintptr_t to;
    uint64_t hash; /* of a value's key; of a node: its bitmap */
};

struct trie_node {
    _Atomic uint32_t refs;
    uint32_t num; /* of slots */
    uint64_t bitmap;
    struct trie_slot slots[];
};

static bool is_node(struct trie_slot slot)
{
    return (slot.to & 1) != 0;
}

static struct trie_node *slot_node(struct trie_slot slot)
{
    return (struct trie_node *)(slot.to & ~(uintptr_t)1);
}

static const void *slot_value(struct trie_slot slot)
{
    return (const void *)slot.to;
}

static struct trie_slot from_node(struct trie_node *n)
{
    return (struct trie_slot){(uintptr_t)n | 1, n->bitmap};
}

static struct trie_slot from_value(const void *value, uint64_t hash)
{
    ASSERT(((uintptr_t)value & 1) == 0);
    return (struct trie_slot){(uintptr_t)value, hash};
}

static size_t node_bytes(uint32_t num)
{
    uint32_t room = (num + ROOM - 1) / ROOM * ROOM;

    return sizeof(struct trie_node) + room * sizeof(struct trie_slot);
}

static struct trie_node *node_new(void)
{
    struct trie_node *n = xcalloc(1, node_bytes(1));

    atomic_init(&n->refs, 1);
    return n;
}

static void node_ref(struct trie_node *n)
{
    atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
}

static void node_unref(const struct trie_type *type, struct trie_node *n)
{
    if (atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < n->num; i++) {
        if (is_node(n->slots[i]))
            node_unref(type, slot_node(n->slots[i]));
        else
            type->unref(slot_value(n->slots[i]));
    }
    free(n);
}

/* The same node for us alone; takes the reference that is given and answers one. */
static struct trie_node *node_own(const struct trie_type *type, struct trie_node *n)
{
    if (atomic_load_explicit(&n->refs, memory_order_acquire) == 1)
        return n;
    struct trie_node *copy = xcalloc(1, node_bytes(n->num));

    atomic_init(&copy->refs, 1);
    copy->bitmap = n->bitmap;
    copy->num = n->num;
    for (uint32_t i = 0; i < n->num; i++) {
        copy->slots[i] = n->slots[i];
        if (is_node(n->slots[i]))
            node_ref(slot_node(n->slots[i]));
        else
            type->ref(slot_value(n->slots[i]));
    }
    node_unref(type, n);
    return copy;
}

static struct trie_node *insert_slot(struct trie_node *n, uint32_t at, struct trie_slot slot)
{
    if (n->num % ROOM == 0)
        n = xrealloc(n, node_bytes(n->num + 1));
    memmove(&n->slots[at + 1], &n->slots[at], (n->num - at) * sizeof(n->slots[0]));
    n->slots[at] = slot;
    n->num++;
    return n;
}

static void delete_slot(struct trie_node *n, uint32_t at)
{
    n->num--;
    memmove(&n->slots[at], &n->slots[at + 1], (n->num - at) * sizeof(n->slots[0]));
}

static uint64_t bit_of(uint64_t hash, unsigned shift)
{
    return UINT64_C(1) << (hash >> shift & 63);
}

static uint32_t index_of(uint64_t bitmap, uint64_t bit)
{
    return (uint32_t)__builtin_popcountll(bitmap & (bit - 1));
}

static bool holds(const struct trie_type *type, struct trie_slot slot, uint64_t hash,
                  struct str key)
{
    return slot.hash == hash && str_eq(type->key(slot_value(slot)), key);
}

/* The slot of that key in a bucket, or n->num. */
static uint32_t find_in_bucket(const struct trie_type *type, const struct trie_node *n,
                               struct str key)
{
    uint32_t i = 0;

    while (i < n->num && !str_eq(type->key(slot_value(n->slots[i])), key))
        i++;
    return i;
}

void trie_init(struct trie *t, const struct trie_type *type)
{
    *t = (struct trie){.type = type};
}

void trie_copy(struct trie *out, const struct trie *t)
{
    *out = *t;
    if (t->root != NULL)
        node_ref(t->root);
}

void trie_free(struct trie *t)
{
    if (t->root != NULL)
        node_unref(t->type, t->root);
    t->root = NULL;
    t->len = 0;
}

const void *trie_get(const struct trie *t, struct str key)
{
    const struct trie_node *n = t->root;
    uint64_t hash = n != NULL ? t->type->hash(key) : 0;
    uint64_t bitmap = n != NULL ? n->bitmap : 0;
    unsigned shift = 0;

    for (; n != NULL && shift < BUCKET_SHIFT; shift += BITS) {
        uint64_t bit = bit_of(hash, shift);

        if ((bitmap & bit) == 0)
            return NULL;
        struct trie_slot slot = n->slots[index_of(bitmap, bit)];

        if (!is_node(slot)) {
            __builtin_prefetch((const char *)slot_value(slot) + CACHE_LINE);
            return holds(t->type, slot, hash, key) ? slot_value(slot) : NULL;
        }
        n = slot_node(slot);
        bitmap = slot.hash;
    }
    uint32_t at = n != NULL ? find_in_bucket(t->type, n, key) : 0;

    return n != NULL && at < n->num ? slot_value(n->slots[at]) : NULL;
}

/* One value on its way down. */
struct putting {
    const struct trie_type *type;
    struct str key;
    uint64_t hash;
    const void *value; /* its reference goes into the slot */
    bool replaced;
};

static void replace_value(struct putting *p, struct trie_slot *slot)
{
    p->type->unref(slot_value(*slot));
    *slot = from_value(p->value, p->hash);
    p->replaced = true;
}

static struct trie_node *put_bucket(struct putting *p, struct trie_node *n)
{
    uint32_t at = find_in_bucket(p->type, n, p->key);

    if (at == n->num)
        return insert_slot(n, at, from_value(p->value, p->hash));
    replace_value(p, &n->slots[at]);
    return n;
}

/* n is ours or NULL; so is what comes back. At most 12 deep. */
static struct trie_node *put(struct putting *p, struct trie_node *n, unsigned shift)
{
    n = n == NULL ? node_new() : node_own(p->type, n);
    if (shift >= BUCKET_SHIFT)
        return put_bucket(p, n);
    uint64_t bit = bit_of(p->hash, shift);
    uint32_t at = index_of(n->bitmap, bit);

    if ((n->bitmap & bit) == 0) {
        n->bitmap |= bit;
        return insert_slot(n, at, from_value(p->value, p->hash));
    }
    struct trie_slot *slot = &n->slots[at];

    if (is_node(*slot)) {
        *slot = from_node(put(p, slot_node(*slot), shift + BITS));
        return n;
    }
    if (holds(p->type, *slot, p->hash, p->key)) {
        replace_value(p, slot);
        return n;
    }
    struct putting old = {.type = p->type, .hash = slot->hash, .value = slot_value(*slot)};

    *slot = from_node(put(p, put(&old, NULL, shift + BITS), shift + BITS));
    return n;
}

void trie_put(struct trie *t, const void *value)
{
    struct putting p = {.type = t->type, .key = t->type->key(value), .value = value};

    p.hash = t->type->hash(p.key);
    t->type->ref(value);
    t->root = put(&p, t->root, 0);
    if (!p.replaced)
        t->len++;
}

/* One key on its way down; it is known to be there. */
struct taking {
    const struct trie_type *type;
    struct str key;
    uint64_t hash;
    const void *value; /* what was there, with its reference */
};

/* NULL when the node has nothing left. */
static struct trie_node *take_out(struct taking *t, struct trie_node *n, unsigned shift)
{
    bool bucket = shift >= BUCKET_SHIFT;
    uint64_t bit = bucket ? 0 : bit_of(t->hash, shift);

    n = node_own(t->type, n);
    uint32_t at = bucket ? find_in_bucket(t->type, n, t->key) : index_of(n->bitmap, bit);
    struct trie_slot slot = n->slots[at];

    if (is_node(slot)) {
        struct trie_node *child = take_out(t, slot_node(slot), shift + BITS);

        if (child != NULL && child->num == 1 && !is_node(child->slots[0])) {
            n->slots[at] = child->slots[0]; /* a lone value moves up */
            free(child);
            return n;
        }
        if (child != NULL) {
            n->slots[at] = from_node(child);
            return n;
        }
    } else {
        t->value = slot_value(slot);
    }
    n->bitmap &= ~bit;
    delete_slot(n, at);
    if (n->num != 0)
        return n;
    free(n);
    return NULL;
}

const void *trie_take(struct trie *t, struct str key)
{
    struct taking taking = {.type = t->type, .key = key};

    if (trie_get(t, key) == NULL)
        return NULL;
    taking.hash = t->type->hash(key);
    t->root = take_out(&taking, t->root, 0);
    t->len--;
    return taking.value;
}

bool trie_remove(struct trie *t, struct str key)
{
    const void *value = trie_take(t, key);

    if (value != NULL)
        t->type->unref(value);
    return value != NULL;
}

static void each(const struct trie_node *n, void (*fn)(void *arg, const void *value), void *arg)
{
    for (uint32_t i = 0; i < n->num; i++) {
        if (is_node(n->slots[i]))
            each(slot_node(n->slots[i]), fn, arg);
        else
            fn(arg, slot_value(n->slots[i]));
    }
}

void trie_each(const struct trie *t, void (*fn)(void *arg, const void *value), void *arg)
{
    if (t->root != NULL)
        each(t->root, fn, arg);
}
