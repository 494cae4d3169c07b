/* The chunked scanner and the outgoing heads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/core/buf.h"
#include "gateway/http/h1_body.h"
#include "gateway/http/h1_write.h"

struct row {
    const char *text;
    enum h1_chunk_event want;
    const char *payload; /* of what is good */
    size_t consumed;     /* 0 = all */
};

static const struct row rows[] = {
    {"0\r\n\r\n", H1_CHUNK_END, "", 0},
    {"5\r\nhello\r\n0\r\n\r\n", H1_CHUNK_END, "hello", 0},
    {"5\r\nhello\r\n0\r\n\r\nGET /", H1_CHUNK_END, "hello", 15},
    {"005\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", H1_CHUNK_END, "hello0123456789", 0},
    {"5;ext=\"a\"\r\nhello\r\n0\r\n\r\n", H1_CHUNK_END, "hello", 0},
    {"0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", H1_CHUNK_END, "", 0},
    {"5\r\nhel", H1_CHUNK_MORE, "hel", 0},
    {"5\nhello\r\n0\r\n\r\n", H1_CHUNK_BAD, "", 1},
    {"\r\n", H1_CHUNK_BAD, "", 0},
    {"g\r\n", H1_CHUNK_BAD, "", 0},
    {"-5\r\n", H1_CHUNK_BAD, "", 0},
    {" 5\r\n", H1_CHUNK_BAD, "", 0},
    {"5 \r\nhello\r\n", H1_CHUNK_BAD, "", 1},
    {"0x5\r\nhello\r\n", H1_CHUNK_BAD, "", 1},
    {"5\r\nhello0\r\n\r\n", H1_CHUNK_BAD, "hello", 8},
    {"5\r\nhello\n0\r\n\r\n", H1_CHUNK_BAD, "hello", 8},
    {"5;\n\r\n", H1_CHUNK_BAD, "", 2},
    {"fffffffffffffffff\r\n", H1_CHUNK_BAD, "", 15},
    {"8000000000000000\r\n", H1_CHUNK_BAD, "", 15},
    {"00000000000000005\r\n", H1_CHUNK_BAD, "", 16},
    {"0\r\nContent-Length: 5\r\n\r\n", H1_CHUNK_BAD, "", 20},
    {"0\r\nhost: a\r\n\r\n", H1_CHUNK_BAD, "", 10},
    {"0\r\nX_Y: a\r\n\r\n", H1_CHUNK_BAD, "", 9},
    {"0\r\n folded\r\n\r\n", H1_CHUNK_BAD, "", 3},
    {"0\r\n\nGET / HTTP/1.1\n\n", H1_CHUNK_BAD, "", 3},
    {"0\r\nX: 1\nGET / HTTP/1.1\n\n", H1_CHUNK_BAD, "", 7},
    {"0\r\nX: \001", H1_CHUNK_BAD, "", 6},
    {"0\r\n\r\r\n", H1_CHUNK_BAD, "", 4},
    {"0\r\nnonsense\r\n\r\n", H1_CHUNK_BAD, "", 11},
};

/* Feeds `text` in pieces of `step` bytes; gathers the payload. */
static enum h1_chunk_event feed(const char *text, size_t step, struct buf *payload, size_t *used)
{
    static struct h1_chunked c;
    size_t n = strlen(text);
    enum h1_chunk_event ev = H1_CHUNK_MORE;

    h1_chunked_init(&c);
    *used = 0;
    while (*used < n) {
        size_t piece = n - *used < step ? n - *used : step;
        struct str data;
        size_t took;

        ev = h1_chunked_next(&c, (struct str){text + *used, piece}, &took, &data);
        *used += took;
        if (ev == H1_CHUNK_DATA)
            assert_true(buf_add_str(payload, data));
        else if (ev != H1_CHUNK_MORE)
            return ev;
    }
    return ev == H1_CHUNK_DATA ? H1_CHUNK_MORE : ev;
}

