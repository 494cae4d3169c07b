/* Numbers in network order, of as many bytes as a format gives them. */
#ifndef CLUSTERS_REPLICA_BYTES_H
#define CLUSTERS_REPLICA_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void bytes_put(uint8_t *at, uint64_t value, size_t num)
{
    for (size_t i = 0; i < num; i++)
        at[i] = (uint8_t)(value >> (8 * (num - 1 - i)));
}

static inline uint64_t bytes_get(const uint8_t *at, size_t num)
{
    uint64_t value = 0;

    for (size_t i = 0; i < num; i++)
        value = value << 8 | at[i];
    return value;
}

#endif
