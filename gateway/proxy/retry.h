/*
 * Whether a request may be sent once more, and how many may: rules without a clock or a socket, so
 * that they can be tabled.
 */
#ifndef GATEWAY_PROXY_RETRY_H
#define GATEWAY_PROXY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/str.h"
#include "gateway/route/route.h"

enum { RETRY_ATTEMPTS = 2 /* after the first, unless the route says how many */ };

struct retry_facts {
    unsigned attempts; /* made so far */
    unsigned most;     /* that may be made: retry_attempts */
    bool intact;       /* every byte of the request is still here */
    bool answered;     /* a byte of a response has come */
    bool idempotent;   /* RFC 9110 section 9.2.2 */
    bool may_be_seen;  /* the application may have read a byte of it */
};

bool retry_allowed(const struct retry_facts *f);
/* rule: of the route, or NULL. */
unsigned retry_attempts(const struct route_retry *rule);                  /* with the first one */
bool retry_is_of_status(const struct route_retry *rule, unsigned status); /* opt-in */
bool retry_is_idempotent(struct str method);

/*
 * What a worker may repeat: a share of its requests, so that a failure of all endpoints is not
 * multiplied, and some a second without any, so that a quiet service can be repeated as well.
 */
enum {
    RETRY_SHARE_PERCENT = 20,
    RETRY_A_SECOND = 10,
    RETRY_RESERVE = 100, /* what quiet seconds heap up */
    RETRY_BUDGET_MAX = 1000
};

struct retry_budget {
    int64_t hundredths; /* of a retry */
    int64_t filled_ms;  /* when the reserve was last filled up */
};

void retry_budget_init(struct retry_budget *b, int64_t now_ms);
void retry_budget_earn(struct retry_budget *b); /* a request */
bool retry_budget_spend(struct retry_budget *b, int64_t now_ms);

#endif
