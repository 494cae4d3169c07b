/*
 * The numbers that a gateway reports, as they come. What is taken must be read back line by line,
 * in order, and must stay inside one line of an exposition, whatever is in it.
 */
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/publish/stats.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_labels(struct str labels)
{
    struct str name, value;

    for (size_t i = 0; i < labels.n; i++)
        ASSERT((unsigned char)labels.p[i] >= 0x20);
    while (labels.n > 0) {
        ASSERT(stats_label(&labels, &name, &value));
        ASSERT(name.n > 0 && !str_eq(name, STR("cluster")) && !str_eq(name, STR("gateway")) &&
               !str_eq(name, STR("node")));
        for (size_t i = 0; i < value.n; i++) {
            ASSERT(value.p[i] != '"');
            i += value.p[i] == '\\' ? 1 : 0;
        }
    }
}

static void read_back(struct str lines)
{
    struct stats_sample s, last = {.name = {NULL, 0}};

    while (stats_next(&lines, &s)) {
        int order = str_cmp(last.name, s.name);

        ASSERT(s.name.n > 0 && s.name.n <= STATS_NAME_MAX);
        ASSERT(order < 0 || (order == 0 && str_cmp(last.labels, s.labels) < 0));
        check_labels(s.labels);
        last = s;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {0};
    cJSON *v = json_parse((struct str){(const char *)data, size}, &json_limits_frame, &e);
    struct buf b;

    if (v == NULL)
        return 0;
    buf_init(&b, 2 * STATS_BYTES_MAX);
    if (stats_print(v, &b, &e))
        read_back(buf_str(&b));
    else
        ASSERT(e.code != NULL && b.len == 0);
    buf_free(&b);
    cJSON_Delete(v);
    return 0;
}
