/*
 * Messages from other threads to the thread of one loop. A message is embedded in its owner and
 * belongs to the mailbox until it is delivered; then its owner may send it again, or free it. They
 * are delivered between the turns of the loop, a bounded number a turn, in the order in which they
 * were sent.
 *
 * The waiting messages are a lock-free stack: a sender puts its message on top with one
 * compare-and-swap, the receiver takes them all with one exchange and turns them round. A mutex
 * would do for the few messages there are, but a sender that loses its core while it holds one
 * would stop the receiver, and the receivers carry the traffic. Taking everything at once leaves no
 * room for the ABA problem, and the sender who found the stack empty is the one that must wake the
 * receiver, so that a burst costs one wake-up.
 */
#ifndef GATEWAY_LOOP_MAILBOX_H
#define GATEWAY_LOOP_MAILBOX_H

#include <stdatomic.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/loop/loop.h"

enum { MAILBOX_A_TURN = 64 };

struct mail {
    void (*deliver)(void *owner); /* on the receiver's thread */
    void *owner;
    struct mail *next; /* the mailbox's */
};

typedef struct mail *mailbox_link;

struct mailbox {
    unsigned magic;
    struct loop *loop;
    _Atomic mailbox_link newest; /* what was sent and not taken yet */
    int fd;                      /* eventfd */
    struct loop_watch wake;
    struct loop_task task;
    struct mail *first, *last; /* taken, not delivered yet; the receiver's */
};

MUST_USE bool mailbox_init(struct mailbox *m, struct loop *l, struct err *e);
/* Nothing may wait in it any more. Zeroed or freed before is fine. */
void mailbox_free(struct mailbox *m);
void mailbox_send(struct mailbox *m, struct mail *mail); /* any thread */
/* The receiver, when its loop runs no more: delivers what is there. */
void mailbox_empty(struct mailbox *m);

#endif
