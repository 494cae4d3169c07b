/*
 * Strings that carry their length: borrowed bytes, not NUL-terminated, may hold any byte.
 * Nothing here allocates except str_dup.
 */
#ifndef GATEWAY_CORE_STR_H
#define GATEWAY_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(lit) ((struct str){(lit), sizeof(lit) - 1})
#define STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

struct str str_from(const char *nul_terminated); /* NULL gives the empty string */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII letters only */
int str_cmp(struct str a, struct str b);        /* bytewise, as memcmp; shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_cut(struct str *s, struct str prefix); /* off the front, where it begins so */
struct str str_trim(struct str s);              /* spaces and tabs off both ends */

/*
 * Cuts the part before the first `sep` off *rest and puts it in *out_part. False when *rest.p is
 * NULL, which is what the last part leaves behind: "a,b" gives "a", "b"; "" gives one empty part.
 */
MUST_USE bool str_split(struct str *rest, char sep, struct str *out_part);

/* Decimal digits only, no sign, no blanks, no overflow, not above max. */
MUST_USE bool str_to_u64(struct str s, uint64_t max, uint64_t *out);

/* A NUL-terminated copy; free() it. */
char *str_dup(struct str s);

#endif
