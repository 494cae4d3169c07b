/*
 * libcurl's easy interface behind two functions. Knows HTTP and the API's headers, not what an
 * answer means.
 */
#include "admin/cli/client.h"

#include <curl/curl.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"

enum { ANSWER_MAX = 256 << 20, CONNECT_MS = 5000, ANSWER_MS = 15000, SILENCE_S = 60 };

struct client {
    CURL *easy;
    char *url; /* without a "/" at its end */
    char *authorization;
};

struct call {
    struct client *client;
    struct client_reply *reply;
    bool too_large, stopped;
    bool (*on_bytes)(void *arg, struct str bytes); /* NULL: the body is collected */
    void *arg;
    char why[CURL_ERROR_SIZE];
};

/* Only the scheme is ours to judge; the rest is curl's. */
static bool is_url(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

struct client *client_new(const char *url, const char *token, struct err *e)
{
    struct client *c;
    size_t n = strlen(url);

    if (!is_url(url)) {
        err_set(e, "BadUrl", "", "\"%s\" is no URL: write http://HOST:PORT or https://HOST:PORT",
                url);
        return NULL;
    }
    while (n > 0 && url[n - 1] == '/')
        n--;
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    c = xcalloc(1, sizeof *c);
    c->easy = curl_easy_init();
    ASSERT(c->easy != NULL);
    c->url = xmemdup0(url, n);
    c->authorization = token != NULL ? xasprintf("Authorization: Bearer %s", token) : NULL;
    return c;
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->easy);
    curl_global_cleanup();
    free(c->url);
    free(c->authorization);
    free(c);
}

static long status_of(struct call *call)
{
    long status = 0;

    (void)curl_easy_getinfo(call->client->easy, CURLINFO_RESPONSE_CODE, &status); /* 0 then */
    return status;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct call *call = arg;

    n *= size;
    if (call->on_bytes != NULL && status_of(call) == 200) {
        call->stopped = !call->on_bytes(call->arg, (struct str){p, n});
        return call->stopped ? 0 : n;
    }
    call->too_large = !buf_add(&call->reply->body, p, n);
    return call->too_large ? 0 : n;
}

static bool header_is(struct str line, const char *name, struct str *out_value)
{
    struct str key;
    struct str rest = line;

    if (!str_split(&rest, ':', &key) || rest.p == NULL || !str_eq_nocase(key, str_from(name)))
        return false;
    while (rest.n > 0 && (rest.p[rest.n - 1] == '\n' || rest.p[rest.n - 1] == '\r'))
        rest.n--;
    *out_value = str_trim(rest);
    return true;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct client_reply *reply = ((struct call *)arg)->reply;
    struct str line = {p, n * size};
    struct str value;
    uint64_t number;

    if (header_is(line, "Signalbox-Commit", &value) && str_to_u64(value, UINT64_MAX, &number))
        reply->commit = number;
    if (header_is(line, "Retry-After", &value) && str_to_u64(value, 1 << 20, &number))
        reply->retry_after_s = (int64_t)number;
    if (header_is(line, "Signalbox-Audit-Head", &value) && value.n < CLIENT_HASH_MAX)
        (void)snprintf(reply->audit_head, sizeof reply->audit_head, "%.*s", STR_ARG(value));
    return line.n;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(list, header);

    ASSERT(longer != NULL);
    return longer;
}

static struct curl_slist *headers_of(const struct client *c, const char *name, const char *value)
{
    struct curl_slist *list = add_header(NULL, "Expect:");

    if (c->authorization != NULL)
        list = add_header(list, c->authorization);
    if (value != NULL) {
        char *line = xasprintf("%s: %s", name, value);

        list = add_header(list, line);
        free(line);
    }
    return list;
}

static void prepare(struct call *call, const char *url, struct curl_slist *headers)
{
    CURL *easy = call->client->easy;

    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "signalbox/" SIGNALBOX_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

static bool perform(struct call *call, struct err *e)
{
    int64_t began = clock_mono_ms();
    CURLcode code = curl_easy_perform(call->client->easy);

    call->reply->took_ms = clock_mono_ms() - began;
    call->reply->status = (int)status_of(call);
    if (code == CURLE_OK || call->stopped)
        return true;
    if (call->too_large)
        return err_set(e, "TooLarge", "", "the answer of %s is over %d MiB", call->client->url,
                       ANSWER_MAX >> 20);
    return err_set(e, "Unreachable", "", "%s does not answer: %s", call->client->url,
                   call->why[0] != '\0' ? call->why : curl_easy_strerror(code));
}

static void reply_init(struct client_reply *r)
{
    *r = (struct client_reply){.retry_after_s = -1};
    buf_init(&r->body, ANSWER_MAX);
}

bool client_call(struct client *c, const struct client_request *rq, struct client_reply *out,
                 struct err *e)
{
    struct call call = {.client = c, .reply = out};
    struct curl_slist *headers = headers_of(c, "Content-Type", rq->body != NULL ? rq->type : NULL);
    char *url = xasprintf("%s%s", c->url, rq->uri);
    bool ok;

    reply_init(out);
    prepare(&call, url, headers);
    if (rq->body != NULL) {
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(rq->body));
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, rq->body);
    }
    curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, rq->method);
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)(ANSWER_MS + rq->wait_ms));
    ok = perform(&call, e);
    curl_slist_free_all(headers);
    free(url);
    return ok;
}

bool client_stream(struct client *c, const struct client_stream *rq, struct client_reply *out,
                   struct err *e)
{
    struct call call = {.client = c, .reply = out, .on_bytes = rq->on_bytes, .arg = rq->arg};
    struct curl_slist *headers = headers_of(c, "Last-Event-ID", rq->last_event_id);
    char *url = xasprintf("%s%s", c->url, rq->uri);
    bool ok;

    reply_init(out);
    prepare(&call, url, headers);
    curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    ok = perform(&call, e);
    curl_slist_free_all(headers);
    free(url);
    return ok || out->status != 0;
}

void client_reply_free(struct client_reply *r)
{
    buf_free(&r->body);
}
