/* The route of a GET of "/" on a host, for tests that care about hosts only. */
#ifndef TESTS_UNIT_GATEWAY_TABLE_MATCH_HOST_H
#define TESTS_UNIT_GATEWAY_TABLE_MATCH_HOST_H

#include "gateway/table/table.h"

static inline bool match_no_field(const void *head, struct str name, size_t *at, struct str *out)
{
    (void)head;
    (void)name;
    (void)at;
    (void)out;
    return false;
}

static inline const struct table_route *match_host(const struct table *t, struct str host)
{
    const struct route_request q = {
        .host = host, .path = STR("/"), .method = STR("GET"), .field = match_no_field};
    enum table_miss why;

    return table_match(t, &q, &why);
}

#endif
