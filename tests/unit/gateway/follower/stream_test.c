/* The stream's client: what a coordinator may do wrong, and that each of it is waited out and said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/fetch/fetch.h"
#include "gateway/follower/stream.h"
#include "tests/unit/fake_http.h"

enum { REQUESTS_MAX = 64, SILENCE_MS = 400 };

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
#define HELLO                                                                                    \
    "{\"hello\":{\"cluster\":\"east\",\"epoch\":\"1000-a\",\"revision\":3,\"mode\":\"snapshot\"" \
    "}}\n"
#define SET "{\"set\":{\"kind\":\"pool\",\"name\":\"a\",\"value\":{}}}\n"

struct world {
    struct fake fake;
    struct evconnlistener *listener;
    struct event_base *base;
    struct fetch *fetch;
    struct stream *stream;
    struct holding holding;
    char token_file[96];
    char url[64];
    struct event *trickle;
    struct fake_conn *open; /* the connection that trickles */
    const char *drop;
    /* seen */
    char *targets[REQUESTS_MAX];
    int64_t at_ms[REQUESTS_MAX];
    int num_targets;
    struct err last; /* reason of the last loss */
    int num_lost;
    int num_commits;
    int num_unserved;
};

static struct world *world_of(struct fake_conn *c)
{
    return c->fake->arg;
}

static void note(struct fake_conn *c, const char *target)
{
    struct world *w = world_of(c);
    assert_true(w->num_targets < REQUESTS_MAX);
    w->at_ms[w->num_targets] = clock_mono_ms();
    w->targets[w->num_targets++] = xstrdup(target);
}

/* The line that makes SET a believable table. */
static void commit_line(char out[256])
{
    struct digest d = {{0}};
    char hex[65];
    digest_add(&d, ROUTE_KIND_POOL, STR("a"), STR("{}"));
    digest_hex(&d, hex);
    snprintf(out, 256, "{\"commit\":{\"revision\":3,\"digest\":\"%s\"}}\n", hex);
}

static void on_commit(void *arg, const struct holding_changes *changes, bool snapshot)
{
    (void)changes, (void)snapshot;
    ((struct world *)arg)->num_commits++;
}

static void on_read(void *arg)
{
    (void)arg;
}

static void on_lost(void *arg, const struct err *why)
{
    struct world *w = arg;
    w->last = *why;
    w->num_lost++;
}

static void on_unserved(void *arg)
{
    ((struct world *)arg)->num_unserved++;
}

static void start_stream(struct world *w)
{
    struct stream_config config = {.base = w->base,
                                   .fetch = w->fetch,
                                   .coordinator = w->url,
                                   .cluster = "east",
                                   .gateway = "g 1",
                                   .node = "n&1",
                                   .token_file = w->token_file,
                                   .silence_ms = SILENCE_MS,
                                   .holding = &w->holding,
                                   .on_commit = on_commit,
                                   .on_read = on_read,
                                   .on_lost = on_lost,
                                   .on_unserved = on_unserved,
                                   .arg = w};
    w->stream = stream_new(&config);
}

