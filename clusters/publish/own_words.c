/*
 * libevent 2.1 has no callback for its error pages (2.2 has), so they are replaced where they wait
 * to be sent: the status line tells which it is, and evhttp closes the connection after any of
 * them. Called by listener.c at the end of the turn in which the page was written.
 */
#include "clusters/publish/own_words.h"

#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "clusters/publish/reply.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/str.h"

enum { HEAD_BYTES = 12, ANSWER_MAX = 4096 }; /* "HTTP/1.1 400" */

/* The status of the page; 0 when it is none that refuses. */
static int status_of(struct evbuffer *out)
{
    char head[HEAD_BYTES];
    uint64_t status = 0;

    if (evbuffer_copyout(out, head, sizeof head) != (ev_ssize_t)sizeof head ||
        memcmp(head, "HTTP/1.", 7) != 0 || !str_to_u64((struct str){head + 9, 3}, 599, &status) ||
        status < 400)
        return 0;
    return (int)status;
}

static const char *sentence(int status)
{
    switch (status) {
    case 413:
        return "the request's body is larger than this resource takes";
    case 501:
        return "this method is not known here";
    case 417:
        return "the expectation of this request cannot be met";
    default:
        return "this is no HTTP request that can be understood";
    }
}

/* In the place of what waits: a head that closes the connection, and the body. */
static void replace(struct evbuffer *out, int status)
{
    struct err why = {0};
    struct buf body;
    struct buf answer;

    err_set(&why, "BadRequest", "", "%s", sentence(status));
    buf_init(&body, ANSWER_MAX);
    buf_init(&answer, ANSWER_MAX);
    reply_write_problem(&body, status, &why);
    ASSERT(buf_add_fmt(&answer,
                       "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
                       "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                       status, reply_phrase(status), body.len) &&
           buf_add(&answer, body.bytes, body.len));
    ASSERT(evbuffer_drain(out, evbuffer_get_length(out)) == 0 &&
           evbuffer_add(out, answer.bytes, answer.len) == 0);
    buf_free(&body);
    buf_free(&answer);
}

void own_words_amend(struct bufferevent *bev)
{
    struct evbuffer *out = bufferevent_get_output(bev);
    int status;

    /* A bufferevent keeps others from what it is about to send, even from looking. */
    ASSERT(evbuffer_unfreeze(out, 1) == 0);
    status = status_of(out);
    if (status != 0)
        replace(out, status);
    ASSERT(evbuffer_freeze(out, 1) == 0);
}
