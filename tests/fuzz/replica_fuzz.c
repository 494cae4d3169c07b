/*
 * What Docker hands back of replicated documents: the first byte chooses. Configs as JSON into the
 * loader, the fence's labels, a bare object, and (as if the seal had been opened) a payload and its
 * records: whatever comes is refused with a code or read to the same thing twice.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/replica/fence.h"
#include "clusters/replica/load.h"
#include "clusters/replica/pack.h"
#include "clusters/replica/seal.h"
#include "clusters/swarm/configs.h"
#include "gateway/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct reader {
    struct seal_keys keys;
    struct load *load;
    size_t num;
};

static void on_config(void *arg, const struct configs_item *c)
{
    struct reader *r = arg;
    const char *values[FENCE__LABELS];
    struct fence fence;

    for (size_t i = 0; i < FENCE__LABELS; i++)
        values[i] = configs_label(c, fence_labels[i]);
    ASSERT(!fence_read(&r->keys, values, &fence, NULL)); /* nobody has the key */
    load_add(r->load, c->name, c->base64);
    r->num++;
}

static void read_list(struct str body)
{
    static const uint8_t key[32] = {7};
    struct reader r = {0};
    struct chain_head head;
    struct pack_set set;
    struct err e = {0};
    bool picked;

    seal_derive(key, "signalbox", &r.keys);
    r.load = load_new(&r.keys);
    ASSERT(configs_decode_list(body, on_config, &r, &e) != (e.code != NULL));
    e.code = NULL;
    picked = load_pick(r.load, &head, &e);
    ASSERT(picked != (e.code != NULL));
    pack_set_init(&set);
    if (picked)
        ASSERT(load_documents(r.load, &head, &set, NULL) && set.docs.len == 0);
    pack_set_free(&set);
    load_free(r.load);
}

static void read_object(struct str bytes)
{
    static const uint8_t key[32] = {7};
    struct seal_keys keys;
    struct seal_place place;
    struct seal_named named;
    struct buf payload;
    struct err e = {0};
    uint8_t hash[SEAL_HASH];
    char name[SEAL_NAME_MAX];

    seal_derive(key, "signalbox", &keys);
    seal_hash(bytes, hash);
    /* The name that it would have, so that it gets as far as the seal. */
    named = (struct seal_named){SEAL_BATCH, 1, 0};
    seal_name("signalbox", &named, hash, name);
    buf_init(&payload, SEAL_PAYLOAD_MAX);
    ASSERT(!seal_open(&keys, name, bytes, &place, &payload, &e));
    ASSERT(e.code && payload.len == 0);
    buf_free(&payload);
}

static void read_records(struct str raw)
{
    struct pack_set set;
    struct replica_doc *list;
    struct buf again;
    size_t num;
    struct err e = {0};

    pack_set_init(&set);
    ASSERT(pack_apply(&set, raw, &e) != (e.code != NULL));
    list = pack_list(&set, &num);
    buf_init(&again, 1 << 20);
    for (size_t i = 0; i < num; i++)
        ASSERT(pack_record(&again, &list[i]));
    free(list);
    pack_set_free(&set);
    pack_set_init(&set);
    ASSERT(pack_apply(&set, buf_str(&again), NULL) && set.docs.len == num);
    pack_set_free(&set);
    buf_free(&again);
}

static void read_payload(struct str packed)
{
    struct buf raw;
    struct err e = {0};

    buf_init(&raw, SEAL_RAW_MAX);
    ASSERT(pack_inflate(packed, 100, &raw, &e) != (e.code != NULL));
    read_records(buf_str(&raw));
    buf_free(&raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static void (*const readers[])(struct str) = {read_list, read_object, read_records,
                                                  read_payload};
    struct seal_named named;

    if (!len)
        return 0;
    readers[bytes[0] % 4]((struct str){(const char *)bytes + 1, len - 1});
    if (len < 200) {
        char *name = xmemdup0(bytes, len);

        if (seal_read_name("signalbox", name, &named))
            ASSERT(named.part <= 99 && named.seq <= SEAL_SEQ_MAX);
        free(name);
    }
    return 0;
}
