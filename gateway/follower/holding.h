/*
 * What the follower holds: every object of its cluster's table as the bytes it was sent, the digest
 * over them, and where in the coordinator's history that is. And a change list: what came since the
 * last commit. A commit is checked as a whole before any of it is taken over.
 */
#ifndef GATEWAY_FOLLOWER_HOLDING_H
#define GATEWAY_FOLLOWER_HOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/core/err.h"
#include "gateway/core/map.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"
#include "gateway/wire/digest.h"
#include "gateway/wire/frame.h"

#define HOLDING_BYTES_MAX ((size_t)512 << 20) /* of names, values and what keeping them costs */

struct holding_object {
    TAILQ_ENTRY(holding_object) entry; /* in the changes of the commit that brings it */
    enum route_kind kind;
    bool change_only; /* no holding has it (yet): it goes with the changes */
    struct str name;  /* both in bytes[]; value.p NULL, in changes: deleted */
    struct str value;
    char bytes[]; /* the key, of which the name is the end, then the value */
};

struct holding {
    bool valid; /* at least one commit is held */
    char epoch[FRAME_EPOCH_MAX + 1];
    uint64_t revision;
    struct digest digest;
    struct map objects; /* kind and name -> struct holding_object */
    size_t bytes;
    size_t num_routes; /* of the objects */
};

TAILQ_HEAD(holding_list, holding_object);

struct holding_changes {
    struct holding_list list;
    struct map by_key; /* -> struct holding_object: the last word on an object counts */
    size_t bytes;
};

void holding_init(struct holding *h);
void holding_free(struct holding *h);
size_t holding_num_objects(const struct holding *h);
/* Walks all objects in no particular order: start with *pos = 0, NULL at the end. */
const struct holding_object *holding_next(const struct holding *h, size_t *pos);
void holding_digest(const struct holding *h, char out[FRAME_DIGEST_HEX + 1]);

void holding_changes_init(struct holding_changes *c);
void holding_changes_clear(struct holding_changes *c); /* empty again; also what frees it */
bool holding_changes_empty(const struct holding_changes *c);
/* value.p NULL deletes. False with code "TooLarge" over HOLDING_BYTES_MAX. */
MUST_USE bool holding_changes_add(struct holding_changes *c, enum route_kind kind, struct str name,
                                  struct str value, struct err *e);

/*
 * Takes the changes over if the digest of the whole table is then `digest`; snapshot = they are the
 * whole table, and then sum may say what they add up to, else NULL. The objects of *c stay readable
 * until holding_changes_clear or the next commit. False with code "DigestMismatch" or "TooLarge":
 * nothing has changed.
 */
MUST_USE bool holding_commit(struct holding *h, struct holding_changes *c, bool snapshot,
                             const struct digest *sum, const char *digest, struct err *e);

#endif
