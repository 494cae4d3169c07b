/* One number and one unit; sums ("1h30m") are not durations here. */
#include "admin/cli/duration.h"

#include <string.h>

#include "gateway/core/str.h"

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

bool duration_read(const char *text, int64_t max_ms, int64_t *out_ms, struct err *e)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        uint64_t most = (uint64_t)(max_ms / units[i].ms);

        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (!str_to_u64((struct str){text, digits}, most, &number) || number == 0)
            return err_set(e, "BadDuration", "",
                           "\"%s\" is too long or no time at all; at most %llu%s", text,
                           (unsigned long long)most, units[i].name);
        *out_ms = (int64_t)number * units[i].ms;
        return true;
    }
    return err_set(e, "BadDuration", "",
                   "\"%s\" is no duration: a number and ms, s, m, h or d, as in 30s or 7d", text);
}
