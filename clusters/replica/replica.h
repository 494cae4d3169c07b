/*
 * Beyond one node: documents replicated into Docker config objects, which Swarm's Raft keeps on
 * every manager. Sealed (AEAD, key derived from the identity), content-addressed, a snapshot and a
 * log of batches, at most five objects a second, at most REPLICA_OBJECTS_MAX kept.
 *
 * And the fence: one config object whose labels say who writes and how far the log goes. They are
 * only ever changed by compare-and-swap on the object's version, so that a batch counts from the
 * moment in which the fence names it, and whoever finds the fence moved by another writes no more.
 * Who starts takes the fence over at once, and never takes it back after it was lost.
 *
 * Runs on the caller's loop; speaks to Docker through clusters/swarm. No callback runs from inside
 * a function of this header. Docker being away is no error: everything is tried again.
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

enum {
    REPLICA_KEY = 32,
    REPLICA_NAME_MAX = 15,     /* bytes of the prefix */
    REPLICA_OBJECTS_MAX = 64,  /* config objects, the fence apart */
    REPLICA_SURE_MS = 6000,    /* so long after its last good check the fence is believed */
    REPLICA_RAW_MAX = 56 << 20 /* bytes of all documents together, before they are deflated */
};

/* Keys are at most 255 bytes each, a value at most 480 KiB. */
struct replica_doc {
    const char *tenant;
    const char *kind;
    const char *name;
    const char *value; /* NULL: deleted */
    int64_t created_ms;
};

enum replica_fence {
    REPLICA_FENCE_ASKING, /* not ours, or not sure any more: commit nothing, answer writes 503 */
    REPLICA_FENCE_HELD,
    REPLICA_FENCE_LOST /* another coordinator has it: for good. Publish nothing, writes get 503 */
};

/* What Swarm holds: the last complete state, verified. Lent for the call. */
struct replica_loaded {
    /*
     * Nobody but this very store held the fence since it was written: the store has all of it, and
     * may have more. Else another coordinator went on from there, and what it says is the truth:
     * a store that has something else never made it durable.
     */
    bool ours;
    uint64_t commit;                /* the last one in it; 0: nothing is in Swarm */
    const struct replica_doc *docs; /* sorted by tenant, kind, name */
    size_t num;
};

struct replica_config {
    const char *const *docker; /* as in observe.h, with its TLS files; used during replica_new */
    const char *docker_tls_ca;
    const char *docker_tls_cert;
    const char *docker_tls_key;
    uint8_t key[REPLICA_KEY]; /* from the identity: HMAC(token-key, "replica") */
    const char *name;         /* prefix of the objects: "signalbox" */
    const char *coordinator;  /* who we are, for people: task id or host, at most 63 bytes */
    const char *store;        /* the store's epoch: no other store has it, at most 63 bytes */
    uint64_t commit;          /* the store's last commit, 0: it is empty */
    /*
     * Once, right before the fence is first said to be held. The caller takes the documents in
     * place of its own when `ours` is false or its store is behind `commit`, and goes on with
     * commits behind it. Otherwise it keeps its own, and answers with replica_snapshot when its
     * store is ahead. The first push or snapshot says that this is done, and in its store: until
     * then a restart with the same store finds `ours` false again.
     */
    void (*on_loaded)(void *arg, const struct replica_loaded *l);
    /* The log has grown, or something in Swarm is damaged: the caller gives replica_snapshot, now
     * or soon. */
    void (*on_snapshot)(void *arg);
    /* Everything up to this commit is in Swarm, in its last complete state. */
    void (*on_durable)(void *arg, uint64_t commit);
    /* `who`: the coordinator that has it, "" while nobody is known to. */
    void (*on_fence)(void *arg, enum replica_fence state, const char *who);
    void *arg;
};

/* NULL with *e: an endpoint, a file or a name that cannot be used as written. */
struct replica *replica_new(struct event_base *base, const struct replica_config *config,
                            struct err *e);
void replica_free(struct replica *r); /* NULL is fine; not from inside a callback */

/* The documents that a commit changed (none: it changed tables only), in the order of commits.
 * Copied; in Swarm within a second. Only after on_loaded. */
void replica_push(struct replica *r, uint64_t commit, const struct replica_doc *docs, size_t num);

/*
 * Documents, one after the other. next is false at the end; what it gives is lent until the next
 * call of either. done is called once, when no more is wanted, perhaps before the end.
 */
struct replica_source {
    bool (*next)(void *arg, struct replica_doc *out);
    void (*done)(void *arg);
    void *arg;
};

/*
 * All documents as they are after `commit`, which every push so far is part of. Taken bit by bit
 * while pushes go on, for seconds: they stay as they are until `done`. Only after on_loaded.
 */
void replica_snapshot(struct replica *r, uint64_t commit, const struct replica_source *source);

struct replica_status {
    enum replica_fence fence;
    bool loaded;
    uint64_t durable;      /* commit */
    size_t objects;        /* config objects of ours in Swarm */
    struct err last_error; /* code NULL: none since the last success */
    struct err too_large;  /* code NULL; else nothing more gets into Swarm until documents go */
};
void replica_status(const struct replica *r, struct replica_status *out);

#endif
