/* Messages that are taken apart again: whole, byte by byte, and those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_split.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct seen {
    struct buf text; /* "[200][:103 interim]payload{Trailer: x}" */
};

static bool on_head(void *arg, const struct h1_head *h, char *base, bool bodiless)
{
    struct seen *s = arg;

    if (h->kind == H1_REQUEST)
        return buf_add_fmt(&s->text, "[%.*s%s]", STR_ARG(h1_method(h, base)), bodiless ? "." : "");
    return buf_add_fmt(&s->text, "[%u%s]", h->status, bodiless ? "." : "");
}

static bool on_data(void *arg, struct str data)
{
    return buf_add_str(&((struct seen *)arg)->text, data);
}

static void on_trailer(void *arg, struct str line)
{
    assert_true(buf_add_fmt(&((struct seen *)arg)->text, "{%.*s}", STR_ARG(line)));
}

static const struct h1_split_to to = {on_head, on_data, on_trailer};

struct row {
    enum h1_kind kind;
    bool was_head;
    const char *in;
    const char *expected; /* NULL: refused */
    bool whole;           /* after a close */
};

/* In pieces of `step` bytes, each as a vector of its own. */
static bool run(const struct row *r, size_t step, struct seen *seen, bool *out_whole)
{
    static struct h1_head scratch;
    struct h1_split s;
    size_t n, len = strlen(r->in);
    char *copy = xstrdup(r->in);
    bool ok = true;

    buf_init(&seen->text, 1 << 16);
    assert_true(buf_add_str(&seen->text, STR("")));
    h1_split_init(&s, r->kind, &to, seen);
    s.was_head = r->was_head;
    for (size_t at = 0; ok && at < len; at += n) {
        struct iovec iov = {copy + at, len - at < step ? len - at : step};

        ok = h1_split_feed(&s, &scratch, &iov, 1, step, &n);
        assert_true(!ok || n > 0);
    }
    *out_whole = h1_split_close(&s);
    h1_split_free(&s);
    free(copy);
    return ok;
}

static void messages_are_taken_apart(void **state)
{
    static const struct row rows[] = {
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "[200]hello",
         true},
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", "[200]hello",
         false},
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\r\n\r\nhello", "[200]hello", true},
        {H1_RESPONSE, true, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "[200.]", true},
        {H1_RESPONSE, false, "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", "[304.]", true},
        {H1_RESPONSE, false, "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
         "[100][103][204.]", true},
        {H1_RESPONSE, false,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nA: "
         "b\r\nC: d\r\n\r\n",
         "[200]abcde{A: b}{C: d}", true},
        {H1_RESPONSE, false,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "[200]abc",
         false},
        {H1_REQUEST, false, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "[GET.]", true},
        {H1_REQUEST, false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "[POST]ab",
         true},
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\r\nConte", "", false},
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", NULL, false},
        {H1_RESPONSE, false, "HTTP/1.1 204 x\r\n\r\nx", NULL, false},
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\nA: b\r\n\r\n", NULL, false},
        {H1_RESPONSE, false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", NULL, false},
        {H1_REQUEST, false, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        static const size_t steps[] = {1 << 16, 1, 2, 3, 7};

        for (size_t k = 0; k < LENGTH(steps); k++) {
            struct seen seen;
            bool whole, ok = run(&rows[i], steps[k], &seen, &whole);

            if (ok != (rows[i].expected != NULL) || whole != rows[i].whole)
                fail_msg("%s by %zu", rows[i].in, steps[k]);
            if (ok)
                assert_string_equal(seen.text.bytes, rows[i].expected);
            buf_free(&seen.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages_are_taken_apart)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
