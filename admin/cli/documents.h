/*
 * A file of documents as people write them, made into the body of /apply: a set
 * ({"documents":[…]}), one document as `get -o json` shows it, a list of such, or a list's answer
 * ({"items":[…]}). With a kind and a name of the command line: that document's value.
 */
#ifndef ADMIN_CLI_DOCUMENTS_H
#define ADMIN_CLI_DOCUMENTS_H

#include <stdbool.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct cJSON;

enum documents_form {
    DOCUMENTS_SET,
    DOCUMENTS_ONE,
    DOCUMENTS_LIST,
    DOCUMENTS_ITEMS,
    DOCUMENTS_VALUE
};

struct documents {
    const char *file; /* for sentences; borrowed */
    struct buf text;  /* as read */
    struct cJSON *tree;
    enum documents_form form;
};

enum { DOCUMENTS_FILE_MAX = 16 << 20 }; /* as the API takes of an apply */

/* "-" is standard input. False with a sentence that names file and, for JSON, what is wrong. */
MUST_USE bool documents_load(const char *file, struct documents *out, struct err *e);
/* The same of a text that is there already. Takes nothing. Pure. */
MUST_USE bool documents_read(struct str text, const char *file, struct documents *out,
                             struct err *e);
void documents_free(struct documents *d);

/* The body of an apply; selector NULL = nothing is pruned. free() */
char *documents_apply_body(struct documents *d, const char *selector, struct err *e);
/* The body of a PUT or PATCH of one document. free() */
char *documents_value_body(struct documents *d);
/* The kind and name of the first document, NULL when there is none. Lent by the tree. */
const char *documents_first(const struct documents *d, const char **out_name);

/* From a pointer into the body that was made to the line of the file. */
unsigned documents_line(const struct documents *d, const char *pointer);

#endif
