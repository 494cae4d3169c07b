/* A line of a table file to a builder, as the hub does it; one that is no frame fails the test. */
#ifndef TESTS_UNIT_GATEWAY_TABLE_FEED_LINE_H
#define TESTS_UNIT_GATEWAY_TABLE_FEED_LINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/table/table.h"
#include "gateway/wire/frame.h"

static inline void feed_line(struct table_builder *b, const char *line)
{
    struct frame f;
    struct err e = {0};

    if (!frame_parse_late(str_from(line), &f, &e))
        fail_msg("%s: %s %s", line, e.field, e.text);
    table_builder_frame(b, &f);
    frame_free(&f);
}

#endif
