/*
 * Reports to the coordinator what this gateway has adopted and refused: at most one request in
 * flight, the newest state wins, repeated every 10 s (the coordinator's lease is 30 s).
 */
#ifndef GATEWAY_FOLLOWER_REPORTER_H
#define GATEWAY_FOLLOWER_REPORTER_H

#include <stdbool.h>

#include "gateway/core/buf.h"

struct event_base;
struct fetch;
struct reporter;

struct reporter_config {
    struct event_base *base;
    struct fetch *fetch;
    const char *coordinator; /* all strings are borrowed */
    const char *cluster;
    const char *gateway;
    const char *token_file;
    /* Writes the newest state as a JSON object; false when it does not fit. */
    bool (*write)(void *arg, struct buf *out);
    void *arg;
};

struct reporter *reporter_new(const struct reporter_config *config);
void reporter_free(struct reporter *r);
void reporter_changed(
    struct reporter *r); /* there is news: send it as soon as nothing is in flight */

#endif
