/* JSON Merge Patch (RFC 7396) on text: what the patch does not name keeps its bytes. Pure. */
#ifndef ADMIN_API_PATCH_H
#define ADMIN_API_PATCH_H

#include <stdbool.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { PATCH_DEPTH_MAX = 32 };

/*
 * Appends to *out what `target` becomes; both were found right by json_check. False: out is full,
 * or the patch is deeper than PATCH_DEPTH_MAX.
 */
MUST_USE bool patch_merge(struct str target, struct str patch, struct buf *out);

#endif
