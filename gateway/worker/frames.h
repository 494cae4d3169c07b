/*
 * The hub's end of the frames socket: lines in, table versions out, acks and nacks back. Lines are
 * decoded and versions handed over between the turns of the loop, a bounded number a turn. A
 * version is acknowledged when its owner says that it is in force; while several are not, nothing
 * more is decoded.
 */
#ifndef GATEWAY_WORKER_FRAMES_H
#define GATEWAY_WORKER_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/loop/loop.h"

struct event;
struct frames_answer;
struct table_builder;
struct table_commit;

enum {
    FRAMES_READ_BYTES = 65536,    /* one read */
    FRAMES_LINES_A_TURN = 256,    /* decoded between two turns */
    FRAMES_BACKLOG = 32 << 20,    /* with so much undecoded nothing more is read: the follower is
                                     not held up while it still reads a large table itself */
    FRAMES_KEEP = 1 << 20,        /* more memory than this is given back when it is empty */
    FRAMES_ANSWERS_MAX = 4 << 20, /* acks and nacks that the follower has not read */
    FRAMES_NACKS_MAX = 1 << 20,   /* with so much unread, further nacks are left out */
    FRAMES_REFUSALS_LOGGED = 100, /* of one commit; the others are counted */
    FRAMES_UNDER_WAY_MAX = 16     /* versions handed over and not in force yet */
};

/* What the follower last said of itself. */
struct frames_status {
    int64_t heard_ms;             /* by the loop's clock; 0: never, since the last follower came */
    bool stale;                   /* the source of the table is not heard from */
    int64_t age_ms;               /* then: since it was last heard from */
    char complaint[ERR_TEXT_MAX]; /* what the journal suffers; "": nothing */
};

struct frames {
    unsigned magic;
    struct loop *loop;
    int fd; /* -1: no follower */
    struct event *read_ev, *write_ev;
    struct loop_task task;
    struct table_builder *builder;
    struct buf in, out;
    size_t used; /* of in: decoded already */
    struct frames_status status;
    uint64_t follower; /* counts them: what an earlier one sent is not acknowledged to this one */
    STAILQ_HEAD(, frames_answer) under_way; /* to versions that are not in force yet, in order */
    unsigned num_under_way;
    bool reading; /* read_ev is added */
    /* Takes the reference to the version; the other fields are lent. */
    void (*on_commit)(void *arg, const struct table_commit *commit);
    void *arg;
};

void frames_init(struct frames *f, struct loop *l,
                 void (*on_commit)(void *arg, const struct table_commit *commit), void *arg);
void frames_free(struct frames *f);
void frames_attach(struct frames *f, int fd); /* a new follower; takes the descriptor */
/* For the follower's next report: one JSON object. False: no follower, or it reads too slowly. */
MUST_USE bool frames_send_stats(struct frames *f, struct str json);
void frames_in_force(struct frames *f); /* the oldest version that was handed over */

#endif
