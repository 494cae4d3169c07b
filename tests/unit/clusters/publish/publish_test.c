/* The stream listener with its thread, over real sockets on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clusters/publish/publish.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"

enum { WAIT_MS = 20000, CUT_MS = 5000, MANY = 100, BIG_BYTES = 1 << 20 };

struct fixture {
    struct publish *publish;
    atomic_int connected;
    atomic_int disconnected;
    atomic_int waiting;
    atomic_int reports;
    atomic_bool busy; /* refuse reports */
};

/* Tokens of the test: "good", "other", "flood". */
static enum publish_access access_of(void *arg, const char *cluster, struct str token,
                                     const char *address)
{
    (void)arg;
    (void)cluster;
    assert_string_equal(address, "127.0.0.1");
    if (str_eq(token, STR("good")))
        return PUBLISH_ALLOWED;
    if (str_eq(token, STR("other")))
        return PUBLISH_OTHER_CLUSTER;
    return str_eq(token, STR("flood")) ? PUBLISH_THROTTLED : PUBLISH_UNKNOWN_TOKEN;
}

static bool on_news(void *arg, const struct publish_news *n)
{
    struct fixture *f = arg;

    if (n->type == PUBLISH_NEWS_CONNECTED)
        atomic_fetch_add(&f->connected, 1);
    else if (n->type == PUBLISH_NEWS_DISCONNECTED)
        atomic_fetch_add(&f->disconnected, 1);
    else if (n->type == PUBLISH_NEWS_WAITS)
        atomic_fetch_add(&f->waiting, n->routes == 0 ? 1 : 100); /* holds nothing; holds some */
    else if (atomic_load(&f->busy))
        return false;
    else
        atomic_fetch_add(&f->reports, 1);
    return true;
}

static int set_up(void **state)
{
    static const char *const clusters[] = {"east", "west"};
    struct fixture *f = xcalloc(1, sizeof *f);
    const struct publish_config config = {.listen = "127.0.0.1:0",
                                          .epoch = "1-e",
                                          .clusters = clusters,
                                          .num_clusters = 2,
                                          .access = access_of,
                                          .on_news = on_news,
                                          .news_arg = f};
    struct err e = {0};

    signal(SIGPIPE, SIG_IGN);
    f->publish = publish_new(&config, &e);
    *state = f;
    return f->publish != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    publish_free(f->publish);
    free(f);
    return 0;
}

static int dial(const struct fixture *f, int rcvbuf)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(publish_port(f->publish)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (rcvbuf != 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_true(fd_write_all(fd, text, strlen(text)));
}

/* Reads until `needle` was seen or the other end closes; what came is in b. False: closed first. */
static bool read_until(int fd, struct buf *b, const char *needle)
{
    static char chunk[64 << 10];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (needle == NULL || b->len == 0 ||
           memmem(b->bytes, b->len, needle, strlen(needle)) == NULL) {
        if (poll(&p, 1, WAIT_MS) != 1)
            fail_msg("nothing came in %d ms", (int)WAIT_MS);
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n <= 0)
            return false;
        assert_true(buf_add(b, chunk, (size_t)n));
    }
    return true;
}

/* One request on its own connection; true when the reply's head has the text. */
static void assert_reply(struct fixture *f, const char *request, const char *status,
                         const char *needle)
{
    int fd = dial(f, 0);
    struct buf b;

    buf_init(&b, 4 << 20);
    say(fd, request);
    if (!read_until(fd, &b, "\r\n\r\n"))
        fail_msg("%.60s: closed without a reply", request);
    if (strncmp(b.bytes + strlen("HTTP/1.1 "), status, strlen(status)) != 0)
        fail_msg("%.60s: %.60s", request, b.bytes);
    if (needle != NULL && strstr(b.bytes, needle) == NULL)
        (void)read_until(fd, &b, needle);
    if (needle != NULL && strstr(b.bytes, needle) == NULL)
        fail_msg("%.60s: no \"%s\" in %s", request, needle, b.bytes);
    buf_free(&b);
    fd_close(&fd);
}

static void wait_ms(const char *what, atomic_int *counter, int want, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;

    while (atomic_load(counter) != want) {
        if (clock_mono_ms() > until)
            fail_msg("%s: %d, not %d", what, atomic_load(counter), want);
        usleep(2000);
    }
}

static void wait_for(const char *what, atomic_int *counter, int want)
{
    wait_ms(what, counter, want, WAIT_MS);
}

#define STREAM(cluster, query, token)                                      \
    "GET /v1/clusters/" cluster "/stream" query " HTTP/1.1\r\nHost: x\r\n" \
    "Authorization: Bearer " token "\r\n\r\n"
