/* Descriptors: flags, whole writes, passing them over a unix socket (unix(7), SCM_RIGHTS). */
#ifndef GATEWAY_CORE_FD_H
#define GATEWAY_CORE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "gateway/core/result.h"

enum { FD_PASS_MAX = 64 }; /* most descriptors in one message */

void fd_close(int *fd); /* closes when >= 0 and sets -1; errno is kept */
/* Raises the soft limit of open files to the hard one: 1,024 is there for select(2) only. */
void fd_raise_limit(void);
MUST_USE bool fd_set_nonblock(int fd, bool on);
MUST_USE bool fd_set_cloexec(int fd, bool on);
MUST_USE bool fd_write_all(int fd, const void *p, size_t n); /* blocking; false with errno */

/*
 * One message of a SOCK_SEQPACKET or SOCK_DGRAM unix socket, with up to FD_PASS_MAX descriptors.
 * fd_recv: IO_DONE with *out_len bytes and *out_num_fds descriptors (close-on-exec, now the
 * caller's), IO_EOF when the peer is gone, IO_FAIL with errno (EMSGSIZE: message or descriptor
 * list was cut; what came was closed).
 */
MUST_USE enum io fd_send(int sock, const void *p, size_t n, const int *fds, size_t num_fds);
MUST_USE enum io fd_recv(int sock, void *p, size_t cap, size_t *out_len, int *out_fds,
                         size_t *out_num_fds);

#endif
