/*
 * Open addressing with linear probing and graves; at most 3/4 of the slots are used. The key of the
 * hash is drawn once per process from getrandom(2).
 */
#include "gateway/core/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/core/check.h"
#include "gateway/core/siphash.h"

struct map_slot {
    uint64_t hash;
    const char *key; /* NULL: never used, or a grave */
    size_t key_len;
    void *value;
    bool grave;
};

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        WRONG("getrandom gave no seed");
}

uint64_t map_hash(struct str key)
{
    pthread_once(&seed_once, draw_seed);
    return siphash_1_3(seed, key);
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_init_lent(struct map *m)
{
    *m = (struct map){.lent_keys = true};
}

static void drop_key(const struct map *m, struct map_slot *s)
{
    if (!m->lent_keys)
        free((char *)(uintptr_t)s->key);
}

void map_free(struct map *m, void (*free_value)(void *))
{
    for (size_t i = 0; i < m->num_slots; i++) {
        if (m->slots[i].key == NULL)
            continue;
        drop_key(m, &m->slots[i]);
        if (free_value != NULL)
            free_value(m->slots[i].value);
    }
    free(m->slots);
    *m = (struct map){.lent_keys = m->lent_keys};
}

/* The slot that holds key, or NULL. */
static struct map_slot *find(const struct map *m, struct str key, uint64_t hash)
{
    if (m->num_slots == 0)
        return NULL;
    for (size_t i = hash & (m->num_slots - 1);; i = (i + 1) & (m->num_slots - 1)) {
        struct map_slot *s = &m->slots[i];

        if (s->key == NULL && !s->grave)
            return NULL;
        if (s->key != NULL && s->hash == hash && s->key_len == key.n &&
            (key.n == 0 || memcmp(s->key, key.p, key.n) == 0))
            return s;
    }
}

static void place(struct map_slot *slots, size_t num_slots, const struct map_slot *entry)
{
    size_t i = entry->hash & (num_slots - 1);

    while (slots[i].key != NULL)
        i = (i + 1) & (num_slots - 1);
    slots[i] = *entry;
}

/* Makes room for one more; graves vanish on the way, so a map that churns does not grow. */
static void make_room(struct map *m)
{
    if (m->num_slots != 0 && (m->num_used + 1) * 4 <= m->num_slots * 3)
        return;
    size_t num = 16;

    while ((m->len + 1) * 2 > num)
        num *= 2;
    struct map_slot *slots = xcalloc(num, sizeof(*slots));

    for (size_t i = 0; i < m->num_slots; i++)
        if (m->slots[i].key != NULL)
            place(slots, num, &m->slots[i]);
    free(m->slots);
    m->slots = slots;
    m->num_slots = num;
    m->num_used = m->len;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->len == 0)
        return NULL;
    struct map_slot *s = find(m, key, map_hash(key));

    return s != NULL ? s->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    ASSERT(value != NULL);
    uint64_t hash = map_hash(key);
    struct map_slot *s = find(m, key, hash);

    if (s != NULL) {
        void *old = s->value;

        s->value = value;
        s->key = m->lent_keys ? key.p : s->key; /* the old one goes with the old value */
        return old;
    }
    make_room(m);
    struct map_slot entry = {
        .hash = hash, .key = m->lent_keys ? key.p : str_dup(key), .key_len = key.n, .value = value};

    place(m->slots, m->num_slots, &entry);
    m->len++;
    m->num_used++; /* a reused grave is counted twice: the next make_room corrects it */
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    if (m->len == 0)
        return NULL;
    struct map_slot *s = find(m, key, map_hash(key));

    if (s == NULL)
        return NULL;
    void *old = s->value;

    drop_key(m, s);
    *s = (struct map_slot){.grave = true};
    m->len--;
    return old;
}

bool map_next(const struct map *m, size_t *pos, struct str *out_key, void **out_value)
{
    for (; *pos < m->num_slots; (*pos)++) {
        const struct map_slot *s = &m->slots[*pos];

        if (s->key == NULL)
            continue;
        *out_key = (struct str){s->key, s->key_len};
        *out_value = s->value;
        (*pos)++;
        return true;
    }
    return false;
}
