/* Field sections of HTTP/2 and the HTTP/1.1 head that becomes of each, or that none does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/http/h2_head.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define GET                                                     \
    {":method", "GET"}, {":scheme", "http"}, {":path", "/p?q"}, \
    {                                                           \
        ":authority", "a.test"                                  \
    }

struct field {
    const char *name, *value;
};

struct row {
    const char *what;
    enum h2_section section;
    struct h2_head_facts facts;
    struct field fields[10];
    const char *expected; /* NULL: none */
};

static const struct h2_head_facts ends = {.ends = true}, goes_on = {.ends = false},
                                  of_head = {.ends = true, .was_head = true};

static void check(const struct row *r)
{
    struct h2_head h;
    struct buf out;

    buf_init(&out, 2 * H1_HEAD_MAX);
    h2_head_begin(&h, r->section);
    for (size_t i = 0; i < LENGTH(r->fields) && r->fields[i].name != NULL; i++)
        h2_head_add(&h, str_from(r->fields[i].name), str_from(r->fields[i].value));
    if (h2_head_write(&h, &r->facts, &out) != (r->expected != NULL))
        fail_msg("%s: %s", r->what, out.bytes != NULL ? out.bytes : "nothing");
    if (r->expected != NULL)
        assert_string_equal(out.bytes, r->expected);
    h2_head_end(&h);
    buf_free(&out);
}

