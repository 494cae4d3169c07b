/*
 * Tokens that somebody was given: documents of kind token. What is shown is
 *
 *      sbt1.<id>.<secret>      id: 20 lower-case hex digits; secret: base64url of 32 random bytes
 *
 * and what is kept is the SHA-256 of the secret: it is random enough to need no salt and no
 * stretching. When each was last used is kept in memory only. One thread.
 */
#ifndef ADMIN_AUTH_TOKENS_H
#define ADMIN_AUTH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    TOKENS_ID = 20,
    TOKENS_SECRET = 43,
    TOKENS_HASH_HEX = 64,
    TOKENS_TENANT_MAX = 63,
    TOKENS_TEXT_MAX = 96, /* with its NUL */
    TOKENS_USED_MAX = 10000
};

/* What a document says of a token; its id is tokens_check's to fill. */
struct tokens_found {
    char id[TOKENS_ID + 1];
    char tenant[TOKENS_TENANT_MAX + 1]; /* "": the operator's */
    char hash[TOKENS_HASH_HEX + 1];
    unsigned scopes; /* enum intent_scope */
    int64_t expires_ms;
};

/* Looks a token up by its id; `tenant` is where it was the last time, NULL: not known. */
typedef bool tokens_find_fn(void *arg, const char *id, const char *tenant,
                            struct tokens_found *out);

struct tokens;

struct tokens *tokens_new(void);
void tokens_free(struct tokens *t); /* NULL is fine */

/* True when the token is right and has not expired. A look at an unknown id costs the same hashing
 * as one at a known. */
MUST_USE bool tokens_check(struct tokens *t, struct str token, int64_t now_ms, tokens_find_fn *find,
                           void *arg, struct tokens_found *out);

/* Unix ms of the last tokens_check that was right; 0: none since the start. */
int64_t tokens_last_used(const struct tokens *t, const char *id);

/* A new one: what is shown once, its id, and what is kept. */
void tokens_make(char out_text[TOKENS_TEXT_MAX], char out_id[TOKENS_ID + 1],
                 char out_hash[TOKENS_HASH_HEX + 1]);

#endif
