/*
 * The judge in front of cJSON: one pass over a JSON text (RFC 8259) that accepts exactly what we
 * take. For json.c only.
 */
#ifndef GATEWAY_WIRE_JSON_SCAN_H
#define GATEWAY_WIRE_JSON_SCAN_H

#include "gateway/wire/json.h"

/* A number token whose text must be kept: fraction, exponent or more than 15 digits. */
struct json_scan_number {
    size_t ordinal; /* among all numbers of the text, in order */
    struct str text;
};

struct json_scan_result {
    struct json_scan_number *numbers; /* ordered; owned by the caller, free() */
    size_t num_numbers;
    struct str span; /* see json_parse_span */
};

/* watch_key NULL: no span is looked for. On false *out holds nothing. */
MUST_USE bool json_scan(struct str text, const struct json_limits *limits, const char *watch_key,
                        int watch_depth, struct json_scan_result *out, struct err *e);

#endif
