/* Comparing epochs. Called by the stream listener and by the coordinator. */
#include "clusters/publish/epoch.h"

#include <string.h>

bool epoch_ms(const char *epoch, uint64_t *out)
{
    const char *dash = strchr(epoch, '-');

    return dash != NULL && dash[1] != '\0' &&
           str_to_u64((struct str){epoch, (size_t)(dash - epoch)}, EPOCH_MS_MAX - 1, out);
}

bool epoch_is_later(const char *claimed, const char *ours)
{
    uint64_t theirs_ms;
    uint64_t ours_ms;

    return epoch_ms(claimed, &theirs_ms) && (!epoch_ms(ours, &ours_ms) || theirs_ms > ours_ms);
}