#define REPORT(path, token, body, length)                               \
    "POST " path " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " token \
    "\r\nContent-Length: " length "\r\n\r\n" body

static void commit_one(struct fixture *f, uint64_t revision, const char *name, const char *value)
{
    const struct publish_change ch = {ROUTE_KIND_ROUTE, name, value};

    publish_commit(f->publish, "east", revision, &ch, 1);
}

static void refusals_say_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *request;
        const char *status;
        const char *needle;
    } rows[] = {
        {STREAM("east", "", "good"), "503", "Retry-After: 1"},
        {STREAM("west", "", "good"), "200", "application/x-ndjson"},
        {STREAM("north", "", "good"), "404", "application/problem+json"},
        {STREAM("west", "", "other"), "403", "OtherCluster"},
        {STREAM("west", "", "bad"), "401", "WWW-Authenticate: Bearer"},
        {STREAM("west", "", "flood"), "429", "Retry-After: 60"},
        {"GET /v1/clusters/west/stream HTTP/1.1\r\nHost: x\r\n\r\n", "401", "WWW-Authenticate"},
        {"GET /v1/clusters/west/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Basic good\r\n\r\n",
         "401", NULL},
        {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", "404", "NotFound"},
        {"DELETE /v1/clusters/west/stream HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET"},
        {"HEAD /v1/clusters/west/stream HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET"},
        {"GET /v1/clusters/west/gateways/g/report HTTP/1.1\r\nHost: x\r\n\r\n", "405",
         "Allow: POST"},
        {STREAM("west", "?from=1", "good"), "400", "\"field\":\"epoch\""},
        {STREAM("west", "?epoch=1-e", "good"), "400", "\"field\":\"from\""},
        {STREAM("west", "?epoch=1-e&from=-1", "good"), "400", "\"field\":\"from\""},
        {STREAM("west", "?epoch=1-e&from=99999999999999999999", "good"), "400", "from"},
        {STREAM("west", "?form=1", "good"), "400", "form"},
        {STREAM("west", "?gateway=a%20b", "good"), "400", "gateway"},
        {REPORT("/v1/clusters/west/gateways/g/report", "good", "{}", "2"), "204", NULL},
        {REPORT("/v1/clusters/west/gateways/g/report", "good", "[]", "2"), "400", "BadReport"},
        {REPORT("/v1/clusters/west/gateways/g/report", "good", "", "2000000"), "413", NULL},
        {REPORT("/v1/clusters/west/gateways/a%20b/report", "good", "{}", "2"), "400", "gateway"},
        {REPORT("/v1/clusters/west/gateways/g/report?x=1", "good", "{}", "2"), "400", "BadQuery"},
    };

    publish_serve(f->publish, "west", 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_reply(f, rows[i].request, rows[i].status, rows[i].needle);
    wait_for("reports", &f->reports, 1);
    atomic_store(&f->busy, true);
    assert_reply(f, rows[18].request, "503", "Retry-After");
}

static void a_stream_brings_the_table_and_then_each_commit(void **state)
{
    struct fixture *f = *state;
    int a;
    int b;
    struct buf got;

    buf_init(&got, 1 << 20);
    publish_load_object(f->publish, "east", ROUTE_KIND_ROUTE, "old", "{\"x\":1}", 4);
    publish_load_delete(f->publish, "east", ROUTE_KIND_ROUTE, "gone", 5);
    publish_serve(f->publish, "east", 5, 0);
    a = dial(f, 0); /* after it: a request may overtake the message, and would get a 503 */
    b = dial(f, 0);
    say(a, STREAM("east", "?gateway=a&node=n", "good"));
    assert_true(read_until(a, &got, "\"commit\":{\"revision\":5"));
    assert_non_null(strstr(got.bytes, "\"mode\":\"snapshot\""));
    assert_non_null(strstr(got.bytes, "\"name\":\"old\""));
    assert_null(strstr(got.bytes, "gone"));
    wait_for("connected", &f->connected, 1);
    commit_one(f, 9, "new", "{}");
    buf_clear(&got);
    assert_true(read_until(a, &got, "\"commit\":{\"revision\":9"));
    assert_null(strstr(got.bytes, "old"));
    buf_clear(&got);
    say(b, STREAM("east", "?epoch=1-e&from=4&gateway=b", "good"));
    assert_true(read_until(b, &got, "\"commit\":{\"revision\":9"));
    assert_non_null(strstr(got.bytes, "\"mode\":\"delta\""));
    assert_non_null(strstr(got.bytes, "{\"delete\":{\"kind\":\"route\",\"name\":\"gone\"}}"));
    assert_null(strstr(got.bytes, "old"));
    fd_close(&a);
    wait_for("disconnected", &f->disconnected, 1);
    fd_close(&b);
    wait_for("disconnected", &f->disconnected, 2);
    buf_free(&got);
}

static void what_cannot_resume_gets_a_snapshot(void **state)
{
    struct fixture *f = *state;
    static const char *const requests[] = {
        STREAM("east", "", "good"),
        STREAM("east", "?epoch=0-e&from=9", "good"),
        STREAM("east", "?epoch=1-f&from=9", "good"),
        STREAM("east", "?epoch=no-epoch&from=9", "good"),
        STREAM("east", "?epoch=1-e&from=0", "good"),
        STREAM("east", "?epoch=1-e&from=6", "good"),
        STREAM("east", "?epoch=1-e&from=10", "good"),
    };

    publish_load_object(f->publish, "east", ROUTE_KIND_ROUTE, "old", "{}", 9);
    publish_serve(f->publish, "east", 9, 6);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        assert_reply(f, requests[i], "200", "\"mode\":\"snapshot\"");
    assert_reply(f, STREAM("east", "?epoch=1-e&from=7", "good"), "200", "\"mode\":\"delta\"");
}

static void a_later_epoch_is_not_served_an_older_table(void **state)
{
    struct fixture *f = *state;

    assert_reply(f, STREAM("east", "?gateway=g", "good"), "503", "NotReady");
    wait_for("one that holds nothing", &f->waiting, 1);
    publish_load_object(f->publish, "east", ROUTE_KIND_ROUTE, "old", "{}", 9);
    publish_serve(f->publish, "east", 9, 0);
    assert_reply(f, STREAM("east", "?epoch=2-e&from=9&gateway=g", "good"), "503", "LaterEpoch");
    wait_for("one that holds a table", &f->waiting, 101);
    assert_reply(f, STREAM("east", "?epoch=1-e&from=7&gateway=g", "good"), "200", "delta");
    assert_int_equal(atomic_load(&f->waiting), 101);
    assert_reply(f, STREAM("east", "?epoch=1-e&from=10&gateway=g", "good"), "503", "LaterRevision");
    wait_for("one that is ahead", &f->waiting, 201);
}

static void another_epoch_ends_the_streams_of_its_cluster_only(void **state)
{
    struct fixture *f = *state;
    struct buf got;
    struct buf other;
    int east = dial(f, 0);
    int west = dial(f, 0);

    buf_init(&got, 1 << 20);
    buf_init(&other, 1 << 20);
    publish_load_object(f->publish, "east", ROUTE_KIND_ROUTE, "old", "{}", 9);
    publish_serve(f->publish, "east", 9, 0);
    publish_serve(f->publish, "west", 9, 0);
    say(east, STREAM("east", "?gateway=e", "good"));
    say(west, STREAM("west", "?gateway=w", "good"));
    assert_true(read_until(east, &got, "\"commit\":{\"revision\":9"));
    assert_true(read_until(west, &other, "\"commit\":{\"revision\":9"));
    publish_epoch(f->publish, "east", "3-e");
    (void)read_until(east, &got, NULL); /* to its end */
    assert_reply(f, STREAM("east", "?epoch=2-e&from=9", "good"), "200", "\"epoch\":\"3-e\"");
    assert_reply(f, STREAM("west", "?epoch=1-e&from=9", "good"), "200", "\"epoch\":\"1-e\"");
    wait_for("disconnected", &f->disconnected, 1);
    buf_clear(&other);
    publish_commit(f->publish, "west", 10, NULL, 0);
    assert_true(read_until(west, &other, "\"commit\":{\"revision\":10"));
    fd_close(&east);
    fd_close(&west);
    buf_free(&got);
    buf_free(&other);
}

static char *big_value(char fill)
{
    char *v = xcalloc(1, BIG_BYTES + 16);

    memset(v, fill, BIG_BYTES);
    memcpy(v, "{\"x\":\"", 6);
    memcpy(v + BIG_BYTES, "\"}", 3);
    return v;
}

static void a_reader_that_stops_is_cut_and_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    int stopped;
    int reading;
    char needle[64];
    struct buf got;

    buf_init(&got, 8 << 20);
    publish_serve(f->publish, "east", 0, 0);
    stopped = dial(f, 4096);
    reading = dial(f, 0);
    say(stopped, STREAM("east", "?gateway=stopped", "good"));
    say(reading, STREAM("east", "?gateway=reading", "good"));
    wait_for("connected", &f->connected, 2);
    /* One commit is under way, the kernel holds a little, 8 may pile up. */
    for (uint64_t r = 1; r <= 14; r++) {
        char *value = big_value((char)('a' + r));

        commit_one(f, r, "big", value);
        free(value);
        (void)snprintf(needle, sizeof needle, "\"commit\":{\"revision\":%llu",
                       (unsigned long long)r);
        buf_clear(&got);
        assert_true(read_until(reading, &got, needle));
    }
    /* By the cap, at once: the kernel gives a stalled reader up too, but only after 20 s. */
    wait_ms("disconnected", &f->disconnected, 1, CUT_MS);
    buf_clear(&got);
    assert_false(read_until(stopped, &got, NULL));
    commit_one(f, 15, "small", "{}");
    buf_clear(&got);
    assert_true(read_until(reading, &got, "\"commit\":{\"revision\":15"));
    assert_int_equal(atomic_load(&f->disconnected), 1);
    fd_close(&stopped);
    fd_close(&reading);
    buf_free(&got);
}

