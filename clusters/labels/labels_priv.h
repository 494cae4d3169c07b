/* Inside clusters/labels only: how parsers leave notes, and the nearest known name. */
#ifndef CLUSTERS_LABELS_LABELS_PRIV_H
#define CLUSTERS_LABELS_LABELS_PRIV_H

#include "clusters/labels/labels.h"

/* Appends a note about a label. key is the whole key; value may be NULL (nothing to show). */
void labels_note(struct labels_intent *intent, bool fatal, const char *reason, struct str key,
                 const struct str *value, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* The known name (without prefix) at most two edits away from this one, or NULL. */
const char *labels_nearest(struct str name);

/* Edit distance (Levenshtein) of two short strings, or `limit` + 1 when it is over the limit. */
size_t labels_distance(struct str a, struct str b, size_t limit);

/* The parsers of the table, in parse.c. */
void labels_parse_hosts(struct labels_intent *intent, struct str value);
void labels_parse_port(struct labels_intent *intent, struct str value);
void labels_parse_network(struct labels_intent *intent, struct str value);
void labels_parse_service_cluster(struct labels_intent *intent, struct str value);
void labels_parse_tenant(struct labels_intent *intent, struct str value);

#endif
