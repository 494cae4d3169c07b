/*
 * Command-line options from one table: the same rows drive parsing, defaults from the environment
 * and --help, so that they cannot tell different stories. "--name value" and "--name=value".
 */
#ifndef GATEWAY_CORE_OPTIONS_H
#define GATEWAY_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

enum options_type {
    OPTIONS_FLAG,   /* bool */
    OPTIONS_TEXT,   /* const char *: borrowed from argv or the environment; never empty */
    OPTIONS_NAME,   /* the same; 1 to 128 letters, digits, '.', '_', '-', and not '.' first */
    OPTIONS_NUMBER, /* int64_t between min and max */
    OPTIONS_LIST,   /* struct options_list: may be given several times */
};

enum { OPTIONS_LIST_MAX = 64, OPTIONS_NAME_MAX = 128 };

struct options_list {
    const char *all[OPTIONS_LIST_MAX];
    size_t num;
};

struct options_entry {
    const char *name;  /* "--listen-http" */
    const char *value; /* what --help calls its value, "ADDR:PORT"; NULL for a flag */
    const char *help;  /* one line */
    enum options_type type;
    size_t offset; /* of the field of that type in the config */
    int64_t min;   /* numbers */
    int64_t max;
    const char *env; /* variable that gives the value when the option is absent; NULL = none */
};

/*
 * Fills config, whose fields hold their defaults already. False with the option as e->field and a
 * sentence: unknown option, value missing or not allowed, something that is no option.
 */
MUST_USE bool options_parse(const struct options_entry *table, size_t num, int argc,
                            char *const *argv, void *config, struct err *e);

void options_print(FILE *to, const struct options_entry *table, size_t num);

#endif
