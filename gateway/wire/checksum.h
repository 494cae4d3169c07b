/*
 * The checksum of a kept table: a line behind the objects of a snapshot that holds the SHA-256 of
 * all bytes before it and the sum of their digest. Who finds the bytes as they were written need
 * not expand each object again (digest.h), which would be most of what reading a large table costs.
 *
 *     {"checksum":{"sha256":"64 digits","sum":"4,096 digits: the lanes, low byte first"}}
 *
 * It is no frame: only files have it. Like the digest it has no key, and guards against disks,
 * torn files and editors, not against a writer who means harm and may write there.
 */
#ifndef GATEWAY_WIRE_CHECKSUM_H
#define GATEWAY_WIRE_CHECKSUM_H

#include <stdbool.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/wire/digest.h"

struct checksum;

struct checksum *checksum_new(void); /* of no bytes yet */
void checksum_free(struct checksum *s);
void checksum_add(struct checksum *s, struct str bytes); /* the next of the file */

bool checksum_is(struct str line); /* a line that is meant as one */

/* Appends the line with its newline; false, and the buffer as it was, when its cap is reached. */
MUST_USE bool checksum_write(const struct checksum *s, const struct digest *sum, struct buf *out);

/* The sum in a line without its newline. False ("BadChecksum"): malformed, or of other bytes. */
MUST_USE bool checksum_read(const struct checksum *s, struct str line, struct digest *out_sum,
                            struct err *e);

#endif
