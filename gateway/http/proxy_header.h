/*
 * The PROXY protocol's header, versions 1 and 2 (haproxy.org/download/2.8/doc/proxy-protocol.txt),
 * which a load balancer sends before the first byte of a connection to say whose it is. Strict and
 * bounded; pure: whoever calls it decides who may send one.
 */
#ifndef GATEWAY_HTTP_PROXY_HEADER_H
#define GATEWAY_HTTP_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"

enum {
    PROXY_HEADER_V1_MAX = 107, /* section 2.1, CR LF included */
    PROXY_HEADER_V2_MAX = 4096 /* TLVs, which are skipped, included; more is refused */
};

enum proxy_header_parse { PROXY_HEADER_DONE, PROXY_HEADER_MORE, PROXY_HEADER_BAD };

struct proxy_header {
    size_t len;         /* bytes of the whole header */
    bool has_source;    /* false: LOCAL, UNKNOWN or no IP: the connection speaks for itself */
    uint16_t port;      /* of the source */
    uint8_t source[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* bytes: the beginning of the connection. *out is whole after PROXY_HEADER_DONE only. */
enum proxy_header_parse proxy_header_parse(struct str bytes, struct proxy_header *out);

#endif
