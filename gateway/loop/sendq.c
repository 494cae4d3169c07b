/*
 * See sendq.h. All are sent before anybody is told, so that the two do not take turns. What the
 * kernel did not take goes back to its owner: there is no second place where bytes may heap up.
 */
#include "gateway/loop/sendq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/loop/call.h"
#include "gateway/loop/sock.h"

struct sendq *sendq_new(void)
{
    struct sendq *q = xmalloc(sizeof *q);

    q->num = q->used = 0;
    q->flushing = false;
    return q;
}

void sendq_free(struct sendq *q)
{
    free(q);
}

static size_t bytes_of(const struct iovec *iov, size_t num_iov)
{
    size_t n = 0;

    for (size_t i = 0; i < num_iov; i++)
        n += iov[i].iov_len;
    return n;
}

bool sendq_add(struct sendq *q, struct sock *s, const struct iovec *iov, size_t num_iov,
               sendq_told *on_sent, void *arg)
{
    size_t bytes = bytes_of(iov, num_iov);

    if (q->flushing || q->num == SENDQ_MAX || bytes > SENDQ_ENTRY_BYTES ||
        bytes > SENDQ_BYTES - q->used)
        return false;
    q->all[q->num++] = (struct sendq_entry){
        .sock = s, .on_sent = on_sent, .arg = arg, .at = q->used, .len = (uint32_t)bytes};
    for (size_t i = 0; i < num_iov; i++) {
        memcpy(q->bytes + q->used, iov[i].iov_base, iov[i].iov_len);
        q->used += (uint32_t)iov[i].iov_len;
    }
    return true;
}

void sendq_drop(struct sendq *q, const struct sock *s)
{
    for (uint32_t i = 0; i < q->num; i++)
        if (q->all[i].sock == s)
            q->all[i].sock = NULL;
}

static void send_one(const struct sendq *q, struct sendq_entry *e)
{
    if (e->sock == NULL)
        return;
    do
        e->sent = call_send(e->sock->fd, q->bytes + e->at, e->len);
    while (e->sent < 0 && errno == EINTR);
    if (e->sent < 0)
        e->error = errno;
}

static void tell(const struct sendq *q, struct sendq_entry *e)
{
    struct sock *s = e->sock;
    size_t n = e->sent > 0 ? (size_t)e->sent : 0;
    struct sendq_result r = {.io = e->sent >= 0         ? IO_DONE
                                   : e->error == EAGAIN ? IO_AGAIN
                                                        : IO_FAIL,
                             .n = n,
                             .rest = {q->bytes + e->at + n, e->len - n}};

    if (s == NULL)
        return;
    e->sock = NULL;
    s->waits = false;
    s->writable = n == e->len;
    s->sent += n;
    if (e->sent < 0)
        errno = e->error;
    e->on_sent(e->arg, &r);
}

void sendq_flush(struct sendq *q)
{
    if (q->num == 0)
        return;
    q->flushing = true;
    for (uint32_t i = 0; i < q->num; i++)
        send_one(q, &q->all[i]);
    for (uint32_t i = 0; i < q->num; i++)
        tell(q, &q->all[i]);
    q->num = q->used = 0;
    q->flushing = false;
}
