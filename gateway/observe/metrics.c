/*
 * Counters as Prometheus' text exposition. Does not collect: whoever counts writes the struct, and
 * worker's admin listener asks for the text on its own thread.
 */
#include "gateway/observe/metrics.h"

#include <inttypes.h>

bool metrics_write_one(struct buf *b, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    return buf_add_fmt(b, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type,
                       name, value);
}

bool metrics_write(struct buf *b, const struct metrics *m)
{
#define X(sym, name, help)                                                  \
    if (!metrics_write_one(b, name, "counter", help, metrics_get(&m->sym))) \
        return false;
    METRICS_COUNTERS(X)
#undef X
    return true;
}
