/*
 * When a request may be repeated (RFC 9110 section 9.2.2). Does not count, wait or choose: exchange
 * asks it after a failure. A method that is not idempotent is repeated only when nobody can have
 * read a byte of the first attempt.
 */
#include "gateway/proxy/retry.h"

#include <stddef.h>

bool retry_allowed(const struct retry_facts *f)
{
    return f->attempts < RETRY_ATTEMPTS_MAX && f->intact && !f->answered &&
           (f->idempotent || !f->may_be_seen);
}

bool retry_is_idempotent(struct str method)
{
    static const struct str methods[] = {
        {"GET", 3}, {"HEAD", 4}, {"PUT", 3}, {"DELETE", 6}, {"OPTIONS", 7}, {"TRACE", 5},
    };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (str_eq(method, methods[i]))
            return true;
    return false;
}
