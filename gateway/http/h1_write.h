/*
 * Outgoing heads as an iovec over the incoming ones: what is kept is sent from where it was read,
 * what is ours comes from a scratch area inside struct h1_out. Nothing is allocated; the iovec is
 * valid as long as the incoming bytes and the struct stay where they are.
 */
#ifndef GATEWAY_HTTP_H1_WRITE_H
#define GATEWAY_HTTP_H1_WRITE_H

#include <sys/uio.h>

#include "gateway/http/h1_head.h"

enum { H1_OUT_IOV_MAX = 2 * H1_FIELDS_MAX + 16, H1_OUT_SCRATCH = 1024 };

struct h1_out {
    size_t bytes; /* sum of the lengths */
    int num;
    uint32_t scratch_len;
    struct iovec iov[H1_OUT_IOV_MAX];
    char scratch[H1_OUT_SCRATCH];
};

/* What the gateway says of itself to the upstream. */
struct h1_forwarding {
    struct str client_ip; /* text, no port, at most 64 bytes */
    struct str proto;     /* "http" or "https" */
    bool upgrade;         /* forward Upgrade, which is hop-by-hop, as our own wish */
};

/*
 * The request for the upstream: HTTP/1.1, origin-form target, hop-by-hop fields removed, Host kept,
 * X-Forwarded-For appended to, X-Forwarded-Proto, -Host and X-Real-IP set, what a client sent under
 * those names and under Forwarded and X-Forwarded-Port removed. Chunked framing is kept.
 */
void h1_write_request(struct h1_out *out, const struct h1_head *h, const char *base,
                      const struct h1_forwarding *fwd);

enum h1_connection {
    H1_CONN_SILENT,     /* HTTP/1.1 keep-alive: no Connection field */
    H1_CONN_CLOSE,      /* Connection: close */
    H1_CONN_KEEP_ALIVE, /* Connection: keep-alive, for HTTP/1.0 clients */
    H1_CONN_UPGRADE     /* Connection: upgrade and the Upgrade field, of a 101 */
};

/*
 * The response for the client: status line as HTTP/1.1, hop-by-hop fields removed, Connection as
 * told. drop_coding: Transfer-Encoding goes too, as an HTTP/1.0 client knows none (a body is taken
 * apart for it). 1xx and 204 lose their framing fields: they must not have any (RFC 9112 section
 * 6).
 */
void h1_write_response(struct h1_out *out, const struct h1_head *h, const char *base,
                       enum h1_connection connection, bool drop_coding);

#endif
