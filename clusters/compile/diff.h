/*
 * diff: what to commit so that a cluster's table becomes the one just compiled. Pure.
 *
 * A table as loaded from the store is gathered with diff_table_add in any order and sorted once;
 * what compile_run gives is sorted already.
 */
#ifndef CLUSTERS_COMPILE_DIFF_H
#define CLUSTERS_COMPILE_DIFF_H

#include "clusters/compile/compile.h"
#include "gateway/core/result.h"

struct diff_change {
    enum route_kind kind;
    const char *name;  /* borrowed from one of the two tables, as is value */
    const char *value; /* NULL = delete */
};

/* Copies one object in. False: `kind` is no kind of object (a row of a newer program). */
MUST_USE bool diff_table_add(struct compile_cluster *table, const char *kind, const char *name,
                             const char *value);
void diff_table_sort(struct compile_cluster *table);
void diff_table_clear(struct compile_cluster *table); /* its objects and its name */

/*
 * The changes that lead from one sorted table to the other, by kind, then name; *out is NULL when
 * there are none, else free() it and only it. Both tables must outlive the changes.
 */
size_t diff_tables(const struct compile_cluster *old, const struct compile_cluster *now,
                   struct diff_change **out);

#endif
