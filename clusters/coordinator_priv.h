/*
 * What the files of the coordinator share, and nobody else: coordinator.c (loop, store's opening,
 * news), coordinator_clusters.c (which clusters there are), coordinator_load.c (from the store),
 * coordinator_hold.c (may a cluster be published), coordinator_replica.c (Swarm's own store),
 * coordinator_secrets.c (Swarm's secrets), coordinator_shown.c (what the API reads),
 * coordinator_view.c (the picture into the plan), and the write path (write_priv.h).
 */
#ifndef CLUSTERS_COORDINATOR_PRIV_H
#define CLUSTERS_COORDINATOR_PRIV_H

#include <sys/queue.h>

#include "clusters/backlog.h"
#include "clusters/compile/plan.h"
#include "clusters/coordinator.h"
#include "clusters/hold.h"
#include "clusters/publish/mailbox.h"
#include "clusters/publish/quiet.h"
#include "clusters/replica/replica.h"
#include "clusters/swarm/patch.h"
#include "clusters/write.h"
#include "gateway/core/map.h"
#include "store/store.h"

struct batch;
struct catalog;
struct event;
struct gateways;
struct mailbox;
struct observe;
struct secrets;
struct store_writer;
struct view;
struct write;

struct audit_event;

TAILQ_HEAD(write_list, write);
STAILQ_HEAD(audit_list, audit_event);

enum { COORDINATOR_MAGIC = 0x0c004d01 };

/* Why what is planned for a cluster is neither committed nor published. */
enum held {
    HELD_NOT,
    HELD_RETURNED, /* it was not configured in the last run: its old table waits for a picture */
    HELD_NEW,      /* it has never been published from this store */
    HELD_EMPTY     /* the first picture has no services at all, and the store has routes */
};

struct cluster {
    char *name;
    bool flagged; /* of the command line; else of a document */
    char epoch[STORE_EPOCH_MAX];
    struct backlog backlog; /* how the store's table may differ from the plan */
    bool in_batch;          /* the batch under way has its differences */
    struct map commits;     /* object name -> struct stamp */
    uint64_t revision;
    uint64_t floor;
    bool loaded; /* what the store has of it has been read */
    bool served;
    enum held held;
    bool ahead;    /* a gateway held a later revision of our epoch: numbers may mean two things */
    bool outdated; /* that, or a live gateway holds a later epoch */
    int64_t since_ms;        /* of `held` or `outdated`, monotonic */
    int64_t renewed_ms;      /* when the epoch was last taken anew, monotonic; 0 = never */
    struct hold_facts facts; /* of the last review */
    struct err why;          /* code NULL: published */
    int64_t why_logged_ms;
    struct gateways *gateways;
    uint64_t gateways_kept; /* version of them that the store has */
};

struct stamp {
    uint64_t commit;
};

/* The labels of a service as the swarm has them now, until the store has them too. */
struct seen {
    char *tenant;
    char *service;
    char *value; /* NULL: it is gone */
};

struct coordinator {
    unsigned magic;
    struct event_base *base;
    struct coordinator_config config; /* its strings are the caller's, and live as long */
    struct cluster **clusters;        /* a cluster never moves */
    size_t num_clusters;
    struct store *store;         /* NULL while it cannot be opened: store_failure says why */
    struct store_writer *writer; /* has the store while `batch` is not NULL */
    struct store *reader;        /* of history and audit, for lists */
    bool remembered;             /* the store knows which clusters this run has */
    bool begun;                  /* a picture has been planned with the store open */
    struct publish *publish;
    struct mailbox *news;
    struct observe *observe;
    struct view *view;           /* newest, the observer's; NULL before the first */
    struct view *planned;        /* the one that the plan holds on to; NULL before the first */
    struct view_patches patches; /* what the newest differs from it in */
    size_t num_patches;
    bool plan_whole;       /* instead: there is none yet, or they became too many */
    int64_t first_view_ms; /* monotonic */
    struct plan *plan;
    uint64_t wanted_version; /* of the services that the observer was asked for */
    struct catalog *catalog;
    uint64_t head; /* last commit */
    char audit_head[STORE_HASH_HEX + 1];
    /* the write path */
    struct write_list queued;
    struct write_list batched; /* in this batch, in order */
    struct write_list waiting; /* committed, for gateways or for Swarm */
    size_t num_writes;
    struct audit_list events; /* for the audit chain, beside commits */
    size_t num_events;
    struct quiet quiet_events; /* about those that are left out */
    struct map staged;   /* write_key -> struct staged: documents as the batch would leave them */
    struct map seen;     /* write_key -> struct seen */
    struct batch *batch; /* with the writer's thread; NULL: none is */
    bool turn_waits;     /* somebody wanted a turn while that was away */
    struct mailbox *written;
    write_event_fn *on_commit;
    void *on_commit_arg;
    struct secrets *secrets;      /* as last seen; NULL before that */
    struct secrets *secrets_kept; /* that the store has; the same when nothing has changed */
    bool secrets_read;            /* in this run */
    struct replica *replica;      /* NULL: documents stay on this node */
    bool replica_loaded;
    struct err newer; /* a document of a kind that we do not know: code NULL: there is none */
    enum replica_fence fence;
    char fence_holder[64];
    uint64_t skip_to; /* commits go on behind this one, which Swarm's store has */
    struct event *turn;
    struct event *retry;
    struct event *tick;
    struct err store_failure; /* code NULL: it is open and the last commit went well */
};

