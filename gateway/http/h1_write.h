/*
 * Outgoing heads as an iovec over the incoming ones: what is kept is sent from where it was read,
 * what is ours comes from a scratch area inside struct h1_out. Nothing is allocated; the iovec is
 * valid as long as the incoming bytes and the struct stay where they are.
 */
#ifndef GATEWAY_HTTP_H1_WRITE_H
#define GATEWAY_HTTP_H1_WRITE_H

#include <sys/uio.h>

#include "gateway/http/h1_head.h"

enum {
    H1_CHANGES_MAX = 32, /* fields removed; set; added */
    H1_OUT_IOV_MAX = 2 * H1_FIELDS_MAX + 16 + 2 * H1_CHANGES_MAX * 4,
    H1_OUT_SCRATCH = 1024
};

struct h1_out {
    size_t bytes; /* sum of the lengths */
    int num;
    uint32_t scratch_len;
    struct iovec iov[H1_OUT_IOV_MAX];
    char scratch[H1_OUT_SCRATCH];
};

struct h1_change {
    struct str name; /* in any case */
    struct str value;
};

/*
 * What is done to the fields of a head, in this order: removed, set (replaces all of that name),
 * added. Never to a field that frames a message. The strings are lent as long as the struct h1_out.
 */
struct h1_changes {
    size_t num_removed, num_set, num_added;
    struct str removed[H1_CHANGES_MAX];
    struct h1_change set[H1_CHANGES_MAX];
    struct h1_change added[H1_CHANGES_MAX];
};

/* Path and query in pieces, one behind the other; the first piece is not empty. */
struct h1_target {
    struct str pieces[3];
};

/* What the gateway says of itself to the upstream, and does to the request. */
struct h1_forwarding {
    struct str client_ip; /* of the connection: text, no port, at most 64 bytes */
    struct str proto;     /* "http" or "https" */
    bool upgrade;         /* forward Upgrade, which is hop-by-hop, as our own wish */
    /* empty or NULL, as is the rule: stays as it came */
    struct str real_ip;              /* X-Real-IP, at most 64 bytes; empty: client_ip */
    struct str host;                 /* instead of the client's, which X-Forwarded-Host tells */
    const struct h1_target *target;  /* instead of the client's */
    struct str prefix;               /* X-Forwarded-Prefix: what `target` lost in front */
    const struct h1_changes *fields; /* applied before what is ours */
    struct str request_id;           /* X-Request-Id, instead of the client's */
    struct str lines;                /* more lines of ours, each with its CR LF */
    bool
        believes; /* the sender's X-Forwarded-Host, -Proto, -Port and -Prefix pass, if it has any */
};

/*
 * The request for the upstream: HTTP/1.1, origin-form target, hop-by-hop fields removed, Host kept,
 * X-Forwarded-For appended to, X-Forwarded-Proto, -Host and X-Real-IP set, what a client sent under
 * those names and under Forwarded, X-Forwarded-Port and -Prefix removed. Chunked framing is kept.
 */
void h1_write_request(struct h1_out *out, const struct h1_head *h, const char *base,
                      const struct h1_forwarding *fwd);

enum h1_connection {
    H1_CONN_SILENT,     /* HTTP/1.1 keep-alive: no Connection field */
    H1_CONN_CLOSE,      /* Connection: close */
    H1_CONN_KEEP_ALIVE, /* Connection: keep-alive, for HTTP/1.0 clients */
    H1_CONN_UPGRADE     /* Connection: upgrade and the Upgrade field, of a 101 */
};

/* How a response is passed on. */
struct h1_passing {
    enum h1_connection connection;
    bool drop_coding;                /* Transfer-Encoding goes: an HTTP/1.0 client knows none */
    const struct h1_changes *fields; /* NULL: none */
    struct str lines; /* of ours, each with its CR LF; lent as long as the struct h1_out */
    uint32_t without; /* fields that are left out, by id, as bits */
};

/*
 * How many entries there are with a body behind the head, which is not counted in `out`. *bytes
 * becomes 0 when there is no room for one more entry.
 */
int h1_out_with(struct h1_out *out, char *body, size_t *bytes);

/*
 * The response for the client: status line as HTTP/1.1, hop-by-hop fields removed, Connection as
 * told. 1xx and 204 lose their framing fields: they must not have any (RFC 9112 section 6).
 */
void h1_write_response(struct h1_out *out, const struct h1_head *h, const char *base,
                       const struct h1_passing *how);

#endif
