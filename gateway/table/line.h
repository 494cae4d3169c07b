/*
 * The routes of one host and path in the order in which they are tried (conditions_order). Those
 * that ask for the same as one before them stand in line as well: they take over when it goes.
 * Lines are shared between versions; one that is shared is copied before it changes. Most hold one
 * route, which costs no memory. Private to gateway/table.
 */
#ifndef GATEWAY_TABLE_LINE_H
#define GATEWAY_TABLE_LINE_H

#include <stddef.h>
#include <stdint.h>

struct version_route;

struct line {
    uintptr_t routes; /* 0: none; a route; with its low bit set, an array. Private to line.c */
};

size_t line_len(struct line l);
struct version_route *line_at(struct line l, size_t i); /* lent */

void line_add(struct line *l, struct version_route *r);          /* takes a reference */
void line_remove(struct line *l, const struct version_route *r); /* which is there */
struct line line_share(struct line l);                           /* another holder of the same */
void line_free(struct line *l);                                  /* empty again */

#endif
