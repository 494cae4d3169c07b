/*
 * Parses a command line by a table of options. What it deliberately does not do: short options,
 * abbreviations, positional arguments, checks across options (the caller knows what goes together).
 * Called by the mains before anything else.
 */
#include "gateway/core/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/str.h"

static const struct options_entry *find(const struct options_entry *table, size_t num,
                                        struct str name)
{
    for (size_t i = 0; i < num; i++)
        if (str_eq(str_from(table[i].name), name))
            return &table[i];
    return NULL;
}

static bool set_number(const struct options_entry *o, const char *value, int64_t *out,
                       struct err *e)
{
    uint64_t n = 0;
    if (!str_to_u64(str_from(value), (uint64_t)o->max, &n) || (int64_t)n < o->min)
        return err_set(e, "BadOption", o->name, "%s takes a number from %lld to %lld, not \"%s\"",
                       o->name, (long long)o->min, (long long)o->max, value);
    *out = (int64_t)n;
    return true;
}

/* What may be a part of a path or URL as it is. */
static bool set_name(const struct options_entry *o, const char *value, const char **out,
                     struct err *e)
{
    size_t n = strlen(value);
    bool ok = n <= OPTIONS_NAME_MAX && value[0] != '.';
    for (size_t i = 0; i < n && ok; i++)
        ok = isalnum((unsigned char)value[i]) || strchr("._-", value[i]) != NULL;
    if (!ok)
        return err_set(e, "BadOption", o->name,
                       "%s takes 1 to %d letters, digits, '.', '_' and '-', not \"%s\"", o->name,
                       OPTIONS_NAME_MAX, value);
    *out = value;
    return true;
}

static bool list_add(const struct options_entry *o, const char *value, struct options_list *list,
                     struct err *e)
{
    if (list->num == OPTIONS_LIST_MAX)
        return err_set(e, "BadOption", o->name, "%s may be given at most %d times", o->name,
                       OPTIONS_LIST_MAX);
    list->all[list->num++] = value;
    return true;
}

/* The one place that turns (config, offset) into a typed field. */
static bool store(const struct options_entry *o, const char *value, void *config, struct err *e)
{
    void *at = (char *)config + o->offset;
    if (o->type != OPTIONS_FLAG && value[0] == '\0')
        return err_set(e, "BadOption", o->name, "%s needs a value: %s %s", o->name, o->name,
                       o->value);
    switch (o->type) {
    case OPTIONS_FLAG:
        *(bool *)at = true;
        return true;
    case OPTIONS_TEXT:
        *(const char **)at = value;
        return true;
    case OPTIONS_NAME:
        return set_name(o, value, at, e);
    case OPTIONS_NUMBER:
        return set_number(o, value, at, e);
    case OPTIONS_LIST:
        return list_add(o, value, at, e);
    }
    return err_set(e, "BadOption", o->name, "%s is of no known type", o->name);
}

static bool take_env(const struct options_entry *table, size_t num, void *config, struct err *e)
{
    for (size_t i = 0; i < num; i++) {
        const char *value = table[i].env != NULL ? getenv(table[i].env) : NULL;
        if (value != NULL && value[0] != '\0' && !store(&table[i], value, config, e))
            return false;
    }
    return true;
}

/* One option at argv[*at]; moves *at past what it used. */
static bool take_one(const struct options_entry *table, size_t num, char *const *argv, int *at,
                     void *config, struct err *e)
{
    const char *arg = argv[*at];
    const char *equals = strchr(arg, '=');
    struct str name = {arg, equals != NULL ? (size_t)(equals - arg) : strlen(arg)};
    const struct options_entry *o = find(table, num, name);
    if (o == NULL)
        return err_set(e, "BadOption", arg, "unknown option \"%s\"; see --help", arg);
    if (o->type == OPTIONS_FLAG && equals != NULL)
        return err_set(e, "BadOption", o->name, "%s takes no value", o->name);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (o->type != OPTIONS_FLAG && value == NULL) {
        value = argv[*at + 1];
        if (value == NULL)
            return err_set(e, "BadOption", o->name, "%s needs a value: %s %s", o->name, o->name,
                           o->value);
        *at += 1;
    }
    *at += 1;
    return store(o, value, config, e);
}

bool options_parse(const struct options_entry *table, size_t num, int argc, char *const *argv,
                   void *config, struct err *e)
{
    if (!take_env(table, num, config, e))
        return false;
    int at = 1;
    while (at < argc)
        if (!take_one(table, num, argv, &at, config, e))
            return false;
    return true;
}

void options_print(FILE *to, const struct options_entry *table, size_t num)
{
    int width = 0;
    for (size_t i = 0; i < num; i++) {
        size_t n =
            strlen(table[i].name) + (table[i].value != NULL ? strlen(table[i].value) + 1 : 0);
        width = (int)n > width ? (int)n : width;
    }
    for (size_t i = 0; i < num; i++) {
        const char *value = table[i].value != NULL ? table[i].value : "";
        int used = fprintf(to, "  %s%s%s", table[i].name, value[0] != '\0' ? " " : "", value);
        fprintf(to, "%*s  %s", width + 2 > used ? width + 2 - used : 0, "", table[i].help);
        if (table[i].env != NULL)
            fprintf(to, " (or %s)", table[i].env);
        fputc('\n', to);
    }
}
