/*
 * What a connection of HTTP/2 does with its socket, on both sides: what comes goes into the session
 * (http/h2_session.h), what the session has to say goes out, a block at a time. While the peer
 * takes nothing, nothing more is read from it.
 */
#ifndef GATEWAY_UPSTREAM_H2_WIRE_H
#define GATEWAY_UPSTREAM_H2_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/http/h2_session.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sock.h"

enum { H2_WIRE_ROUNDS = 16 }; /* of reading and writing, before others have their turn */

struct h2_wire {
    struct loop *loop;
    struct sock *sock;
    struct h2_session *session; /* owned */
    char *out;                  /* a block; NULL: nothing waits */
    uint32_t out_len, out_sent;
    int64_t blocked_ms; /* since when the peer takes nothing; 0: it does */
};

/* False: no memory. */
MUST_USE bool h2_wire_init(struct h2_wire *w, struct loop *l, struct sock *s, enum h2_role role,
                           uint32_t max_streams);
void h2_wire_free(struct h2_wire *w); /* no stream has an owner any more */

/* Is there anything to read, and may it be? */
bool h2_wire_can_read(const struct h2_wire *w);
/* IO_FAIL: errno, or EPROTO when the session takes nothing more. */
MUST_USE enum io h2_wire_read(struct h2_wire *w);
MUST_USE bool h2_wire_feed(struct h2_wire *w, const char *p, size_t n); /* what was read before */
/* IO_DONE: everything that there is to say is with the kernel. */
enum io h2_wire_write(struct h2_wire *w);

#endif
