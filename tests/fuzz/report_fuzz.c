/*
 * Foreign bytes of the coordinator's two listeners: a request target on the first line, a report's
 * body after it. What a report printed again must itself be strict JSON.
 */
#include <stdint.h>

#include <cjson/cJSON.h>

#include "clusters/publish/publish.h"
#include "clusters/publish/report.h"
#include "clusters/publish/target.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_target(struct str uri)
{
    static const char *const patterns[] = {"/v1/clusters/{c}/stream", "/{a}/{b}/{c}/{d}/{e}", "/"};
    static const char *const known[] = {"epoch", "from", NULL};
    struct str vars[TARGET_VARS_MAX];
    struct str value;
    struct target t;
    struct err e = {0};

    if (!target_parse(uri, &t, &e)) {
        ASSERT(e.code != NULL && e.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (target_matches(&t, patterns[i], vars))
            ASSERT(t.num_segments <= TARGET_SEGMENTS_MAX);
    }
    if (target_param(&t, "from", &value))
        ASSERT(value.n <= TARGET_BYTES_MAX);
    if (!target_only_params(&t, known, &e))
        ASSERT(e.code != NULL);
}

static void try_report(struct str body)
{
    struct report r;
    struct err e = {0};
    cJSON *again;

    if (!report_parse(body, &r, &e)) {
        ASSERT(e.code != NULL && r.refusals_json == NULL);
        return;
    }
    again = json_parse(str_from(r.refusals_json), &json_limits_frame, &e);
    ASSERT(again != NULL && cJSON_GetArraySize(again) <= PUBLISH_REFUSALS_MAX);
    cJSON_Delete(again);
    report_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str uri;

    if (size != 0 && str_split(&rest, '\n', &uri)) {
        try_target(uri);
        try_report(rest.p != NULL ? rest : STR(""));
    }
    return 0;
}
