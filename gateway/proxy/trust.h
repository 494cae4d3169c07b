/*
 * Whose word is taken for who a client is: addresses, the settings' trusted networks, and the
 * X-Forwarded-For that those may send. Pure. Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef GATEWAY_PROXY_TRUST_H
#define GATEWAY_PROXY_TRUST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/http/h1_head.h"
#include "gateway/route/settings.h"

enum { TRUST_TEXT = 48 };

/* False: neither IPv4 nor IPv6. */
MUST_USE bool trust_address_of(const struct sockaddr_storage *peer, uint8_t out[16]);
bool trust_has(const struct route_settings *s, const uint8_t address[16]);
uint8_t trust_write(const uint8_t address[16], char out[TRUST_TEXT]); /* gives the length */

/*
 * The client behind a trusted peer: the rightmost address of X-Forwarded-For that is not trusted
 * itself, else the leftmost one. What stands left of a word that is no address was said by nobody
 * we know. False: the fields name nobody.
 */
MUST_USE bool trust_client(const struct route_settings *s, const struct h1_head *h,
                           const char *base, uint8_t out[16]);

#endif