static void requests_become_heads(void **state)
{
    const struct row rows[] = {
        {"a plain one",
         H2_REQUEST_HEAD,
         ends,
         {GET, {"accept", "*/*"}},
         "GET /p?q HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\n\r\n"},
        {"a body without a length",
         H2_REQUEST_HEAD,
         goes_on,
         {GET},
         "GET /p?q HTTP/1.1\r\nhost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"a body with one",
         H2_REQUEST_HEAD,
         goes_on,
         {GET, {"content-length", "5"}},
         "GET /p?q HTTP/1.1\r\nhost: a.test\r\ncontent-length: 5\r\n\r\n"},
        {"Host alone",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET"}, {":path", "/"}, {"host", "b.test"}},
         "GET / HTTP/1.1\r\nhost: b.test\r\n\r\n"},
        {"Host beside the authority: the parser judges",
         H2_REQUEST_HEAD,
         ends,
         {GET, {"host", "b.test"}},
         "GET http://a.test/p?q HTTP/1.1\r\nhost: b.test\r\n\r\n"},
        {"the asterisk",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "OPTIONS"}, {":path", "*"}, {":authority", "a.test"}},
         "OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n"},
        {"CONNECT, which is refused later",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "CONNECT"}, {":authority", "a.test:443"}},
         "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n"},
        {"crumbs of a cookie",
         H2_REQUEST_HEAD,
         ends,
         {GET, {"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}},
         "GET /p?q HTTP/1.1\r\nhost: a.test\r\ncookie: a=1; b=2; c=3\r\nx: y\r\n\r\n"},
        {"te: trailers is of this hop",
         H2_REQUEST_HEAD,
         ends,
         {GET, {"te", "trailers"}},
         "GET /p?q HTTP/1.1\r\nhost: a.test\r\n\r\n"},
        {"a target with a blank: the parser judges",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET"}, {":path", "/a b"}, {":authority", "a"}},
         "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        check(&rows[i]);
}

static void what_cannot_be_a_head_is_none(void **state)
{
    const struct row rows[] = {
        {"upper case", H2_REQUEST_HEAD, ends, {GET, {"X", "1"}}, NULL},
        {"no name", H2_REQUEST_HEAD, ends, {GET, {"", "1"}}, NULL},
        {"a colon in a name", H2_REQUEST_HEAD, ends, {GET, {"x:y", "1"}}, NULL},
        {"a line end in a name", H2_REQUEST_HEAD, ends, {GET, {"x\r\ny", "1"}}, NULL},
        {"a line end in a value", H2_REQUEST_HEAD, ends, {GET, {"x", "1\r\ny: 2"}}, NULL},
        {"a line feed in a value", H2_REQUEST_HEAD, ends, {GET, {"x", "1\n"}}, NULL},
        {"a line end in the method",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET / HTTP/1.1\r\n"}, {":path", "/"}},
         NULL},
        {"a blank in the method",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET /x"}, {":path", "/"}},
         NULL},
        {"a line end in the target",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET"}, {":path", "/ HTTP/1.1\r\nx: y"}},
         NULL},
        {"a line end in the authority",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET"}, {":path", "/"}, {":authority", "a\r\nx: y"}},
         NULL},
        {"no method", H2_REQUEST_HEAD, ends, {{":path", "/"}}, NULL},
        {"no path", H2_REQUEST_HEAD, ends, {{":method", "GET"}, {":authority", "a"}}, NULL},
        {"a path that is none",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET"}, {":path", "x"}, {":authority", "a"}},
         NULL},
        {"a target in absolute form",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "GET"}, {":path", "http://b/"}, {":authority", "a"}},
         NULL},
        {"CONNECT to nobody", H2_REQUEST_HEAD, ends, {{":method", "CONNECT"}}, NULL},
        {"CONNECT with a path",
         H2_REQUEST_HEAD,
         ends,
         {{":method", "CONNECT"}, {":path", "/"}, {":authority", "a"}},
         NULL},
        {"two paths", H2_REQUEST_HEAD, ends, {GET, {":path", "/"}}, NULL},
        {"an unknown pseudo field", H2_REQUEST_HEAD, ends, {GET, {":protocol", "x"}}, NULL},
        {"a status in a request", H2_REQUEST_HEAD, ends, {GET, {":status", "200"}}, NULL},
        {"connection", H2_REQUEST_HEAD, ends, {GET, {"connection", "close"}}, NULL},
        {"keep-alive", H2_REQUEST_HEAD, ends, {GET, {"keep-alive", "1"}}, NULL},
        {"proxy-connection", H2_REQUEST_HEAD, ends, {GET, {"proxy-connection", "x"}}, NULL},
        {"transfer-encoding", H2_REQUEST_HEAD, ends, {GET, {"transfer-encoding", "chunked"}}, NULL},
        {"upgrade", H2_REQUEST_HEAD, ends, {GET, {"upgrade", "websocket"}}, NULL},
        {"te of something else", H2_REQUEST_HEAD, ends, {GET, {"te", "gzip"}}, NULL},
        {"no status", H2_RESPONSE_HEAD, ends, {{"x", "y"}}, NULL},
        {"a status of two digits", H2_RESPONSE_HEAD, ends, {{":status", "99"}}, NULL},
        {"a status that is no number", H2_RESPONSE_HEAD, ends, {{":status", "2x0"}}, NULL},
        {"a pseudo field in trailers", H2_TRAILERS, ends, {{":path", "/"}}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        check(&rows[i]);
}

static void responses_and_trailers(void **state)
{
    const struct row rows[] = {
        {"without a body",
         H2_RESPONSE_HEAD,
         ends,
         {{":status", "200"}, {"x", "y"}},
         "HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 0\r\n\r\n"},
        {"with one",
         H2_RESPONSE_HEAD,
         goes_on,
         {{":status", "404"}},
         "HTTP/1.1 404 Client Error\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"to HEAD", H2_RESPONSE_HEAD, of_head, {{":status", "200"}}, "HTTP/1.1 200 OK\r\n\r\n"},
        {"204", H2_RESPONSE_HEAD, ends, {{":status", "204"}}, "HTTP/1.1 204 Successful\r\n\r\n"},
        {"interim",
         H2_RESPONSE_HEAD,
         goes_on,
         {{":status", "103"}, {"link", "x"}},
         "HTTP/1.1 103 Informational\r\nlink: x\r\n\r\n"},
        {"trailers",
         H2_TRAILERS,
         ends,
         {{"grpc-status", "0"}, {"grpc-message", ""}},
         "grpc-status: 0\r\ngrpc-message: \r\n"},
        {"what may not trail is left out",
         H2_TRAILERS,
         ends,
         {{"content-length", "5"}, {"host", "x"}, {"a_b", "1"}, {"x", "y"}},
         "x: y\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        check(&rows[i]);
}

static void what_is_too_large_is_known_apart(void **state)
{
    static char value[H1_HEAD_MAX];
    struct h2_head h;

    (void)state;
    memset(value, 'x', sizeof value - 1);
    h2_head_begin(&h, H2_REQUEST_HEAD);
    h2_head_add(&h, STR("x"), str_from(value));
    assert_true(h.too_large && !h.malformed);
    h2_head_end(&h);
    h2_head_begin(&h, H2_REQUEST_HEAD);
    for (int i = 0; i < H2_CRUMBS_MAX; i++)
        h2_head_add(&h, STR("cookie"), STR("a=b"));
    assert_false(h.too_large);
    h2_head_add(&h, STR("cookie"), STR("a=b"));
    assert_true(h.too_large);
    h2_head_end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_become_heads),
        cmocka_unit_test(what_cannot_be_a_head_is_none),
        cmocka_unit_test(responses_and_trailers),
        cmocka_unit_test(what_is_too_large_is_known_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
