/* One --listen flag: "http=ADDR:PORT" or "https=ADDR:PORT", IPv6 in brackets, "@DEVICE" at the end.
 */
#ifndef GATEWAY_DOORMAN_LISTEN_SPEC_H
#define GATEWAY_DOORMAN_LISTEN_SPEC_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/doorman/protocol.h"

struct listen_spec {
    enum doorman_kind kind;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr;
    socklen_t addr_len;
    bool loopback;         /* an address of the host itself: no device can guard it */
    bool wildcard;         /* 0.0.0.0 or [::] */
    char text[64];         /* canonical "0.0.0.0:8081" or "[::]:8081" */
    char device[IFNAMSIZ]; /* what SO_BINDTODEVICE gets; "" = not given (or none, for loopback) */
};

MUST_USE bool listen_spec_parse(struct str flag, struct listen_spec *out, struct err *e);

/* "http:0.0.0.0:8081#0" */
void listen_spec_name(const struct listen_spec *spec, unsigned shard, char out[DOORMAN_NAME_MAX]);

/* Port in host order. */
unsigned listen_spec_port(const struct listen_spec *spec);

#endif
