/*
 * The identity of a coordinator: one text file, a Docker secret, made once. From it come the tokens
 * of clusters and of the administrator; the CA in it will serve TLS on both listeners.
 *
 *      signalbox-identity 1
 *      ca-key <base64, PKCS#8 of a P-256 key>
 *      ca-cert <base64, DER>
 *      token-key <base64, 32 bytes>
 */
#ifndef ADMIN_AUTH_IDENTITY_H
#define ADMIN_AUTH_IDENTITY_H

#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { IDENTITY_FILE_MAX = 64 << 10, IDENTITY_TOKEN_KEY = 32, IDENTITY_PIN_HEX = 64 };

/* Plain memory; identity_wipe when done. The CA's key is checked and not kept: nothing uses it yet.
 */
struct identity {
    uint8_t token_key[IDENTITY_TOKEN_KEY];
    char pin[IDENTITY_PIN_HEX + 1]; /* SHA-256 of the CA certificate's DER, lower-case hex */
};

/* Appends a new identity to b (cap at least IDENTITY_FILE_MAX). */
MUST_USE bool identity_new(struct buf *b, struct err *e);

/* Strict: every line once, nothing else; the key must be P-256 and belong to the certificate. */
MUST_USE bool identity_parse(struct str text, struct identity *out, struct err *e);
MUST_USE bool identity_load(const char *path, struct identity *out, struct err *e);
void identity_wipe(struct identity *id);

#endif
