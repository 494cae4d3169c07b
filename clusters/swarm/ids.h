/* A sorted set of ids. Zeroed memory is the empty set. */
#ifndef CLUSTERS_SWARM_IDS_H
#define CLUSTERS_SWARM_IDS_H

#include <stdbool.h>
#include <stddef.h>

struct ids {
    char **items;
    size_t num;
};

void ids_add(struct ids *s, const char *id); /* copied; once is enough */
bool ids_has(const struct ids *s, const char *id);
void ids_remove(struct ids *s, const char *id);
void ids_add_all(struct ids *s, const struct ids *others);
void ids_clear(struct ids *s);

#endif