static void chunked_bodies_are_taken_apart_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t step = 1; step < 40; step += 6) {
            struct buf payload;
            size_t used;

            buf_init(&payload, 1000);
            enum h1_chunk_event ev = feed(rows[i].text, step, &payload, &used);
            bool all = rows[i].consumed == 0 && rows[i].want != H1_CHUNK_BAD;

            if (ev != rows[i].want || !str_eq(buf_str(&payload), str_from(rows[i].payload)) ||
                used != (all ? strlen(rows[i].text) : rows[i].consumed))
                fail_msg("%s by %zu: event %d, used %zu", rows[i].text, step, (int)ev, used);
            buf_free(&payload);
        }
}

static void passing_a_body_through_finds_the_same_end(void **state)
{
    static struct h1_chunked c;
    size_t used;

    (void)state;
    h1_chunked_init(&c);
    assert_int_equal(h1_chunked_pass(&c, STR("5\r\nhello\r\n3\r\nabc"), &used), H1_CHUNK_MORE);
    assert_int_equal(used, 16);
    assert_int_equal(h1_chunked_pass(&c, STR("\r\n0\r\n\r\nNEXT"), &used), H1_CHUNK_END);
    assert_int_equal(used, 7);
}

static void extensions_and_trailers_have_limits(void **state)
{
    static struct h1_chunked c;
    static char text[8000];
    size_t used;

    (void)state;
    memset(text, 'e', sizeof(text));
    memcpy(text, "5;", 2);
    h1_chunked_init(&c);
    assert_int_equal(h1_chunked_pass(&c, (struct str){text, sizeof(text)}, &used), H1_CHUNK_BAD);
    assert_int_equal(c.refusal, H1_BAD_CHUNK);
    memcpy(text, "0\r\nX:", 5);
    h1_chunked_init(&c);
    assert_int_equal(h1_chunked_pass(&c, (struct str){text, sizeof(text)}, &used), H1_CHUNK_BAD);
    assert_int_equal(c.refusal, H1_BAD_TRAILER);
}

/* Chunks of `size` bytes with extensions of 100: how many until they are refused, at most 500? */
static size_t chunks_with_extensions(size_t size)
{
    static struct h1_chunked c;
    static char chunk[1000];
    size_t used, done = 0;
    int n = snprintf(chunk, sizeof chunk, "%zx;%0100d\r\n", size, 0);

    memset(chunk + n, 'p', size);
    memcpy(chunk + n + size, "\r\n", 2);
    h1_chunked_init(&c);
    while (done < 500 &&
           h1_chunked_pass(&c, (struct str){chunk, (size_t)n + size + 2}, &used) == H1_CHUNK_MORE)
        done++;
    assert_true(done == 500 || c.refusal == H1_BAD_CHUNK);
    return done;
}

static void extensions_may_not_outweigh_the_payload(void **state)
{
    (void)state;
    assert_int_equal(chunks_with_extensions(100), 500);
    assert_int_equal(chunks_with_extensions(1), H1_CHUNK_EXCESS_MAX / 99);
}

static void the_payload_is_counted_as_it_is_announced(void **state)
{
    static struct h1_chunked c;
    size_t used;

    (void)state;
    h1_chunked_init(&c);
    assert_int_equal(h1_chunked_pass(&c, STR("5\r\nhello\r\n"), &used), H1_CHUNK_MORE);
    assert_int_equal(c.payload, 5);
    assert_int_equal(h1_chunked_pass(&c, STR("10000"), &used), H1_CHUNK_MORE);
    assert_int_equal(c.payload, 5);
    assert_int_equal(h1_chunked_pass(&c, STR("\r\n"), &used), H1_CHUNK_MORE);
    assert_int_equal(c.payload, 5 + 0x10000);
}

static char *joined(const struct h1_out *out)
{
    struct buf b;

    buf_init(&b, 100000);
    for (int i = 0; i < out->num; i++)
        assert_true(buf_add(&b, out->iov[i].iov_base, out->iov[i].iov_len));
    assert_int_equal(b.len, out->bytes);
    return buf_take(&b);
}

