/* Selectors and lists of entity tags from a query or a header: any bytes. */
#include <stdint.h>
#include <string.h>

#include "admin/api/etag.h"
#include "admin/api/labels.h"
#include "gateway/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct selector s;
    struct etag_list tags;
    struct err e = {0};

    if (selector_parse(text, &s, &e)) {
        ASSERT(s.num <= SELECTOR_TERMS_MAX && (s.num > 0) == (size > 0));
        if (labels_selected(&s, "{\"metadata\":{\"labels\":{\"env\":\"prod\",\"a\":\"\"}}}"))
            ASSERT(s.num == 0 || size > 0);
        for (size_t i = 0; i < s.num; i++)
            ASSERT(s.terms[i].key.n > 0 && s.terms[i].key.p >= text.p &&
                   s.terms[i].key.p + s.terms[i].key.n <= text.p + text.n);
    } else {
        ASSERT(e.code != NULL);
    }
    if (etag_parse(text, &tags))
        ASSERT(!etag_matches(&tags, 7) || etag_matches_weakly(&tags, 7));
    return 0;
}
