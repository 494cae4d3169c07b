/* Several errors at once: for whoever mends a document, all that is wrong with it. */
#ifndef GATEWAY_CORE_ERRS_H
#define GATEWAY_CORE_ERRS_H

#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

enum { ERRS_MAX = 32 }; /* kept; `num` counts on */

struct errs {
    struct err all[ERRS_MAX];
    size_t num;
};

/* Copies it in; false, for `return errs_add(...)`. */
bool errs_add(struct errs *list, const struct err *e);
/* True when there is none. */
MUST_USE bool errs_none(const struct errs *list);
MUST_USE bool errs_has(const struct errs *list, const char *code); /* among those kept */
size_t errs_kept(const struct errs *list);                         /* how many of all[] are set */

#endif