static char *forwarded_so(const char *text, const struct h1_forwarding *fwd)
{
    static struct h1_head h;
    static struct h1_out out;

    h1_head_init(&h, H1_REQUEST);
    assert_int_equal(h1_head_parse(&h, text, strlen(text)), H1_DONE);
    h1_write_request(&out, &h, text, fwd);
    return joined(&out);
}

static char *forwarded(const char *text, bool upgrade)
{
    const struct h1_forwarding fwd = {
        .client_ip = STR("10.1.2.3"), .proto = STR("http"), .upgrade = upgrade};

    return forwarded_so(text, &fwd);
}

static char *forwarded_request(const char *text)
{
    return forwarded(text, false);
}

#define OURS(host) \
    "X-Real-IP: 10.1.2.3\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: " host "\r\n\r\n"

static void requests_go_out_as_the_gateway_promises(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"GET /a HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n\r\n",
         "GET /a HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS(
             "a:80")},
        {"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET /b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET /?x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"OPTIONS * HTTP/1.0\r\nHost: a\r\n\r\n",
         "OPTIONS * HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nB: 2\r\n"
         "x-forwarded-for: 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
         "Forwarded: for=1\r\nX-Real-IP: 6\r\nX-Forwarded-Port: 1\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nB: 2\r\n"
         "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.1.2.3\r\n" OURS("a")},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Secret\r\nSecret: 1\r\nTE: trailers\r\n"
         "Keep-Alive: 5\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nZ: 1\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nZ: 1\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"GET / HTTP/1.7\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
         "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n" OURS("a")},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Host, X-Forwarded-For, X-Real-IP, "
         "Content-Length\r\nX-Forwarded-For: 1.1.1.1\r\nContent-Length: 3\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
         "X-Forwarded-For: 1.1.1.1, 10.1.2.3\r\n" OURS("a")},
        {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 10.1.2.3\r\n"
                                   "X-Real-IP: 10.1.2.3\r\nX-Forwarded-Proto: http\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = forwarded_request(cases[i].in);

        assert_string_equal(got, cases[i].out);
        free(got);
    }
}

static void an_upgrade_goes_out_with_a_connection_field_of_ours(void **state)
{
    char *got = forwarded("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nA: 1\r\n"
                          "Connection: Upgrade, HTTP2-Settings, x\r\nUpgrade: tcp\r\nX: 1\r\n"
                          "HTTP2-Settings: AAM\r\n\r\n",
                          true);

    (void)state;
    assert_string_equal(got, "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nUpgrade: websocket\r\n"
                             "Upgrade: tcp\r\nConnection: upgrade\r\n"
                             "X-Forwarded-For: 10.1.2.3\r\n" OURS("a"));
    free(got);
}

static void many_forwarding_fields_do_not_overflow(void **state)
{
    struct buf in;

    (void)state;
    buf_init(&in, 20000);
    assert_true(buf_add_str(&in, STR("GET / HTTP/1.1\r\nHost: a\r\n")));
    for (int i = 0; i < H1_FIELDS_MAX - 1; i++)
        assert_true(buf_add_str(&in, STR("X-Forwarded-For: 1234567890, 1234567890\r\n")));
    assert_true(buf_add_str(&in, STR("\r\n")));
    char *got = forwarded_request(in.bytes);

    assert_non_null(strstr(got, "1234567890, 1234567890, 10.1.2.3\r\n"));
    free(got);
    buf_free(&in);
}

/* STR as a constant. */
#define CONST_STR(lit)                   \
    {                                    \
        .p = (lit), .n = sizeof(lit) - 1 \
    }

static const struct h1_changes some_changes = {
    .num_removed = 1,
    .num_set = 2,
    .num_added = 2,
    .removed = {CONST_STR("gone")},
    .set = {{CONST_STR("one"), CONST_STR("new")}, {CONST_STR("absent"), CONST_STR("")}},
    .added = {{CONST_STR("two"), CONST_STR("b")}, {CONST_STR("gone"), CONST_STR("back")}},
};

