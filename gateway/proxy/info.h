/*
 * Who answered, for those who look for faults: the fields of a response that docs/policies.md lists
 * ("Who answered"), told with success only, so that who is refused learns nothing of what is behind
 * us. On by default, so it is on the path of each request: bytes are copied, nothing is allocated
 * or formatted by a library. Private to gateway/proxy.
 */
#ifndef GATEWAY_PROXY_INFO_H
#define GATEWAY_PROXY_INFO_H

#include <stdbool.h>

#include "gateway/core/str.h"
#include "gateway/http/h1_head.h"

struct conn;

/* Of the exchange, whatever number of attempts it takes; lent by it. Empty: nothing is told. */
struct str info_request_id(struct conn *c, const struct h1_head *h);
bool info_is_told(const struct conn *c); /* with the response whose status is known */
void info_add_lines(struct conn *c);     /* to the lines of the proxy */

#endif
