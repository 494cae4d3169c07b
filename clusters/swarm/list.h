/*
 * Walks a JSON array without parsing its elements, so that each can be decoded, skipped or refused
 * by itself: one service that the strict decoder refuses must not hide the others.
 */
#ifndef CLUSTERS_SWARM_LIST_H
#define CLUSTERS_SWARM_LIST_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct list {
    struct str rest;
    bool begun, ended;
};

/* The next element's text in *out_element; false at the end, or with *e set when text is no array.
 */
MUST_USE bool list_next(struct list *l, struct str *out_element, struct err *e);

/*
 * The next member of an object, its key as written between the quotes and its value's text; false
 * at the end and where the text is no object. For a few fields of many objects: it checks less than
 * a parser and keeps nothing.
 */
MUST_USE bool list_member(struct list *l, struct str *out_key, struct str *out_value);

#endif
