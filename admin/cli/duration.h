/* Durations as people write them: "500ms", "5s", "2m", "12h", "30d". Pure. */
#ifndef ADMIN_CLI_DURATION_H
#define ADMIN_CLI_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

/* From 1 to max_ms; a number without its unit is refused. */
MUST_USE bool duration_read(const char *text, int64_t max_ms, int64_t *out_ms, struct err *e);

#endif
