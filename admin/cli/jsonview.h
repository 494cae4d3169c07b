/* Reading answers of the API, where what is missing is shown as nothing. Lent, never NULL. */
#ifndef ADMIN_CLI_JSONVIEW_H
#define ADMIN_CLI_JSONVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/str.h"

struct cJSON;

/* The member at "status.write.commit"; NULL when it is not there. */
const struct cJSON *jsonview_at(const struct cJSON *o, const char *path);
const char *jsonview_text(const struct cJSON *o, const char *path); /* "" */
int64_t jsonview_number(const struct cJSON *o, const char *path, int64_t otherwise);
bool jsonview_true(const struct cJSON *o, const char *path);
/* A value as people read it: texts as they are, lists of them with commas, the rest as JSON.
 * free() */
char *jsonview_plain(const struct cJSON *value);
/* The first of a list and those behind it, for loops; NULL when it is none. */
const struct cJSON *jsonview_first(const struct cJSON *o, const char *path);

/*
 * The line (from 1) on which the value of a JSON pointer (RFC 6901) begins, or, when it is not
 * there, that of the nearest value above it. The text must be JSON.
 */
unsigned jsonview_line(struct str json, const char *pointer);

#endif
