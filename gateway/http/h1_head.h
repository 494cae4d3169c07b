/*
 * Strict, incremental parser of HTTP/1.1 heads (RFC 9112), in place: it keeps offsets into the
 * caller's buffer, which may move between calls but must begin with the head. No allocation, no
 * copy.
 *
 * What is ambiguous is refused, never repaired: bare CR or LF, obs-fold, blanks before the colon,
 * NUL and other control bytes, two Content-Lengths, Content-Length beside Transfer-Encoding,
 * codings other than one "chunked", tabs around either or around Host, two Hosts, an absolute-form
 * target that disagrees with Host, underscored aliases of forwarding headers, expectations other
 * than one "100-continue".
 */
#ifndef GATEWAY_HTTP_H1_HEAD_H
#define GATEWAY_HTTP_H1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    H1_HEAD_MAX = 16384, /* bytes of a whole head; 431 beyond */
    H1_LINE_MAX = 8192,  /* bytes of the request line; 414 beyond */
    H1_FIELDS_MAX = 100, /* 431 beyond */
    H1_METHOD_MAX = 32
};

/* What a cluster's settings make stricter. 0: as above. Only requests are held to it. */
struct h1_limits {
    uint32_t head_bytes;
    uint32_t head_fields;
    uint32_t uri_bytes;    /* of the request target */
    bool drop_underscores; /* fields with '_' in their name are not forwarded */
};

/* Why a head or body is refused: symbol, label for metrics, HTTP status, sentence. */
#define H1_REFUSALS(X)                                                                           \
    X(BAD_LINE_END, "bad_line_end", 400, "a line does not end with CR LF")                       \
    X(BAD_REQUEST_LINE, "bad_request_line", 400, "the request line is malformed")                \
    X(BAD_METHOD, "bad_method", 400, "the method is not a token")                                \
    X(LONG_METHOD, "long_method", 501, "no method of more than 32 bytes is known here")          \
    X(BAD_TARGET, "bad_target", 400, "the request target is malformed")                          \
    X(BAD_VERSION, "bad_version", 400, "the protocol version is malformed")                      \
    X(VERSION, "version", 505, "only HTTP/1.0 and HTTP/1.1 are spoken here")                     \
    X(BAD_STATUS_LINE, "bad_status_line", 502, "the status line is malformed")                   \
    X(BAD_NAME, "bad_field_name", 400, "a field name is malformed")                              \
    X(BAD_VALUE, "bad_field_value", 400, "a field value holds a control byte")                   \
    X(OBS_FOLD, "obs_fold", 400, "a field is folded over lines")                                 \
    X(NO_HOST, "no_host", 400, "the Host field is missing")                                      \
    X(TWO_HOSTS, "two_hosts", 400, "there is more than one Host field")                          \
    X(HOST_DISAGREES, "host_disagrees", 400, "the request target and Host name different hosts") \
    X(MISDIRECTED, "misdirected", 421, "an https target came over a connection without TLS")     \
    X(EXPECTATION, "expectation", 417, "only the expectation 100-continue can be met")           \
    X(BAD_LENGTH, "bad_length", 400, "Content-Length is malformed")                              \
    X(TWO_LENGTHS, "two_lengths", 400, "there is more than one Content-Length")                  \
    X(LENGTH_AND_CODING, "length_and_coding", 400,                                               \
      "both Content-Length and Transfer-Encoding are present")                                   \
    X(UNKNOWN_CODING, "unknown_coding", 501, "a transfer coding other than chunked is used")     \
    X(BAD_CODING, "bad_coding", 400, "Transfer-Encoding is malformed")                           \
    X(FORWARDING_ALIAS, "forwarding_alias", 400,                                                 \
      "a field name is an underscored alias of a forwarding field")                              \
    X(LINE_TOO_LONG, "line_too_long", 414, "the request line is too long")                       \
    X(HEAD_TOO_LARGE, "head_too_large", 431, "the head is too large")                            \
    X(TOO_MANY_FIELDS, "too_many_fields", 431, "there are too many fields")                      \
    X(BAD_CHUNK, "bad_chunk", 400, "a chunk is malformed")                                       \
    X(BAD_TRAILER, "bad_trailer", 400, "a trailer field is malformed or not allowed")

enum h1_refusal {
#define X(sym, label, status, text) H1_##sym,
    H1_REFUSALS(X)
#undef X
        H1_REFUSAL__COUNT
};

const char *h1_refusal_label(enum h1_refusal r);
int h1_refusal_status(enum h1_refusal r);
const char *h1_refusal_text(enum h1_refusal r);

