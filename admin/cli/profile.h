/*
 * Where the coordinator is and who asks: from the command line, else from the environment, else
 * from a section of $XDG_CONFIG_HOME/signalbox/config (~/.config/signalbox/config):
 *
 *     [default]
 *     url = https://coordinator.example:7701
 *     token_file = /home/me/.signalbox-token      or   token = sbt1.…
 *     tenant = acme
 *     cluster = us-east
 */
#ifndef ADMIN_CLI_PROFILE_H
#define ADMIN_CLI_PROFILE_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

#define PROFILE_URL_DEFAULT "http://127.0.0.1:7701"

struct profile { /* all owned; NULL = not said */
    char *url;
    char *token;
    char *token_file;
    char *tenant;
    char *cluster;
};

/* What the command line says; NULL = nothing. */
struct profile_flags {
    const char *name;
    const char *url;
    const char *token_file;
    const char *tenant;
    const char *cluster;
};

/* The section `name` of a file's text. False with the line at fault; *out_found says if there is
 * such a section. Pure. */
MUST_USE bool profile_parse(struct str text, const char *name, struct profile *out, bool *out_found,
                            struct err *e);
/* Everything, with its defaults; the token read from its file. A file with a token in it that
 * others can read is refused. */
MUST_USE bool profile_load(const struct profile_flags *flags, struct profile *out, struct err *e);
void profile_free(struct profile *p);

#endif
