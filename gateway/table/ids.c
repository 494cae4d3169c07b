/*
 * The states of endpoint numbers. Free ones form a list through their slots. Called by pools.c at
 * commits and by table_release_id.
 */
#include "gateway/table/ids.h"

#include <stdlib.h>

#include "gateway/core/check.h"

enum id_state { ID_USED, ID_RETIRED, ID_FREE };

struct ids_slot {
    enum id_state state;
    uint32_t stamp; /* used: the round that last kept it; free: the next free one */
};

void ids_init(struct ids *ids)
{
    *ids = (struct ids){.first_free = IDS_NONE};
}

void ids_free(struct ids *ids)
{
    free(ids->slots);
    ids_init(ids);
}

uint32_t ids_new(struct ids *ids, uint32_t round)
{
    uint32_t id = ids->first_free;

    if (id != IDS_NONE) {
        ids->first_free = ids->slots[id].stamp;
    } else {
        if (ids->num == ids->cap) {
            ids->cap = ids->cap != 0 ? ids->cap * 2 : 64;
            ids->slots = xrealloc(ids->slots, ids->cap * sizeof(*ids->slots));
        }
        id = ids->num++;
        ASSERT(id != IDS_NONE);
    }
    ids->slots[id] = (struct ids_slot){ID_USED, round};
    return id;
}

void ids_keep(struct ids *ids, uint32_t id, uint32_t round)
{
    ASSERT(id < ids->num && ids->slots[id].state == ID_USED);
    ids->slots[id].stamp = round;
}

void ids_retire_old(struct ids *ids, uint32_t id, uint32_t round)
{
    ASSERT(id < ids->num && ids->slots[id].state == ID_USED);
    if (ids->slots[id].stamp != round)
        ids->slots[id].state = ID_RETIRED;
}

void ids_release(struct ids *ids, uint32_t id)
{
    ASSERT(id < ids->num && ids->slots[id].state == ID_RETIRED);
    ids->slots[id] = (struct ids_slot){ID_FREE, ids->first_free};
    ids->first_free = id;
}
