/*
 * Docker's secrets as Swarm lists them: what there is to be known of each, never what is in it
 * (Docker tells that to nobody but the containers that mount it).
 */
#ifndef CLUSTERS_SWARM_SECRETS_H
#define CLUSTERS_SWARM_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct docker;
struct event_base;

enum {
    SECRETS_MAX = 20000,           /* of a list; with more it is not taken */
    SECRETS_LABELS_MAX = 16 << 10, /* bytes; a secret with more is shown without */
    SECRETS_EXPIRES_MAX = 40,      /* bytes of that label; likewise */
    SECRETS_LIST_MAX = 64 << 20,   /* bytes of Docker's reply */
    SECRETS_RECONCILE_MS = 30000,  /* so often without an event */
};

#define SECRETS_TENANT_LABEL "com.docker.lb.tenant"   /* only this tenant may have it */
#define SECRETS_EXPIRES_LABEL "com.docker.lb.expires" /* as whoever made it knows */

struct secret {
    char *id;
    char *name;
    uint64_t version; /* Docker's index of its last change */
    char *created_at; /* as Docker writes it; "" when it says nothing */
    char *updated_at;
    char *labels;  /* a JSON object */
    char *tenant;  /* of its label; "": none */
    char *expires; /* likewise */
};

struct secrets {
    struct secret *all; /* sorted by id; ids are unique */
    size_t num;
};

void secrets_free(struct secrets *s); /* NULL is fine */
bool secret_same(const struct secret *a, const struct secret *b);

/* Pure: Docker's list. One that cannot be understood is passed over; NULL with *e: no list, or too
 * long a one. */
struct secrets *secrets_decode(struct str body, struct err *e);

/*
 * Reads the list at once, after each event and now and then. What fails is tried again, and what is
 * known stays: an engine behind something that does not let lists of secrets through is no error of
 * the swarm's.
 */
struct secrets_reader;
typedef void secrets_fn(void *arg, struct secrets *owned); /* each list, changed or not */

struct secrets_reader *secrets_reader_new(struct event_base *base, secrets_fn *on_list, void *arg);
void secrets_reader_free(struct secrets_reader *r);                  /* NULL is fine */
void secrets_reader_use(struct secrets_reader *r, struct docker *d); /* its version is agreed on */
void secrets_reader_leave(struct secrets_reader *r); /* that engine is not to be asked any more */
void secrets_reader_soon(struct secrets_reader *r);  /* something has changed */

#endif
