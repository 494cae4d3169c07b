/*
 * What a route asks of a request besides host and path: whether it holds, and which of two routes
 * at the same path asks for more. Private to gateway/table.
 */
#ifndef GATEWAY_TABLE_CONDITIONS_H
#define GATEWAY_TABLE_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/route/request.h"
#include "gateway/route/route.h"
#include "gateway/table/table.h"

/* All of it. A NULL match asks for nothing. */
bool conditions_hold(const struct route_match *m, const struct route_request *q);

enum conditions_part { CONDITIONS_METHOD, CONDITIONS_HEADER, CONDITIONS_QUERY, CONDITIONS_COOKIE };

/* As conditions_hold; false: what does not hold first, *out_which NULL for the method. */
bool conditions_find_fault(const struct route_match *m, const struct route_request *q,
                           enum conditions_part *out, const struct route_condition **out_which);

/* Matches that ask for the same, in whatever order, have the same fingerprint; 0: for nothing. */
uint64_t conditions_print(const struct route_match *m);

/*
 * The order of Kubernetes Gateway API among routes of one host and path: negative when a is tried
 * before b. A method, then the number of fields, of queries and of cookies asked for, then age,
 * then the name; never 0 for two names.
 */
int conditions_order(const struct table_route *a, const struct table_route *b);
/* The part of it that age and name have no share in: which asks for more. */
int conditions_order_asked(const struct table_route *a, const struct table_route *b);

#endif
