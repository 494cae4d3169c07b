/* See wheel.h. A slot holds the deadlines of its grain of each round; those of later rounds stay.
 */
#include "gateway/loop/wheel.h"

#include "gateway/core/check.h"

static struct wheel_list *slot_of(struct wheel *w, int64_t ms)
{
    return &w->slots[(uint64_t)(ms / WHEEL_GRAIN_MS) % WHEEL_SLOTS];
}

void wheel_init(struct wheel *w, int64_t now_ms)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        TAILQ_INIT(&w->slots[i]);
    w->turned_ms = now_ms;
    w->num = 0;
}

/* What is past is filed where the wheel stands: there it is looked for first. */
static int64_t filed_at(const struct wheel *w, int64_t due_ms)
{
    return due_ms > w->turned_ms ? due_ms : w->turned_ms;
}

void wheel_set(struct wheel *w, struct wheel_entry *e, int64_t due_ms)
{
    ASSERT(due_ms >= 1);
    wheel_remove(w, e);
    e->due_ms = filed_at(w, due_ms);
    TAILQ_INSERT_TAIL(slot_of(w, e->due_ms), e, link);
    w->num++;
}

void wheel_remove(struct wheel *w, struct wheel_entry *e)
{
    if (e->due_ms == 0)
        return;
    TAILQ_REMOVE(slot_of(w, e->due_ms), e, link);
    e->due_ms = 0;
    w->num--;
}

static struct wheel_entry *due_in(struct wheel_list *slot, int64_t now_ms)
{
    struct wheel_entry *e;

    TAILQ_FOREACH(e, slot, link)
    {
        if (e->due_ms <= now_ms)
            return e;
    }
    return NULL;
}

struct wheel_entry *wheel_turn(struct wheel *w, int64_t now_ms)
{
    const int64_t round_ms = (int64_t)WHEEL_SLOTS * WHEEL_GRAIN_MS;

    if (w->num == 0 || now_ms - w->turned_ms > round_ms) /* each slot once is enough */
        w->turned_ms = w->num == 0 ? now_ms : now_ms - round_ms;
    for (;;) {
        struct wheel_entry *e = due_in(slot_of(w, w->turned_ms), now_ms);

        if (e != NULL) {
            wheel_remove(w, e);
            return e;
        }
        if (w->turned_ms / WHEEL_GRAIN_MS >= now_ms / WHEEL_GRAIN_MS)
            break;
        w->turned_ms = (w->turned_ms / WHEEL_GRAIN_MS + 1) * WHEEL_GRAIN_MS;
    }
    w->turned_ms = now_ms > w->turned_ms ? now_ms : w->turned_ms;
    return NULL;
}
