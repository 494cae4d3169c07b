/*
 * Which of several weighted pools a user belongs to: a pure function of who he is and of the
 * weights, so that every worker of every gateway says the same, also after a restart.
 *
 * Users stand on a line of length one, each where his hash puts him, and every pool has a part of
 * the line as long as its share. The first pool stands between the second and the third:
 *
 *     | second |            first            | third | fourth | ...
 *
 * A border that moves hands over the users that stand between its old place and its new one, and
 * nobody else. So with two pools 10 % to 20 % moves ten points of the users, all in one direction,
 * and back to 10 % brings back the same ones. With three pools that is true of the second and the
 * third, each alone or both at one time, as long as the first one gives and takes what they gain
 * and lose; nobody goes from the second to the third. From the fourth on neighbours trade places:
 * there such a function cannot exist (of three growing sets of which any two must fit into the line
 * together, two are the same).
 */
#ifndef GATEWAY_ROUTE_COHORT_H
#define GATEWAY_ROUTE_COHORT_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"

/* Two salts give two orders of the users that have nothing to do with each other. */
uint64_t cohort_hash(struct str salt, struct str user);

/*
 * The index of the user's pool; num >= 1, weights as in route_forward, at most ROUTE_WEIGHT_MAX
 * each. None weighs: all weigh one. A pool of weight 0 has no users while another weighs.
 */
size_t cohort_choose(uint64_t hash, const uint32_t *weights, size_t num);

#endif
