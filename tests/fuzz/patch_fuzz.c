/*
 * Two JSON texts, the second a merge patch: what comes out must be JSON, the same patch must change
 * it no more, and an empty patch must change nothing but blanks. Bytes that are no JSON are walked
 * too: the walk must stay within them and end.
 */
#include <stdint.h>
#include <string.h>

#include "admin/api/jsontext.h"
#include "admin/api/patch.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {1 << 20, 32};

static void walk(struct str text, int depth)
{
    struct jsontext w;
    struct str key, value;
    char copy[16];

    if (depth == 0)
        return;
    if (jsontext_object(text, &w)) {
        while (jsontext_member(&w, &key, &value)) {
            ASSERT(key.p >= text.p && value.p + value.n <= text.p + text.n);
            if (jsontext_copy(key, copy, sizeof copy))
                ASSERT(strlen(copy) < sizeof copy);
            walk(value, depth - 1);
        }
    }
    if (jsontext_array(text, &w)) {
        while (jsontext_element(&w, &value)) {
            ASSERT(value.p >= text.p && value.p + value.n <= text.p + text.n && value.n > 0);
            walk(value, depth - 1);
        }
    }
}

static void merge_twice(struct str target, struct str patch)
{
    struct buf once, twice;

    buf_init(&once, 4 << 20);
    buf_init(&twice, 4 << 20);
    if (patch_merge(target, patch, &once)) {
        ASSERT(json_check(buf_str(&once), &(struct json_limits){4 << 20, 64}, NULL));
        ASSERT(patch_merge(buf_str(&once), patch, &twice));
        ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size > 0 ? memchr(data, '\n', size) : NULL;
    struct str target = {(const char *)data, cut != NULL ? (size_t)(cut - data) : size};
    struct str patch = {(const char *)data + size, 0};

    if (cut != NULL)
        patch = (struct str){(const char *)cut + 1, size - target.n - 1};
    walk(target, 8);
    walk(patch, 8);
    if (json_check(target, &limits, NULL) && json_check(patch, &limits, NULL))
        merge_twice(target, patch);
    return 0;
}
