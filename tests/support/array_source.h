/* Documents of an array as a source for a snapshot: copied, so that the array may go. */
#ifndef TESTS_SUPPORT_ARRAY_SOURCE_H
#define TESTS_SUPPORT_ARRAY_SOURCE_H

#include <stdlib.h>

#include "clusters/replica/replica.h"
#include "gateway/core/check.h"

struct array_source {
    size_t num;
    size_t at;
    struct replica_doc docs[];
};

static inline bool array_source_next(void *arg, struct replica_doc *out)
{
    struct array_source *s = arg;

    if (s->at == s->num)
        return false;
    *out = s->docs[s->at++];
    return true;
}

static inline void array_source_done(void *arg)
{
    struct array_source *s = arg;

    for (size_t i = 0; i < s->num; i++) {
        free((char *)s->docs[i].tenant);
        free((char *)s->docs[i].kind);
        free((char *)s->docs[i].name);
        free((char *)s->docs[i].value);
    }
    free(s);
}

static inline struct replica_source array_source(const struct replica_doc *docs, size_t num)
{
    struct array_source *s = xcalloc(1, sizeof(*s) + num * sizeof(*docs));

    s->num = num;
    for (size_t i = 0; i < num; i++)
        s->docs[i] =
            (struct replica_doc){xstrdup(docs[i].tenant), xstrdup(docs[i].kind),
                                 xstrdup(docs[i].name), xstrdup(docs[i].value), docs[i].created_ms};
    return (struct replica_source){array_source_next, array_source_done, s};
}

#endif
