/*
 * What the sockets of one loop send at the end of a turn, one behind the other. Sending is the
 * largest path through the kernel there is: taken many times in a row it stays in the processor's
 * caches, as does the code that answers events while nothing is sent in between, and who is woken
 * by the first finds the others waiting. With heads and answers of some hundred bytes this is worth
 * more than all that a proxy does itself.
 *
 * Bytes are copied, so that nobody has to keep them. Their socket is not writable until they have
 * gone, so nothing overtakes them. Used through sock.h.
 */
#ifndef GATEWAY_LOOP_SENDQ_H
#define GATEWAY_LOOP_SENDQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct sock;

enum {
    SENDQ_MAX = 64,
    SENDQ_MANY = 32, /* so many do not wait for the end of the turn */
    SENDQ_ENTRY_BYTES = 2048,
    SENDQ_BYTES = SENDQ_MAX * SENDQ_ENTRY_BYTES / 2
};

/* What became of an entry. IO_FAIL: errno says why. */
struct sendq_result {
    enum io io;      /* IO_DONE, IO_AGAIN, IO_FAIL */
    size_t n;        /* bytes that the kernel took */
    struct str rest; /* those that it did not; lent for the call */
};

typedef void sendq_told(void *arg, const struct sendq_result *r);

struct sendq_entry {
    struct sock *sock; /* NULL: told, or closed before */
    sendq_told *on_sent;
    void *arg;
    uint32_t at, len; /* in bytes[] */
    int error;
    ssize_t sent; /* as send(2) answered */
};

struct sendq {
    uint32_t num, used;
    bool flushing;
    struct sendq_entry all[SENDQ_MAX];
    char bytes[SENDQ_BYTES];
};

struct sendq *sendq_new(void);
void sendq_free(struct sendq *q); /* what waits is forgotten; NULL is fine */

static inline bool sendq_has_many(const struct sendq *q)
{
    return q->num >= SENDQ_MANY;
}

/* False: too many bytes, no room, or it is being emptied just now. */
MUST_USE bool sendq_add(struct sendq *q, struct sock *s, const struct iovec *iov, size_t num_iov,
                        sendq_told *on_sent, void *arg);
void sendq_drop(struct sendq *q, const struct sock *s); /* the socket closes: nobody is told */

/* Sends all, then tells. Who is told may do what it likes with any socket. */
void sendq_flush(struct sendq *q);

#endif
