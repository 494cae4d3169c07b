/* See errand.h. A leg travels to its worker's mailbox and back to the hub's. Called by hub.c. */
#include "gateway/worker/errand.h"

#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/worker/worker.h"

static void come_back(void *owner)
{
    struct errand_leg *leg = owner;
    struct errand *e = leg->errand;

    leg->back = true;
    if (++e->num_back < e->num_legs)
        return;
    free(e->legs);
    e->legs = NULL;
    e->done(e->arg);
}

static void arrive(void *owner)
{
    struct errand_leg *leg = owner;

    leg->errand->obey(leg->errand->arg, leg->worker);
    leg->mail.deliver = come_back;
    mailbox_send(leg->errand->home, &leg->mail);
}

void errand_send(struct errand *e, struct mailbox *home, struct worker *const *workers, size_t num)
{
    ASSERT(num > 0);
    e->home = home;
    e->num_legs = num;
    e->num_back = 0;
    e->legs = xcalloc(num, sizeof *e->legs);
    for (size_t i = 0; i < num; i++) {
        struct errand_leg *leg = &e->legs[i];

        *leg = (struct errand_leg){.errand = e, .worker = workers[i]};
        leg->mail = (struct mail){.deliver = arrive, .owner = leg};
        mailbox_send(worker_mailbox(workers[i]), &leg->mail);
    }
}
