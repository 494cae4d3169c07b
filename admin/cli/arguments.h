/*
 * Command lines: a command, words and options in any order. Pure; which command takes which option
 * is in the table of commands.h. Everything is borrowed from argv.
 */
#ifndef ADMIN_CLI_ARGUMENTS_H
#define ADMIN_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

enum { ARGUMENTS_WORDS_MAX = 4, ARGUMENTS_HEADERS_MAX = 32 };

/* Symbol, name, letter, value ("" = a flag, "[X]" = may be left out), what it does. */
#define ARGUMENTS_OPTIONS(X)                                                                     \
    X(OUTPUT, "output", 'o', "table|json", "how answers are shown; default: table")              \
    X(TENANT, "tenant", 't', "TENANT", "whose things; default: SIGNALBOX_TENANT, the profile's") \
    X(CLUSTER, "cluster", 'c', "CLUSTER", "which service cluster; default: the profile's")       \
    X(URL, "url", 0, "URL", "where the coordinator is; default: SIGNALBOX_URL, the profile's")   \
    X(TOKEN_FILE, "token-file", 0, "FILE",                                                       \
      "the token; default: SIGNALBOX_TOKEN, SIGNALBOX_TOKEN_FILE, the profile's")                \
    X(PROFILE, "profile", 0, "NAME", "section of the profiles' file; default: \"default\"")      \
    X(HELP, "help", 'h', "", "help on the command")                                              \
    X(FILE, "file", 'f', "FILE", "documents in JSON; \"-\" is standard input")                   \
    X(SELECTOR, "selector", 'l', "LABELS", "by metadata.labels: env=prod,tier!=web,team,!old")   \
    X(WAIT, "wait", 0, "[DURATION]",                                                             \
      "until every live gateway has it; default: 5s, at most 30s (of wait: 1m, 24h)")            \
    X(DRY_RUN, "dry-run", 0, "", "say what would change, and change nothing")                    \
    X(DURABLE, "durable", 0, "", "until it is in Swarm's own store as well")                     \
    X(PRUNE, "prune", 0, "", "remove what --selector selects and the file does not have")        \
    X(TO, "to", 0, "COMMIT", "the commit to go back to")                                         \
    X(FROM, "from", 0, "COMMIT", "begin behind this commit")                                     \
    X(LIMIT, "limit", 'n', "N", "how many at most; default: 20")                                 \
    X(HOST, "host", 0, "HOST", "routes that have this host or a wildcard above it")              \
    X(METHOD, "method", 'X', "METHOD", "of the request; default: GET")                           \
    X(HEADER, "header", 'H', "'NAME: VALUE'", "of the request; may be given again")              \
    X(CLIENT, "client", 0, "ADDRESS", "who asks; default: nobody in particular")                 \
    X(SNI, "sni", 0, "NAME", "of the TLS handshake; default: the host")                          \
    X(SCOPE, "scope", 0, "SCOPE[,SCOPE]",                                                        \
      "what a token may: tenant-admin, tenant-read, operator, metrics")                          \
    X(EXPIRES, "expires", 0, "DURATION", "how long a token is good, as 30d; default: for ever")  \
    X(ABOUT, "about", 0, "TEXT", "what a token is for")                                          \
    X(HEAD, "head", 0, "HASH", "the head of the audit chain that you were given")

enum arguments_option {
#define X(sym, name, letter, value, doc) ARG_##sym,
    ARGUMENTS_OPTIONS(X)
#undef X
        ARG__COUNT
};

#define ARG_BIT(sym) (UINT64_C(1) << ARG_##sym)
/* What every command takes. */
#define ARG_COMMON                                                                               \
    (ARG_BIT(OUTPUT) | ARG_BIT(TENANT) | ARG_BIT(CLUSTER) | ARG_BIT(URL) | ARG_BIT(TOKEN_FILE) | \
     ARG_BIT(PROFILE) | ARG_BIT(HELP))

struct arguments_row {
    const char *name;
    char letter; /* 0 = none */
    const char *value;
    const char *doc;
};

extern const struct arguments_row arguments_rows[ARG__COUNT];

struct command;

struct arguments {
    const struct command *command;          /* NULL: none was given */
    const char *words[ARGUMENTS_WORDS_MAX]; /* behind the command; NULL from num_words on */
    size_t num_words;
    const char *values[ARG__COUNT]; /* NULL = not given, "" = without a value */
    const char *headers[ARGUMENTS_HEADERS_MAX];
    size_t num_headers;
};

/* False with a sentence that names the nearest command or option. */
MUST_USE bool arguments_read(int argc, char *const *argv, struct arguments *out, struct err *e);

#endif
