/*
 * Answers over evhttp. A refusal never echoes a token, and closes the connection, so that a body
 * that was not read cannot be taken for the next request. Called by the stream listener and by the
 * admin API, each on the thread of its own loop.
 */
#include "clusters/publish/reply.h"

#include <event2/buffer.h>
#include <event2/http.h>

#include "gateway/core/check.h"

enum { REPLY_MAX = 64 << 20 };

const char *reply_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Error";
}

static void header(struct evhttp_request *req, const char *name, const char *value)
{
    /* Fails only for line breaks in the value, and every value is ours. */
    ASSERT(evhttp_add_header(evhttp_request_get_output_headers(req), name, value) == 0);
}

/* HEAD gets no body (RFC 9110 section 9.3.2), which evhttp leaves to us. */
static void send_body(struct evhttp_request *req, int status, const char *type, struct str body)
{
    struct evbuffer *out = evbuffer_new();

    ASSERT(out != NULL);
    header(req, "Content-Type", type);
    header(req, "Cache-Control", "no-store");
    header(req, "X-Content-Type-Options", "nosniff");
    if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
        ASSERT(evbuffer_add(out, body.p, body.n) == 0);
    evhttp_send_reply(req, status, reply_phrase(status), out);
    evbuffer_free(out);
}

void reply_json(struct evhttp_request *req, int status, const struct buf *body)
{
    send_body(req, status, "application/json", buf_str(body));
}

void reply_body(struct evhttp_request *req, int status, const char *type, const struct buf *body)
{
    send_body(req, status, type, buf_str(body));
}

void reply_text(struct evhttp_request *req, const char *type, const struct buf *body)
{
    send_body(req, 200, type, buf_str(body));
}

void reply_empty(struct evhttp_request *req)
{
    evhttp_send_reply(req, 204, reply_phrase(204), NULL);
}

void reply_write_problem(struct buf *b, int status, const struct err *why)
{
    ASSERT(buf_add_fmt(b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":",
                       reply_phrase(status), status) &&
           buf_add_json(b, str_from(why->code)) && buf_add_str(b, STR(",\"detail\":")) &&
           buf_add_json(b, str_from(why->text)));
    if (why->field[0] != '\0')
        ASSERT(buf_add_str(b, STR(",\"field\":")) && buf_add_json(b, str_from(why->field)));
    ASSERT(buf_add_str(b, STR("}\n")));
}

void reply_problem(struct evhttp_request *req, int status, const struct err *why)
{
    struct buf b;

    buf_init(&b, REPLY_MAX);
    reply_write_problem(&b, status, why);
    header(req, "Connection", "close");
    send_body(req, status, "application/problem+json", buf_str(&b));
    buf_free(&b);
}

void reply_unauthorized(struct evhttp_request *req, const char *realm)
{
    struct err why = {0};
    char *challenge = xasprintf("Bearer realm=\"%s\"", realm);

    err_set(&why, "Unauthorized", "Authorization",
            "this needs \"Authorization: Bearer <token>\" with a valid token");
    header(req, "WWW-Authenticate", challenge);
    free(challenge);
    reply_problem(req, 401, &why);
}

void reply_not_allowed(struct evhttp_request *req, const char *allow)
{
    struct err why = {0};

    err_set(&why, "MethodNotAllowed", "", "this resource allows %s only", allow);
    header(req, "Allow", allow);
    reply_problem(req, 405, &why);
}

void reply_later(struct evhttp_request *req, int status, int seconds, const struct err *why)
{
    char *after = xasprintf("%d", seconds);

    header(req, "Retry-After", after);
    free(after);
    reply_problem(req, status, why);
}

bool reply_bearer(struct evhttp_request *req, struct str *out)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
    struct str rest = str_trim(str_from(value));
    struct str scheme;

    if (value == NULL || !str_split(&rest, ' ', &scheme) || rest.p == NULL)
        return false;
    *out = str_trim(rest);
    return str_eq_nocase(scheme, STR("Bearer")) && out->n != 0;
}
