/*
 * See access_log.h. A ring is a run of bytes with two positions that only grow: `head` is written
 * by its worker, `tail` by the writer's thread. A record does not wrap: the rest of the ring before
 * it is then a gap, marked by a length of 0. The mutex guards nothing but the writer's sleep while
 * the log is off and its end.
 */
#include "gateway/observe/access_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/observe/access_line.h"

enum {
    ACCESS_LOG_MAGIC = 0x0acce551,
    OUT_BYTES = 256 << 10, /* written at once */
    FAILED_PAUSE_MS = 1000
};

/* In a ring: this, then the texts one behind the other, up to the next multiple of 8. */
struct entry {
    uint32_t len; /* of the whole entry; 0: a gap up to the end of the ring */
    uint16_t lens[ACCESS_TEXT__COUNT];
    struct access_record record;
};

struct ring {
    _Alignas(64) _Atomic uint64_t head;
    _Atomic uint64_t overflowed; /* records; of the worker */
    bool on;                     /* of the worker */
    _Atomic(char *) bytes;       /* NULL until it is first switched on */
    _Alignas(64) _Atomic uint64_t tail;
    _Atomic uint64_t failed; /* records that could not be written; of the writer */
    uint64_t told;           /* lost records that the log has told */
    uint64_t in_out;         /* records that are in `out` */
};

struct access_log {
    unsigned magic;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned num_on; /* under `lock`, as are the next two */
    bool switched;   /* on or off, since the writer last looked */
    bool ending;
    bool broken; /* the last write failed */
    _Atomic uint64_t written;
    int64_t wall_offset_ms; /* what wall time is ahead of the monotonic clock */
    struct access_clock clock;
    char *out;
    size_t out_len;
    size_t num_rings;
    struct ring rings[];
};

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void count(_Atomic uint64_t *n, uint64_t more) /* by its one writer */
{
    atomic_store_explicit(n, get(n) + more, memory_order_relaxed);
}

/* ---- the worker's side ----------------------------------------------------------------------- */

