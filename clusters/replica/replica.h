/*
 * Beyond one node: documents replicated into Docker config objects, which Swarm's Raft keeps on
 * every manager. Sealed (AEAD, key derived from the identity), content-addressed, a snapshot and a
 * log of batches, in chunks under 1 MB, at most five objects a second, at most 64 kept. And the
 * fence: a config object whose version only one coordinator at a time has moved on; who finds it
 * moved by another publishes no more. Runs on the caller's loop; speaks to Docker through
 * clusters/swarm.
 */
#ifndef CLUSTERS_REPLICA_REPLICA_H
#define CLUSTERS_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct event_base;
struct replica;

struct replica_doc {
    const char *tenant;
    const char *kind;
    const char *name;
    const char *value; /* NULL: deleted */
    int64_t created_ms;
};

enum replica_fence {
    REPLICA_FENCE_ASKING, /* not decided yet: publish nothing new */
    REPLICA_FENCE_HELD,
    REPLICA_FENCE_LOST    /* another coordinator has it: stop publishing, refuse writes (503) */
};

struct replica_config {
    const char *const *docker; /* as in observe.h, with its TLS files */
    const char *docker_tls_ca;
    const char *docker_tls_cert;
    const char *docker_tls_key;
    uint8_t key[32];         /* from the identity: HMAC(token-key, "replica") */
    const char *name;        /* prefix of the objects: "signalbox" */
    const char *coordinator; /* who we are: store epoch, task id or host */
    /* What Swarm holds, once, after the fence was won: for a store that is empty or older. Complete
     * or not at all. `commit` is the last commit in it. */
    void (*on_loaded)(void *arg, uint64_t commit, const struct replica_doc *docs, size_t num);
    /* Everything up to this commit is in Swarm. */
    void (*on_durable)(void *arg, uint64_t commit);
    void (*on_fence)(void *arg, enum replica_fence state, const char *who);
    void *arg;
};

struct replica *replica_new(struct event_base *base, const struct replica_config *config,
                            struct err *e);
void replica_free(struct replica *r);

/* The documents that a commit changed; copied, batched, sent within a second. */
void replica_push(struct replica *r, uint64_t commit, const struct replica_doc *docs, size_t num);
/* Asked for a snapshot when the log has grown: the caller answers with replica_snapshot. */
struct replica_status {
    enum replica_fence fence;
    uint64_t durable;       /* commit */
    size_t objects;         /* config objects of ours in Swarm */
    struct err last_error;  /* code NULL: none since the last success */
};
void replica_status(const struct replica *r, struct replica_status *out);

#endif
