/*
 * Cuts a byte stream into lines. Whole lines in one piece are lent straight from the fed bytes;
 * only a line that spans pieces is copied. A line over the cap is reported once, as soon
 * as it is that long, and skipped up to its newline.
 */
#ifndef GATEWAY_FOLLOWER_LINES_H
#define GATEWAY_FOLLOWER_LINES_H

#include "gateway/core/buf.h"
#include "gateway/core/str.h"

enum lines_result { LINES_MORE, LINES_LINE, LINES_TOO_LONG };

struct lines {
    struct buf partial; /* the beginning of a line whose end has not come */
    struct str fed;     /* what of the fed bytes is not cut yet; lent by the caller */
    size_t line_max;
    bool skipping; /* inside a line that is too long */
    bool lent;     /* partial holds the line that was given last */
};

void lines_init(struct lines *l, size_t line_max);
void lines_free(struct lines *l);
void lines_reset(struct lines *l); /* forget a half line: another stream begins */

/*
 * Feed a piece, then call lines_next until LINES_MORE; the bytes must stay till then. A line comes
 * without its newline and lives until the next call.
 */
void lines_feed(struct lines *l, struct str bytes);
enum lines_result lines_next(struct lines *l, struct str *out_line);

#endif
