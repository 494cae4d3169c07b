/*
 * Bodies of an exchange through pipes instead of blocks (bulk.c says which). exchange.c and
 * response.c ask here before they copy, and copy when the answer is no.
 */
#ifndef GATEWAY_PROXY_BULK_H
#define GATEWAY_PROXY_BULK_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/result.h"

struct conn;
struct exchange;

enum {
    BULK_MIN = 65536, /* bytes of a body still to come that are worth a pipe */
    BULK_ROUNDS = 4   /* of CONN_ROUNDS: what the moving of a pipe's worth counts for */
};

/* A pipe takes what comes next, *out_io says how that went; false: it is to be copied. */
MUST_USE bool bulk_read_request(struct conn *c, enum io *out_io);
MUST_USE bool bulk_read_response(struct conn *c, enum io *out_io);
void bulk_note_block(struct exchange *x, size_t n); /* n bytes of a response were copied at once */
/* What waits in the pipe that there is. IO_DONE: nothing waits any more, and it went back. */
MUST_USE enum io bulk_flush_request(struct conn *c);
MUST_USE enum io bulk_flush_response(struct conn *c);

#endif
