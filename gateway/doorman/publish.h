/* The doorman's unix socket in the shared volume: how it gets there, and whether it still is. */
#ifndef GATEWAY_DOORMAN_PUBLISH_H
#define GATEWAY_DOORMAN_PUBLISH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

enum publish_state { PUBLISH_MINE, PUBLISH_OTHER, PUBLISH_NOTHING };

/*
 * A file's identity. Its number is not given to another file while the doorman that bound it lives,
 * even when the name is gone; and when that one dies, its gateways notice. No times: a chmod by
 * hand must not look like a successor.
 */
struct publish_id {
    dev_t dev;
    ino_t ino;
};

MUST_USE bool publish_identify(const char *path, struct publish_id *out);
bool publish_same(const struct publish_id *a, const struct publish_id *b);

/* A listening, non-blocking SOCK_SEQPACKET socket at `path`, over whatever was there. */
MUST_USE bool publish_open(const char *path, int *out_fd, struct publish_id *out_id, struct err *e);

MUST_USE enum publish_state publish_look(const char *path, const struct publish_id *id);

/* Connects to a doorman; non-blocking when asked. -1 with errno. */
int publish_connect(const char *path, bool nonblock);

#endif
