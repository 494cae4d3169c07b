/* What the commands share. */
#ifndef ADMIN_CLI_CLI_PRIV_H
#define ADMIN_CLI_CLI_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "admin/cli/arguments.h"
#include "admin/cli/cli.h"
#include "admin/cli/client.h"
#include "admin/cli/commands.h"
#include "admin/cli/profile.h"
#include "admin/cli/screen.h"
#include "admin/cli/uri.h"

struct cJSON;
struct documents;

struct cli {
    struct arguments args;
    struct profile profile;
    struct client *client;           /* NULL until the first call */
    const struct surface_row *asked; /* whose path was built last; NULL */
    struct screen out;
    struct screen err;
    bool json; /* -o json */
};

/* ---- reports of failure (problem.c): all return the exit code ---------------------------------
 */

int cli_fail(struct cli *cli, enum cli_exit code, const struct err *e);
int cli_usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What the server answered that is no success. `from` is the file the body was made of, or NULL. */
int cli_problem(struct cli *cli, const struct client_reply *reply, const struct documents *from);

/* ---- asking (ask.c) ---------------------------------------------------------------------------
 */

/* What the command line and the profile know, for a path; name may be NULL. */
struct uri_place cli_place(const struct cli *cli, const char *name);
/* The path of a row; "" and a report when it is too long. */
bool cli_path(struct cli *cli, const struct surface_row *row, const char *name, struct buf *out,
              int *out_code);
/* The row for a noun; NULL after a report with the nearest noun, or with what must be said. */
const struct surface_row *cli_find(struct cli *cli, const char *method, const char *noun,
                                   const char *name);
const struct surface_row *cli_find_op(struct cli *cli, enum surface_op op);

/*
 * Asks. False after a report, with the exit code in *out_code; else *out is to be freed, and
 * *out_tree (may be NULL) is the answer's JSON.
 */
bool cli_call(struct cli *cli, const struct client_request *rq, struct client_reply *out,
              int *out_code);
bool cli_get(struct cli *cli, const char *uri, struct cJSON **out_tree, int *out_code);
bool cli_post(struct cli *cli, const char *uri, const char *body, struct cJSON **out_tree,
              int *out_code);
/* As cli_get, in silence: NULL for whatever is not to be had. */
struct cJSON *cli_try_get(struct cli *cli, const char *uri);
struct cJSON *cli_try_post(struct cli *cli, const char *uri, const char *body);
/* The tree of an answer; NULL after a report. */
struct cJSON *cli_parse(struct cli *cli, const struct client_reply *reply, int *out_code);

/* ---- writing (write.c, outcome.c) -------------------------------------------------------------
 */

/* Appends the query of --wait, --dry-run, --durable; *out_wait_ms is how long it may take. */
bool cli_write_query(struct cli *cli, struct buf *uri, int64_t *out_wait_ms, int *out_code);
/* Does it, shows what came of it. `what` = "route/web". body NULL = none. */
int cli_write(struct cli *cli, const char *method, const char *path, const char *type,
              const char *body, const struct documents *from);
/* Shows a write's answer. */
int cli_outcome(struct cli *cli, const struct client_reply *reply);
/* One thing with `before` and `after`: its members that are not the same. `where` may be "". */
void cli_show_change(struct cli *cli, const struct cJSON *o, const char *where);
/* Objects before and after, and whose requests go elsewhere. */
void cli_show_changes(struct cli *cli, const struct cJSON *write);

/* ---- pieces of screens ------------------------------------------------------------------------
 */

void cli_print_json(struct cli *cli, const struct cJSON *tree);
/* What became of a document, in a word, and its tone. */
const char *cli_state(const struct cJSON *document, enum tone *out_tone);
bool cli_condition_is_good(const struct cJSON *condition); /* "Conflicted": when false */
void cli_show_conditions(struct cli *cli, const struct cJSON *document, size_t indent);
void cli_show_explanation(struct cli *cli, const struct cJSON *explanation, size_t indent);
void cli_show_rows(struct cli *cli, const char *kind, const struct cJSON *first);
void cli_title(struct cli *cli, const char *text);
/* An object's members; those that `without` (NULL at its end) names are left out. */
void cli_show_members(struct cli *cli, const struct cJSON *o, const char *const *without,
                      size_t indent);
/* What requests to the hosts of a route or service get. */
void cli_show_requests(struct cli *cli, const struct cJSON *o);
void cli_show_commit(struct cli *cli, const struct cJSON *commit); /* with its diff */
void cli_show_service(struct cli *cli, const struct cJSON *service);
/* The gateways of a cluster; NULL with a tenant, who may not see them. cJSON_Delete */
struct cJSON *cli_try_fleet(struct cli *cli, const char *cluster);
/* Of a cluster, or all; `wanted` > 0 says which have that commit. Returns how many do not. */
size_t cli_show_gateways(struct cli *cli, const struct cJSON *gateways, int64_t wanted,
                         size_t indent);
/* "2026-11-26 18:02:11" of the user's time zone; "never" for 0 or less. */
void cli_time(int64_t at_ms, char out[32]);

/* ---- the commands -----------------------------------------------------------------------------
 */

int get_run(struct cli *cli);
int describe_run(struct cli *cli);
int apply_run(struct cli *cli);
int patch_run(struct cli *cli);
int delete_run(struct cli *cli);
int diff_run(struct cli *cli);
int explain_run(struct cli *cli);
int wait_run(struct cli *cli);
int history_run(struct cli *cli);
int rollback_run(struct cli *cli);
int pin_run(struct cli *cli);
int token_run(struct cli *cli);
int gateways_run(struct cli *cli);
int watch_run(struct cli *cli);
int audit_run(struct cli *cli);
int labels_run(struct cli *cli);
int completion_run(struct cli *cli);
int version_run(struct cli *cli);
int help_run(struct cli *cli);

#endif
