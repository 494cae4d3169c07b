/* The head parser: what it accepts, what it refuses and why, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_head.h"
#include "gateway/http/h1_syntax.h"

#define HOST "Host: a.test\r\n"

struct row {
    const char *what;
    const char *text;
    enum h1_refusal refusal; /* H1_REFUSAL__COUNT: accepted */
};

#define OK H1_REFUSAL__COUNT

static const struct row requests[] = {
    {"a plain request", "GET / HTTP/1.1\r\n" HOST "\r\n", OK},
    {"one empty line before the request", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", OK},
    {"two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", H1_BAD_REQUEST_LINE},
    {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", OK},
    {"HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", H1_NO_HOST},
    {"an empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", H1_NO_HOST},
    {"two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", H1_TWO_HOSTS},
    {"a bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", H1_BAD_LINE_END},
    {"a bare LF at the end", "GET / HTTP/1.1\r\n" HOST "\n", H1_BAD_LINE_END},
    {"a bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", H1_BAD_VALUE},
    {"a bare CR in the request line", "GET /\r HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"obs-fold with a blank", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", H1_OBS_FOLD},
    {"obs-fold with a tab", "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", H1_OBS_FOLD},
    {"a fold right after the request line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", H1_OBS_FOLD},
    {"a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", H1_BAD_NAME},
    {"a field without colon", "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", H1_BAD_NAME},
    {"an empty field name", "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", H1_BAD_NAME},
    {"a control byte in a value", "GET / HTTP/1.1\r\n" HOST "X: a\001b\r\n\r\n", H1_BAD_VALUE},
    {"DEL in a value", "GET / HTTP/1.1\r\n" HOST "X: a\177b\r\n\r\n", H1_BAD_VALUE},
    {"obs-text in a value", "GET / HTTP/1.1\r\n" HOST "X: a\xe4\r\n\r\n", OK},
    {"two blanks in the request line", "GET  / HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"a tab for a blank", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", H1_BAD_METHOD},
    {"no version", "GET /\r\n\r\n", H1_BAD_REQUEST_LINE},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", H1_VERSION},
    {"HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", H1_BAD_REQUEST_LINE},
    {"http in lower case", "GET / http/1.1\r\n" HOST "\r\n", H1_BAD_VERSION},
    {"a method with a bracket", "G[T / HTTP/1.1\r\n" HOST "\r\n", H1_BAD_METHOD},
    {"a method of 33 bytes", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST "\r\n",
     H1_LONG_METHOD},
    {"a method of 32 bytes", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST "\r\n", OK},
    {"no method", " / HTTP/1.1\r\n" HOST "\r\n", H1_BAD_METHOD},
    {"a minor version that does not exist yet", "GET / HTTP/1.2\r\n" HOST "\r\n", OK},
    {"HTTP/0.9", "GET / HTTP/0.9\r\n" HOST "\r\n", H1_VERSION},
    {"a blank after the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", H1_BAD_REQUEST_LINE},
    {"a blank in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"https without TLS", "GET https://a.test/ HTTP/1.1\r\n" HOST "\r\n", H1_MISDIRECTED},
    {"absolute-form of another scheme", "GET ftp://a.test/ HTTP/1.1\r\n" HOST "\r\n",
     H1_BAD_TARGET},
    {"absolute-form without a host", "GET http:///x HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"an expectation", "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n", OK},
    {"an expectation of something else", "POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n",
     H1_EXPECTATION},
    {"an expectation beside another", "POST / HTTP/1.1\r\n" HOST "Expect: y, 100-continue\r\n\r\n",
     H1_EXPECTATION},
    {"two expectations",
     "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
     H1_EXPECTATION},
    {"an empty expectation", "POST / HTTP/1.1\r\n" HOST "Expect:\r\n\r\n", H1_EXPECTATION},
    {"any expectation in HTTP/1.0", "POST / HTTP/1.0\r\nExpect: nonsense\r\n\r\n", OK},
    {"a CR before the CR LF", "GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", H1_BAD_VALUE},
    {"a CR before the empty line", "GET / HTTP/1.1\r\n" HOST "\r\r\n\r\n", H1_BAD_NAME},
    {"a value that is empty", "GET / HTTP/1.1\r\n" HOST "X:\r\nY: \t \r\n\r\n", OK},
    {"a length with blanks in it", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n",
     H1_BAD_LENGTH},
    {"a negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", H1_BAD_LENGTH},
    {"a tab before a length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\t5\r\n\r\n",
     H1_BAD_VALUE},
    {"a tab behind a coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\t\r\n\r\n",
     H1_BAD_VALUE},
    {"a tab before a host", "GET / HTTP/1.1\r\nHost:\ta.test\r\n\r\n", H1_BAD_VALUE},
    {"a tab before anything else", "GET / HTTP/1.1\r\n" HOST "X:\ta\r\n\r\n", OK},
    {"a coding in quotes", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n",
     H1_UNKNOWN_CODING},
    {"a coding with a parameter",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;a=b\r\n\r\n", H1_UNKNOWN_CODING},
    {"identity", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",
     H1_UNKNOWN_CODING},
    {"a target with bytes over 0x7f", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"a relative target", "GET a HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"asterisk with GET", "GET * HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", OK},
    {"absolute-form that agrees", "GET http://a.test/x HTTP/1.1\r\n" HOST "\r\n", OK},
    {"absolute-form in other case", "GET HTTP://A.test HTTP/1.1\r\n" HOST "\r\n", OK},
    {"absolute-form that disagrees", "GET http://b.test/ HTTP/1.1\r\n" HOST "\r\n",
     H1_HOST_DISAGREES},
    {"absolute-form with userinfo", "GET http://u@a.test/ HTTP/1.1\r\n" HOST "\r\n", H1_BAD_TARGET},
    {"absolute-form, two Hosts", "GET http://a.test/ HTTP/1.1\r\n" HOST HOST "\r\n", H1_TWO_HOSTS},
    {"absolute-form without Host", "GET http://a.test/ HTTP/1.1\r\n\r\n", H1_NO_HOST},
    {"Content-Length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", OK},
    {"a length with a sign", "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n",
     H1_BAD_LENGTH},
    {"a length in hex", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n", H1_BAD_LENGTH},
    {"a length list", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", H1_BAD_LENGTH},
    {"an empty length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", H1_BAD_LENGTH},
    {"a length over 63 bits",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n", H1_BAD_LENGTH},
    {"two lengths that differ",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", H1_TWO_LENGTHS},
    {"two lengths that agree",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", H1_TWO_LENGTHS},
    {"chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", OK},
    {"Chunked in other case", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n", OK},
    {"length and coding",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     H1_LENGTH_AND_CODING},
    {"gzip", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", H1_UNKNOWN_CODING},
    {"gzip, chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
     H1_BAD_CODING},
    {"chunked twice",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     H1_BAD_CODING},
    {"chunked with a vertical tab",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n", H1_BAD_VALUE},
    {"an empty coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", H1_BAD_CODING},
    {"a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
     H1_BAD_CODING},
    {"an underscored alias", "GET / HTTP/1.1\r\n" HOST "X_Forwarded_For: 1\r\n\r\n",
     H1_FORWARDING_ALIAS},
    {"half an alias", "GET / HTTP/1.1\r\n" HOST "X-Forwarded_Proto: https\r\n\r\n",
     H1_FORWARDING_ALIAS},
    {"Content_Length", "POST / HTTP/1.1\r\n" HOST "Content_Length: 5\r\n\r\n", H1_FORWARDING_ALIAS},
    {"another name with an underscore", "GET / HTTP/1.1\r\n" HOST "my_field: 1\r\n\r\n", OK},
};

static enum h1_parse parse(struct h1_head *h, enum h1_kind kind, const char *text, size_t n)
{
    h1_head_init(h, kind);
    return h1_head_parse(h, text, n);
}

static void check_row(const struct row *row, enum h1_kind kind)
{
    static struct h1_head h;
    static struct h1_head slow;
    size_t n = strlen(row->text);
    enum h1_parse r = parse(&h, kind, row->text, n);

    if (row->refusal == OK ? r != H1_DONE : r != H1_REFUSED || h.refusal != row->refusal)
        fail_msg("%s: result %d, %s", row->what, (int)r,
                 r == H1_REFUSED ? h1_refusal_label(h.refusal) : "-");
    /* The same, a byte at a time, from a buffer that ends where the bytes end. */
    h1_head_init(&slow, kind);
    enum h1_parse r2 = H1_MORE;
    size_t i;

    for (i = 0; i <= n && r2 == H1_MORE; i++) {
        char *copy = xmemdup0(row->text, i);

        r2 = h1_head_parse(&slow, copy, i);
        free(copy);
    }
    if (r2 != r || (r == H1_REFUSED && slow.refusal != h.refusal) ||
        (r == H1_DONE && (slow.len != h.len || slow.num_fields != h.num_fields)))
        fail_msg("%s: in pieces the answer is another", row->what);
}

static void requests_are_accepted_or_refused_for_the_stated_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        check_row(&requests[i], H1_REQUEST);
}

static const struct row responses[] = {
    {"a plain response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OK},
    {"no reason phrase", "HTTP/1.1 200\r\n\r\n", OK},
    {"an empty reason phrase", "HTTP/1.1 200 \r\n\r\n", OK},
    {"HTTP/1.0", "HTTP/1.0 404 Not Found\r\n\r\n", OK},
    {"two digits", "HTTP/1.1 20 OK\r\n\r\n", H1_BAD_STATUS_LINE},
    {"status 099", "HTTP/1.1 099 OK\r\n\r\n", H1_BAD_STATUS_LINE},
    {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", H1_BAD_STATUS_LINE},
    {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", H1_BAD_STATUS_LINE},
    {"length and coding",
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     H1_LENGTH_AND_CODING},
    {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     H1_TWO_LENGTHS},
    {"an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", H1_BAD_STATUS_LINE},
};

static void responses_are_accepted_or_refused_for_the_stated_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
        check_row(&responses[i], H1_RESPONSE);
}

static void sizes_beyond_the_limits_are_refused(void **state)
{
    static char big[H1_HEAD_MAX + 100];
    static struct h1_head h;

    (void)state;
    memset(big, 'a', sizeof(big));
    memcpy(big, "GET /", 5);
    assert_int_equal(parse(&h, H1_REQUEST, big, H1_LINE_MAX), H1_MORE);
    assert_int_equal(parse(&h, H1_REQUEST, big, sizeof(big)), H1_REFUSED);
    assert_int_equal(h.refusal, H1_LINE_TOO_LONG);
    memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
    assert_int_equal(parse(&h, H1_REQUEST, big, H1_HEAD_MAX - 1), H1_MORE);
    assert_int_equal(parse(&h, H1_REQUEST, big, H1_HEAD_MAX), H1_REFUSED);
    assert_int_equal(h.refusal, H1_HEAD_TOO_LARGE);
    size_t n = 16;

    for (int i = 0; i <= H1_FIELDS_MAX; i++) {
        memcpy(big + n, "a:\r\n", 4);
        n += 4;
    }
    assert_int_equal(parse(&h, H1_REQUEST, big, n), H1_REFUSED);
    assert_int_equal(h.refusal, H1_TOO_MANY_FIELDS);
}

static enum h1_parse parse_within(struct h1_head *h, const struct h1_limits *limits,
                                  const char *text)
{
    h1_head_init(h, H1_REQUEST);
    h1_head_limit(h, limits);
    return h1_head_parse(h, text, strlen(text));
}

static void limits_of_the_settings_are_kept_to_the_byte(void **state)
{
    static const char text[] = "GET /abc HTTP/1.1\r\n" HOST "X: 1\r\n\r\n";
    static const struct {
        struct h1_limits limits;
        enum h1_refusal refusal;
    } rows[] = {
        {{.head_bytes = sizeof text - 1}, OK},
        {{.head_bytes = sizeof text - 2}, H1_HEAD_TOO_LARGE},
        {{.uri_bytes = 4}, OK},
        {{.uri_bytes = 3}, H1_LINE_TOO_LONG},
        {{.head_fields = 2}, OK},
        {{.head_fields = 1}, H1_TOO_MANY_FIELDS},
        {{.head_bytes = UINT32_MAX, .head_fields = UINT32_MAX, .uri_bytes = UINT32_MAX}, OK},
    };
    static struct h1_head h;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum h1_parse r = parse_within(&h, &rows[i].limits, text);

        assert_int_equal(r, rows[i].refusal == OK ? H1_DONE : H1_REFUSED);
        assert_true(r == H1_DONE || h.refusal == rows[i].refusal);
    }
}

static void names_with_underscores_are_dropped_when_told(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "my_field: 1\r\nmy-field: 2\r\n\r\n";
    static const char alias[] = "GET / HTTP/1.1\r\n" HOST "x_real_ip: 1\r\n\r\n";
    static struct h1_head h;

    (void)state;
    assert_int_equal(parse_within(&h, &(struct h1_limits){.drop_underscores = true}, text),
                     H1_DONE);
    assert_true(h.fields[1].drop && !h.fields[2].drop);
    assert_int_equal(parse_within(&h, &(struct h1_limits){.drop_underscores = false}, text),
                     H1_DONE);
    assert_false(h.fields[1].drop);
    for (int drop = 0; drop < 2; drop++) {
        assert_int_equal(parse_within(&h, &(struct h1_limits){.drop_underscores = drop}, alias),
                         H1_REFUSED);
        assert_int_equal(h.refusal, H1_FORWARDING_ALIAS);
    }
}

static void a_request_is_taken_apart(void **state)
{
    static const char text[] = "POST http://A.test:80/p?q HTTP/1.1\r\nHost:  a.Test:80 \r\n"
                               "Connection: close, X-Drop\r\nx-drop: 1\r\nX-Keep: 2\r\n"
                               "Content-Length: 12\r\nExpect: 100-continue\r\n\r\nBODY";
    static struct h1_head h;

    (void)state;
    assert_int_equal(parse(&h, H1_REQUEST, text, sizeof(text) - 1), H1_DONE);
    assert_int_equal(h.len, sizeof(text) - 1 - 4);
    assert_true(str_eq(h1_method(&h, text), STR("POST")));
    assert_true(str_eq(h1_slice(text, h.path, h.path_len), STR("/p?q")));
    assert_true(str_eq(h1_slice(text, h.host, h.host_len), STR("a.Test:80")));
    assert_int_equal(h.framing, H1_BODY_LENGTH);
    assert_int_equal(h.content_length, 12);
    assert_false(h.keep_alive);
    assert_true(h.expect_continue);
    assert_int_equal(h.num_fields, 6);
    assert_true(h.fields[1].drop);
    assert_true(h.fields[2].drop);
    assert_false(h.fields[3].drop);
}

static void connection_decides_what_stays_open(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive, upgrade;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true, false},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", false, false},
        {"GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", true, false},
        {"GET / HTTP/1.0\r\n" HOST "Connection: close, keep-alive\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: CLOSE\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", true, true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\n\r\n", true, false},
        {"GET / HTTP/1.0\r\n" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", false,
         false},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", true, false},
    };
    static struct h1_head h;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(&h, H1_REQUEST, rows[i].text, strlen(rows[i].text)), H1_DONE);
        if (h.keep_alive != rows[i].keep_alive || h.has_upgrade != rows[i].upgrade)
            fail_msg("%s", rows[i].text);
    }
}

static void only_what_keeps_to_the_tunnel_may_upgrade(void **state)
{
#define UPGRADE(fields) "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\n" fields "\r\n"
    static const struct {
        const char *text;
        bool may;
    } rows[] = {
        {UPGRADE("Upgrade: websocket\r\n"), true},
        {UPGRADE("Upgrade: tcp, x/1.0\r\n"), true},
        {UPGRADE("Upgrade: h2cx\r\nUpgrade: httpx\r\n"), true},
        {UPGRADE("Upgrade: \r\n"), true},
        {UPGRADE("Upgrade: websocket\r\nContent-Length: 0\r\n"), true},
        {UPGRADE("Upgrade: websocket\r\nContent-Length: 1\r\n"), false},
        {UPGRADE("Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n"), false},
        {UPGRADE("Upgrade: h2c\r\n"), false},
        {UPGRADE("Upgrade: websocket,\tH2C\r\n"), false},
        {UPGRADE("Upgrade: websocket\r\nUpgrade: h2c/1\r\n"), false},
        {UPGRADE("Upgrade: HTTP/2.0\r\n"), false},
        {UPGRADE("Upgrade: tls /1.0\r\n"), false},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
    };
#undef UPGRADE
    static struct h1_head h;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(&h, H1_REQUEST, rows[i].text, strlen(rows[i].text)), H1_DONE);
        if (h1_may_upgrade(&h, rows[i].text) != rows[i].may)
            fail_msg("%s", rows[i].text);
    }
}

static void naming_a_field_of_ours_in_connection_does_not_drop_it(void **state)
{
    static const char text[] =
        "GET / HTTP/1.1\r\n" HOST "Connection: host, x-forwarded-for, content-length\r\n"
        "X-Forwarded-For: 1.2.3.4\r\nContent-Length: 3\r\n\r\n";
    static struct h1_head h;

    (void)state;
    assert_int_equal(parse(&h, H1_REQUEST, text, sizeof(text) - 1), H1_DONE);
    assert_false(h.fields[0].drop);
    assert_false(h.fields[2].drop);
    assert_false(h.fields[3].drop);
}

static void the_body_of_a_response_follows_rfc_9112_6_3(void **state)
{
    static const struct {
        const char *text;
        bool head;
        enum h1_framing want;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, H1_BODY_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, H1_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, H1_BODY_NONE},
        {"HTTP/1.1 204 No\r\n\r\n", false, H1_BODY_NONE},
        {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", false, H1_BODY_NONE},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, H1_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, H1_BODY_CHUNKED},
        {"HTTP/1.1 200 OK\r\n\r\n", false, H1_BODY_UNTIL_CLOSE},
    };
    static struct h1_head h;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(&h, H1_RESPONSE, rows[i].text, strlen(rows[i].text)), H1_DONE);
        assert_int_equal(h1_response_framing(&h, rows[i].head), rows[i].want);
    }
}

/* The RFC's own words, byte by byte, against the table. */
static void the_byte_classes_are_those_of_rfc_9110(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool digit = c >= '0' && c <= '9';
        bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool tchar = alpha || digit || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        bool vchar = c > 0x20 && c < 0x7f;
        bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        assert_int_equal(h1_is((char)c, H1_TOKEN), tchar);
        assert_int_equal(h1_is((char)c, H1_VALUE), vchar || c == ' ' || c == '\t' || c >= 0x80);
        assert_int_equal(h1_is((char)c, H1_TARGET), vchar && c != '#');
        assert_int_equal(h1_is((char)c, H1_HEX), hex);
        assert_int_equal(h1_is((char)c, H1_DIGIT), digit);
        assert_int_equal(h1_is((char)c, H1_UNDERSCORE), c == '_');
    }
}

/* Each byte at each place of one to three words, among bytes at the edges of the class. */
static void values_by_the_word_are_values_by_the_byte(void **state)
{
    static const char around[] = {' ', '~', '\t', '\x80', '\xff', 'a'};

    (void)state;
    for (unsigned i = 0; i < 256 * 20 * sizeof around; i++) {
        unsigned c = i & 255, at = i / 256 % 20, len = 20;
        char text[20];

        memset(text, around[i / 256 / 20], sizeof text);
        text[at] = (char)c;
        for (; len > at; len--)
            assert_int_equal(h1_all_value(text, len), h1_is((char)c, H1_VALUE));
        assert_true(h1_all_value(text, len));
    }
}

/* Each byte at each place of a name, with and without words behind it. */
static void tokens_by_the_word_are_tokens_by_the_byte(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256 * 20; i++) {
        unsigned c = i & 255, at = i / 256;
        char text[21];

        for (size_t room = at + 2; room <= sizeof text; room++) {
            unsigned odd;

            memset(text, i & 1 ? 'Z' : '-', sizeof text);
            text[at] = (char)c;
            text[room - 1] = ':';
            assert_int_equal(h1_token_len(text, room, &odd),
                             h1_is((char)c, H1_TOKEN) ? room - 1 : at);
            assert_int_equal((odd & H1_UNDERSCORE) != 0, c == '_');
        }
    }
}

static void known_fields_are_found_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(h1_field_find(STR("HOST")), H1_HOST);
    assert_int_equal(h1_field_find(STR("x-forwarded-PORT")), H1_X_FORWARDED_PORT);
    assert_int_equal(h1_field_find(STR("x-forwarded-host")), H1_X_FORWARDED_HOST);
    assert_int_equal(h1_field_find(STR("proxy-connection")), H1_PROXY_CONNECTION);
    assert_int_equal(h1_field_find(STR("transfer-encoding")), H1_TRANSFER_ENCODING);
    assert_int_equal(h1_field_find(STR("x-forwarded-proto")), H1_X_FORWARDED_PROTO);
    assert_int_equal(h1_field_find(STR("te")), H1_TE);
    assert_int_equal(h1_field_find(STR("x-real-ip")), H1_X_REAL_IP);
    assert_int_equal(h1_field_find(STR("forwarded")), H1_FORWARDED);
    assert_int_equal(h1_field_find(STR("keep-alive")), H1_KEEP_ALIVE);
    assert_int_equal(h1_field_find(STR("connection")), H1_CONNECTION);
    assert_int_equal(h1_field_find(STR("trailer")), H1_TRAILER);
    assert_int_equal(h1_field_find(STR("upgrade")), H1_UPGRADE);
    assert_int_equal(h1_field_find(STR("content-lengths")), H1_OTHER);
    assert_int_equal(h1_field_find(STR("hose")), H1_OTHER);
    assert_int_equal(h1_field_find(STR("")), H1_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_accepted_or_refused_for_the_stated_reason),
        cmocka_unit_test(responses_are_accepted_or_refused_for_the_stated_reason),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused),
        cmocka_unit_test(limits_of_the_settings_are_kept_to_the_byte),
        cmocka_unit_test(names_with_underscores_are_dropped_when_told),
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(connection_decides_what_stays_open),
        cmocka_unit_test(only_what_keeps_to_the_tunnel_may_upgrade),
        cmocka_unit_test(naming_a_field_of_ours_in_connection_does_not_drop_it),
        cmocka_unit_test(the_body_of_a_response_follows_rfc_9112_6_3),
        cmocka_unit_test(the_byte_classes_are_those_of_rfc_9110),
        cmocka_unit_test(values_by_the_word_are_values_by_the_byte),
        cmocka_unit_test(tokens_by_the_word_are_tokens_by_the_byte),
        cmocka_unit_test(known_fields_are_found_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
