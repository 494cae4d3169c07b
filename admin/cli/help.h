/* Help, manual page, table and completion, all from the tables of commands, options, endpoints. */
#ifndef ADMIN_CLI_HELP_H
#define ADMIN_CLI_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct command;

void help_manual(FILE *to);   /* man(7) */
void help_markdown(FILE *to); /* for docs/cli.md */

/* Does the command take the option, beside those that all take? */
bool help_takes(const struct command *c, int option);
/* Every kind that `get` and its like know, once; returns how many. */
enum { HELP_KINDS_MAX = 128 };
size_t help_kinds(const char *out[HELP_KINDS_MAX]);
/* Exit codes: i from 0; NULL at the end. */
const char *help_exit(int code);

#endif
