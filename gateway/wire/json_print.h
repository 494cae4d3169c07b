/*
 * Canonical JSON of a tree that was read by a shape (shape.h): keys in the order of their bytes, no
 * blanks, numbers as integers (asserted).
 */
#ifndef GATEWAY_WIRE_JSON_PRINT_H
#define GATEWAY_WIRE_JSON_PRINT_H

#include <stddef.h>

struct cJSON;

struct json_edit {
    const char *name;
    const char *json; /* instead of what is there, or beside it; NULL: it is left out */
};

/* An object with some of its members changed. free(). */
char *json_print(const struct cJSON *object, const struct json_edit *edits, size_t num);
char *json_print_string(const char *text); /* as JSON; free() */

#endif
