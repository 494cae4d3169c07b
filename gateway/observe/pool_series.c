/*
 * See pool_series.h. Names are added by workers and removed by the hub, under the mutex; only the
 * hub frees one, so it may read what it copied without the mutex. A worker's last count into a
 * series comes before it lets go (release), and the hub looks at the counters after it has seen
 * that (acquire): then they are nobody's and can be cleared for the next pool.
 */
#include "gateway/observe/pool_series.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/observe/exposition.h"

enum {
    POOL_SERIES_MAGIC = 0x0b001501,
    SAMPLES = 12,     /* of one pool, at most */
    SAMPLE_BYTES = 84 /* of one sample, but for the pool's name */
};

struct pool_series {
    unsigned magic;
    size_t num_workers;
    size_t max;
    pthread_mutex_t lock;
    struct map by_name;               /* to number + 1; those without series of their own as well */
    char *names[POOL_SERIES_MAX + 1]; /* NULL: free; owned */
    size_t num;                       /* numbers below were in use once */
    struct pool_counters *counters[]; /* of each worker: max + 1 */
};

static void lock(struct pool_series *s)
{
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
}

static void unlock(struct pool_series *s)
{
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

struct pool_series *pool_series_new(size_t num_workers, size_t max)
{
    struct pool_series *s = xcalloc(1, sizeof *s + num_workers * sizeof(struct pool_counters *));

    ASSERT(max <= POOL_SERIES_MAX);
    s->magic = POOL_SERIES_MAGIC;
    s->num_workers = num_workers;
    s->max = max;
    s->num = 1;
    s->names[POOL_SERIES_OTHER] = xstrdup("(other)");
    map_init(&s->by_name);
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    for (size_t i = 0; i < num_workers; i++)
        s->counters[i] = xcalloc(max + 1, sizeof s->counters[i][0]);
    return s;
}

void pool_series_free(struct pool_series *s)
{
    if (s == NULL)
        return;
    OBJ_CHECK(s, POOL_SERIES_MAGIC);
    map_free(&s->by_name, NULL);
    for (size_t i = 0; i < s->num; i++)
        free(s->names[i]);
    for (size_t i = 0; i < s->num_workers; i++)
        free(s->counters[i]);
    ASSERT(pthread_mutex_destroy(&s->lock) == 0);
    OBJ_KILL(s);
}

struct pool_counters *pool_series_counters(struct pool_series *s, size_t worker, uint16_t number)
{
    return &s->counters[worker][number];
}

/* ---- workers --------------------------------------------------------------------------------- */

static uint16_t new_number(struct pool_series *s, struct str pool)
{
    size_t i = 1;

    while (i < s->num && s->names[i] != NULL)
        i++;
    if (i > s->max)
        return POOL_SERIES_OTHER;
    if (i == s->num)
        s->num++;
    s->names[i] = str_dup(pool);
    return (uint16_t)i;
}

uint16_t pool_series_hold(struct pool_series *s, size_t worker, struct str pool)
{
    uint16_t number;
    void *known;

    lock(s);
    known = map_get(&s->by_name, pool);
    number = known != NULL ? (uint16_t)((uintptr_t)known - 1) : new_number(s, pool);
    if (known == NULL)
        (void)map_put(&s->by_name, pool, (void *)(uintptr_t)(number + 1U)); /* none was there */
    metrics_add(&s->counters[worker][number].holds, 1);
    unlock(s);
    return number;
}

void pool_series_drop(struct pool_series *s, size_t worker, uint16_t number)
{
    _Atomic uint64_t *holds = &s->counters[worker][number].holds;

    atomic_store_explicit(holds, metrics_get(holds) - 1, memory_order_release);
}

/* ---- the hub --------------------------------------------------------------------------------- */

static bool is_zero(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_acquire) == 0;
}

/* `holds` first: a request begins while it is held and may end later. */
static bool is_held(const struct pool_series *s, size_t number)
{
    for (size_t i = 0; i < s->num_workers; i++)
        if (!is_zero(&s->counters[i][number].holds) || !is_zero(&s->counters[i][number].in_flight))
            return true;
    return false;
}

static void release(struct pool_series *s, size_t number)
{
    for (size_t i = 0; i < s->num_workers; i++)
        memset(&s->counters[i][number], 0, sizeof s->counters[i][number]);
    free(s->names[number]);
    s->names[number] = NULL;
}

void pool_series_sweep(struct pool_series *s, bool (*is_there)(const void *arg, struct str pool),
                       const void *arg)
{
    struct str name;
    size_t pos = 0;
    void *value;

    OBJ_CHECK(s, POOL_SERIES_MAGIC);
    lock(s);
    while (map_next(&s->by_name, &pos, &name, &value)) {
        size_t number = (uintptr_t)value - 1;

        if (is_there(arg, name) || (number != POOL_SERIES_OTHER && is_held(s, number)))
            continue;
        if (number != POOL_SERIES_OTHER)
            release(s, number);
        (void)map_remove(&s->by_name, name); /* its value is a number */
    }
    unlock(s);
}

