/* Time as numbers. Monotonic for deadlines, wall for people and epochs. */
#ifndef GATEWAY_CORE_CLOCK_H
#define GATEWAY_CORE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void); /* for what is measured */
int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);

#endif
