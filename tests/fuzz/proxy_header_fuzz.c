/*
 * PROXY headers: every prefix of a good one wants more, what follows it changes nothing, and its
 * length is within bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole, part;
    char *base = xmemdup0(data, size);
    enum proxy_header_parse r = proxy_header_parse((struct str){base, size}, &whole);

    if (r == PROXY_HEADER_DONE) {
        ASSERT(whole.len <= size && whole.len <= PROXY_HEADER_V2_MAX && whole.len > 0);
        for (size_t n = 0; n < whole.len; n++)
            ASSERT(proxy_header_parse((struct str){base, n}, &part) == PROXY_HEADER_MORE);
        ASSERT(proxy_header_parse((struct str){base, whole.len}, &part) == PROXY_HEADER_DONE);
        ASSERT(part.len == whole.len && part.has_source == whole.has_source);
        ASSERT(memcmp(part.source, whole.source, sizeof part.source) == 0);
    } else if (r == PROXY_HEADER_MORE) {
        ASSERT(size < PROXY_HEADER_V2_MAX);
    }
    free(base);
    return 0;
}
