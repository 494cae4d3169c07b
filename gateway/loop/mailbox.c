/*
 * See mailbox.h. The hub and the workers of the proxy have one each (gateway/worker). Does not know
 * what the messages say, and never allocates.
 */
#include "gateway/loop/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/obj.h"

enum { MAILBOX_MAGIC = 0x0a11b001 };

/* Everything that was sent, oldest first, behind what was taken before. */
static void take(struct mailbox *m)
{
    struct mail *at = atomic_exchange_explicit(&m->newest, NULL, memory_order_acquire);
    struct mail *newest = at, *turned = NULL;

    while (at != NULL) {
        struct mail *next = at->next;

        at->next = turned;
        turned = at;
        at = next;
    }
    if (turned == NULL)
        return;
    if (m->first == NULL)
        m->first = turned;
    else
        m->last->next = turned;
    m->last = newest;
}

static void deliver_first(struct mailbox *m)
{
    struct mail *mail = m->first;

    m->first = mail->next;
    mail->deliver(mail->owner); /* may free it */
}

static void deliver_some(void *arg)
{
    struct mailbox *m;

    OBJ_CAST(m, arg, MAILBOX_MAGIC);
    for (int i = 0; i < MAILBOX_A_TURN && m->first != NULL; i++)
        deliver_first(m);
    if (m->first != NULL)
        loop_later(m->loop, &m->task);
}

static void on_wake(void *arg, uint32_t events)
{
    (void)events;
    struct mailbox *m;
    eventfd_t rings;

    OBJ_CAST(m, arg, MAILBOX_MAGIC);
    if (eventfd_read(m->fd, &rings) != 0)
        ASSERT(errno == EAGAIN || errno == EINTR);
    take(m);
    if (m->first != NULL)
        loop_later(m->loop, &m->task);
}

bool mailbox_init(struct mailbox *m, struct loop *l, struct err *e)
{
    *m = (struct mailbox){.magic = MAILBOX_MAGIC, .loop = l};
    m->task = (struct loop_task){.run = deliver_some, .arg = m};
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0)
        return err_set_errno(e, "NoMailbox", "", "an eventfd cannot be made");
    m->wake = (struct loop_watch){.on_event = on_wake, .arg = m};
    if (loop_watch(l, m->fd, EPOLLIN, &m->wake))
        return true;
    err_set_errno(e, "NoMailbox", "", "an eventfd cannot be watched");
    fd_close(&m->fd);
    m->magic = 0;
    return false;
}

void mailbox_free(struct mailbox *m)
{
    if (m->magic != MAILBOX_MAGIC)
        return;
    ASSERT(m->first == NULL && atomic_load_explicit(&m->newest, memory_order_relaxed) == NULL);
    loop_forget(m->loop, &m->task);
    loop_unwatch(m->loop, m->fd, &m->wake);
    fd_close(&m->fd);
    m->magic = 0;
}

static void ring(struct mailbox *m)
{
    while (eventfd_write(m->fd, 1) != 0)
        ASSERT(errno == EINTR); /* the counter cannot be full: one ring a burst */
}

void mailbox_send(struct mailbox *m, struct mail *mail)
{
    struct mail *below = atomic_load_explicit(&m->newest, memory_order_relaxed);

    OBJ_CHECK(m, MAILBOX_MAGIC);
    do
        mail->next = below;
    while (!atomic_compare_exchange_weak_explicit(&m->newest, &below, mail, memory_order_release,
                                                  memory_order_relaxed));
    if (below == NULL)
        ring(m);
}

void mailbox_empty(struct mailbox *m)
{
    OBJ_CHECK(m, MAILBOX_MAGIC);
    for (take(m); m->first != NULL; take(m))
        deliver_first(m);
}
