/*
 * When the tasks of a service that an event named are read again, see recent.h. Called by
 * observe.c.
 */
#include "clusters/swarm/recent.h"

#include <stdlib.h>

#include "gateway/core/check.h"

enum { FIRST_MS = 250, LAST_MS = 2000 };

struct recent {
    int64_t pause_ms;
    int64_t next_ms;
};

void recent_add(struct map *recent, const char *service_id, int64_t now_ms)
{
    struct recent *r = map_get(recent, str_from(service_id));

    if (!r) {
        r = xcalloc(1, sizeof(*r));
        (void)map_put(recent, str_from(service_id), r); /* there was none */
    }
    r->pause_ms = FIRST_MS;
    r->next_ms = now_ms + FIRST_MS;
}

void recent_take(struct map *recent, int64_t now_ms, struct ids *out)
{
    struct str id;
    size_t pos = 0;
    void *value;

    while (map_next(recent, &pos, &id, &value)) {
        struct recent *r = value;

        if (r->next_ms > now_ms)
            continue;
        ids_add(out, id.p); /* keys of a map end in a NUL */
        r->pause_ms *= 2;
        r->next_ms = now_ms + r->pause_ms;
        if (r->pause_ms > LAST_MS)
            free(map_remove(recent, id));
    }
}

int64_t recent_next(const struct map *recent)
{
    int64_t next = INT64_MAX;
    struct str id;
    size_t pos = 0;
    void *value;

    while (map_next(recent, &pos, &id, &value)) {
        const struct recent *r = value;

        next = r->next_ms < next ? r->next_ms : next;
    }
    return next;
}

void recent_clear(struct map *recent)
{
    map_free(recent, free);
}
