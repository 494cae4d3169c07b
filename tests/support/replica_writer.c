/*
 * `replica_writer STORE ENGINE...` is a coordinator with nothing but its replica: while it holds
 * the fence it makes a commit each 50 ms whose documents follow from its number, on top of what it
 * found in Swarm, and says what it hears, a line each, with the milliseconds since the epoch:
 *
 *   MS held WHO | MS asking | MS lost WHO | MS loaded COMMIT OURS|OTHERS GOOD|BAD |
 *   MS durable COMMIT after MS | MS objects NUM
 *
 * Whoever powers its engine off knows from the numbers what the next one must find. Ends when its
 * input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "clusters/replica/replica.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "tests/support/array_source.h"

enum { NAMES = 50, COMMIT_MS = 50, RING = 4096 };

struct writer {
    struct event_base *base;
    struct replica *replica;
    bool held;
    uint64_t last, durable;
    int64_t pushed_ms[RING];
};

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;

    printf("%lld ", (long long)clock_wall_ms());
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
}

/* Commit N sets document N modulo NAMES, or takes it away. */
static struct replica_doc doc_of(uint64_t commit, char name[16], char value[32])
{
    (void)snprintf(name, 16, "d%02llu", (unsigned long long)(commit % NAMES));
    (void)snprintf(value, 32, "{\"c\":%llu}", (unsigned long long)commit);
    return (struct replica_doc){"t", "route", name, commit % 7 ? value : NULL, 1};
}

/* All documents after `last`, by name; their texts go into `texts`. */
static size_t all_docs(uint64_t last, struct replica_doc out[NAMES], char texts[NAMES][2][32])
{
    size_t num = 0;

    for (uint64_t i = 0; i < NAMES; i++) {
        uint64_t back = (last + NAMES - i) % NAMES, commit = last - back;
        struct replica_doc d;

        if (back >= last)
            continue;
        d = doc_of(commit, texts[num][0], texts[num][1]);
        if (d.value)
            out[num++] = d;
    }
    return num;
}

static void on_loaded(void *arg, const struct replica_loaded *l)
{
    struct writer *w = arg;
    struct replica_doc want[NAMES];
    char texts[NAMES][2][32];
    bool good = all_docs(l->commit, want, texts) == l->num;

    for (size_t i = 0; good && i < l->num; i++)
        good = strcmp(l->docs[i].name, want[i].name) == 0 &&
               strcmp(l->docs[i].value, want[i].value) == 0;
    w->last = w->durable = l->commit;
    say("loaded %llu %s %s", (unsigned long long)l->commit, l->ours ? "OURS" : "OTHERS",
        good ? "GOOD" : "BAD");
}

static void on_snapshot(void *arg)
{
    struct writer *w = arg;
    struct replica_doc docs[NAMES];
    char texts[NAMES][2][32];
    struct replica_status status;

    size_t num = all_docs(w->last, docs, texts);
    struct replica_source source = array_source(docs, num);

    replica_snapshot(w->replica, w->last, &source);
    replica_status(w->replica, &status);
    say("objects %zu", status.objects);
}

static void on_durable(void *arg, uint64_t commit)
{
    struct writer *w = arg;
    int64_t slowest = clock_wall_ms() - w->pushed_ms[(w->durable + 1) % RING];

    w->durable = commit;
    say("durable %llu after %lld", (unsigned long long)commit, (long long)slowest);
}

static void on_fence(void *arg, enum replica_fence state, const char *who)
{
    struct writer *w = arg;

    w->held = state == REPLICA_FENCE_HELD;
    if (state == REPLICA_FENCE_ASKING)
        say("asking");
    else
        say("%s %s", w->held ? "held" : "lost", who);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct writer *w = arg;
    struct replica_doc d;
    char name[16], value[32];

    (void)fd, (void)what; /* a timer has neither */
    if (!w->held)
        return;
    d = doc_of(++w->last, name, value);
    w->pushed_ms[w->last % RING] = clock_wall_ms();
    replica_push(w->replica, w->last, &d, 1);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct writer *w = arg;
    char byte;

    (void)what; /* it reads */
    if (read(fd, &byte, 1) <= 0)
        event_base_loopbreak(w->base);
}

int main(int argc, char **argv)
{
    struct writer w = {.base = event_base_new()};
    struct replica_config config = {.docker = (const char *const *)argv + 2,
                                    .key = {7},
                                    .name = "signalbox",
                                    .on_loaded = on_loaded,
                                    .on_snapshot = on_snapshot,
                                    .on_durable = on_durable,
                                    .on_fence = on_fence,
                                    .arg = &w};
    struct timeval tv = {.tv_usec = COMMIT_MS * 1000};
    struct event *turn, *input;
    struct err e = {0};

    if (argc < 3) {
        fprintf(stderr, "usage: replica_writer STORE ENGINE...\n");
        return 2;
    }
    log_init("replica_writer", LOG_INFO);
    config.store = config.coordinator = argv[1];
    w.replica = replica_new(w.base, &config, &e);
    if (!w.replica) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    turn = event_new(w.base, -1, EV_PERSIST, on_turn, &w);
    input = event_new(w.base, 0, EV_READ | EV_PERSIST, on_input, &w);
    ASSERT(turn && input && event_add(turn, &tv) == 0 && event_add(input, NULL) == 0);
    event_base_dispatch(w.base);
    event_free(turn);
    event_free(input);
    replica_free(w.replica);
    event_base_free(w.base);
    return 0;
}
