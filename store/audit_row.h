/*
 * A row of the audit chain and its hash. Pure: whoever was given a row can hash it again and so be
 * a witness, the store when it verifies itself and the command line when it verifies what a server
 * shows. docs/api.md has the same in words.
 */
#ifndef STORE_AUDIT_ROW_H
#define STORE_AUDIT_ROW_H

#include <stdint.h>

enum { STORE_HASH_HEX = 64 };

struct store_audit_row {
    uint64_t seq;
    uint64_t commit; /* 0: an event */
    int64_t at_ms;
    const char *author;
    const char *action; /* the cause of a commit; of an event its word */
    const char *tenant;
    const char *detail; /* JSON; the diff of a commit */
    const char *prev;   /* hex; of the first row zeros */
    const char *hash;   /* hex; not of the input of audit_row_hash */
};

/*
 * SHA-256, as lower-case hex, over a fixed word, the hash before and the row's own fields, each as
 * its length (eight bytes, big-endian) and its bytes, those of a number are eight, big-endian: no
 * two different rows have the same input.
 */
void audit_row_hash(const struct store_audit_row *row, char out[STORE_HASH_HEX + 1]);

#endif