static void write_token(struct world *w, const char *text)
{
    FILE *f = fopen(w->token_file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct err e = {0};
    w->base = event_base_new();
    w->fetch = fetch_new(w->base, &e);
    assert_non_null(w->fetch);
    w->fake.arg = w;
    fake_start(&w->fake, w->base);
    w->listener = fake_listen_tcp(&w->fake);
    holding_init(&w->holding);
    snprintf(w->token_file, sizeof(w->token_file), "%s/token", w->fake.dir);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/", w->fake.port);
    write_token(w, "secret\n");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    stream_free(w->stream);
    fetch_free(w->fetch);
    if (w->trickle != NULL)
        event_free(w->trickle);
    if (w->listener != NULL)
        evconnlistener_free(w->listener);
    assert_int_equal(unlink(w->token_file), 0);
    fake_stop(&w->fake);
    holding_free(&w->holding);
    event_base_free(w->base);
    for (int i = 0; i < w->num_targets; i++)
        free(w->targets[i]);
    free(w);
    return 0;
}

static void run_ms(struct world *w, int64_t ms)
{
    struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    assert_int_equal(event_base_loopexit(w->base, &in), 0);
    assert_int_equal(event_base_dispatch(w->base), 0);
}

/* Until so many losses, at most 5 s. */
static void run_until_lost(struct world *w, int num)
{
    for (int i = 0; i < 250 && w->num_lost < num; i++)
        run_ms(w, 20);
    assert_true(w->num_lost >= num);
}

/* ---- answers ---- */

static const char *raw_answer; /* sent, then the connection ends */

static void answer_raw(struct fake_conn *c, const char *method, const char *target,
                       const char *body)
{
    (void)body;
    assert_string_equal(method, "GET");
    note(c, target);
    fake_send(c, "%s", raw_answer);
    fake_close_when_sent(c);
}

static void answer_and_hold(struct fake_conn *c, const char *method, const char *target,
                            const char *body)
{
    (void)method, (void)body;
    note(c, target);
    fake_send(c, "%s", raw_answer);
}

static void what_is_no_stream_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *answer, *code, *word;
    } rows[] = {
        {"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n", "Unauthorized", "does not know this token"},
        {"HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n", "Forbidden", "\"east\""},
        {"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", "NotFound", "no cluster \"east\""},
        {"HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n", "Throttled", "429"},
        {"HTTP/1.1 500 X\r\n\r\n<html>much text", "BadStatus", "500"},
        {"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n{}", "NotYet", "yet"},
        {"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "Redirect",
         "not followed"},
        {"HTTP/1.1 200 X\r\nContent-Type: text/html\r\n\r\n<html>", "BadType", "text/html"},
        {"HTTP/1.1 200 X\r\n\r\n" HELLO, "BadType", "\"\""},
        {"HTTP/1.1 200 X\r\nContent-Type: application/x-ndjsonx\r\n\r\n" HELLO, "BadType",
         "ndjsonx"},
        {HEAD "garbage\n", "BadLine", ""},
        {HEAD "\n", "BadLine", ""},
        {HEAD SET, "BadFrame", "hello"},
        {HEAD "{\"hello\":{\"cluster\":\"west\",\"epoch\":\"1-a\",\"revision\":1,\"mode\":"
              "\"snapshot\"}}\n",
         "OtherCluster", "west"},
        {HEAD HELLO "{\"commit\":{\"revision\":3}}\n", "DigestMismatch", "(none)"},
        {HEAD HELLO SET, "Ended", "ended the stream"},
        {HEAD HELLO "{\"set\":{\"kind\"", "Ended", "in the middle of a line"},
        {HEAD, "Ended", "before it began"},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
         "900\r\n\r\n" HELLO,
         "Broken", "did not come whole"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "Broken", ""},
    };
    struct world *w = *state;
    w->fake.answer = answer_raw;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        raw_answer = rows[i].answer;
        w->num_lost = 0;
        start_stream(w);
        run_until_lost(w, 1);
        if (strcmp(w->last.code, rows[i].code) != 0 || strstr(w->last.text, rows[i].word) == NULL)
            fail_msg("row %zu: %s: %s", i, w->last.code, w->last.text);
        assert_false(w->holding.valid);
        assert_false(stream_in_step(w->stream));
        stream_free(w->stream);
        w->stream = NULL;
    }
    assert_int_equal(w->num_unserved, 1); /* the 503 */
    assert_string_equal(w->targets[0], "/v1/clusters/east/stream?gateway=g%201&node=n%261");
}

static void tries_are_spaced_with_back_off(void **state)
{
    struct world *w = *state;
    w->fake.answer = answer_raw;
    raw_answer = "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n";
    start_stream(w);
    run_ms(w, 1600); /* 100..200, 200..400, 400..800, 800..1600 ms */
    assert_in_range(w->num_targets, 3, 5);
    for (int i = 1; i < w->num_targets; i++)
        assert_true(w->at_ms[i] - w->at_ms[i - 1] >= (100 << (i - 1)) - 5);
    assert_true(stream_age_ms(w->stream) >= 1500);
}

