/* A builder, and what came of its last commit, for tests that need one of them. */
#ifndef TESTS_UNIT_GATEWAY_TABLE_BUILDER_FIXTURE_H
#define TESTS_UNIT_GATEWAY_TABLE_BUILDER_FIXTURE_H

#include "tests/unit/gateway/table/feed_line.h"

static struct table_builder *b;
static struct table_commit c; /* of the last commit */

static int setup(void **state)
{
    (void)state;
    b = table_builder_new();
    c = (struct table_commit){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    table_unref(&c.table);
    table_builder_free(b);
    return 0;
}

static void feed(const char *line)
{
    feed_line(b, line);
}

#endif