static void a_route_changes_target_host_and_fields(void **state)
{
    const struct h1_target target = {{STR("/v2"), STR("/x"), STR("?q")}};
    const struct h1_forwarding fwd = {
        .client_ip = STR("10.1.2.3"),
        .proto = STR("http"),
        .host = STR("inner"),
        .target = &target,
        .prefix = STR("/app"),
        .fields = &some_changes,
        .lines = STR("X-Request-Id: 7\r\n"),
    };
    char *got = forwarded_so("GET /app/x?q HTTP/1.1\r\nHost: a\r\nGone: 1\r\nOne: 1\r\nTWO: a\r\n"
                             "X-Forwarded-Prefix: /evil\r\none: 2\r\n\r\n",
                             &fwd);

    (void)state;
    assert_string_equal(got, "GET /v2/x?q HTTP/1.1\r\nHost: inner\r\nTWO: a\r\none: new\r\n"
                             "absent: \r\ntwo: b\r\ngone: back\r\nX-Request-Id: 7\r\n"
                             "X-Forwarded-For: 10.1.2.3\r\nX-Real-IP: 10.1.2.3\r\n"
                             "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
                             "X-Forwarded-Prefix: /app\r\n\r\n");
    free(got);
}

static void a_believed_sender_keeps_what_it_told(void **state)
{
    const struct h1_forwarding fwd = {
        .client_ip = STR("10.1.2.3"),
        .proto = STR("http"),
        .real_ip = STR("192.0.2.7"),
        .believes = true,
    };
    char *all = forwarded_so("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n"
                             "X-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 6\r\n"
                             "X-Forwarded-Prefix: /p\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n",
                             &fwd);
    char *none = forwarded_so("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &fwd);

    (void)state;
    assert_string_equal(all, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n"
                             "X-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\n"
                             "X-Forwarded-Prefix: /p\r\nX-Forwarded-For: 192.0.2.7, 10.1.2.3\r\n"
                             "X-Real-IP: 192.0.2.7\r\n\r\n");
    assert_string_equal(none, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3\r\n"
                              "X-Real-IP: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
                              "X-Forwarded-Host: a\r\n\r\n");
    free(all);
    free(none);
}

/* As many changes as a route may have, each as long as it may be, on as many fields. */
static void as_many_changes_as_there_may_be_fit(void **state)
{
    static char value[1024];
    static struct h1_changes changes = {.num_set = H1_CHANGES_MAX, .num_added = H1_CHANGES_MAX};
    const struct h1_forwarding fwd = {
        .client_ip = STR("10.1.2.3"), .proto = STR("http"), .fields = &changes};
    struct buf in;

    (void)state;
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < H1_CHANGES_MAX; i++) {
        changes.set[i] = (struct h1_change){{value, 128}, {value, sizeof value}};
        changes.added[i] = changes.set[i];
    }
    buf_init(&in, 20000);
    assert_true(buf_add_str(&in, STR("GET / HTTP/1.1\r\nHost: a\r\n")));
    for (int i = 0; i < H1_FIELDS_MAX - 1; i++)
        assert_true(buf_add_str(&in, i % 2 == 0 ? STR("X-Forwarded-For: 1234567890, 1234567890\r\n")
                                                : STR("A: b\r\n")));
    assert_true(buf_add_str(&in, STR("\r\n")));
    char *got = forwarded_so(in.bytes, &fwd);

    assert_int_equal(strlen(strstr(got, "vvv")) > 64 * (128 + 1024 + 4), true);
    free(got);
    buf_free(&in);
}

