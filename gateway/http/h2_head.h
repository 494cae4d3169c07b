/*
 * A field section of HTTP/2 (RFC 9113 section 8.3) written as the head of an HTTP/1.1 message,
 * which the strict parser then judges like any other: what HTTP/2 can say and HTTP/1.1 cannot (CR,
 * LF or NUL in a value, a connection field, a field of framing) is refused here, everything else
 * there.
 *
 * Host comes from :authority. A Host field beside it stays, the authority then goes into an
 * absolute target, so that the parser sees when they disagree. Crumbs of a cookie become one field.
 */
#ifndef GATEWAY_HTTP_H2_HEAD_H
#define GATEWAY_HTTP_H2_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/http/h1_head.h"

enum { H2_CRUMBS_MAX = 256 };

enum h2_pseudo { H2_METHOD, H2_PATH, H2_AUTHORITY, H2_STATUS, H2_PSEUDO__COUNT };

enum h2_section {
    H2_REQUEST_HEAD,
    H2_RESPONSE_HEAD,
    H2_TRAILERS /* field lines only */
};

/* One section that is being collected. */
struct h2_head {
    enum h2_section section;
    bool malformed; /* it may not be passed on */
    bool too_large; /* well-formed as far as it goes, over H1_HEAD_MAX or H2_CRUMBS_MAX */
    bool has_host;
    bool has_length;
    uint16_t status;
    uint16_t num_crumbs;
    uint32_t cookie_end; /* in fields; 0: no cookie yet */
    struct {
        uint32_t at, len; /* in texts; at is there when `set` */
        bool set;
    } pseudo[H2_PSEUDO__COUNT];
    struct buf texts;  /* values of the pseudo fields */
    struct buf fields; /* lines with their CR LF */
};

void h2_head_begin(struct h2_head *h, enum h2_section section);
void h2_head_end(struct h2_head *h); /* frees what it collected */

/* One field in the order of arrival. What is wrong with it is kept for the end. */
void h2_head_add(struct h2_head *h, struct str name, struct str value);

struct h2_head_facts {
    bool ends;     /* nothing follows the section */
    bool was_head; /* a response: its request was HEAD */
};

/*
 * Appends the head to out, framing included: a body that has no length is chunked. False: it is
 * malformed or too large, `out` has too little room. Sections of trailers: their lines.
 */
MUST_USE bool h2_head_write(const struct h2_head *h, const struct h2_head_facts *f,
                            struct buf *out);

/* Is the message's body framed by chunks then? */
bool h2_head_is_chunked(const struct h2_head *h, const struct h2_head_facts *f);
struct str h2_head_method(const struct h2_head *h); /* "" when there is none */

#endif
