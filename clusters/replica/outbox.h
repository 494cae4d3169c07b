/*
 * What is to be done in Swarm next: which object to create, which head to write into the fence,
 * which object to remove, and when. It keeps what waits to be sent and what is there. One thing at
 * a time: outbox_next says the same until it is told what became of it, or works on. Pure but for
 * random bytes; the clock comes in.
 *
 *   pushes ──► waiting batches ──► CREATE ──► COMMIT (the fence names it: durable)
 *   snapshot ──► its parts, between batches ──► COMMIT ──► REMOVE what it replaces
 *
 * Bounds: an object each OUTBOX_CREATE_MS, a batch each OUTBOX_BATCH_MS; a part of a snapshot after
 * each batch, so that the log cannot outgrow it; SEAL_PARTS_MAX places are kept free for it.
 */
#ifndef CLUSTERS_REPLICA_OUTBOX_H
#define CLUSTERS_REPLICA_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/replica/chain.h"
#include "clusters/replica/replica.h"
#include "clusters/replica/seal.h"
#include "gateway/core/err.h"
#include "gateway/core/str.h"

struct outbox;

enum {
    OUTBOX_CREATE_MS = 200,
    OUTBOX_BATCH_MS = 500,
    OUTBOX_REMOVE_MS = 100,
    OUTBOX_LOG_MAX = 20,          /* batches after which a snapshot is asked for */
    OUTBOX_WAITING_MAX = 8 << 20, /* bytes of batches; beyond: a snapshot instead */
    OUTBOX_ASK_AGAIN_MS = 60000   /* a snapshot that was too large, or never came */
};

enum outbox_do { OUTBOX_WAIT, OUTBOX_CREATE, OUTBOX_COMMIT, OUTBOX_REMOVE };

struct outbox_step {
    enum outbox_do what;
    const char *name;       /* CREATE, REMOVE */
    struct str bytes;       /* CREATE: sealed; lent until outbox_created */
    struct chain_head head; /* COMMIT */
    int64_t wait_ms;        /* WAIT: so long; -1: until something is pushed or told */
};

/* keys are borrowed; random gives bytes that never come twice. */
struct outbox *outbox_new(const struct seal_keys *keys, void (*random)(void *out, size_t n));
void outbox_free(struct outbox *o);

/* What was loaded. broken: objects under the head are missing, and a snapshot is to start anew. */
void outbox_begin(struct outbox *o, uint64_t term, const struct chain_head *head, bool broken);
/* An object that is in Swarm: under the head, or rubbish; a known one stays what it is. */
void outbox_has(struct outbox *o, const char *name, const struct seal_place *place, bool used);
/* Objects of a later look, see outbox_has: those not among them were removed by somebody. Gives how
 * many the head needs of these; a snapshot is asked for when there are any. */
void outbox_look(struct outbox *o);
size_t outbox_look_over(struct outbox *o);

void outbox_push(struct outbox *o, uint64_t commit, const struct replica_doc *docs, size_t num);
/* As replica_snapshot. That all documents together are TooLarge shows when they have been taken. */
void outbox_snapshot(struct outbox *o, uint64_t commit, const struct replica_source *source);

/*
 * Makes the next object when it is time, a large one bit by bit: to be called before the question
 * what is next, but not while an answer to it is being carried out.
 */
void outbox_work(struct outbox *o, int64_t now_ms);
void outbox_next(const struct outbox *o, int64_t now_ms, struct outbox_step *out);
void outbox_created(struct outbox *o, int64_t now_ms); /* or it was there already */
void outbox_removed(struct outbox *o, int64_t now_ms); /* or it was gone already */
/* The fence says this head: what outbox_next gave to COMMIT, or an older one. */
void outbox_committed(struct outbox *o, const struct chain_head *head);
/* The fence was moved by us just now: nobody can need what was rubbish before that. */
void outbox_confirmed(struct outbox *o);

/* To be asked of the caller now; once each time. */
bool outbox_wants_snapshot(struct outbox *o, int64_t now_ms);

const struct chain_head *outbox_head(const struct outbox *o); /* as the fence has it */
bool outbox_is_broken(const struct outbox *o);                /* until a snapshot is in Swarm */
size_t outbox_num_objects(const struct outbox *o);
const struct err *outbox_error(const struct outbox *o); /* TooLarge; code NULL: none */

#endif
