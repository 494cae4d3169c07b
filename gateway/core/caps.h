/*
 * What the kernel lets this process do: capabilities(7) and user ids. Direct calls, because libcap
 * would be a library for three lines. Sets are masks: 1 << CAP_....
 */
#ifndef GATEWAY_CORE_CAPS_H
#define GATEWAY_CORE_CAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/core/result.h"

/* All of these are false with errno when the kernel refuses. */
MUST_USE bool caps_permitted(uint64_t *out);

/* Permitted and effective become this set, inheritable and ambient become empty. */
MUST_USE bool caps_set(uint64_t caps);

/*
 * Nothing can be gained any more, by no program that is started either; no core files, and others
 * of the same user cannot look into the memory. The bounding set is emptied where that is allowed
 * (CAP_SETPCAP); it means nothing any more. A change of ids undoes a part of this: then again.
 */
MUST_USE bool caps_lock(void);

/* Root with SETUID and SETGID. */
bool caps_can_change_ids(void);

/* All ids and no further group. Capabilities go with the last id that was root's. */
MUST_USE bool caps_change_ids(uid_t uid, gid_t gid);

#endif
