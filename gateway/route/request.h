/*
 * What of a request decides its route: the part of the contract (route.h) that is asked, not told.
 * Everything is lent by whoever holds the request.
 */
#ifndef GATEWAY_ROUTE_REQUEST_H
#define GATEWAY_ROUTE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/str.h"

struct route_request {
    struct str host;   /* canonical (route_host_of_request); "*" when the request names none */
    struct str path;   /* as received, without the query; "*" of OPTIONS * */
    struct str query;  /* as received, without its '?' */
    struct str method; /* case-sensitive, RFC 9110 section 9.1 */
    /*
     * The value of the next field of that name, which is in lower case. *at says where to look
     * from: 0 at first, later as the call before left it. False: there is none any more.
     */
    bool (*field)(const void *head, struct str name, size_t *at, struct str *out);
    const void *head;
};

#endif
