/*
 * labels: what the owner of a service asks for with its com.docker.lb.* labels. Pure: labels in; an
 * intent, and a note for every label (or part of one) that was not used as written, out.
 *
 * One table, labels_keys(), lists every label of the contract; it drives the parsing, the notes on
 * labels that are not built yet, and docs/labels.md.
 */
#ifndef CLUSTERS_LABELS_LABELS_H
#define CLUSTERS_LABELS_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"

#define LABELS_PREFIX "com.docker.lb."
#define LABELS_HOSTS LABELS_PREFIX "hosts"
#define LABELS_PORT LABELS_PREFIX "port"
#define LABELS_NETWORK LABELS_PREFIX "network"
#define LABELS_SERVICE_CLUSTER LABELS_PREFIX "service_cluster"
#define LABELS_TENANT LABELS_PREFIX "tenant"

enum {
    LABELS_SHOW_MAX = 200,       /* bytes of a value as shown to people */
    LABELS_HOST_NOTES_MAX = 8,   /* refused hosts named one by one; one more note counts the rest */
    LABELS_OTHER_NOTES_MAX = 16, /* the same for labels that are unknown or not built yet */
    LABELS_NAME_MAX = 256        /* bytes of a network's, a cluster's or a tenant's name */
};

struct labels_label {
    const char *key;
    const char *value;
};

/* Something that was not used as written. */
struct labels_note {
    const char
        *reason;   /* static, CamelCase: MissingLabel, InvalidHost, InvalidPort, Unsupported… */
    bool fatal;    /* the service is not routed because of it; else the rest still works */
    char *message; /* a sentence for the owner of the service */
    char *label;   /* the whole key */
    char *value;   /* as labels_show gives it; of a list, the part at fault */
};

struct labels_intent {
    char **hosts; /* canonical, distinct, in the order of the label */
    size_t num_hosts;
    uint16_t port;         /* 0 = none that can be used; then a fatal note says why */
    char *network;         /* NULL = no label */
    char *service_cluster; /* NULL = no label */
    char *tenant;          /* NULL = no label */
    struct labels_note *notes;
    size_t num_notes;
};

/* One label of the contract. `parse` is NULL for one that is not built yet. */
struct labels_key {
    const char *name;  /* without the prefix */
    const char *value; /* what it holds, for people */
    const char *doc;
    const char *inert[2]; /* values that ask for nothing ("false"), or NULL: no note for them */
    void (*parse)(struct labels_intent *intent, struct str value);
};

/* NULL when no label begins with LABELS_PREFIX: the service takes no part. Never fails otherwise.
 */
struct labels_intent *labels_read(const struct labels_label *labels, size_t num);
void labels_free(struct labels_intent *intent); /* NULL is fine */

/* True when no note is fatal. */
bool labels_usable(const struct labels_intent *intent);

const struct labels_key *labels_keys(size_t *out_num);
/* Is the value of this label (its whole key) the name of a secret? */
bool labels_names_secret(const char *key);

/* At most LABELS_SHOW_MAX printable ASCII bytes; others become \xNN, a cut ends in "...". free().
 */
char *labels_show(struct str value);

#endif
