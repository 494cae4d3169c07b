/* The commands, as data: what help, manual page, completion and dispatch are made from. */
#ifndef ADMIN_CLI_COMMANDS_H
#define ADMIN_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"

struct cli;

struct command {
    const char *name;
    const char *synopsis;        /* what stands behind it: "KIND [NAME]" */
    const char *doc;             /* one sentence without its full stop */
    uint64_t options;            /* beside ARG_COMMON */
    size_t least, most;          /* words */
    const char *words;           /* for completion: "a b c", "KINDS" (surface.h's nouns), or "" */
    int (*run)(struct cli *cli); /* an enum cli_exit */
};

extern const struct command commands_all[];
extern const size_t commands_num;

const struct command *commands_find(const char *name); /* NULL: there is none */
bool commands_refuse(const char *name, struct err *e); /* false, with the nearest name */

/* How each is used and what for, one a line; and everything of one. */
void commands_usage(struct cli *cli);
void commands_help(struct cli *cli, const struct command *c);

#endif