/* Where `len` bytes in one piece can be written, or NULL; *head moves over a gap when needed. */
static char *find_room(struct ring *r, uint64_t *head, size_t len)
{
    char *bytes = atomic_load_explicit(&r->bytes, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t at = *head % ACCESS_RING_BYTES, to_end = ACCESS_RING_BYTES - at;

    if (to_end >= len)
        return *head + len - tail <= ACCESS_RING_BYTES ? bytes + at : NULL;
    if (*head + to_end + len - tail > ACCESS_RING_BYTES)
        return NULL;
    memset(bytes + at, 0, sizeof(uint32_t));
    *head += to_end;
    return bytes;
}

static size_t measure(const struct str texts[ACCESS_TEXT__COUNT], struct entry *e)
{
    static const uint16_t most[] = {
#define X(sym, name, max, help) [ACCESS_##sym] = (max),
        ACCESS_TEXTS(X)
#undef X
    };
    size_t len = sizeof *e;

    for (int i = 0; i < ACCESS_TEXT__COUNT; i++) {
        e->lens[i] = texts[i].n < most[i] ? (uint16_t)texts[i].n : most[i];
        len += e->lens[i];
    }
    return (len + 7) & ~(size_t)7;
}

void access_log_add(struct access_log *l, size_t worker, const struct access_record *record,
                    const struct str texts[ACCESS_TEXT__COUNT])
{
    struct ring *r = &l->rings[worker];
    uint64_t head = get(&r->head);
    struct entry e;
    char *at;

    if (!r->on)
        return;
    e.record = *record;
    e.len = (uint32_t)measure(texts, &e);
    at = find_room(r, &head, e.len);
    if (at == NULL) {
        count(&r->overflowed, 1);
        return;
    }
    memcpy(at, &e, sizeof e);
    at += sizeof e;
    for (int i = 0; i < ACCESS_TEXT__COUNT; i++) {
        if (e.lens[i] > 0)
            memcpy(at, texts[i].p, e.lens[i]);
        at += e.lens[i];
    }
    atomic_store_explicit(&r->head, head + e.len, memory_order_release);
}

static void lock(struct access_log *l)
{
    ASSERT(pthread_mutex_lock(&l->lock) == 0);
}

static void unlock(struct access_log *l)
{
    ASSERT(pthread_mutex_unlock(&l->lock) == 0);
}

void access_log_switch(struct access_log *l, size_t worker, bool on)
{
    struct ring *r;

    OBJ_CHECK(l, ACCESS_LOG_MAGIC);
    ASSERT(worker < l->num_rings);
    r = &l->rings[worker];
    if (r->on == on)
        return;
    if (on && atomic_load_explicit(&r->bytes, memory_order_relaxed) == NULL)
        atomic_store_explicit(&r->bytes, xmalloc(ACCESS_RING_BYTES), memory_order_release);
    r->on = on;
    lock(l);
    l->num_on += on ? 1 : (unsigned)-1;
    l->switched = true;
    ASSERT(pthread_cond_signal(&l->news) == 0);
    unlock(l);
}

/* ---- the writer's side ----------------------------------------------------------------------- */

/* False: nothing is there. */
static bool take_entry(struct access_log *l, struct ring *r, const char *bytes)
{
    uint64_t tail = get(&r->tail);
    struct str texts[ACCESS_TEXT__COUNT];
    struct entry e;
    const char *at;

    if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
        return false;
    memcpy(&e.len, bytes + tail % ACCESS_RING_BYTES, sizeof e.len);
    if (e.len == 0)
        tail += ACCESS_RING_BYTES - tail % ACCESS_RING_BYTES;
    at = bytes + tail % ACCESS_RING_BYTES;
    memcpy(&e, at, sizeof e);
    at += sizeof e;
    for (int i = 0; i < ACCESS_TEXT__COUNT; at += e.lens[i], i++)
        texts[i] = (struct str){at, e.lens[i]};
    l->out_len += access_line_write(l->out + l->out_len, &e.record, texts,
                                    e.record.begun_us / 1000 + l->wall_offset_ms, &l->clock);
    atomic_store_explicit(&r->tail, tail + e.len, memory_order_release);
    return true;
}

static void drain_ring(struct access_log *l, struct ring *r)
{
    const char *bytes = atomic_load_explicit(&r->bytes, memory_order_acquire);
    uint64_t lost = get(&r->overflowed) + get(&r->failed);

    r->in_out = 0;
    if (bytes == NULL)
        return;
    if (lost != r->told && l->out_len + ACCESS_LINE_MAX <= OUT_BYTES) {
        l->out_len += access_line_write_lost(l->out + l->out_len, lost - r->told,
                                             (size_t)(r - l->rings), clock_wall_ms(), &l->clock);
        r->told = lost;
    }
    while (l->out_len + ACCESS_LINE_MAX <= OUT_BYTES && take_entry(l, r, bytes))
        r->in_out++;
}

/* Somebody may have made it non-blocking: it is shared with whoever started us. */
static bool wait_for_room(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static bool write_out(struct access_log *l)
{
    size_t sent = 0;

    while (sent < l->out_len) {
        ssize_t n = write(l->fd, l->out + sent, l->out_len - sent);

        if (n >= 0)
            sent += (size_t)n;
        else if (errno == EAGAIN ? !wait_for_room(l->fd) : errno != EINTR)
            return false;
    }
    return true;
}

/* What is in `out` is with whoever reads standard output, or it is lost. */
static void note_outcome(struct access_log *l, bool ok)
{
    if (!ok && !l->broken)
        log_error("the access log cannot be written to standard output: %s", strerror(errno));
    else if (ok && l->broken)
        log_info("the access log can be written again");
    l->broken = !ok;
    for (size_t i = 0; i < l->num_rings; i++)
        count(ok ? &l->written : &l->rings[i].failed, l->rings[i].in_out);
}

/* False: there was nothing. */
static bool pass_on(struct access_log *l)
{
    l->out_len = 0;
    l->wall_offset_ms = clock_wall_ms() - clock_mono_ms();
    for (size_t i = 0; i < l->num_rings; i++)
        drain_ring(l, &l->rings[i]);
    if (l->out_len == 0)
        return false;
    note_outcome(l, write_out(l));
    return true;
}

/* While the log is off everywhere, and what came before that is written. False: it is over. */
static bool wait_for_news(struct access_log *l)
{
    bool ending;

    lock(l);
    while (l->num_on == 0 && !l->switched && !l->ending)
        ASSERT(pthread_cond_wait(&l->news, &l->lock) == 0);
    l->switched = false;
    ending = l->ending;
    unlock(l);
    return !ending;
}

/* The end cuts it short: whoever waits for it does not wait for a pause. */
static void rest(struct access_log *l, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int over = 0;

    lock(l);
    while (!l->ending && over == 0)
        over = pthread_cond_timedwait(&l->news, &l->lock, &until);
    unlock(l);
}

static void *run(void *arg)
{
    struct access_log *l;
    bool goes_on;

    OBJ_CAST(l, arg, ACCESS_LOG_MAGIC);
    (void)pthread_setname_np(pthread_self(), "access-log"); /* only for who looks at the process */
    do {
        goes_on = wait_for_news(l);
        while (pass_on(l) && !l->broken)
            continue;
        if (goes_on)
            rest(l, l->broken ? FAILED_PAUSE_MS : ACCESS_IDLE_MS);
    } while (goes_on);
    return NULL;
}

/* ---- the process's side ---------------------------------------------------------------------- */

static int start_thread(struct access_log *l)
{
    sigset_t all, before;
    int failure;

    /* Signals are for the hub's thread. */
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        WRONG("the signal mask cannot be set");
    failure = pthread_create(&l->thread, NULL, run, l);
    if (pthread_sigmask(SIG_SETMASK, &before, NULL) != 0)
        WRONG("the signal mask cannot be set");
    return failure;
}

static void destroy(struct access_log *l)
{
    for (size_t i = 0; i < l->num_rings; i++)
        free(atomic_load_explicit(&l->rings[i].bytes, memory_order_relaxed));
    free(l->out);
    ASSERT(pthread_mutex_destroy(&l->lock) == 0 && pthread_cond_destroy(&l->news) == 0);
    OBJ_KILL(l);
}

struct access_log *access_log_new(size_t num_workers, int fd, struct err *e)
{
    size_t bytes = sizeof(struct access_log) + num_workers * sizeof(struct ring);
    struct access_log *l = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    pthread_condattr_t monotonic;
    int failure;

    ASSERT(l != NULL);
    memset(l, 0, bytes);
    l->magic = ACCESS_LOG_MAGIC;
    l->fd = fd;
    l->num_rings = num_workers;
    l->out = xmalloc(OUT_BYTES);
    ASSERT(pthread_condattr_init(&monotonic) == 0 &&
           pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_mutex_init(&l->lock, NULL) == 0 && pthread_cond_init(&l->news, &monotonic) == 0);
    ASSERT(pthread_condattr_destroy(&monotonic) == 0);
    failure = start_thread(l);
    if (failure == 0)
        return l;
    destroy(l);
    err_set(e, "NoThread", "", "the access log has no thread: %s", strerror(failure));
    return NULL;
}

/* A writer that hangs in its write is left behind with all it has: the process is about to end. */
void access_log_free(struct access_log *l)
{
    struct timespec until;

    if (l == NULL)
        return;
    OBJ_CHECK(l, ACCESS_LOG_MAGIC);
    lock(l);
    l->ending = true;
    ASSERT(pthread_cond_signal(&l->news) == 0);
    unlock(l);
    ASSERT(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += ACCESS_END_MS / 1000;
    if (pthread_timedjoin_np(l->thread, NULL, &until) == 0)
        destroy(l);
    else
        log_warn("nobody reads standard output: the last records of the access log are lost");
}

uint64_t access_log_written(const struct access_log *l)
{
    return get(&l->written);
}

uint64_t access_log_lost(const struct access_log *l, size_t worker)
{
    return get(&l->rings[worker].overflowed) + get(&l->rings[worker].failed);
}
