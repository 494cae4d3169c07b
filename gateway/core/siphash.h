/*
 * SipHash (Aumasson, Bernstein 2012): a keyed hash of 64 bits. 2-4 is the one to name things with
 * that nobody may guess; 1-3 is for tables, where a secret key keeps others from choosing
 * collisions, and for what only has to be spread evenly, where the key is zero.
 */
#ifndef GATEWAY_CORE_SIPHASH_H
#define GATEWAY_CORE_SIPHASH_H

#include <stdint.h>

#include "gateway/core/str.h"

uint64_t siphash_1_3(const uint64_t key[2], struct str bytes);
uint64_t siphash_2_4(const uint64_t key[2], struct str bytes);

#endif
