/*
 * The documents in force, in memory: by key, and of each kind by tenant and name. What the store
 * holds, once it holds it; nothing that waits to be committed. Pure but for its own memory.
 */
#ifndef CLUSTERS_DOCUMENTS_H
#define CLUSTERS_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/intents/intents.h"
#include "clusters/write.h"

struct documents;

struct documents *documents_new(void);
void documents_free(struct documents *d); /* NULL is fine */

/* Copies it in, in the place of that key's last one. */
void documents_put(struct documents *d, const struct write_document *doc);
void documents_remove(struct documents *d, enum intent_kind kind, const char *tenant,
                      const char *name);

/* Lent until the key's next change; NULL: there is none. */
const struct write_document *documents_get(const struct documents *d, enum intent_kind kind,
                                           const char *tenant, const char *name);

/* By tenant, then name; tenant NULL: all. Ends when fn gives false. fn changes nothing. */
void documents_each(const struct documents *d, enum intent_kind kind, const char *tenant,
                    write_document_fn *fn, void *arg);

#endif
