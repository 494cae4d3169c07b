/*
 * JSON text taken apart where it stands: members, elements and strings as spans of the text,
 * without a tree. Only for text that json_check (gateway/wire/json.h) has found right; what is
 * walked keeps every byte, so that numbers and members of an unknown kind come out as they went in.
 * Pure.
 */
#ifndef ADMIN_API_JSONTEXT_H
#define ADMIN_API_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct jsontext {
    struct str rest; /* private */
};

/* Begins a walk over an object; false when the value is none. */
MUST_USE bool jsontext_object(struct str value, struct jsontext *out);
MUST_USE bool jsontext_array(struct str value, struct jsontext *out);

/* The next member: its key as written, with quotes; its value without blanks around it. */
MUST_USE bool jsontext_member(struct jsontext *w, struct str *out_key, struct str *out_value);
MUST_USE bool jsontext_element(struct jsontext *w, struct str *out_value);

/* The value of that member of an object; false: there is none, or `object` is none. */
MUST_USE bool jsontext_get(struct str object, const char *key, struct str *out_value);

/* A string, unescaped (RFC 8259 section 7), appended to *out; false: no string, or out is full. */
MUST_USE bool jsontext_string(struct str value, struct buf *out);
/* Likewise, NUL-terminated into out[max]. */
MUST_USE bool jsontext_copy(struct str value, char *out, size_t max);

MUST_USE bool jsontext_is_null(struct str value);
struct str jsontext_trim(struct str value); /* blanks off both ends */

#endif
