/*
 * Label selectors of lists: "env=prod,tier!=web,team,!old", all of which must hold. Pure.
 */
#ifndef ADMIN_API_SELECTOR_H
#define ADMIN_API_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { SELECTOR_TERMS_MAX = 16, SELECTOR_BYTES_MAX = 1024 };

enum selector_op { SELECTOR_EQUAL, SELECTOR_NOT_EQUAL, SELECTOR_THERE, SELECTOR_NOT_THERE };

struct selector {
    struct {
        struct str key; /* within the text that was parsed */
        struct str value;
        enum selector_op op;
    } terms[SELECTOR_TERMS_MAX];
    size_t num; /* 0: everything */
};

/* *out points into `text`. "" selects everything. Code BadSelector. */
MUST_USE bool selector_parse(struct str text, struct selector *out, struct err *e);

/* The value of a label, or false: gives what a thing is labelled with. */
typedef bool selector_label_fn(void *arg, struct str key, struct str *out_value);
/* A label that is not there is unequal to every value, as elsewhere. */
MUST_USE bool selector_matches(const struct selector *s, selector_label_fn *fn, void *arg);

#endif