static void one_commit_larger_than_the_cap_cuts_nobody(void **state)
{
    struct fixture *f = *state;
    struct publish_change changes[12];
    char names[12][8];
    char *value = big_value('z');
    int fd;
    struct buf got;

    buf_init(&got, 16 << 20);
    for (size_t i = 0; i < 12; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%zu", i);
        changes[i] = (struct publish_change){ROUTE_KIND_ROUTE, names[i], value};
    }
    publish_serve(f->publish, "east", 0, 0);
    fd = dial(f, 0);
    say(fd, STREAM("east", "?gateway=g", "good"));
    wait_for("connected", &f->connected, 1);
    publish_commit(f->publish, "east", 1, changes, 12);
    commit_one(f, 2, "small", "{}");
    assert_true(read_until(fd, &got, "\"commit\":{\"revision\":2"));
    assert_true(got.len > PUBLISH_UNSENT_MAX);
    assert_int_equal(atomic_load(&f->disconnected), 0);
    fd_close(&fd);
    buf_free(&got);
    free(value);
}

static long resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    long size = 0;
    long resident = 0;

    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%ld %ld", &size, &resident), 2);
    fclose(statm);
    return resident * sysconf(_SC_PAGESIZE);
}

static void a_hundred_streams_of_a_large_table_share_its_bytes(void **state)
{
    struct fixture *f = *state;
    char *value = big_value('s');
    int fds[MANY];
    char name[16];
    long first = 0;

    for (int i = 0; i < 16; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        publish_load_object(f->publish, "east", ROUTE_KIND_ROUTE, name, value, 1);
    }
    publish_serve(f->publish, "east", 1, 0);
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial(f, 4096);
        say(fds[i], STREAM("east", "?gateway=g", "good"));
        wait_for("connected", &f->connected, i + 1);
        if (i == 0)
            first = resident_bytes();
    }
    assert_true(resident_bytes() - first < 64L << 20); /* a copy each would be 1.6 GB */
    for (int i = 0; i < MANY; i++)
        fd_close(&fds[i]);
    wait_for("disconnected", &f->disconnected, MANY);
    free(value);
}

