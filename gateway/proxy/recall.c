/* See recall.h. Knows no requests: names and what they stand for. */
#include "gateway/proxy/recall.h"

#include <string.h>

#include "gateway/table/table.h"

/* The product's highest bits depend on all bytes of the word. */
static size_t place_of(uint64_t word)
{
    return word * UINT64_C(0x9e3779b97f4a7c15) >> 58;
}
_Static_assert(RECALL_PLACES == 1 << (64 - 58), "a place for each value");

static size_t place_of_name(struct str name)
{
    size_t n = name.n < 8 ? name.n : 8;
    uint64_t word = 0;

    memcpy(&word, name.p + name.n - n, n);
    return place_of(word + name.n);
}

void recall_clear(struct recall *r)
{
    memset(r, 0, sizeof *r);
}

const struct table_host *recall_host(const struct recall *r, struct str named)
{
    const struct recall_host *h = &r->hosts[place_of_name(named)];

    return h->at != NULL && str_eq((struct str){h->text, h->len}, named) ? h->at : NULL;
}

void recall_keep_host(struct recall *r, struct str named, const struct table_host *at)
{
    struct recall_host *h = &r->hosts[place_of_name(named)];

    if (named.n > RECALL_HOST_BYTES || at == NULL)
        return;
    h->at = at;
    h->len = (uint8_t)named.n;
    memcpy(h->text, named.p, named.n);
}

const struct table_pool *recall_first_pool(struct recall *r, const struct table *t,
                                           const struct table_route *route)
{
    struct recall_pool *p = &r->pools[place_of((uintptr_t)route)];

    if (p->route != route || p->pool == NULL)
        *p = (struct recall_pool){route, table_pool(t, str_from(route->route->forward[0].pool))};
    return p->pool;
}
