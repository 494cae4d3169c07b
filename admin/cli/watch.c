/*
 * watch: server-sent events (HTML standard, section 9.2), one for each commit. A stream that breaks
 * is taken up again where it was, by Last-Event-ID; 410 means that so far back nothing is kept.
 */
#include <unistd.h>

#include <cjson/cJSON.h>

#include "admin/cli/cli_priv.h"
#include "admin/cli/jsonview.h"
#include "gateway/wire/json.h"

enum { LINE_MAX_BYTES = 8 << 20, ID_MAX = 32, PAUSE_US = 1000000, TRIES_MAX = 30 };

static const struct json_limits event_limits = {.bytes_max = LINE_MAX_BYTES, .depth_max = 32};

struct watch {
    struct cli *cli;
    struct buf line; /* up to its end */
    struct buf data; /* of the event that is being read */
    char id[ID_MAX]; /* of the last event that was shown, or where to begin; "" = now */
    char next_id[ID_MAX];
    bool hello; /* the event that is being read says where the stream begins */
    bool got;   /* something since the last connect */
    bool failed;
};

static void show_event(struct watch *w)
{
    struct cli *cli = w->cli;
    cJSON *event = json_parse(buf_str(&w->data), &event_limits, NULL);
    char at[32];

    if (event == NULL)
        return;
    if (cli->json) {
        char *text = cJSON_PrintUnformatted(event);

        screen_say(&cli->out, TONE_PLAIN, "%s", text);
        free(text);
        cJSON_Delete(event);
        return;
    }
    cli_time(jsonview_number(event, "at_ms", 0), at);
    screen_say(&cli->out, TONE_TITLE, "%lld %s %s %s",
               (long long)jsonview_number(event, "commit", 0), at, jsonview_text(event, "author"),
               jsonview_text(event, "cause"));
    for (const cJSON *d = jsonview_first(event, "documents"); d != NULL; d = d->next)
        screen_say(&cli->out, TONE_PLAIN, "  %s %s/%s%s%s",
                   strcmp(jsonview_text(d, "change"), "delete") == 0 ? "-" : "+",
                   jsonview_text(d, "kind"), jsonview_text(d, "tenant"),
                   jsonview_text(d, "tenant")[0] != '\0' ? "/" : "", jsonview_text(d, "name"));
    cJSON_Delete(event);
}

/* An empty line ends an event. */
static void end_event(struct watch *w)
{
    if (w->data.len > 0) {
        if (!w->hello)
            show_event(w);
        w->failed |= fflush(w->cli->out.to) != 0; /* nobody reads any more */
        if (w->next_id[0] != '\0')
            memcpy(w->id, w->next_id, sizeof w->id);
    }
    buf_clear(&w->data);
    w->hello = false;
}

static bool on_line(struct watch *w, struct str line)
{
    struct str value = line;
    struct str field;
    uint64_t id;

    w->got = true;
    if (line.n == 0) {
        end_event(w);
        return !w->failed;
    }
    if (!str_split(&value, ':', &field))
        return true;
    if (value.n > 0 && value.p[0] == ' ')
        value = (struct str){value.p + 1, value.n - 1};
    if (str_eq(field, STR("id")) && str_to_u64(value, UINT64_MAX, &id))
        (void)snprintf(w->next_id, sizeof w->next_id, "%llu", (unsigned long long)id);
    if (str_eq(field, STR("event")))
        w->hello = str_eq(value, STR("hello"));
    return !str_eq(field, STR("data")) || buf_add_str(&w->data, value);
}

static bool on_bytes(void *arg, struct str bytes)
{
    struct watch *w = arg;
    const char *end;

    while ((end = memchr(bytes.p, '\n', bytes.n)) != NULL) {
        size_t n = (size_t)(end - bytes.p);
        bool ok = buf_add(&w->line, bytes.p, n) && on_line(w, buf_str(&w->line));

        buf_clear(&w->line);
        if (!ok)
            return false;
        bytes = (struct str){end + 1, bytes.n - n - 1};
    }
    return buf_add_str(&w->line, bytes);
}

/* One connection. -1 = go on with another. */
static int stream(struct watch *w, const char *path, int tries)
{
    const struct client_stream rq = {.uri = path,
                                     .last_event_id = w->id[0] != '\0' ? w->id : NULL,
                                     .on_bytes = on_bytes,
                                     .arg = w};
    struct client_reply reply;
    struct err e = {0};
    int code = -1;
    bool answered;

    w->got = false;
    w->hello = false;
    buf_clear(&w->line);
    buf_clear(&w->data);
    answered = client_stream(w->cli->client, &rq, &reply, &e);
    if (w->failed)
        code = CLI_OK;
    else if (answered && reply.status / 100 == 4 && reply.status != 429)
        code = cli_problem(w->cli, &reply, NULL);
    else if (!w->got && tries + 1 >= TRIES_MAX)
        code = answered ? cli_problem(w->cli, &reply, NULL) : cli_fail(w->cli, CLI_UNREACHABLE, &e);
    client_reply_free(&reply);
    return code;
}

static int follow(struct watch *w, const char *path)
{
    int tries = 0;
    int code;

    while ((code = stream(w, path, tries)) < 0) {
        tries = w->got ? 0 : tries + 1;
        if (tries == 1)
            screen_say(&w->cli->err, TONE_FAINT, "the coordinator does not answer; asking again");
        (void)usleep(PAUSE_US); /* a signal only makes it shorter */
    }
    return code;
}

int watch_run(struct cli *cli)
{
    const struct surface_row *row = cli_find_op(cli, SURFACE_WATCH_OP);
    const char *from = cli->args.values[ARG_FROM];
    struct watch w = {.cli = cli};
    struct err e = {0};
    uint64_t commit;
    struct buf path;
    int code = CLI_USAGE;

    if (from != NULL && !str_to_u64(str_from(from), UINT64_MAX, &commit))
        return cli_usage(cli, "--from takes the number of a commit");
    if (from != NULL)
        (void)snprintf(w.id, sizeof w.id, "%llu", (unsigned long long)commit); /* fits */
    if (row == NULL || !cli_path(cli, row, NULL, &path, &code))
        return code;
    cli->client = client_new(cli->profile.url, cli->profile.token, &e);
    if (cli->client == NULL) {
        code = cli_fail(cli, CLI_USAGE, &e);
    } else {
        buf_init(&w.line, LINE_MAX_BYTES);
        buf_init(&w.data, LINE_MAX_BYTES);
        code = follow(&w, path.bytes);
        buf_free(&w.line);
        buf_free(&w.data);
    }
    buf_free(&path);
    return code;
}
