/*
 * When a request may be repeated (RFC 9110 section 9.2.2). Does not count, wait or choose: exchange
 * asks it after a failure. A method that is not idempotent is repeated only when nobody can have
 * read a byte of the first attempt.
 */
#include "gateway/proxy/retry.h"

#include <stddef.h>

bool retry_allowed(const struct retry_facts *f)
{
    return f->attempts < f->most && f->intact && !f->answered && (f->idempotent || !f->may_be_seen);
}

unsigned retry_attempts(const struct route_retry *rule)
{
    return 1U + (rule != NULL ? rule->attempts : RETRY_ATTEMPTS);
}

bool retry_is_of_status(const struct route_retry *rule, unsigned status)
{
    for (size_t i = 0; rule != NULL && i < rule->num_statuses; i++)
        if (rule->statuses[i] == status)
            return true;
    return false;
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

void retry_budget_init(struct retry_budget *b, int64_t now_ms)
{
    *b = (struct retry_budget){.hundredths = RETRY_RESERVE * 100, .filled_ms = now_ms};
}

void retry_budget_earn(struct retry_budget *b)
{
    if (b->hundredths < RETRY_BUDGET_MAX * 100)
        b->hundredths += RETRY_SHARE_PERCENT;
}

bool retry_budget_spend(struct retry_budget *b, int64_t now_ms)
{
    int64_t room = RETRY_RESERVE * 100 - b->hundredths;
    int64_t fill = (now_ms - b->filled_ms) * RETRY_A_SECOND / 10; /* hundredths from ms */

    b->filled_ms = now_ms;
    if (room > 0)
        b->hundredths += fill < room ? fill : room;
    if (b->hundredths < 100)
        return false;
    b->hundredths -= 100;
    return true;
}
