/*
 * audit: the rows of the chain, and whether it still holds the head that somebody was given. Each
 * row's hash, which is worked out here again and not taken from the server, covers the hash of the
 * one before it, so whoever keeps one hash is a witness of all before it. A tenant sees its own
 * rows only, in which that cannot be told.
 */
#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "store/audit_row.h"

static int list(struct cli *cli, const char *path)
{
    const char *limit = cli->args.values[ARG_LIMIT];
    cJSON *tree = NULL;
    struct buf uri;
    int code = CLI_USAGE;

    buf_init(&uri, URI_MAX);
    if (buf_add_str(&uri, str_from(path)) &&
        uri_query(&uri, "limit", limit != NULL ? limit : "20") &&
        cli_get(cli, uri.bytes, &tree, &code)) {
        if (cli->json)
            cli_print_json(cli, tree);
        else
            cli_show_rows(cli, "audit row", jsonview_first(tree, "rows"));
        code = CLI_OK;
    }
    cJSON_Delete(tree);
    buf_free(&uri);
    return code;
}

/* ---- verifying ---------------------------------------------------------------------------------
 */

struct walk {
    const char *wanted;
    char prev[STORE_HASH_HEX + 1]; /* the hash that the next older row must have; "" at first */
    int64_t rows;
    int64_t broken_seq; /* of the row that does not have it, or not by its own fields; -1 = none */
    bool found;
};

static bool is_whole(const struct walk *w, const cJSON *row)
{
    const struct store_audit_row r = {
        .seq = (uint64_t)jsonview_number(row, "seq", 0),
        .commit = (uint64_t)jsonview_number(row, "commit", 0),
        .at_ms = jsonview_number(row, "at_ms", 0),
        .author = jsonview_text(row, "author"),
        .action = jsonview_text(row, "action"),
        .tenant = jsonview_text(row, "tenant"),
        .detail = jsonview_text(row, "detail"),
        .prev = jsonview_text(row, "prev"),
        .hash = jsonview_text(row, "hash"),
    };
    char hash[STORE_HASH_HEX + 1];

    audit_row_hash(&r, hash);
    return strcmp(hash, r.hash) == 0 && (w->prev[0] == '\0' || strcmp(w->prev, hash) == 0);
}

static bool walk_page(struct walk *w, const cJSON *page)
{
    for (const cJSON *r = jsonview_first(page, "rows"); r != NULL && !w->found; r = r->next) {
        if (!is_whole(w, r)) {
            w->broken_seq = jsonview_number(r, "seq", 0);
            return false;
        }
        w->rows++;
        w->found = strcmp(jsonview_text(r, "hash"), w->wanted) == 0;
        (void)snprintf(w->prev, sizeof w->prev, "%s", jsonview_text(r, "prev")); /* 64 digits */
    }
    return !w->found;
}

static bool walk(struct cli *cli, const char *path, struct walk *w, int *out_code)
{
    char *cursor = xstrdup("");
    bool ok = true;
    bool more = true;

    while (ok && more) {
        cJSON *page = NULL;
        struct buf uri;

        buf_init(&uri, URI_MAX);
        ok = buf_add_str(&uri, str_from(path)) && uri_query(&uri, "limit", "1000") &&
             (cursor[0] == '\0' || uri_query(&uri, "cursor", cursor)) &&
             cli_get(cli, uri.bytes, &page, out_code);
        buf_free(&uri);
        more = ok && walk_page(w, page);
        free(cursor);
        cursor = xstrdup(jsonview_text(page, "next"));
        more = more && cursor[0] != '\0';
        cJSON_Delete(page);
    }
    free(cursor);
    return ok;
}

static int verify(struct cli *cli, const char *path)
{
    const char *head = cli->args.values[ARG_HEAD];
    struct walk w = {.wanted = head, .broken_seq = -1};
    int code = CLI_REFUSED;

    if (cli->profile.tenant != NULL)
        return cli_usage(cli, "a tenant's rows are not the whole chain: this is for an operator, "
                              "without a tenant");
    if (head == NULL || strlen(head) != STORE_HASH_HEX ||
        strspn(head, "0123456789abcdef") != STORE_HASH_HEX)
        return cli_usage(cli, "which head were you given? say --head HASH, %d hexadecimal digits",
                         STORE_HASH_HEX);
    if (!walk(cli, path, &w, &code))
        return code;
    if (w.broken_seq >= 0)
        screen_say(&cli->out, TONE_BAD,
                   "TAMPERED: row %lld does not give the hash that it, or the row behind it, names",
                   (long long)w.broken_seq);
    else if (!w.found)
        screen_say(&cli->out, TONE_BAD,
                   "NOT FOUND: none of the %lld rows has this hash: the chain is another one, or "
                   "so old a row is not kept any more",
                   (long long)w.rows);
    else
        screen_say(&cli->out, TONE_GOOD, "ok: the chain holds, and has that head %lld rows ago",
                   (long long)w.rows - 1);
    return w.found ? CLI_OK : CLI_REFUSED;
}

int audit_run(struct cli *cli)
{
    const char *verb = cli->args.num_words > 0 ? cli->args.words[0] : "list";
    const struct surface_row *row = cli_find_op(cli, SURFACE_AUDIT_OP);
    struct buf path;
    int code = CLI_USAGE;

    if (strcmp(verb, "list") != 0 && strcmp(verb, "verify") != 0)
        return cli_usage(cli, "write: signalbox audit [list], or audit verify --head HASH");
    if (row == NULL || !cli_path(cli, row, NULL, &path, &code))
        return code;
    code = strcmp(verb, "list") == 0 ? list(cli, path.bytes) : verify(cli, path.bytes);
    buf_free(&path);
    return code;
}
