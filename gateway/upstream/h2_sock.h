/*
 * The virtual socket of a stream (loop/sock.h), for connections of HTTP/2 on both sides: what its
 * owner reads and writes is HTTP/1.1. Whatever it does goes out with the next step of the
 * connection, which h2_session_wake asks for.
 */
#ifndef GATEWAY_UPSTREAM_H2_SOCK_H
#define GATEWAY_UPSTREAM_H2_SOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/result.h"
#include "gateway/loop/sock.h"

/* As of sock_ops. */
enum io h2_sock_recv(struct sock *s, void *p, size_t cap, size_t *out_n);
enum io h2_sock_send(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n);
void h2_sock_close(struct sock *s, bool reset);

#endif
