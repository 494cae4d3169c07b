/*
 * Many followers in one process, for tests/bench/scale: each holds a stream, understands the lines
 * hello and commit, and reports what it has as a gateway does.
 *
 *     followers PORT FIRST COUNT CLUSTER TOKEN [CLUSTER TOKEN ...]
 *
 * Follower i is of the (i modulo so many)th cluster, comes from an address of its own on loopback
 * and calls itself g<FIRST + i>. Writes "ready MS BYTES" when all have a whole table, MS after the
 * start; then "commit REVISION NUM US" each time a revision has reached all followers of a cluster,
 * US between the first and the last of them. A coordinator that is not there yet, or has no table
 * of the cluster yet, is asked again. Ends with stdin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/str.h"

enum { LINE_MAX_SEEN = 256, READ_MAX = 1 << 16, EVENTS_MAX = 256, REQUEST_MAX = 1024 };
enum { CLUSTERS_MAX = 64, REVISIONS_MAX = 64, RETRY_MS = 20, AGAIN_MS = 5 };
enum { STATUS_AT = 9 }; /* in the head of an answer */

struct cluster {
    const char *name;
    const char *token;
    size_t num; /* followers */
    struct {
        uint64_t revision;
        size_t num;
        int64_t first_us;
    } seen[REVISIONS_MAX]; /* of late, by revision modulo their number */
};

enum chunk { CHUNK_HEAD, CHUNK_SIZE, CHUNK_DATA, CHUNK_END };

struct follower {
    int stream;
    int report;
    struct cluster *cluster;
    size_t id;
    enum chunk state;
    size_t head_len;
    bool refused;  /* the stream: not now */
    uint64_t left; /* of the chunk */
    unsigned newlines;
    char line[LINE_MAX_SEEN]; /* its beginning */
    size_t line_len;
    char epoch[96];
    uint64_t revision; /* that it has; 0: none yet */
    uint64_t reported;
    bool reporting;
};

static struct cluster clusters[CLUSTERS_MAX];
static size_t num_clusters;
static struct follower *followers;
static size_t num_followers;
static size_t num_ready;
static uint64_t bytes;
static int64_t began_ms;
static uint16_t port;
static size_t first_id;
static int epoll;

/* ---- sockets ---- */

/* From an address of its own: strangers of one address are few. */
static int dial(size_t id)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f010000U + (uint32_t)id + 1)};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
    while (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        ASSERT(errno == ECONNREFUSED || errno == EAGAIN || errno == ETIMEDOUT);
        (void)poll(NULL, 0, RETRY_MS);
    }
    ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* Small enough for any socket's buffer. */