/* It is there and starts: what was waited for it before does not count. */
static void a_coordinator_that_says_when_is_asked_again_then(void **state)
{
    struct world *w = *state;
    w->fake.answer = answer_raw;
    raw_answer = "HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    start_stream(w);
    run_ms(w, 3900); /* 1100..1200 ms each */
    assert_in_range(w->num_targets, 3, 4);
    int64_t last = w->at_ms[w->num_targets - 1] - w->at_ms[w->num_targets - 2];
    assert_in_range(last, 1095, 1395);
}

/* Agreeing for an instant is not enough to be called on five times a second. */
static void a_coordinator_that_breaks_off_after_each_commit_is_left_alone_for_longer(void **state)
{
    struct world *w = *state;
    char commit[256], all[2048];
    commit_line(commit);
    snprintf(all, sizeof(all), "%s%s%s%sgarbage\n", HEAD, HELLO, SET, commit);
    w->fake.answer = answer_raw;
    raw_answer = all;
    start_stream(w);
    run_ms(w, 1600);
    assert_in_range(w->num_targets, 3, 5);
    assert_int_equal(w->num_commits, w->num_targets);
    assert_string_equal(w->last.code, "BadLine");
    assert_true(w->holding.valid); /* what was committed stays */
    assert_non_null(strstr(w->targets[1], "&epoch=1000-a&from=0"));
}

static void a_stream_is_resumed_from_the_revision_held(void **state)
{
    struct world *w = *state;
    char commit[256], all[2048];
    commit_line(commit);
    snprintf(all, sizeof(all), "%s%s%s%s", HEAD, HELLO, SET, commit);
    w->fake.answer = answer_raw;
    raw_answer = all;
    start_stream(w);
    run_until_lost(w, 2);
    assert_non_null(strstr(w->targets[1], "&epoch=1000-a&from=3"));
}

static void retry_after_is_kept_to(void **state)
{
    struct world *w = *state;
    w->fake.answer = answer_raw;
    raw_answer = "HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    start_stream(w);
    run_ms(w, 1900);
    assert_int_equal(w->num_targets, 2);
    assert_in_range(w->at_ms[1] - w->at_ms[0], 1090, 1800);
}

static void a_half_open_connection_is_noticed_by_its_silence(void **state)
{
    struct world *w = *state;
    char commit[256], all[2048];
    commit_line(commit);
    snprintf(all, sizeof(all), "%s%s%s%s", HEAD, HELLO, SET, commit);
    w->fake.answer = answer_and_hold;
    raw_answer = all;
    start_stream(w);
    run_ms(w, SILENCE_MS / 2);
    assert_true(stream_in_step(w->stream));
    assert_int_equal(stream_age_ms(w->stream), 0);
    int64_t before = clock_mono_ms();
    run_until_lost(w, 1);
    assert_in_range(clock_mono_ms() - before, SILENCE_MS / 4, SILENCE_MS * 4);
    assert_string_equal(w->last.code, "Silent");
    assert_true(w->holding.valid);
    assert_false(stream_in_step(w->stream));
}

static void on_trickle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct world *w = arg;
    struct fake_conn *c;
    LIST_FOREACH(c, &w->fake.conns, entry)
    if (c == w->open) /* it may have been closed */
        fake_send(c, "%s", w->drop);
}

static void answer_and_trickle(struct fake_conn *c, const char *method, const char *target,
                               const char *body)
{
    struct timeval every = {.tv_usec = SILENCE_MS * 1000 / 8};
    struct world *w = world_of(c);
    answer_and_hold(c, method, target, body);
    w->open = w->num_targets == 1 ? c : NULL;
    if (w->trickle != NULL)
        return;
    w->trickle = event_new(w->base, -1, EV_PERSIST, on_trickle, w);
    assert_int_equal(event_add(w->trickle, &every), 0);
}

static void a_trickle_is_no_sign_of_life(void **state)
{
    static const char *const drops[] = {" ", SET};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = *state;
        w->fake.answer = answer_and_trickle;
        w->drop = drops[i];
        raw_answer = HEAD HELLO;
        w->num_targets = w->num_lost = 0;
        start_stream(w);
        run_ms(w, SILENCE_MS * 2);
        assert_int_equal(w->num_lost, 1);
        assert_string_equal(w->last.code, "Silent");
        stream_free(w->stream);
        w->stream = NULL;
        free(w->targets[0]);
        if (w->num_targets > 1)
            free(w->targets[1]);
        w->num_targets = 0;
    }
}

