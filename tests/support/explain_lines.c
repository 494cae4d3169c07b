/*
 * Answers requests by a table file, for tests/steady/explain:
 *
 *     explain_lines TABLE        then a request in JSON a line on stdin, its explanation a line on
 * stdout
 *
 * First it writes a line "HOST ROUTE" for each route that no request reaches on that host, and an
 * empty one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/explain/explain.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/frame.h"
#include "gateway/wire/json.h"

enum { ANSWER_MAX = 4 << 20 };

static struct map hosts; /* of all routes; the values mean nothing */

static void note_hosts(const struct cJSON *route)
{
    for (const cJSON *h = json_get(route, "hosts")->child; h != NULL; h = h->next)
        (void)map_put(&hosts, str_from(h->valuestring), &hosts);
}

static void read_table(struct explain_table *t, FILE *f)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, f)) > 0) {
        struct frame frame;
        struct err e;
        struct str text = {line, (size_t)n - 1};

        if (!frame_parse(text, &frame, &e)) {
            fprintf(stderr, "%s: %s\n", line, e.text);
            exit(1);
        }
        if (frame.type == FRAME_SET) {
            explain_table_set(t, frame.kind, frame.name, frame.value_bytes);
            if (frame.kind == ROUTE_KIND_ROUTE)
                note_hosts(frame.value);
        }
        frame_free(&frame);
    }
    free(line);
    ASSERT(explain_table_commit(t) == 0);
}

static void show_shadow(void *arg, const struct explain_shadow *s)
{
    (void)arg;
    printf("%s %s\n", s->host, s->route);
}

static void show_shadows(const struct explain_table *t)
{
    size_t pos = 0;
    struct str host;
    void *unused;

    while (map_next(&hosts, &pos, &host, &unused)) {
        char *name = str_dup(host);
        const char *one = name;

        explain_shadows(t, &one, 1, show_shadow, NULL);
        free(name);
    }
    printf("\n");
}

static const char *no_value(void *arg, enum route_kind kind, const char *name)
{
    (void)arg;
    (void)kind;
    (void)name;
    return NULL;
}

static void answer(const struct explain_table *t, struct str line)
{
    const struct explain_view view = {.value = no_value};
    struct errs e = {.num = 0};
    struct explain_request *rq = explain_request_read(line, &e);
    struct buf out;

    if (rq == NULL) {
        printf("{\"outcome\":\"unread\",\"why\":\"%s\"}\n", e.all[0].code);
        return;
    }
    buf_init(&out, ANSWER_MAX);
    ASSERT(explain_write(t, rq, &view, &out));
    printf("%s\n", out.bytes);
    buf_free(&out);
    explain_request_free(rq);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    struct explain_table *t = explain_table_new();
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (f == NULL) {
        fprintf(stderr, "usage: explain_lines TABLE\n");
        return 2;
    }
    read_table(t, f);
    fclose(f);
    show_shadows(t);
    fflush(stdout);
    while ((n = getline(&line, &cap, stdin)) > 0) {
        answer(t, (struct str){line, (size_t)n - 1});
        fflush(stdout);
    }
    free(line);
    map_free(&hosts, NULL);
    explain_table_free(t);
    return 0;
}