/* The fields that the gateway itself reads, replaces or drops. */
enum h1_field_id {
    H1_OTHER,
    H1_HOST,
    H1_CONTENT_LENGTH,
    H1_TRANSFER_ENCODING,
    H1_CONNECTION,
    H1_KEEP_ALIVE,
    H1_PROXY_CONNECTION,
    H1_PROXY_AUTHENTICATE,
    H1_PROXY_AUTHORIZATION,
    H1_TE,
    H1_TRAILER,
    H1_UPGRADE,
    H1_HTTP2_SETTINGS,
    H1_EXPECT,
    H1_FORWARDED,
    H1_X_FORWARDED_FOR,
    H1_X_FORWARDED_HOST,
    H1_X_FORWARDED_PROTO,
    H1_X_FORWARDED_PORT,
    H1_X_FORWARDED_PREFIX,
    H1_X_REAL_IP,
    H1_X_REQUEST_ID,
    H1_FIELD__COUNT
};

enum h1_field_id h1_field_find(struct str name); /* of a token, in any case */

struct h1_field {
    uint16_t line; /* offset of the field line; it ends where the next one begins */
    uint16_t name_len;
    uint16_t value; /* offset of the value, blanks trimmed */
    uint16_t value_len;
    uint8_t id; /* enum h1_field_id */
    bool drop;  /* hop-by-hop (RFC 9110 section 7.6.1): never forwarded */
};

enum h1_kind { H1_REQUEST, H1_RESPONSE };
enum h1_framing { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED, H1_BODY_UNTIL_CLOSE };
enum h1_parse { H1_DONE, H1_MORE, H1_REFUSED };

struct h1_head {
    /* the result, valid after H1_DONE; slices as (offset, length) */
    uint8_t kind;         /* enum h1_kind */
    uint8_t minor;        /* 0 or 1 */
    uint8_t framing;      /* enum h1_framing; of a response: see h1_response_framing */
    bool keep_alive;      /* what the sender wants after this message */
    bool expect_continue; /* Expect: 100-continue, on an HTTP/1.1 request */
    bool has_upgrade;     /* an Upgrade field that Connection names, in HTTP/1.1 */
    bool asterisk;        /* OPTIONS * */
    bool later_minor;     /* HTTP/1.2 and later: read and forwarded as 1.1, RFC 9110 section 2.5 */
    bool absolute;        /* the target was absolute-form; path_off..path_len is its origin-form */
    uint16_t status;      /* response */
    uint16_t method_len;  /* the method begins at `start` */
    uint16_t start;       /* offset of the first line (after one ignored CR LF) */
    uint16_t target, target_len;
    uint16_t path, path_len; /* origin-form: path and query; "" of an absolute target means "/" */
    uint16_t host, host_len; /* Host as sent, with port; 0 length = none (HTTP/1.0) */
    uint16_t num_fields;
    uint16_t fields_at; /* offset of the first field line */
    uint32_t len;       /* bytes of the whole head, final CR LF included */
    uint64_t content_length;
    enum h1_refusal refusal; /* after H1_REFUSED */

    /* private: where to go on */
    uint32_t pos, scanned;
    uint16_t head_max, target_max, fields_max;
    bool saw_length, saw_coding, saw_connection, first_line_done, drop_underscores;
    struct h1_field fields[H1_FIELDS_MAX];
};

void h1_head_init(struct h1_head *h, enum h1_kind kind); /* cheap: does not touch fields[] */
void h1_head_limit(struct h1_head *h, const struct h1_limits *limits); /* before the first parse */

/*
 * Goes on parsing base[0..len). H1_MORE wants more bytes after those (or none were there yet);
 * H1_REFUSED leaves `refusal`. Feeding the same head in pieces costs the same as at once.
 */
enum h1_parse h1_head_parse(struct h1_head *h, const char *base, size_t len);

/*
 * How the body of a response is delimited (RFC 9112 section 6.3), which depends on the request:
 * HEAD, 1xx, 204 and 304 have none; a 2xx to CONNECT is not handled (CONNECT is refused).
 */
enum h1_framing h1_response_framing(const struct h1_head *response, bool request_was_head);

/*
 * May the request be forwarded as one to switch protocols (RFC 9110 section 7.8)? Not with a body:
 * the Upgrade is then ignored, as a server may, and the request is an ordinary one. Nor to what
 * would carry HTTP past us: h2c, HTTP/x and TLS are declined by silence, beside others as well.
 */
bool h1_may_upgrade(const struct h1_head *request, const char *base);

static inline struct str h1_slice(const char *base, uint16_t off, uint16_t len)
{
    return (struct str){base + off, len};
}

static inline struct str h1_method(const struct h1_head *h, const char *base)
{
    return h1_slice(base, h->start, h->method_len);
}

static inline struct str h1_field_name(const struct h1_field *f, const char *base)
{
    return h1_slice(base, f->line, f->name_len);
}

static inline struct str h1_field_value(const struct h1_field *f, const char *base)
{
    return h1_slice(base, f->value, f->value_len);
}

#endif
