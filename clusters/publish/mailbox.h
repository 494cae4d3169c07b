/*
 * Messages to the thread of a libevent loop: anyone posts, the loop's thread receives them in
 * order. The one lock between the coordinator's threads is in here.
 */
#ifndef CLUSTERS_PUBLISH_MAILBOX_H
#define CLUSTERS_PUBLISH_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct event_base;
struct mailbox;

/* First member of every message; the receiver owns the message. */
struct mailbox_item {
    STAILQ_ENTRY(mailbox_item) next;
};

struct mailbox *mailbox_new(struct event_base *base,
                            void (*on_item)(void *arg, struct mailbox_item *owned), void *arg,
                            struct err *e);

/* After the loop and all posters have ended; what still waits goes to `drop`. */
void mailbox_free(struct mailbox *m, void (*drop)(struct mailbox_item *owned));

void mailbox_post(struct mailbox *m, struct mailbox_item *item);
/* Posts only while fewer than `max` wait; false: the item is still the caller's. */
MUST_USE bool mailbox_try_post(struct mailbox *m, struct mailbox_item *item, size_t max);

#endif