static void beats_and_a_large_table_on_its_way_are_signs_of_life(void **state)
{
    static char piece[20000]; /* eight of them in the time of silence: 160 kB */
    static const char beat[] = "{\"beat\":{\"revision\":3}}\n";
    struct world *w = *state;
    char line[64];
    for (int i = 0; strlen(piece) + 60 < sizeof(piece); i++) {
        snprintf(line, sizeof(line),
                 "{\"set\":{\"kind\":\"pool\",\"name\":\"p%d\",\"value\":{}}}\n", i);
        memcpy(piece + strlen(piece), line, strlen(line) + 1);
    }
    for (int i = 0; i < 2; i++) {
        w->fake.answer = answer_and_trickle;
        w->drop = i == 0 ? beat : piece;
        raw_answer = HEAD HELLO;
        start_stream(w);
        run_ms(w, SILENCE_MS * 3);
        assert_int_equal(w->num_lost, 0);
        stream_free(w->stream);
        w->stream = NULL;
        w->open = NULL;
        assert_int_equal(w->num_targets, 1);
        free(w->targets[0]);
        w->num_targets = 0;
    }
}

static void answer_endless_line(struct fake_conn *c, const char *method, const char *target,
                                const char *body)
{
    static char filler[1 << 20];
    (void)method, (void)body;
    note(c, target);
    memset(filler, 'x', sizeof(filler) - 1);
    fake_send(c, HEAD HELLO);
    for (int i = 0; i < 6; i++)
        fake_send(c, "%s", filler);
}

static void a_line_over_the_cap_ends_the_stream(void **state)
{
    struct world *w = *state;
    w->fake.answer = answer_endless_line;
    start_stream(w);
    run_until_lost(w, 1);
    assert_string_equal(w->last.code, "BadLine");
    assert_non_null(strstr(w->last.text, "a line of more than"));
}

static void an_older_epoch_is_refused_without_hurry(void **state)
{
    struct world *w = *state;
    w->fake.answer = answer_raw;
    raw_answer = HEAD HELLO;
    w->holding.valid = true;
    w->holding.revision = 9;
    memcpy(w->holding.epoch, "2000-b", 7);
    start_stream(w);
    run_ms(w, 1500);
    assert_int_equal(w->num_targets, 1);
    assert_string_equal(w->last.code, "OlderEpoch");
    assert_int_equal(w->holding.revision, 9);
}

static void without_token_or_coordinator_it_goes_on_trying(void **state)
{
    static const struct {
        const char *token, *word;
    } rows[] = {{"", "is empty"},
                {"\n", "is empty"},
                {"a\x01"
                 "b",
                 "holds no token"}};
    struct world *w = *state;
    for (size_t i = 0; i < 3; i++) {
        write_token(w, rows[i].token);
        w->num_lost = 0;
        start_stream(w);
        run_until_lost(w, 2);
        assert_string_equal(w->last.code, "NoToken");
        assert_non_null(strstr(w->last.text, rows[i].word));
        stream_free(w->stream);
    }
    write_token(w, "secret");
    evconnlistener_free(w->listener);
    w->listener = NULL;
    w->num_lost = 0;
    start_stream(w);
    run_until_lost(w, 2);
    assert_string_equal(w->last.code, "Unreachable");
    assert_int_equal(w->num_targets, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_stream_is_refused_with_its_reason),
        TEST(tries_are_spaced_with_back_off),
        TEST(a_coordinator_that_says_when_is_asked_again_then),
        TEST(a_coordinator_that_breaks_off_after_each_commit_is_left_alone_for_longer),
        TEST(a_stream_is_resumed_from_the_revision_held),
        TEST(retry_after_is_kept_to),
        TEST(a_half_open_connection_is_noticed_by_its_silence),
        TEST(a_trickle_is_no_sign_of_life),
        TEST(beats_and_a_large_table_on_its_way_are_signs_of_life),
        TEST(a_line_over_the_cap_ends_the_stream),
        TEST(an_older_epoch_is_refused_without_hurry),
        TEST(without_token_or_coordinator_it_goes_on_trying),
    };

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
