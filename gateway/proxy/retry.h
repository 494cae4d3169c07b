/* The rule that says whether a request may be sent once more; pure, so that it can be tabled. */
#ifndef GATEWAY_PROXY_RETRY_H
#define GATEWAY_PROXY_RETRY_H

#include <stdbool.h>

#include "gateway/core/str.h"

enum { RETRY_ATTEMPTS_MAX = 3 };

struct retry_facts {
    unsigned attempts; /* made so far */
    bool intact;       /* every byte of the request is still here */
    bool answered;     /* a byte of a response has come */
    bool idempotent;   /* RFC 9110 section 9.2.2 */
    bool may_be_seen;  /* the application may have read a byte of it */
};

bool retry_allowed(const struct retry_facts *f);
bool retry_is_idempotent(struct str method);

#endif
