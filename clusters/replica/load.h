/*
 * What Swarm holds, read: config objects in, the documents of the last complete state out, or the
 * object that is at fault. Pure; nothing is half loaded.
 */
#ifndef CLUSTERS_REPLICA_LOAD_H
#define CLUSTERS_REPLICA_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "clusters/replica/chain.h"
#include "clusters/replica/pack.h"
#include "clusters/replica/seal.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct load;

struct load *load_new(const struct seal_keys *keys); /* borrowed */
void load_free(struct load *l);

/* One config of the list; names that are not of our form are passed over. */
void load_add(struct load *l, const char *name, struct str base64);

/* The head where no fence says it. Refused when an object of our form does not open. */
MUST_USE bool load_pick(const struct load *l, struct chain_head *out, struct err *e);
uint64_t load_term(const struct load *l); /* the highest of any object */

/* Applies everything under the head to an empty set. Codes: Incomplete, BadObject, BadName,
 * BadPayload, TooMany. */
MUST_USE bool load_documents(struct load *l, const struct chain_head *head, struct pack_set *out,
                             struct err *e);

/* After load_documents: each object that opened, and whether the head needs it. */
typedef void load_object_fn(void *arg, const char *name, const struct seal_place *place, bool used);
void load_each(const struct load *l, load_object_fn *fn, void *arg);

/* The first object of our form that does not open; code NULL: there is none. */
const struct err *load_bad(const struct load *l);

#endif
