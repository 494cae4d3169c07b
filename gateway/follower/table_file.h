/*
 * Follows a table in a file (`--table FILE`): what is appended arrives line by line, a rename over
 * it, a truncation or an edit in place begins a new snapshot, a half line waits for its newline. Of
 * the commits that a file holds when a snapshot begins only the last one is given on.
 * inotify tells of changes at once; a look every 500 ms catches what inotify does not see (network
 * file systems, symlinks elsewhere).
 */
#ifndef GATEWAY_FOLLOWER_TABLE_FILE_H
#define GATEWAY_FOLLOWER_TABLE_FILE_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/wire/frame.h"

struct event_base;
struct table_file;

struct table_file_config {
    struct event_base *base;
    const char *path;               /* borrowed; need not exist yet, its directory must */
    void (*on_snapshot)(void *arg); /* all lines from here on belong to a new snapshot */
    /*
     * A set, delete or commit, its value as bytes only; line is its text without the newline. Other
     * frames are skipped.
     */
    void (*on_frame)(void *arg, const struct frame *f, struct str line);
    void (*on_piece)(void *arg); /* after the frames of each piece of the file */
    bool (*may_read)(void *arg); /* false: stop here, table_file_resume follows */
    void *arg;
};

struct table_file *table_file_new(const struct table_file_config *config, struct err *e);
void table_file_free(struct table_file *t);

void table_file_resume(struct table_file *t); /* looks at the file again on the next turn */

#endif
