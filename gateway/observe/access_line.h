/* One record of the access log as a line of JSON. Pure; used by access_log.c and its tests. */
#ifndef GATEWAY_OBSERVE_ACCESS_LINE_H
#define GATEWAY_OBSERVE_ACCESS_LINE_H

#include "gateway/observe/access_log.h"

enum {
    ACCESS_LINE_MAX = 16384, /* every byte of every text escaped, and the rest */
    ACCESS_TIME_BYTES = 24   /* "2026-01-31T23:59:59.999Z" */
};

/* Wall time in text; what belongs to one second is kept for the next record. */
struct access_clock {
    int64_t second;
    char text[ACCESS_TIME_BYTES + 1];
};

/*
 * Writes the line with its newline and gives its length. out holds ACCESS_LINE_MAX bytes; each text
 * is at most as long as ACCESS_TEXTS says. Any byte may come: the line is valid JSON and UTF-8.
 */
size_t access_line_write(char *out, const struct access_record *r,
                         const struct str texts[ACCESS_TEXT__COUNT], int64_t wall_ms,
                         struct access_clock *clock);
/* Records were lost: {"time":…,"lost":…,"worker":…} */
size_t access_line_write_lost(char *out, uint64_t lost, size_t worker, int64_t wall_ms,
                              struct access_clock *clock);

#endif
