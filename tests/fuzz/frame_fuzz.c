/*
 * Any bytes as a frame's line. What is taken is written again and must be read as the same frame,
 * with a value of the same bytes; its value goes through the reader of its kind.
 */
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/frame.h"
#include "gateway/wire/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_newline(struct str s)
{
    return memchr(s.p, '\n', s.n) != NULL;
}

static bool write_again(struct buf *b, const struct frame *f)
{
    switch (f->type) {
    case FRAME_HELLO:
        return frame_write_hello(b, f->cluster, f->epoch, f->revision, f->snapshot);
    case FRAME_SET:
        return frame_write_set(b, f->kind, str_from(f->name), f->value_bytes);
    case FRAME_DELETE:
        return frame_write_delete(b, f->kind, str_from(f->name));
    case FRAME_COMMIT:
        return frame_write_commit(b, f->revision, f->digest);
    case FRAME_BEAT:
        return frame_write_beat(b, f->revision);
    case FRAME_ACK:
        return frame_write_ack(b, f->revision);
    case FRAME_NACK:
        return frame_write_nack(b, f->kind, str_from(f->name), &f->refusal);
    default:
        WRONG("a frame of no type was parsed");
    }
}

static void compare(const struct frame *a, const struct frame *b)
{
    ASSERT(a->type == b->type && a->kind == b->kind && a->revision == b->revision);
    ASSERT(a->snapshot == b->snapshot);
    ASSERT((a->name == NULL) == (b->name == NULL));
    ASSERT(a->name == NULL || strcmp(a->name, b->name) == 0);
    ASSERT(strcmp(a->digest, b->digest) == 0 && strcmp(a->epoch, b->epoch) == 0);
    ASSERT(a->cluster == NULL || strcmp(a->cluster, b->cluster) == 0);
    ASSERT(str_eq(a->value_bytes, b->value_bytes));
    ASSERT(a->type != FRAME_NACK || a->refusal.code == b->refusal.code);
}

static void read_value(const struct frame *f)
{
    struct route_settings settings;
    struct err e = {0};

    route_free(objects_route(f->value, &e));
    route_pool_free(objects_pool(f->value, &e));
    route_endpoints_free(objects_endpoints(f->value, &e));
    if (!objects_settings(f->value, &settings, &e))
        ASSERT(e.code != NULL && e.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame f;
    struct frame again;
    struct err e = {0};
    struct buf b;

    if (!frame_parse((struct str){(const char *)data, size}, &f, &e)) {
        ASSERT(e.code != NULL && e.text[0] != '\0' && f.name == NULL && f.value == NULL);
        return 0;
    }
    if (f.type == FRAME_SET)
        read_value(&f);
    if (f.type != FRAME_SET || !has_newline(f.value_bytes)) {
        buf_init(&b, FRAME_LINE_MAX);
        ASSERT(write_again(&b, &f));
        ASSERT(b.bytes[b.len - 1] == '\n' && memchr(b.bytes, '\n', b.len - 1) == NULL);
        ASSERT(frame_parse((struct str){b.bytes, b.len - 1}, &again, &e));
        compare(&f, &again);
        frame_free(&again);
        buf_free(&b);
    }
    frame_free(&f);
    return 0;
}
