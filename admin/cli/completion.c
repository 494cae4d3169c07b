/*
 * What bash and zsh need to complete our words: commands, kinds, options. Names of documents are
 * not asked for: a key press is no reason to call a server.
 */
#include "admin/cli/cli_priv.h"
#include "admin/cli/help.h"

static void put_kinds(FILE *to)
{
    const char *kinds[HELP_KINDS_MAX];
    size_t num = help_kinds(kinds);

    for (size_t i = 0; i < num; i++)
        fprintf(to, "%s%s", i > 0 ? " " : "", kinds[i]);
}

static void put_commands(FILE *to)
{
    for (size_t i = 0; i < commands_num; i++)
        fprintf(to, "%s%s", i > 0 ? " " : "", commands_all[i].name);
}

static void put_words(FILE *to, const struct command *c)
{
    if (strcmp(c->words, "KINDS") == 0)
        put_kinds(to);
    else
        fputs(c->words, to);
    if (c->run == help_run) {
        fputc(' ', to);
        put_commands(to);
    }
}

static void put_options(FILE *to, const struct command *c)
{
    for (int i = 0; i < ARG__COUNT; i++)
        if (help_takes(c, i) || (ARG_COMMON >> i & 1) != 0)
            fprintf(to, " --%s", arguments_rows[i].name);
}

/* Sets $words to what may follow $command. */
static void put_cases(FILE *to)
{
    fputs("    case $command in\n", to);
    for (size_t i = 0; i < commands_num; i++) {
        fprintf(to, "    %s) words=\"", commands_all[i].name);
        put_words(to, &commands_all[i]);
        put_options(to, &commands_all[i]);
        fputs("\" ;;\n", to);
    }
    fputs("    *) words=\"", to);
    put_commands(to);
    fputs("\" ;;\n    esac\n", to);
}

/* "-t | --tenant": the options behind which a value stands as a word of its own. */
static void put_valued(FILE *to)
{
    bool first = true;

    for (int i = 0; i < ARG__COUNT; i++) {
        const struct arguments_row *o = &arguments_rows[i];

        if (o->value[0] == '\0' || o->value[0] == '[')
            continue;
        fprintf(to, "%s--%s", first ? "" : " | ", o->name);
        if (o->letter != '\0')
            fprintf(to, " | -%c", o->letter);
        first = false;
    }
}

/* Sets $command to the first word before the $here-th that is no option and no option's value. */
static void put_find_command(FILE *to, const char *words, const char *first, const char *here)
{
    fprintf(to,
            "    for ((i = %s; i < %s; i++)); do\n"
            "        case ${%s[i]} in\n        ",
            first, here, words);
    put_valued(to);
    fprintf(to,
            ") ((++i)) ;;\n        -*) ;;\n"
            "        *) command=${%s[i]}; break ;;\n        esac\n    done\n",
            words);
}

/* What may stand behind an option; one without an end of its own is followed by anything. */
static void put_values(FILE *to, const char *files, const char *these, const char *end)
{
    fprintf(to, "    -f | --file | --token-file) %s ;;\n", files);
    fprintf(to, "    -o | --output) %stable json%s ;;\n", these, end);
    fprintf(to, "    --scope) %s", these);
    for (size_t i = 0; i < SURFACE_SCOPES; i++)
        fprintf(to, "%s%s", i > 0 ? " " : "", surface_scope_names[i]);
    fprintf(to, "%s ;;\n    ", end);
    put_valued(to);
    fputs(") ;;\n", to);
}

static void put_bash(FILE *to)
{
    fputs("_signalbox() {\n    local words command= i here=${COMP_WORDS[COMP_CWORD]}\n", to);
    put_find_command(to, "COMP_WORDS", "1", "COMP_CWORD");
    put_cases(to);
    fputs("    COMPREPLY=()\n    case ${COMP_WORDS[COMP_CWORD - 1]} in\n", to);
    put_values(to, "COMPREPLY=($(compgen -f -- \"$here\"))", "COMPREPLY=($(compgen -W '",
               "' -- \"$here\"))");
    fputs("    *) COMPREPLY=($(compgen -W \"$words\" -- \"$here\")) ;;\n"
          "    esac\n}\ncomplete -F _signalbox signalbox\n",
          to);
}

/* zsh has the line's words in $words, so ours are called otherwise there. */
static void put_zsh(FILE *to)
{
    fputs("#compdef signalbox\n_signalbox_words() {\n    local command=$1 words\n", to);
    put_cases(to);
    fputs("    print -r -- $words\n}\n_signalbox() {\n    local command='' i\n", to);
    put_find_command(to, "words", "2", "CURRENT");
    fputs("    case ${words[CURRENT-1]} in\n", to);
    put_values(to, "_files", "compadd ", "");
    fputs("    *) compadd -- ${=$(_signalbox_words \"$command\")} ;;\n"
          "    esac\n}\ncompdef _signalbox signalbox\n",
          to);
}

int completion_run(struct cli *cli)
{
    const char *shell = cli->args.words[0];

    if (strcmp(shell, "bash") == 0)
        put_bash(cli->out.to);
    else if (strcmp(shell, "zsh") == 0)
        put_zsh(cli->out.to);
    else
        return cli_usage(cli, "for bash or for zsh?");
    return CLI_OK;
}
