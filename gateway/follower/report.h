/*
 * Reports to the coordinator what this gateway has adopted and refused: at most one request in
 * flight, the newest state wins, repeated every 10 s (the coordinator's lease is 30 s).
 */
#ifndef GATEWAY_FOLLOWER_REPORT_H
#define GATEWAY_FOLLOWER_REPORT_H

#include <stdbool.h>

#include "gateway/core/buf.h"

struct event_base;
struct fetch;
struct report;

struct report_config {
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

struct report *report_new(const struct report_config *config);
void report_free(struct report *r);
void report_changed(struct report *r); /* there is news: send it as soon as nothing is in flight */

#endif
