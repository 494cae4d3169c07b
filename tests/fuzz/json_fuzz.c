/*
 * Any bytes through the strict decoder. What it takes must be taken again after cJSON has printed
 * it, and look-ups must answer for every member without reading outside of the tree.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const cJSON *o)
{
    static const char *const known[] = {"hosts", "forward", NULL};
    const cJSON *item;
    const cJSON *sub = NULL;
    const char *s = NULL;
    struct err e = {0};
    int64_t n = 0;
    uint64_t u = 0;
    bool b = false;

    cJSON_ArrayForEach(item, o)
    {
        if (cJSON_IsObject(o)) {
            bool is_int =
                cJSON_IsNumber(item) && json_get_int(o, item->string, INT64_MIN, INT64_MAX, &n, &e);
            bool is_u64 = cJSON_IsNumber(item) && json_get_u64(o, item->string, &u, &e);

            ASSERT(json_get(o, item->string) == item);
            ASSERT(!is_int || !is_u64 || (n >= 0 && u == (uint64_t)n));
            ASSERT(!cJSON_IsString(item) || json_get_str(o, item->string, &s, &e));
            ASSERT(!cJSON_IsBool(item) || json_get_bool(o, item->string, &b, &e));
            ASSERT(!cJSON_IsArray(item) || json_get_array(o, item->string, &sub, &e));
        }
        look_up(item);
    }
    if (cJSON_IsObject(o) && !json_only_keys(o, known, &e))
        ASSERT(e.code != NULL && e.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct str span = {NULL, 0};
    struct err e = {0};
    cJSON *tree = json_parse_span(text, &json_limits_frame, "value", 2, &span, &e);

    if (tree == NULL) {
        ASSERT(e.code != NULL && e.text[0] != '\0');
        return 0;
    }
    ASSERT(span.p == NULL || (span.p > text.p && span.p + span.n < text.p + text.n));
    if (span.p != NULL) {
        cJSON *part = json_parse(span, &json_limits_frame, &e);

        ASSERT(part != NULL);
        cJSON_Delete(part);
    }
    look_up(tree);
    char *printed = cJSON_PrintUnformatted(tree);

    ASSERT(printed != NULL);
    cJSON *again = json_parse(str_from(printed), &json_limits_frame, &e);

    ASSERT(again != NULL || strstr(printed, "null") != NULL); /* 1e999 prints as null */
    cJSON_Delete(again);
    free(printed);
    cJSON_Delete(tree);
    return 0;
}
