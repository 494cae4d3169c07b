/*
 * The command line of tenants and operators: commands over the admin API, and nothing that the API
 * cannot do. Every command, option and endpoint comes from a table (commands.h, arguments.h,
 * admin/api/surface.h), from which help, manual page and completion are made too.
 */
#ifndef ADMIN_CLI_CLI_H
#define ADMIN_CLI_CLI_H

/* Stable: scripts depend on them. */
enum cli_exit {
    CLI_OK = 0,
    CLI_REFUSED = 1,     /* the server said no (4xx), or what it should say was not so */
    CLI_USAGE = 2,       /* the command line, a file of the user's or his profile is wrong */
    CLI_UNREACHABLE = 3, /* no answer, or one of 5xx */
    CLI_NOT_APPLIED = 4, /* written, but not every gateway, or not Swarm's store, had it in time */
    CLI_DIFFERENT = 5    /* diff: there are differences */
};

int cli_run(int argc, char *const *argv); /* an enum cli_exit */

#endif
