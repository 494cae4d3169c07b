/*
 * One request to the admin API, and its answer (libcurl). No redirects, http and https only,
 * everything bounded in bytes and time.
 */
#ifndef ADMIN_CLI_CLIENT_H
#define ADMIN_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { CLIENT_HASH_MAX = 128 };

struct client;

struct client_reply { /* client_reply_free */
    int status;
    struct buf body;
    uint64_t commit; /* Signalbox-Commit; 0 = none */
    char audit_head[CLIENT_HASH_MAX];
    int64_t retry_after_s; /* -1 = not said */
    int64_t took_ms;
};

/* `url` and `token` (NULL = none) are borrowed. NULL with *e set when the URL is none. */
struct client *client_new(const char *url, const char *token, struct err *e);
void client_free(struct client *c);

/*
 * `uri` is path and query; body NULL = none. Over the usual fifteen seconds the server may take
 * wait_ms. False when there is no answer; *out is to be freed either way.
 */
struct client_request {
    const char *method;
    const char *uri;
    const char *type; /* of the body */
    const char *body;
    int64_t wait_ms;
};
MUST_USE bool client_call(struct client *c, const struct client_request *rq,
                          struct client_reply *out, struct err *e);
void client_reply_free(struct client_reply *r);

/*
 * GET of a stream of events. on_bytes gets what comes with status 200 and ends the stream by
 * false; every other answer is kept in *out. Silence of a minute ends it too. False when it broke
 * before an answer.
 */
struct client_stream {
    const char *uri;
    const char *last_event_id; /* NULL = from now on */
    bool (*on_bytes)(void *arg, struct str bytes);
    void *arg;
};
MUST_USE bool client_stream(struct client *c, const struct client_stream *rq,
                            struct client_reply *out, struct err *e);

#endif