struct cluster *coordinator_find(const struct coordinator *c, const char *name);

/* coordinator.c: notes the store's failure, which is tried again in a second. */
void coordinator_store_failed(struct coordinator *c, const struct err *why, const char *what);
void coordinator_want(
    struct coordinator *c); /* the services that documents name, of the observer */
void coordinator_turn_soon(struct coordinator *c); /* plan and commit at the end of the turn */

/* coordinator_clusters.c: as the plan has them. */
struct cluster *coordinator_cluster_new(struct coordinator *c, const char *name, bool flagged);
void coordinator_clusters_add(struct coordinator *c);    /* those that are missing */
void coordinator_clusters_follow(struct coordinator *c); /* and without those that are gone */
void coordinator_clusters_free(struct coordinator *c);
void coordinator_serve(struct coordinator *c, struct cluster *cl);

/* coordinator_load.c: all of it, or nothing with *e. */
MUST_USE bool coordinator_load(struct coordinator *c, struct err *e);
MUST_USE bool coordinator_load_cluster(struct coordinator *c, struct cluster *cl, struct err *e);
void coordinator_stamp(struct cluster *cl, const char *name, uint64_t commit);
void coordinator_remember(struct coordinator *c);          /* which clusters this run has */
void coordinator_remember_gateways(struct coordinator *c); /* who there is, when it has changed */

/* coordinator_secrets.c */
void coordinator_on_secrets(void *arg, struct secrets *owned);
void coordinator_remember_secrets(struct coordinator *c); /* when they have changed */
void coordinator_recall_secrets(struct coordinator *c);   /* of the run before */
void coordinator_secrets_free(struct coordinator *c);

/* coordinator_hold.c */
void coordinator_hold_begin(struct coordinator *c);  /* once, with the first picture */
bool coordinator_hold_review(struct coordinator *c); /* true: a cluster was let go */

/* coordinator_view.c */
void coordinator_take_view(struct coordinator *c, struct view *now, struct view_patch *owned);
bool coordinator_view_waits(const struct coordinator *c); /* for coordinator_plan_view */
void coordinator_take_seen(struct coordinator *c); /* labels that history does not know yet */
void coordinator_plan_view(struct coordinator *c); /* the newest view into the plan */
void coordinator_drop_patches(struct coordinator *c);
void coordinator_seen_free(void *seen);

/* write_batch.c */
/* To the backlogs of all clusters, or only of those that the batch leaves out. */
void coordinator_note_delta(struct coordinator *c, const struct plan_delta *delta, bool left_out);
void coordinator_batch(struct coordinator *c); /* what there is, to the writer */
void coordinator_on_written(void *arg, struct store_commit_rq *all, size_t num,
                            const struct err *e); /* on its thread */
void coordinator_batch_back(void *arg, struct mailbox_item *item);
void coordinator_batch_drop(struct mailbox_item *item);
void coordinator_batch_end(struct coordinator *c); /* at the end: nobody is answered */

/* coordinator_replica.c */
MUST_USE bool coordinator_replica_start(struct coordinator *c, struct err *e);
/* False with why: the fence is not held (yet, or any more). */
/* Documents of such a kind are not ours to carry on, and without them nothing may be written that
 * others take for all there is; tenant and name are for people. */
void coordinator_found_newer(struct coordinator *c, const char *where, const char *kind,
                             const char *name);
MUST_USE bool coordinator_may_commit(const struct coordinator *c, struct err *why);
void coordinator_replicate(struct coordinator *c, const struct store_commit_rq *rq);
/* False with why: waiting for Swarm's store would be in vain; code NotReplicated or TooMuch. */
MUST_USE bool coordinator_may_be_durable(const struct coordinator *c, struct err *why);
uint64_t coordinator_durable(const struct coordinator *c); /* last commit that Swarm has */

#endif
