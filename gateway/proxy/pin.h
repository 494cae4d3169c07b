/* Pins of table versions; private to gateway/proxy. */
#ifndef GATEWAY_PROXY_PIN_H
#define GATEWAY_PROXY_PIN_H

#include <stdint.h>

struct table;

/*
 * A version of the table as long as requests that began with it are under way: they are served to
 * their end by its routes. A count of one worker, so that a request touches no line that others do.
 */
struct table_pin {
    const struct table *table; /* a reference */
    uint32_t users;            /* the proxy that has it in force is one */
};

struct table_pin *pin_new(const struct table *t); /* takes the reference; one user */
struct table_pin *pin_use(struct table_pin *p);
void pin_drop(struct table_pin **p); /* nulls the caller's pointer; NULL is fine */

#endif
