/* What replica.c (when to do what) and tasks.c (doing it at Docker) share. */
#ifndef CLUSTERS_REPLICA_REPLICA_PRIV_H
#define CLUSTERS_REPLICA_REPLICA_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/replica/fence.h"
#include "clusters/replica/load.h"
#include "clusters/replica/outbox.h"
#include "clusters/replica/replica.h"
#include "clusters/replica/seal.h"
#include "clusters/swarm/docker.h"
#include "clusters/swarm/nag.h"
#include "gateway/core/buf.h"
#include "gateway/core/err.h"

struct event;

enum {
    REPLICA_MAGIC = 0x5245504c,
    CALL_MS = 3000,  /* deadline of a call, */
    LIST_MS = 10000, /* and of a list, which has all bytes */
    CHECK_MS = 2000, /* the fence is looked at so often */
    DEFER_MS = 1000, /* another's fence, or one that cannot be read, likewise */
    RETRY_FIRST_MS = 100,
    RETRY_LAST_MS = 2000,
    AUDIT_FIRST_MS = 15000,   /* after a start: what a predecessor still wrote */
    AUDIT_MS = 60000,         /* is all still there? At least so far apart, */
    AUDIT_BYTES_PER_MS = 100, /* and farther the more there is to read */
    FENCE_NAME_MAX = SEAL_PREFIX_MAX + 8
};

/* One at a time is under way at Docker. */
enum replica_task {
    TASK_NONE,
    TASK_AGREE,  /* on an API version */
    TASK_LOOK,   /* at the fence */
    TASK_SURVEY, /* the objects, because there is no fence that says the head */
    TASK_RAISE,  /* a new fence */
    TASK_MOVE,   /* the fence, from the version that was seen: take, beat or commit */
    TASK_LOAD,
    TASK_CREATE,
    TASK_REMOVE,
    TASK_AUDIT,
    TASK__COUNT
};

/* What is known of the fence in Swarm. */
enum fence_sight { FENCE_UNSEEN, FENCE_ABSENT, FENCE_UNREADABLE, FENCE_SEEN };

struct replica {
    unsigned magic;
    struct replica_config config; /* strings that outlive replica_new are owned */
    struct seal_keys keys;
    char fence_name[FENCE_NAME_MAX];
    struct docker **engines;
    size_t num_engines, at;
    bool agreed; /* on a version, with the engine at `at` */

    enum replica_task task;
    struct docker_call *call;
    int64_t asked_ms; /* when it began */
    struct event *wake, *expiry;
    int64_t not_before_ms; /* after a failure */
    int64_t retry_ms;

    enum fence_sight sight;
    bool surveyed;     /* FENCE_ABSENT: `seen` has what the objects say instead */
    struct fence seen; /* FENCE_SEEN; what was written into it, until it is looked at again */
    uint64_t version;
    int64_t moved_ms;    /* when another version of it was seen first */
    int64_t looked_ms;   /* last time */
    int64_t beaten_ms;   /* when we moved it last */
    struct fence moving; /* TASK_MOVE, TASK_RAISE: what it is to become */
    uint64_t term;       /* under which it is ours; 0: it never was */
    bool caught_up;      /* the caller's store has all that is under the head */
    bool unsure;         /* Docker was away: reading is not enough, it has to be moved */
    int64_t sure_ms;     /* when the last good check began; 0: never */
    int64_t started_ms;

    struct load *load; /* of the list under way */
    size_t list_bytes;
    struct outbox *outbox; /* NULL: not loaded */
    int64_t audit_ms;      /* when the next one is due */

    enum replica_fence told;
    uint64_t told_durable;
    struct err error;
    struct nag nag;
};

/* tasks.c: begins one; its end comes to replica_done. */
void task_start(struct replica *r, enum replica_task task);
/* Cancels what is under way. */
void task_cancel(struct replica *r);

/* replica.c, for tasks.c. */
void replica_next(struct replica *r);
void replica_failed(struct replica *r, const struct err *why);  /* Docker does not do its work */
void replica_refused(struct replica *r, const struct err *why); /* what it holds is not usable */
void replica_sure(struct replica *r); /* the check that began at asked_ms was good */
void replica_lose(struct replica *r);
void replica_loaded(struct replica *r, const struct replica_loaded *l);

#endif
