/*
 * Docker's replies as structs: pure functions from bytes to a view under construction. An object of
 * wrong types or with a missing id, name or state is skipped and reported, and stands in the view's
 * `refused` when its id can be read; unknown fields are ignored; only a reply that is no whole
 * array fails altogether.
 */
#ifndef CLUSTERS_SWARM_DECODE_H
#define CLUSTERS_SWARM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct ids;
struct view;

enum decode_kind {
    DECODE_SERVICES,
    DECODE_TASKS,
    DECODE_NODES,
    DECODE_NETWORKS,
    DECODE__COUNT,
    DECODE_SECRETS = DECODE__COUNT /* of events only: their lists are secrets.h's */
};

struct decode {
    struct view *into; /* elements are added; view_seal is the caller's */
    const struct view *
        only_of; /* tasks: those of its services, the rest goes to `others`; NULL: all are wanted */
    const struct ids *also; /* services without a label of ours that are wanted, by name; or NULL */
    struct view *known; /* what is known (sealed): services and tasks of which not a byte changed
                           are shared from it and not decoded again; or NULL */
    size_t num_seen;    /* out: elements in the reply, those passed over included */
    size_t num_skipped; /* out */
    uint64_t newest;    /* out: the highest version of any element that was decoded */
    /* Each object that was skipped, its id ("?" when there is none) and why; may be NULL. */
    void (*on_skip)(void *arg, const char *kind, const char *id, const struct err *why);
    void *arg;
    uint64_t digest; /* private: of the object under way */
};

extern const char *const decode_kind_names[DECODE__COUNT]; /* "service", "task", … */

MUST_USE bool decode_list(enum decode_kind kind, struct str body, struct decode *d, struct err *e);

struct decode_api { /* GET /version; "1.41" is 41 */
    int newest;
    int oldest;
};

MUST_USE bool decode_api(struct str body, struct decode_api *out, struct err *e);

struct decode_event {
    enum decode_kind kind; /* services, nodes, networks or secrets */
    char id[72];
    bool only_named; /* an update of which nothing but the name is said */
};

/* False without *e: an event of no interest. False with *e: not an event at all. */
MUST_USE bool decode_event(struct str line, struct decode_event *out, struct err *e);

/* The sentence in an error reply of Docker ({"message":…}), cut to cap; "" when there is none. */
void decode_message(struct str body, char *out, size_t cap);

#endif
