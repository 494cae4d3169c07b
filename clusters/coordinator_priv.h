/*
 * What the files of the coordinator share, and nobody else: coordinator.c (loop, store's opening,
 * news), coordinator_load.c (from the store), coordinator_hold.c (may a cluster be published),
 * coordinator_commit.c (differences to store and publisher), coordinator_shown.c (what the API
 * reads).
 */
#ifndef CLUSTERS_COORDINATOR_PRIV_H
#define CLUSTERS_COORDINATOR_PRIV_H

#include "clusters/compile/compile.h"
#include "clusters/coordinator.h"
#include "clusters/hold.h"
#include "gateway/core/map.h"
#include "store/store.h"

struct event;
struct gateways;
struct mailbox;
struct observe;
struct view;

enum { COORDINATOR_MAGIC = 0x0c004d01 };

/* Why what is compiled for a cluster is neither committed nor published. */
enum held {
    HELD_NOT,
    HELD_RETURNED, /* it was not configured in the last run: its old table waits for a picture */
    HELD_NEW,      /* it has never been published from this store */
    HELD_EMPTY     /* the first picture has no services at all, and the store has routes */
};

struct cluster {
    char *name;
    char epoch[STORE_EPOCH_MAX];
    struct compile_cluster loaded;       /* from the store, until the first commit of this run */
    const struct compile_cluster *table; /* what is committed: `loaded` or in `committed` */
    struct map commits;                  /* object name -> struct stamp */
    uint64_t revision;
    uint64_t floor;
    bool served;
    enum held held; /* not HELD_NOT: `table` is `loaded` */
    bool ahead;     /* a gateway held a later revision of our epoch: numbers may mean two things */
    bool outdated;  /* that, or a live gateway holds a later epoch */
    int64_t since_ms;        /* of `held` or `outdated`, monotonic */
    int64_t renewed_ms;      /* when the epoch was last taken anew, monotonic; 0 = never */
    struct hold_facts facts; /* of the last review */
    struct err why;          /* code NULL: published */
    int64_t why_logged_ms;
    struct gateways *gateways;
};

struct stamp {
    uint64_t commit;
};

struct coordinator {
    unsigned magic;
    struct event_base *base;
    char *default_cluster; /* NULL: none */
    char *store_path;
    bool accept_empty;
    const char **names; /* of the clusters, for compile */
    struct cluster *clusters;
    size_t num_clusters;
    struct store *store; /* NULL while it cannot be opened: store_failure says why */
    bool remembered;     /* the store knows which clusters this run has */
    bool begun;          /* a picture has been compiled with the store open */
    struct publish *publish;
    struct mailbox *news;
    struct observe *observe;
    struct view *view;                /* newest; NULL before the first */
    int64_t first_view_ms;            /* monotonic */
    struct compile_result *compiled;  /* of that view */
    struct compile_result *committed; /* the newest that is in the store; may be == compiled */
    struct event *turn;
    struct event *retry;
    struct event *tick;
    struct err store_failure; /* code NULL: it is open and the last commit went well */
};

struct cluster *coordinator_find(const struct coordinator *c, const char *name);

/* coordinator.c: notes the store's failure, which is tried again in a second. */
void coordinator_store_failed(struct coordinator *c, const struct err *why, const char *what);
void coordinator_turn_soon(struct coordinator *c); /* compile and commit at the end of the turn */

/* coordinator_load.c: all clusters, or none with *e. */
MUST_USE bool coordinator_load(struct coordinator *c, struct err *e);
void coordinator_stamp(struct cluster *cl, const char *name, uint64_t commit);
void coordinator_remember(struct coordinator *c); /* which clusters this run has */

/* coordinator_hold.c */
void coordinator_hold_begin(struct coordinator *c);  /* once, with the first picture */
bool coordinator_hold_review(struct coordinator *c); /* true: a cluster was let go */

/* coordinator_commit.c */
void coordinator_serve(struct coordinator *c, struct cluster *cl);
void coordinator_commit(struct coordinator *c);

#endif
