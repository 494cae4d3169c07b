/*
 * Reads one run of frames, a stream of the coordinator or a state file, into a holding: hello, then
 * sets and deletes, then a commit, and so on. It decides what may be believed; nothing of a commit
 * leaves it before the commit's digest was found right.
 */
#ifndef GATEWAY_FOLLOWER_SESSION_H
#define GATEWAY_FOLLOWER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/follower/holding.h"
#include "gateway/follower/lines.h"

enum session_state {
    SESSION_HELLO,
    SESSION_SNAPSHOT,
    SESSION_DELTA,
    SESSION_BROKEN,
    SESSION__COUNT
};

struct session_config {
    struct holding *holding;
    const char *cluster;     /* whose frames these must be */
    bool accept_older_epoch; /* an operator said so */
    /* A commit was taken over: these were its changes; snapshot = they are the whole table. */
    void (*on_commit)(void *arg, const struct holding_changes *changes, bool snapshot);
    /*
     * A part of a snapshot has come, value.p NULL = delete. It is well formed, but the commit that
     * makes it true may never come. NULL: no interest.
     */
    void (*on_part)(void *arg, enum route_kind kind, struct str name, struct str value);
    void *arg;
};

struct session {
    struct session_config config;
    enum session_state state;
    struct lines lines;
    struct holding_changes changes; /* since the last commit */
    char epoch[FRAME_EPOCH_MAX + 1];
    struct digest sum;  /* vouched: of the changes */
    bool vouched;       /* and the next frame must be their commit */
    uint64_t head;      /* newest revision that hello, commit or beat named */
    uint64_t num_signs; /* hellos, commits and beats so far: what shows that the sender lives */
};

void session_init(struct session *s, const struct session_config *config);
void session_free(struct session *s);

/*
 * Takes bytes as they come, or one line. False with *e: this run cannot be believed any further and
 * the session is over. Codes: "BadLine" (no frame at all), "BadFrame" (out of order),
 * "OtherCluster", "OlderEpoch", "DigestMismatch", "TooLarge".
 */
MUST_USE bool session_feed(struct session *s, struct str bytes, struct err *e);
MUST_USE bool session_line(struct session *s, struct str line, struct err *e);

/*
 * The caller knows what the snapshot so far adds up to: its commit, if that is the next frame, is
 * judged by this sum. For who wrote the snapshot and knows that it is unchanged (journal.c).
 */
void session_vouch(struct session *s, const struct digest *sum);

/* What was fed ends in a line without its end. */
bool session_inside_line(const struct session *s);

/* At least one commit, or a beat at the revision held, has shown that both sides agree. */
bool session_in_step(const struct session *s);

/* The milliseconds part of an epoch, "<unix ms>-<random>"; false when it has none. */
MUST_USE bool session_epoch_ms(const char *epoch, uint64_t *out);

#endif
