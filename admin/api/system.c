/*
 * The resources that are about the coordinator itself: alive, ready, version, the list of all.
 * Handlers of endpoints.c; they answer from memory.
 */
#include "admin/api/api_priv.h"
#include "admin/api/openapi.h"
#include "clusters/coordinator.h"
#include "clusters/publish/reply.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"

enum { SYSTEM_MAX = 256 << 10 };

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

static void print_names(struct buf *b, const char *before, unsigned mask, size_t num,
                        const char *(*name)(size_t i))
{
    const char *separator = "";

    ASSERT(buf_add_str(b, str_from(before)));
    for (size_t i = 0; i < num; i++) {
        if ((mask & 1U << i) == 0)
            continue;
        ASSERT(buf_add_fmt(b, "%s\"%s\"", separator, name(i)));
        separator = ",";
    }
    ASSERT(buf_add_str(b, STR("]")));
}

static const char *scope_name(size_t i)
{
    return surface_scope_names[i];
}

static const char *param_name(size_t i)
{
    return surface_params[i].name;
}

static void print_row(struct buf *b, const struct surface_row *row)
{
    ASSERT(buf_add_fmt(b, "{\"method\":\"%s\",\"path\":\"%s\",\"doc\":", row->method, row->path) &&
           buf_add_json(b, str_from(row->doc)));
    print_names(b, ",\"scopes\":[", row->scopes, SURFACE_SCOPES, scope_name);
    print_names(b, ",\"params\":[", row->params, SURFACE_PARAMS, param_name);
    ASSERT(buf_add_fmt(b, ",\"kind\":\"%s\",\"verb\":\"%s\",\"noun\":\"%s\"", row->kind, row->verb,
                       row->noun));
    if (row->example[0] != '\0')
        ASSERT(buf_add_fmt(b, ",\"example\":%s", row->example));
    ASSERT(buf_add_str(b, STR("}")));
}

void api_get_index(struct api_call *call)
{
    struct buf b;

    buf_init(&b, SYSTEM_MAX);
    ASSERT(buf_add_str(&b, STR("{\"resources\":[")));
    for (size_t i = 0; i < surface_num_rows; i++) {
        ASSERT(i == 0 || buf_add_str(&b, STR(",")));
        print_row(&b, &surface_rows[i]);
    }
    ASSERT(buf_add_str(&b, STR("]}\n")));
    answer(call, &b);
}

void api_get_openapi(struct api_call *call)
{
    struct buf *text = &call->api->openapi;
    struct err why = {0};

    if (text->len == 0 && !openapi_write(text)) {
        buf_clear(text);
        err_set(&why, "TooLarge", "", "the description does not fit");
        answer_problem(call->req, 503, &why);
        return;
    }
    reply_json(call->req, 200, text);
}
