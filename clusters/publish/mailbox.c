/*
 * A queue under a mutex and an eventfd that wakes the receiving loop. The queue is taken whole, so
 * the lock is held for a few instructions only, and the items run without it. Used towards the
 * publisher's thread and back to the coordinator's loop; knows nothing of what it carries.
 */
#include "clusters/publish/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/obj.h"

enum { MAILBOX_MAGIC = 0x3a11b0c5 };

STAILQ_HEAD(item_queue, mailbox_item);

struct mailbox {
    unsigned magic;
    pthread_mutex_t lock; /* guards waiting and num_waiting */
    struct item_queue waiting;
    size_t num_waiting;
    int fd;
    struct event *readable;
    void (*on_item)(void *arg, struct mailbox_item *owned);
    void *arg;
};

static void take_all(struct mailbox *m, struct item_queue *out)
{
    STAILQ_INIT(out);
    ASSERT(pthread_mutex_lock(&m->lock) == 0);
    STAILQ_CONCAT(out, &m->waiting);
    m->num_waiting = 0;
    ASSERT(pthread_mutex_unlock(&m->lock) == 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct mailbox *m;
    struct item_queue taken;
    struct mailbox_item *item;
    uint64_t count;

    (void)what;
    OBJ_CAST(m, arg, MAILBOX_MAGIC);
    /* Level-triggered: a read that finds nothing was a spurious wake. */
    if (read(fd, &count, sizeof count) != (ssize_t)sizeof count && errno != EAGAIN)
        WRONG("an eventfd cannot be read");
    take_all(m, &taken);
    while ((item = STAILQ_FIRST(&taken)) != NULL) {
        STAILQ_REMOVE_HEAD(&taken, next);
        m->on_item(m->arg, item);
    }
}

struct mailbox *mailbox_new(struct event_base *base,
                            void (*on_item)(void *arg, struct mailbox_item *owned), void *arg,
                            struct err *e)
{
    struct mailbox *m = xcalloc(1, sizeof *m);

    m->magic = MAILBOX_MAGIC;
    m->on_item = on_item;
    m->arg = arg;
    STAILQ_INIT(&m->waiting);
    ASSERT(pthread_mutex_init(&m->lock, NULL) == 0);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd >= 0)
        m->readable = event_new(base, m->fd, EV_READ | EV_PERSIST, on_readable, m);
    if (m->readable == NULL || event_add(m->readable, NULL) != 0) {
        err_set_errno(e, "NoMailbox", "", "no eventfd for messages between threads");
        mailbox_free(m, NULL);
        return NULL;
    }
    return m;
}

void mailbox_free(struct mailbox *m, void (*drop)(struct mailbox_item *owned))
{
    struct item_queue left;
    struct mailbox_item *item;

    if (m == NULL)
        return;
    OBJ_CHECK(m, MAILBOX_MAGIC);
    if (m->readable != NULL)
        event_free(m->readable);
    fd_close(&m->fd);
    take_all(m, &left);
    while ((item = STAILQ_FIRST(&left)) != NULL) {
        STAILQ_REMOVE_HEAD(&left, next);
        ASSERT(drop != NULL);
        drop(item);
    }
    ASSERT(pthread_mutex_destroy(&m->lock) == 0);
    OBJ_KILL(m);
}

bool mailbox_try_post(struct mailbox *m, struct mailbox_item *item, size_t max)
{
    const uint64_t one = 1;
    bool posted;

    OBJ_CHECK(m, MAILBOX_MAGIC);
    ASSERT(pthread_mutex_lock(&m->lock) == 0);
    posted = m->num_waiting < max;
    if (posted) {
        STAILQ_INSERT_TAIL(&m->waiting, item, next);
        m->num_waiting++;
    }
    ASSERT(pthread_mutex_unlock(&m->lock) == 0);
    /* EAGAIN: the counter is at its top, so the loop is awake already. */
    if (posted && write(m->fd, &one, sizeof one) < 0 && errno != EAGAIN)
        WRONG("an eventfd cannot be written");
    return posted;
}

void mailbox_post(struct mailbox *m, struct mailbox_item *item)
{
    ASSERT(mailbox_try_post(m, item, SIZE_MAX));
}
