/*
 * What reaches a terminal. Text of the server or of a file never reaches it raw: control bytes, C1
 * included, marks that turn the direction of writing and what is no UTF-8 are shown as \xNN or
 * \uNNNN. Colours only where they are wanted.
 */
#ifndef ADMIN_CLI_SCREEN_H
#define ADMIN_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum tone { TONE_PLAIN, TONE_TITLE, TONE_GOOD, TONE_BAD, TONE_WARN, TONE_FAINT };

struct screen {
    FILE *to;
    bool colour;
};

/* For stdout or stderr: colour on a terminal, without NO_COLOR and not "dumb". Also makes the
 * widths of characters known (setlocale of LC_CTYPE). */
struct screen screen_of(FILE *to);

/* Appends the text made safe. False: full. */
MUST_USE bool screen_safe(struct buf *out, struct str text);
/* Columns that safe text takes. */
size_t screen_width(struct str safe);

void screen_put(const struct screen *s, enum tone tone, const char *text); /* made safe */
void screen_say(const struct screen *s, enum tone tone, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))); /* likewise */

/*
 * JSON text indented, every value as it was written; control characters in strings that JSON
 * allows raw come out as \uNNNN. The text must be JSON already.
 */
void screen_json(const struct screen *s, struct str json);

/* ---- tables -----------------------------------------------------------------------------------
 */

/* Columns as wide as their widest cell; the last one is not padded. */
struct grid {
    size_t num_columns;
    struct grid_cell *cells;
    size_t num, cap;
};

void grid_init(struct grid *g, size_t num_columns);
void grid_add(struct grid *g, enum tone tone,
              const char *text); /* the next cell; copied, made safe */
void grid_print(const struct grid *g, const struct screen *s, size_t indent);
void grid_free(struct grid *g);

#endif
