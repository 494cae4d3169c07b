/*
 * The resources that are about the coordinator itself: alive, ready, version, the list of all.
 * Handlers of endpoints.c; they answer from memory.
 */
#include "admin/api/api_priv.h"
#include "clusters/coordinator.h"
#include "clusters/publish/reply.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

enum { SYSTEM_MAX = 64 << 10 };

static void answer(struct api_call *call, struct buf *b)
{
    reply_json(call->req, 200, b);
    buf_free(b);
}

void api_get_live(struct api_call *call)
{
    struct buf b;

    buf_init(&b, SYSTEM_MAX);
    ASSERT(buf_add_str(&b, STR("{\"live\":true}\n")));
    answer(call, &b);
}

void api_get_ready(struct api_call *call)
{
    struct err why = {0};
    struct buf b;

    if (!coordinator_ready(call->coordinator, &why)) {
        reply_later(call->req, 503, 1, &why);
        return;
    }
    buf_init(&b, SYSTEM_MAX);
    ASSERT(buf_add_str(&b, STR("{\"ready\":true}\n")));
    answer(call, &b);
}

void api_get_version(struct api_call *call)
{
    struct buf b;

    buf_init(&b, SYSTEM_MAX);
    ASSERT(buf_add_str(
        &b,
        STR("{\"program\":\"signalbox-coordinator\",\"version\":\"" SIGNALBOX_VERSION "\"}\n")));
    answer(call, &b);
}

void api_get_index(struct api_call *call)
{
    struct buf b;

    buf_init(&b, SYSTEM_MAX);
    ASSERT(buf_add_str(&b, STR("{\"resources\":[")));
    for (size_t i = 0; i < api_num_endpoints; i++)
        ASSERT(buf_add_fmt(&b, "%s{\"method\":\"%s\",\"path\":\"%s\",\"doc\":\"%s\"}",
                           i == 0 ? "" : ",", api_endpoints[i].method, api_endpoints[i].pattern,
                           api_endpoints[i].doc));
    ASSERT(buf_add_str(&b, STR("]}\n")));
    answer(call, &b);
}
