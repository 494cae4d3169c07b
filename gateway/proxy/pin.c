/*
 * Pins of table versions: who began with one keeps it to the end, and the last to leave frees it.
 * One worker's plain counts; the version itself is counted atomically by gateway/table.
 */
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/table/table.h"

struct table_pin *pin_new(const struct table *t)
{
    struct table_pin *p = xmalloc(sizeof *p);

    *p = (struct table_pin){t, 1};
    return p;
}

struct table_pin *pin_use(struct table_pin *p)
{
    p->users++;
    return p;
}

void pin_drop(struct table_pin **p)
{
    struct table_pin *mine = *p;

    *p = NULL;
    if (mine == NULL)
        return;
    ASSERT(mine->users > 0);
    if (--mine->users > 0)
        return;
    table_unref(&mine->table);
    free(mine);
}
