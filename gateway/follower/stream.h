/*
 * The follower's connection to the coordinator: opens the stream where the holding stands, reads it
 * into the holding, and opens it again, for ever, when it ends, falls silent or cannot be believed.
 */
#ifndef GATEWAY_FOLLOWER_STREAM_H
#define GATEWAY_FOLLOWER_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/follower/holding.h"

struct event_base;
struct fetch;
struct stream;

struct stream_config {
    struct event_base *base;
    struct fetch *fetch;
    const char *coordinator; /* URL without a path; all strings are borrowed */
    const char *cluster;
    const char *gateway; /* id, so that the coordinator knows who listens */
    const char *node;
    const char *token_file;
    bool accept_older_epoch;
    int64_t silence_ms; /* 0: 15,000 */
    struct holding *holding;
    void (*on_commit)(void *arg, const struct holding_changes *changes, bool snapshot);
    void (*on_read)(void *arg); /* what came so far is taken: a good moment to sync the disk */
    /* The stream has ended, or could not be had; another try is due. */
    void (*on_lost)(void *arg, const struct err *why);
    void (*on_unserved)(void *arg); /* the coordinator is there but does not serve the cluster */
    void *arg;
};

struct stream *stream_new(const struct stream_config *config);
void stream_free(struct stream *s);

bool stream_in_step(const struct stream *s); /* connected, and the holding is the newest there is */

/* Milliseconds since that was so, or since the start if it never was; 0: it is. Monotonic. */
int64_t stream_age_ms(const struct stream *s);

/* Wait before the next try: 200 ms doubling to 2 s; what is longer stays. `previous_ms` 0: the
 * first. */
int64_t stream_back_off(int64_t previous_ms);

/* Puts "Authorization: Bearer TOKEN" in *out; the token is the first word of the file. */
MUST_USE bool stream_authorization(const char *token_file, struct buf *out, struct err *e);

#endif
