/*
 * Strong entity tags, "<commit>", and the lists of them in If-Match and If-None-Match (RFC 9110
 * sections 8.8.3, 13.1.1 and 13.1.2). Pure.
 */
#ifndef ADMIN_API_ETAG_H
#define ADMIN_API_ETAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { ETAG_LIST_MAX = 16 };

struct etag_list {
    bool any; /* "*" */
    uint64_t strong[ETAG_LIST_MAX];
    size_t num_strong;
    uint64_t weak[ETAG_LIST_MAX]; /* ours, behind W/ by somebody on the way: equal weakly only */
    size_t num_weak;
};

/*
 * False: not the list that the RFC has, or more than ETAG_LIST_MAX of a sort. Tags that are not of
 * our form are right and match nothing.
 */
MUST_USE bool etag_parse(struct str text, struct etag_list *out);

/* Strong comparison, for If-Match, and weak, for If-None-Match; "*" matches whatever is there. */
MUST_USE bool etag_matches(const struct etag_list *list, uint64_t commit);
MUST_USE bool etag_matches_weakly(const struct etag_list *list, uint64_t commit);

#endif