static void a_route_changes_fields_of_responses(void **state)
{
    static const char in[] = "HTTP/1.1 200 OK\r\nGone: 1\r\nOne: 1\r\nA: 1\r\n\r\n";
    const struct h1_passing how = {H1_CONN_CLOSE, false, &some_changes, STR("X-Id: 1\r\n"), 0};
    static struct h1_head h;
    static struct h1_out out;
    char *got;

    (void)state;
    h1_head_init(&h, H1_RESPONSE);
    assert_int_equal(h1_head_parse(&h, in, sizeof in - 1), H1_DONE);
    h1_write_response(&out, &h, in, &how);
    got = joined(&out);
    assert_string_equal(got, "HTTP/1.1 200 OK\r\nA: 1\r\none: new\r\nabsent: \r\ntwo: b\r\n"
                             "gone: back\r\nX-Id: 1\r\nConnection: close\r\n\r\n");
    free(got);
}

static void responses_go_out_as_the_gateway_promises(void **state)
{
    static const struct {
        const char *in;
        enum h1_connection connection;
        bool drop_coding;
        const char *out;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n", H1_CONN_SILENT, false,
         "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n"},
        {"HTTP/1.3 200 OK\r\nA: 1\r\n\r\n", H1_CONN_SILENT, false,
         "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\n\r\n", H1_CONN_CLOSE, false,
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: 3\r\nA: 1\r\n\r\n",
         H1_CONN_KEEP_ALIVE, false, "HTTP/1.1 200 OK\r\nA: 1\r\nConnection: keep-alive\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: 1\r\n\r\n", H1_CONN_CLOSE, true,
         "HTTP/1.1 200 OK\r\nA: 1\r\nConnection: close\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nA: 1\r\nConnection: A\r\n\r\n", H1_CONN_SILENT, false,
         "HTTP/1.1 200 OK\r\n\r\n"},
        {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\nA: 1\r\n\r\n", H1_CONN_SILENT, false,
         "HTTP/1.1 204 No\r\nA: 1\r\n\r\n"},
        {"HTTP/1.1 204 No\r\nA: 1\r\nContent-Length: 0\r\n\r\n", H1_CONN_SILENT, false,
         "HTTP/1.1 204 No\r\nA: 1\r\n\r\n"},
        {"HTTP/1.1 103 Hints\r\nContent-Length: 5\r\nA: 1\r\n\r\n", H1_CONN_SILENT, false,
         "HTTP/1.1 103 Hints\r\nA: 1\r\n\r\n"},
        {"HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\nA: 1\r\n\r\n", H1_CONN_SILENT, true,
         "HTTP/1.1 304 Not\r\nA: 1\r\n\r\n"},
        {"HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nA: 1\r\n\r\n",
         H1_CONN_UPGRADE, false,
         "HTTP/1.1 101 Switch\r\nA: 1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"},
    };
    static struct h1_head h;
    static struct h1_out out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        h1_head_init(&h, H1_RESPONSE);
        assert_int_equal(h1_head_parse(&h, cases[i].in, strlen(cases[i].in)), H1_DONE);
        const struct h1_passing how = {.connection = cases[i].connection,
                                       .drop_coding = cases[i].drop_coding};

        h1_write_response(&out, &h, cases[i].in, &how);
        char *got = joined(&out);

        assert_string_equal(got, cases[i].out);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_bodies_are_taken_apart_or_refused),
        cmocka_unit_test(passing_a_body_through_finds_the_same_end),
        cmocka_unit_test(extensions_and_trailers_have_limits),
        cmocka_unit_test(extensions_may_not_outweigh_the_payload),
        cmocka_unit_test(the_payload_is_counted_as_it_is_announced),
        cmocka_unit_test(requests_go_out_as_the_gateway_promises),
        cmocka_unit_test(an_upgrade_goes_out_with_a_connection_field_of_ours),
        cmocka_unit_test(many_forwarding_fields_do_not_overflow),
        cmocka_unit_test(a_route_changes_target_host_and_fields),
        cmocka_unit_test(a_believed_sender_keeps_what_it_told),
        cmocka_unit_test(as_many_changes_as_there_may_be_fit),
        cmocka_unit_test(a_route_changes_fields_of_responses),
        cmocka_unit_test(responses_go_out_as_the_gateway_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
