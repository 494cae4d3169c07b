/* A growing list of refusals. */
#ifndef GATEWAY_TABLE_REFUSALS_H
#define GATEWAY_TABLE_REFUSALS_H

#include "gateway/table/table.h"

struct refusals {
    struct table_refusal *all;
    size_t num;
    size_t cap;
};

void refusals_add(struct refusals *r, enum route_kind kind, const char *name,
                  const struct err *why);
void refusals_clear(struct refusals *r); /* releases everything */

#endif
