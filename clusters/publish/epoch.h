/*
 * An epoch is "<unix ms>-<random>", made with a store: the later one counts. Pure.
 */
#ifndef CLUSTERS_PUBLISH_EPOCH_H
#define CLUSTERS_PUBLISH_EPOCH_H

#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

/*
 * No epoch is as late as this (the year 5138): what claims to be is not believed, so that a later
 * one can always be made.
 */
#define EPOCH_MS_MAX ((uint64_t)100000000000000)

/* The milliseconds; false when the text is no epoch that could be. */
MUST_USE bool epoch_ms(const char *epoch, uint64_t *out);

/* True when `claimed` is an epoch, and later than `ours`. */
bool epoch_is_later(const char *claimed, const char *ours);

#endif