static void send_all(int fd, const char *text, size_t n)
{
    ASSERT(send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void watch(int fd, struct follower *f, bool is_report)
{
    struct epoll_event e = {.events = EPOLLIN,
                            .data.u64 = (uint64_t)(f - followers) * 2 + (is_report ? 1 : 0)};

    ASSERT(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void open_stream(struct follower *f)
{
    char text[REQUEST_MAX];
    int n = snprintf(text, sizeof(text),
                     "GET /v1/clusters/%s/stream?gateway=g%zu HTTP/1.1\r\nHost: c\r\n"
                     "Authorization: Bearer %s\r\n\r\n",
                     f->cluster->name, f->id, f->cluster->token);

    f->stream = dial(f->id);
    send_all(f->stream, text, (size_t)n);
    watch(f->stream, f, false);
}

/* ---- reports: one at a time, the newest ---- */

static void report(struct follower *f)
{
    char body[REQUEST_MAX / 2];
    char text[REQUEST_MAX];

    if (f->reporting || f->reported == f->revision)
        return;
    if (f->report < 0) {
        f->report = dial(f->id);
        watch(f->report, f, true);
    }
    int len =
        snprintf(body, sizeof(body),
                 "{\"node\":\"n\",\"refusals\":[],\"routes\":0,\"epoch\":\"%s\",\"applied\":%llu}",
                 f->epoch, (unsigned long long)f->revision);
    int n = snprintf(text, sizeof(text),
                     "POST /v1/clusters/%s/gateways/g%zu/report HTTP/1.1\r\nHost: c\r\n"
                     "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n%s",
                     f->cluster->name, f->id, f->cluster->token, len, body);

    send_all(f->report, text, (size_t)n);
    f->reported = f->revision;
    f->reporting = true;
}

static void on_reported(struct follower *f)
{
    char reply[REQUEST_MAX];
    ssize_t n = recv(f->report, reply, sizeof(reply) - 1, 0);

    if (n <= 0) { /* it was idle for too long */
        close(f->report);
        f->report = -1;
        f->reported = f->reporting ? 0 : f->reported;
    } else {
        reply[n] = '\0';
        ASSERT(strstr(reply, " 204 ") != NULL);
    }
    f->reporting = false;
    report(f);
}

/* ---- lines ---- */

static void note_commit(struct follower *f, uint64_t revision)
{
    int64_t now = clock_mono_us();
    struct cluster *c = f->cluster;
    size_t at = revision % REVISIONS_MAX;

    if (c->seen[at].revision != revision) {
        c->seen[at].revision = revision;
        c->seen[at].num = 0;
        c->seen[at].first_us = now;
    }
    if (++c->seen[at].num == c->num)
        printf("commit %llu %zu %lld\n", (unsigned long long)revision, c->num,
               (long long)(now - c->seen[at].first_us));
}

static void take_revision(struct follower *f)
{
    uint64_t revision = strtoull(f->line + strlen("{\"commit\":{\"revision\":"), NULL, 10);
    bool first = f->revision == 0;

    f->revision = revision;
    if (!first)
        note_commit(f, revision);
    else if (++num_ready == num_followers)
        printf("ready %lld %llu\n", (long long)(clock_mono_ms() - began_ms),
               (unsigned long long)bytes);
    fflush(stdout);
    report(f);
}

static void take_hello(struct follower *f)
{
    const char *at = strstr(f->line, "\"epoch\":\"");
    const char *end = at != NULL ? strchr(at + 9, '"') : NULL;

    ASSERT(end != NULL && (size_t)(end - at - 9) < sizeof(f->epoch));
    memcpy(f->epoch, at + 9, (size_t)(end - at - 9));
    f->epoch[end - at - 9] = '\0';
}

static void take_line(struct follower *f)
{
    f->line[f->line_len] = '\0';
    if (strncmp(f->line, "{\"commit\"", 9) == 0)
        take_revision(f);
    else if (strncmp(f->line, "{\"hello\"", 8) == 0)
        take_hello(f);
    f->line_len = 0;
}

static void take_data(struct follower *f, struct str s)
{
    while (s.n != 0) {
        const char *end = memchr(s.p, '\n', s.n);
        size_t n = end != NULL ? (size_t)(end - s.p) : s.n;
        size_t room = LINE_MAX_SEEN - 1 - f->line_len;
        size_t kept = n < room ? n : room;

        memcpy(f->line + f->line_len, s.p, kept);
        f->line_len += kept;
        if (end != NULL) {
            take_line(f);
            n++;
        }
        s = (struct str){s.p + n, s.n - n};
    }
}

/* ---- chunks, RFC 9112 section 7.1 ---- */

static void take_byte(struct follower *f, char c)
{
    if (f->state == CHUNK_HEAD) {
        f->refused = f->refused || (f->head_len++ == STATUS_AT && c != '2');
        f->newlines = c == '\n' ? f->newlines + 1 : c == '\r' ? f->newlines : 0;
        if (f->newlines == 2)
            f->state = CHUNK_SIZE;
    } else if (f->state == CHUNK_SIZE && c == '\n') {
        ASSERT(f->left != 0); /* the stream has no end */
        f->state = CHUNK_DATA;
    } else if (f->state == CHUNK_SIZE && c != '\r') {
        f->left = f->left * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    } else if (f->state == CHUNK_END && c == '\n') {
        f->state = CHUNK_SIZE;
    }
}

static void take_bytes(struct follower *f, struct str s)
{
    while (s.n != 0 && !f->refused) {
        size_t n = 1;

        if (f->state == CHUNK_DATA) {
            n = s.n < f->left ? s.n : (size_t)f->left;
            take_data(f, (struct str){s.p, n});
            f->left -= n;
            f->state = f->left == 0 ? CHUNK_END : CHUNK_DATA;
        } else {
            take_byte(f, *s.p);
        }
        s = (struct str){s.p + n, s.n - n};
    }
}

static void ask_again(struct follower *f)
{
    close(f->stream);
    (void)poll(NULL, 0, AGAIN_MS);
    f->refused = false;
    f->head_len = 0;
    f->newlines = 0;
    open_stream(f);
}

static void on_stream(struct follower *f)
{
    static char in[READ_MAX];
    ssize_t n = recv(f->stream, in, sizeof(in), 0);

    if (n <= 0 && f->state != CHUNK_HEAD) {
        fprintf(stderr, "the stream of g%zu ended\n", f->id);
        exit(1);
    }
    bytes += n > 0 ? (uint64_t)n : 0;
    take_bytes(f, (struct str){in, n > 0 ? (size_t)n : 0});
    if (n <= 0 || f->refused)
        ask_again(f);
}

/* ---- the whole ---- */

static void serve(void)
{
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event stdin_event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};

    ASSERT(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &stdin_event) == 0);
    for (;;) {
        int num = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < num; i++) {
            if (events[i].data.u64 == UINT64_MAX)
                return;
            struct follower *f = &followers[events[i].data.u64 / 2];

            if (events[i].data.u64 % 2 != 0)
                on_reported(f);
            else
                on_stream(f);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t numbers[3];

    for (int i = 0; i < 3; i++) {
        if (argc < 6 || argc % 2 != 0 || argc > 4 + 2 * CLUSTERS_MAX ||
            !str_to_u64(str_from(argv[1 + i]), UINT16_MAX, &numbers[i])) {
            fprintf(stderr,
                    "usage: followers PORT FIRST COUNT CLUSTER TOKEN [CLUSTER TOKEN ...]\n");
            return 2;
        }
    }
    port = (uint16_t)numbers[0];
    first_id = (size_t)numbers[1];
    num_followers = (size_t)numbers[2];
    followers = xcalloc(num_followers, sizeof(*followers));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 4; i < argc; i += 2)
        clusters[num_clusters++] = (struct cluster){.name = argv[i], .token = argv[i + 1]};
    began_ms = clock_mono_ms();
    for (size_t i = 0; i < num_followers; i++) {
        struct follower *f = &followers[i];

        *f = (struct follower){
            .report = -1, .cluster = &clusters[i % num_clusters], .id = first_id + i};
        f->cluster->num++;
        open_stream(f);
    }
    serve();
    return 0;
}
