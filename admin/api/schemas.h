/*
 * The shapes of requests and answers that are no documents, as JSON Schema. Those of documents come
 * from clusters/intents. Data only.
 */
#ifndef ADMIN_API_SCHEMAS_H
#define ADMIN_API_SCHEMAS_H

#include <stddef.h>

struct schema {
    const char *name;
    const char *json;
};

extern const struct schema schemas_all[];
extern const size_t schemas_num;

/* A kind of document and the name of its schema: "route", "Route". */
struct schema_kind {
    const char *kind;
    const char *name;
};

extern const struct schema_kind schemas_kinds[];
extern const size_t schemas_num_kinds;

#endif
