/*
 * Docker's config objects: named bytes that never change, with labels that may, kept by Swarm's
 * Raft. Each call goes through docker_ask: on_done comes once, with docker.h's codes.
 */
#ifndef CLUSTERS_SWARM_CONFIGS_H
#define CLUSTERS_SWARM_CONFIGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/swarm/docker.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct cJSON;

enum {
    CONFIGS_NAME_MAX = 64,
    CONFIGS_LABELS_MAX = 8 << 10,
    CONFIGS_LIST_MAX = 128 << 20 /* a list has everybody's bytes */
};

struct configs_item { /* lent for the call */
    const char *name;
    uint64_t version;  /* of Swarm's last change to it */
    struct str base64; /* of its bytes */
    const struct cJSON *labels;
};

const char *configs_label(const struct configs_item *c, const char *key); /* NULL: it has none */

typedef bool configs_body(void *arg, struct str body, struct err *e);

/* Names are of letters, digits, '-', '_' and '.'; what is given to on_body goes to a decoder below.
 */
struct docker_call *configs_list(struct docker *d, const char *prefix, configs_body *on_body,
                                 docker_done *on_done, void *arg);
struct docker_call *configs_get(struct docker *d, const char *name, configs_body *on_body,
                                docker_done *on_done, void *arg);
/* Its code is "Exists" when there is one of that name. labels: a JSON object. */
struct docker_call *configs_create(struct docker *d, const char *name, struct str labels,
                                   const char *base64, docker_done *on_done, void *arg);
/* Compare-and-swap: "OutOfSequence" when it is not at that version any more. */
struct docker_call *configs_relabel(struct docker *d, const char *name, uint64_t version,
                                    struct str labels, docker_done *on_done, void *arg);
struct docker_call *configs_remove(struct docker *d, const char *name, docker_done *on_done,
                                   void *arg);

/* Pure. An element that is no config is passed over in a list; alone it is refused: BadReply. */
typedef void configs_fn(void *arg, const struct configs_item *c);
MUST_USE bool configs_decode_list(struct str body, configs_fn *fn, void *arg, struct err *e);
bool configs_decode(struct str body, configs_fn *fn, void *arg, struct err *e);

#endif
