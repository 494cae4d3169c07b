/*
 * The documents in force, in memory: by key, and of each kind by tenant and name. What the store
 * holds, once it holds it; nothing that waits to be committed. Pure but for its own memory.
 */
#ifndef CLUSTERS_CATALOG_H
#define CLUSTERS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/intents/intents.h"
#include "clusters/write.h"

struct catalog;

struct catalog *catalog_new(void);
void catalog_free(struct catalog *d); /* NULL is fine */

/* Copies it in, in the place of that key's last one. */
void catalog_put(struct catalog *d, const struct write_document *doc);
void catalog_remove(struct catalog *d, enum intent_kind kind, const char *tenant, const char *name);

/* Lent until the key's next change; NULL: there is none. */
const struct write_document *catalog_get(const struct catalog *d, enum intent_kind kind,
                                         const char *tenant, const char *name);

/* By tenant, then name; tenant NULL: all. Ends when fn gives false. fn changes nothing. */
void catalog_each(const struct catalog *d, enum intent_kind kind, const char *tenant,
                  write_document_fn *fn, void *arg);

/*
 * All documents but those of one kind, as they are now, one after the other and whatever changes
 * meanwhile: by kind, tenant and name. Costs little; what is replaced stays in memory until the
 * last of them ends.
 */
struct catalog_walk;
struct catalog_walk *catalog_walk_new(struct catalog *d, enum intent_kind but);
const struct write_document *catalog_walk_next(struct catalog_walk *w); /* NULL: the end */
void catalog_walk_free(struct catalog_walk *w);                         /* before the catalog */

#endif