/* What is shown, copied: names stay until the hub's next sweep. */
struct shown {
    size_t num, num_folded;
    const char *names[POOL_SERIES_MAX + 1];
    struct pool_counters sums[POOL_SERIES_MAX + 1];
};

static size_t cost(const char *name)
{
    size_t bytes = SAMPLE_BYTES;

    for (; *name != '\0'; name++)
        bytes += *name == '"' || *name == '\\' ? 4 : 1;
    return bytes * SAMPLES;
}

static void add(struct pool_counters *sum, const struct pool_counters *one)
{
    for (size_t i = 0; i < POOL_CLASSES; i++)
        metrics_add(&sum->requests[i], metrics_get(&one->requests[i]));
    metrics_add(&sum->in_flight, metrics_get(&one->in_flight));
    metrics_add(&sum->timed, metrics_get(&one->timed));
    metrics_add(&sum->duration_us, metrics_get(&one->duration_us));
    metrics_add(&sum->failures, metrics_get(&one->failures));
    metrics_add(&sum->retries, metrics_get(&one->retries));
}

static void copy_names(struct pool_series *s, struct shown *out)
{
    size_t others = 0;

    lock(s);
    out->num = s->num;
    for (size_t i = 0; i < s->num; i++) {
        out->names[i] = s->names[i];
        others += i > 0 && s->names[i] != NULL ? 1 : 0;
    }
    out->num_folded = s->by_name.len - others;
    unlock(s);
}

static struct shown *collect(struct pool_series *s, size_t bytes)
{
    struct shown *all = xcalloc(1, sizeof *all);
    size_t used = cost("(other)");

    copy_names(s, all);
    for (size_t i = 0; i < all->num; i++) {
        size_t at = i;

        if (all->names[i] == NULL)
            continue;
        if (i > 0 && used + cost(all->names[i]) > bytes) {
            at = POOL_SERIES_OTHER;
            all->names[i] = NULL;
            all->num_folded++;
        } else if (i > 0) {
            used += cost(all->names[i]);
        }
        for (size_t w = 0; w < s->num_workers; w++)
            add(&all->sums[at], &s->counters[w][i]);
    }
    return all;
}

static void write_classes(struct exposition *x, const struct shown *all)
{
    static const char *const classes[POOL_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

    exposition_metric(x, METRIC_POOL_REQUESTS);
    for (size_t i = 0; i < all->num; i++)
        for (size_t c = 0; all->names[i] != NULL && c < POOL_CLASSES; c++) {
            exposition_label(x, "pool", str_from(all->names[i]));
            exposition_label(x, "class", str_from(classes[c]));
            exposition_value(x, "", (int64_t)metrics_get(&all->sums[i].requests[c]));
        }
}

static void write_duration(struct exposition *x, const struct shown *all)
{
    exposition_metric(x, METRIC_POOL_DURATION);
    for (size_t i = 0; i < all->num; i++) {
        if (all->names[i] == NULL)
            continue;
        exposition_label(x, "pool", str_from(all->names[i]));
        exposition_value(x, "_sum", (int64_t)metrics_get(&all->sums[i].duration_us));
        exposition_label(x, "pool", str_from(all->names[i]));
        exposition_value(x, "_count", (int64_t)metrics_get(&all->sums[i].timed));
    }
}

#define WRITE_EACH(x, all, which, field)                                               \
    do {                                                                               \
        exposition_metric(x, which);                                                   \
        for (size_t i_ = 0; i_ < (all)->num; i_++)                                     \
            if ((all)->names[i_] != NULL) {                                            \
                exposition_label(x, "pool", str_from((all)->names[i_]));               \
                exposition_value(x, "", (int64_t)metrics_get(&(all)->sums[i_].field)); \
            }                                                                          \
    } while (0)

void pool_series_write(struct pool_series *s, struct exposition *x, size_t bytes)
{
    struct shown *all;

    OBJ_CHECK(s, POOL_SERIES_MAGIC);
    all = collect(s, bytes);
    write_classes(x, all);
    WRITE_EACH(x, all, METRIC_POOL_IN_FLIGHT, in_flight);
    write_duration(x, all);
    WRITE_EACH(x, all, METRIC_POOL_FAILURES, failures);
    WRITE_EACH(x, all, METRIC_POOL_RETRIES, retries);
    exposition_one(x, METRIC_POOLS_FOLDED, (int64_t)all->num_folded);
    free(all);
}
