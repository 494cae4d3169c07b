/*
 * A persistent map from byte strings to reference-counted values: a hash-array-mapped trie (Bagwell
 * 2001) with path copying. A copy of a trie costs one reference; changing a copy copies only the
 * nodes on the way to the value, and not even those when nobody else holds them. Reading needs no
 * lock: nodes that are shared never change. Private to gateway/table.
 */
#ifndef GATEWAY_TABLE_TRIE_H
#define GATEWAY_TABLE_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct trie_node;

/* What a trie needs to know of its values; ref and unref must be atomic. */
struct trie_type {
    struct str (*key)(const void *value); /* lent, never changes while the value lives */
    uint64_t (*hash)(struct str key);
    void (*ref)(const void *value);
    void (*unref)(const void *value);
};

struct trie {
    const struct trie_type *type;
    struct trie_node *root; /* NULL: empty */
    size_t len;
};

void trie_init(struct trie *t, const struct trie_type *type);
void trie_copy(struct trie *out, const struct trie *t);
void trie_free(struct trie *t); /* empty again */

const void *trie_get(const struct trie *t, struct str key); /* lent, or NULL */
void trie_put(struct trie *t, const void *value); /* takes a reference; replaces the same key */
bool trie_remove(struct trie *t, struct str key); /* false: it was not there */
/*
 * As trie_remove, but the trie's reference becomes the caller's; NULL: it was not there. A value
 * with one reference is then the caller's alone, to be changed and put back.
 */
const void *trie_take(struct trie *t, struct str key);

/* Shows every value to fn, which must not change the trie. */
void trie_each(const struct trie *t, void (*fn)(void *arg, const void *value), void *arg);

#endif
