/*
 * The connection of a probe to an endpoint that speaks HTTP/2 (RFC 9113, prior knowledge): one
 * stream, written and read as HTTP/1.1 (http/h2_stream.h), so that the prober has one way to ask
 * and to judge. The socket stays the probe's, which calls again when that has news.
 */
#ifndef GATEWAY_WORKER_PROBE_H2_H
#define GATEWAY_WORKER_PROBE_H2_H

#include <stddef.h>

#include "gateway/core/result.h"

struct loop;
struct probe_h2;
struct sock;

struct probe_h2 *probe_h2_new(struct loop *l, struct sock *s); /* NULL: no memory */
void probe_h2_free(struct probe_h2 *p);                        /* NULL is fine */

/* As sock_send and sock_recv; besides IO_FAIL with EPROTO when the peer breaks a rule. */
MUST_USE enum io probe_h2_send(struct probe_h2 *p, const char *bytes, size_t n, size_t *out_n);
MUST_USE enum io probe_h2_recv(struct probe_h2 *p, char *out, size_t cap, size_t *out_n);

#endif
