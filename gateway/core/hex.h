/* Bytes as lower-case hexadecimal digits, two each. Pure. */
#ifndef GATEWAY_CORE_HEX_H
#define GATEWAY_CORE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

/* 2 * n digits and a NUL. */
void hex_write(const uint8_t *bytes, size_t n, char *out);
/* Strict: false unless the text is 2 * n lower-case digits and nothing else. */
MUST_USE bool hex_read(struct str text, uint8_t *out, size_t n);

#endif
