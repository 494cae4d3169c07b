/*
 * Commits as they are shown: to the operator whole, to a tenant only its own documents and none of
 * who else wrote. For history.c and watch.c.
 */
#ifndef ADMIN_API_HISTORY_H
#define ADMIN_API_HISTORY_H

#include <stdbool.h>

#include "admin/api/answer.h"
#include "gateway/core/result.h"
#include "store/store.h"

/* One document of a commit, lent for the call. */
struct history_document {
    const char *kind;
    const char *tenant;
    const char *name;
    bool deleted;
    struct str before; /* JSON; {NULL, 0} where it is not at hand */
    struct str after;
};
typedef void history_document_fn(void *arg, const struct history_document *d);

/* Walks a commit's diff; false: it was too large to be kept, and lists nothing. */
MUST_USE bool history_each_document(const char *diff_json, history_document_fn *fn, void *arg);

/* Author as the tenant may know it ("": the operator, who may know all). */
const char *history_author(const char *author, const char *tenant);

/* Are documents of the tenant in it? */
MUST_USE bool history_concerns(const struct store_commit_row *row, const char *tenant);

#endif