static void an_address_that_is_taken_is_named(void **state)
{
    struct fixture *f = *state;
    static const char *const clusters[] = {"east"};
    char *listen = xasprintf("127.0.0.1:%u", (unsigned)publish_port(f->publish));
    const struct publish_config taken = {
        .listen = listen, .epoch = "1-e", .clusters = clusters, .num_clusters = 1};
    struct publish_config none = taken;
    struct err e = {0};

    assert_null(publish_new(&taken, &e));
    assert_string_equal(e.code, "CannotListen");
    assert_non_null(strstr(e.text, listen));
    none.listen = "nowhere";
    assert_null(publish_new(&none, &e));
    assert_string_equal(e.code, "BadAddress");
    free(listen);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(refusals_say_what_is_wrong),
        TEST(a_stream_brings_the_table_and_then_each_commit),
        TEST(what_cannot_resume_gets_a_snapshot),
        TEST(a_later_epoch_is_not_served_an_older_table),
        TEST(another_epoch_ends_the_streams_of_its_cluster_only),
        TEST(a_reader_that_stops_is_cut_and_the_others_go_on),
        TEST(one_commit_larger_than_the_cap_cuts_nobody),
        TEST(a_hundred_streams_of_a_large_table_share_its_bytes),
        TEST(an_address_that_is_taken_is_named),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
