/* Which network interface guards a listener (SO_BINDTODEVICE) when the flag names none. */
#ifndef GATEWAY_DOORMAN_DEVICE_H
#define GATEWAY_DOORMAN_DEVICE_H

#include <net/if.h>
#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/doorman/listen_spec.h"

/*
 * Fills spec->device when it is empty: the owner of a specific address, the interface of the
 * default route for a wildcard. Loopback stays without one. False: there is none, *e says so.
 */
MUST_USE bool device_choose(struct listen_spec *spec, struct err *e);

/* Pure: the interface of the best default route in the text of /proc/net/route, ipv6_route. */
MUST_USE bool device_default_v4(struct str route_table, char out[IFNAMSIZ]);
MUST_USE bool device_default_v6(struct str route_table, char out[IFNAMSIZ]);

#endif
