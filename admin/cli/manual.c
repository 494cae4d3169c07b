/* signalbox(1) as man(7) source, and the commands as a table of Markdown. */
#include "admin/cli/help.h"

#include "admin/cli/arguments.h"
#include "admin/cli/commands.h"
#include "admin/cli/profile.h"

/* What roff would take for itself: "\", and "." or "'" where a line begins; "-" is a hyphen. */
static void put_roff(FILE *to, const char *text)
{
    if (text[0] == '.' || text[0] == '\'')
        fputs("\\&", to);
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
    }
}

static void put_option(FILE *to, const struct arguments_row *row)
{
    bool maybe = row->value[0] == '[';

    fputs(".TP\n.B ", to);
    if (row->letter != 0)
        fprintf(to, "\\-%c, ", row->letter);
    fputs("\\-\\-", to);
    put_roff(to, row->name);
    if (maybe)
        fputs("[=", to);
    else if (row->value[0] != '\0')
        fputc(' ', to);
    put_roff(to, row->value + maybe);
    fputc('\n', to);
    put_roff(to, row->doc);
    fputc('\n', to);
}

static void put_commands(FILE *to)
{
    fputs(".SH COMMANDS\n", to);
    for (size_t i = 0; i < commands_num; i++) {
        const struct command *c = &commands_all[i];

        fputs(".TP\n.B ", to);
        put_roff(to, c->name);
        fputc(' ', to);
        put_roff(to, c->synopsis);
        fputc('\n', to);
        put_roff(to, c->doc);
        fputs(".\n", to);
        for (int o = 0; o < ARG__COUNT; o++)
            if (help_takes(c, o)) {
                fputs("\\-\\-", to);
                put_roff(to, arguments_rows[o].name);
                fputc('\n', to);
            }
    }
}

static void put_kinds(FILE *to)
{
    const char *kinds[HELP_KINDS_MAX];
    size_t num = help_kinds(kinds);

    fputs(".SH KINDS\n", to);
    for (size_t i = 0; i < num; i++)
        fprintf(to, "%s%s\n", kinds[i], i + 1 < num ? "," : ".");
}

static void put_exits(FILE *to)
{
    fputs(".SH EXIT STATUS\n", to);
    for (int i = 0; help_exit(i) != NULL; i++) {
        fprintf(to, ".TP\n.B %d\n", i);
        put_roff(to, help_exit(i));
        fputc('\n', to);
    }
}

void help_manual(FILE *to)
{
    fputs(
        ".TH SIGNALBOX 1\n.SH NAME\nsignalbox \\- routes of Docker Swarm services, for tenants and "
        "operators\n.SH SYNOPSIS\n.B signalbox\nCOMMAND [WORD ...] [OPTION ...]\n"
        ".SH DESCRIPTION\nAsks and tells the admin API of a Signalbox coordinator.\n",
        to);
    put_commands(to);
    fputs(".SH OPTIONS\n", to);
    for (int i = 0; i < ARG__COUNT; i++)
        put_option(to, &arguments_rows[i]);
    put_kinds(to);
    fputs(".SH FILES\n.TP\n.B $XDG_CONFIG_HOME/signalbox/config\nProfiles: sections of url, token, "
          "token_file, tenant, cluster. With a token in it, mode 0600.\n"
          ".SH ENVIRONMENT\nSIGNALBOX_URL, SIGNALBOX_TOKEN, SIGNALBOX_TOKEN_FILE, "
          "SIGNALBOX_TENANT, SIGNALBOX_PROFILE, NO_COLOR.\n",
          to);
    put_exits(to);
}

/* "|" would end a cell. */
static void put_cell(FILE *to, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(to, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void put_command_row(FILE *to, const struct command *c)
{
    fprintf(to, "| `%s%s", c->name, c->synopsis[0] != '\0' ? " " : "");
    put_cell(to, c->synopsis);
    fprintf(to, "` | %s |", c->doc);
    for (int o = 0; o < ARG__COUNT; o++)
        if (help_takes(c, o))
            fprintf(to, " `--%s`", arguments_rows[o].name);
    fputs(" |\n", to);
}

static void put_option_row(FILE *to, const struct arguments_row *row)
{
    bool maybe = row->value[0] == '[';

    fputs("| `", to);
    if (row->letter != 0)
        fprintf(to, "-%c, ", row->letter);
    fprintf(to, "--%s%s", row->name, maybe ? "[=" : row->value[0] != '\0' ? " " : "");
    put_cell(to, row->value + maybe);
    fprintf(to, "` | %s |\n", row->doc);
}

void help_markdown(FILE *to)
{
    fputs("| command | | options |\n|---|---|---|\n", to);
    for (size_t i = 0; i < commands_num; i++)
        put_command_row(to, &commands_all[i]);
    fputs("\n| option | |\n|---|---|\n", to);
    for (int i = 0; i < ARG__COUNT; i++)
        put_option_row(to, &arguments_rows[i]);
}
