/*
 * Reading a command line by the tables of options and commands: "--name value", "--name=value",
 * "-n value", "-nvalue"; "--" ends the options. An option whose value may be left out takes it
 * behind "=" only. What the values mean is for whoever uses them.
 */
#include "admin/cli/arguments.h"

#include <string.h>

#include "admin/cli/commands.h"
#include "gateway/core/str.h"
#include "gateway/wire/json.h"

const struct arguments_row arguments_rows[ARG__COUNT] = {
#define X(sym, name, letter, value, doc) {name, letter, value, doc},
    ARGUMENTS_OPTIONS(X)
#undef X
};

/* Where the reading is. */
struct cursor {
    int argc;
    char *const *argv;
    int at;
};

static bool allowed(const struct arguments *a, int option)
{
    uint64_t mask = a->command != NULL ? a->command->options : ~UINT64_C(0);

    return ((mask | ARG_COMMON) >> option & 1) != 0;
}

static bool unknown_option(const struct arguments *a, const char *arg, struct err *e)
{
    const char *known[ARG__COUNT + 1];
    const char *near;
    size_t num = 0;

    for (int i = 0; i < ARG__COUNT; i++)
        if (allowed(a, i))
            known[num++] = arguments_rows[i].name;
    known[num] = NULL;
    near = strlen(arg) > 2 ? json_nearest(arg + 2, known) : NULL;
    return err_set(e, "BadOption", arg, "%s%s%s has no option \"%s\"%s%s%s",
                   a->command != NULL ? "\"" : "",
                   a->command != NULL ? a->command->name : "signalbox",
                   a->command != NULL ? "\"" : "", arg, near != NULL ? "; --" : "",
                   near != NULL ? near : "", near != NULL ? " is the nearest" : "");
}

static bool set(struct arguments *out, int option, const char *value, struct err *e)
{
    if (option == ARG_HEADER) {
        if (out->num_headers == ARGUMENTS_HEADERS_MAX)
            return err_set(e, "BadOption", "--header", "at most %d headers", ARGUMENTS_HEADERS_MAX);
        out->headers[out->num_headers++] = value;
    }
    out->values[option] = value;
    return true;
}

/* The value of one option, which is behind "=" or the next word. */
static bool take(struct arguments *out, int option, const char *inline_value, struct cursor *c,
                 struct err *e)
{
    const struct arguments_row *row = &arguments_rows[option];
    bool flag = row->value[0] == '\0';

    c->at++;
    if (flag && inline_value != NULL)
        return err_set(e, "BadOption", row->name, "--%s takes no value", row->name);
    if (flag || (row->value[0] == '[' && inline_value == NULL))
        return set(out, option, "", e);
    if (inline_value == NULL && c->at < c->argc)
        inline_value = c->argv[c->at++];
    if (inline_value == NULL || inline_value[0] == '\0')
        return err_set(e, "BadOption", row->name, "--%s needs a value: --%s %s", row->name,
                       row->name, row->value);
    return set(out, option, inline_value, e);
}

static bool take_long(struct arguments *out, struct cursor *c, struct err *e)
{
    const char *arg = c->argv[c->at];
    const char *equals = strchr(arg, '=');
    size_t n = equals != NULL ? (size_t)(equals - arg) - 2 : strlen(arg) - 2;

    for (int i = 0; i < ARG__COUNT; i++)
        if (strlen(arguments_rows[i].name) == n &&
            memcmp(arguments_rows[i].name, arg + 2, n) == 0 && allowed(out, i))
            return take(out, i, equals != NULL ? equals + 1 : NULL, c, e);
    return unknown_option(out, arg, e);
}

static bool take_short(struct arguments *out, struct cursor *c, struct err *e)
{
    const char *arg = c->argv[c->at];

    for (int i = 0; i < ARG__COUNT; i++)
        if (arguments_rows[i].letter == arg[1] && allowed(out, i))
            return take(out, i, arg[2] != '\0' ? arg + 2 : NULL, c, e);
    return unknown_option(out, arg, e);
}

static bool take_word(struct arguments *out, const char *word, struct err *e)
{
    if (out->command == NULL) {
        out->command = commands_find(word);
        return out->command != NULL || commands_refuse(word, e);
    }
    if (out->num_words == ARGUMENTS_WORDS_MAX)
        return err_set(e, "BadUsage", "", "\"%s\" is a word too many: signalbox %s %s", word,
                       out->command->name, out->command->synopsis);
    out->words[out->num_words++] = word;
    return true;
}

/* Options may stand before the command; what it takes is then judged when it is known. */
static bool all_allowed(const struct arguments *out, struct err *e)
{
    for (int i = 0; i < ARG__COUNT; i++) {
        char name[64];

        if (out->values[i] == NULL || allowed(out, i))
            continue;
        (void)snprintf(name, sizeof name, "--%s", arguments_rows[i].name); /* they are short */
        return unknown_option(out, name, e);
    }
    return true;
}

bool arguments_read(int argc, char *const *argv, struct arguments *out, struct err *e)
{
    struct cursor c = {.argc = argc, .argv = argv, .at = 1};
    bool words_only = false;
    bool ok = true;

    memset(out, 0, sizeof *out);
    while (c.at < argc && ok) {
        const char *arg = argv[c.at];

        if (words_only || arg[0] != '-' || arg[1] == '\0') {
            ok = take_word(out, arg, e);
            c.at++;
        } else if (strcmp(arg, "--") == 0) {
            words_only = true;
            c.at++;
        } else {
            ok = arg[1] == '-' ? take_long(out, &c, e) : take_short(out, &c, e);
        }
    }
    return ok && all_allowed(out, e);
}
