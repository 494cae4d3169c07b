/* JSON of tests, in which a ' stands for a ". cJSON_Delete what it gives. */
#ifndef TESTS_UNIT_GATEWAY_WIRE_QUOTED_H
#define TESTS_UNIT_GATEWAY_WIRE_QUOTED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"

static inline cJSON *parse(const char *text)
{
    char *json = xstrdup(text);
    struct err e = {0};

    for (char *p = json; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    cJSON *tree = json_parse(str_from(json), &json_limits_frame, &e);

    if (tree == NULL)
        fail_msg("%s: %s", text, e.text);
    free(json);
    return tree;
}

#endif
