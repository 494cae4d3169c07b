/*
 * A list of listeners in transit. Both ends collect the parts of an offer or a list here before
 * they act on the whole; what nobody takes out is closed. Called by server.c, handover.c and
 * client.c.
 */
#include "gateway/doorman/offer.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"

bool offer_add(struct offer *o, const struct doorman_msg *m, const int *fds, struct err *e)
{
    size_t count = m->head.count;

    if (o->num + count > DOORMAN_LISTENERS_MAX) {
        for (size_t i = 0; i < count; i++) {
            int fd = fds[i];

            fd_close(&fd);
        }
        return err_set(e, "TooMany", "", "More than %d listeners are offered.",
                       DOORMAN_LISTENERS_MAX);
    }
    if (count > 0)
        o->items = xrealloc(o->items, (o->num + count) * sizeof(*o->items));
    for (size_t i = 0; i < count; i++)
        o->items[o->num++] = (struct offer_item){.entry = m->entries[i], .fd = fds[i]};
    return true;
}

struct offer_item *offer_find(struct offer *o, const char *name)
{
    for (size_t i = 0; i < o->num; i++)
        if (o->items[i].fd >= 0 && strcmp(o->items[i].entry.name, name) == 0)
            return &o->items[i];
    return NULL;
}

void offer_clear(struct offer *o)
{
    for (size_t i = 0; i < o->num; i++)
        fd_close(&o->items[i].fd);
    free(o->items);
    *o = (struct offer){0};
}
