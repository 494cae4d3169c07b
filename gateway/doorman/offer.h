/* Listeners with their descriptors as another process brought them, until someone has judged them.
 */
#ifndef GATEWAY_DOORMAN_OFFER_H
#define GATEWAY_DOORMAN_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/doorman/protocol.h"

struct offer_item {
    struct doorman_entry entry;
    int fd; /* owned; -1 = taken out */
};

struct offer {
    struct offer_item *items;
    size_t num;
};

/* Takes all descriptors of a checked message, also when it refuses (too many in total). */
MUST_USE bool offer_add(struct offer *o, const struct doorman_msg *m, const int *fds,
                        struct err *e);

/* NULL when there is no such name, or it was taken out. */
struct offer_item *offer_find(struct offer *o, const char *name);

/* Closes what is left and forgets all. All zero is an empty offer. */
void offer_clear(struct offer *o);

#endif
