/*
 * A large table for the proofs: `big_table ROUTES PORT [CLUSTER]` prints the frames of that many
 * routes, each with a host (s0.test, s1.test, ...), a pool and an endpoint of its own on
 * 127.0.0.1:PORT; with CLUSTER as a follower of that cluster journals them, checksum and digest
 * included.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/checksum.h"
#include "gateway/wire/digest.h"
#include "gateway/wire/frame.h"

enum { VALUE_MAX = 256, OUT_MAX = 1 << 20 };

struct out {
    struct buf lines;
    struct digest digest;
    struct checksum *checksum;
};

static void flush(struct out *o)
{
    checksum_add(o->checksum, buf_str(&o->lines));
    ASSERT(fwrite(o->lines.bytes, 1, o->lines.len, stdout) == o->lines.len);
    buf_clear(&o->lines);
}

static void print_set(struct out *o, enum route_kind kind, const char *name, const char *value)
{
    digest_add(&o->digest, kind, str_from(name), str_from(value));
    ASSERT(frame_write_set(&o->lines, kind, str_from(name), str_from(value)));
    if (o->lines.len > OUT_MAX / 2)
        flush(o);
}

static void print_route(struct out *o, unsigned n, unsigned port)
{
    char name[32], value[VALUE_MAX];

    snprintf(name, sizeof name, "s%u", n);
    print_set(o, ROUTE_KIND_POOL, name, "{\"protocol\":\"http1\",\"balance\":\"round_robin\"}");
    snprintf(value, sizeof value,
             "{\"endpoints\":[{\"address\":\"127.0.0.1\",\"port\":%u,\"weight\":1}]}", port);
    print_set(o, ROUTE_KIND_ENDPOINTS, name, value);
    snprintf(
        value, sizeof value,
        "{\"hosts\":[\"s%u.test\"],\"path\":\"/\",\"forward\":[{\"pool\":\"s%u\",\"weight\":1}]}",
        n, n);
    print_set(o, ROUTE_KIND_ROUTE, name, value);
}

int main(int argc, char **argv)
{
    static struct out o;
    char digest[FRAME_DIGEST_HEX + 1] = "";

    if (argc < 3) {
        fputs("usage: big_table ROUTES PORT [CLUSTER]\n", stderr);
        return 2;
    }
    buf_init(&o.lines, OUT_MAX);
    o.checksum = checksum_new();
    if (argc > 3)
        ASSERT(frame_write_hello(&o.lines, argv[3], "1000-proof", 1, true));
    for (unsigned n = 0; n < strtoul(argv[1], NULL, 10); n++)
        print_route(&o, n, (unsigned)strtoul(argv[2], NULL, 10));
    flush(&o);
    if (argc > 3) {
        ASSERT(checksum_write(o.checksum, &o.digest, &o.lines));
        digest_hex(&o.digest, digest);
    }
    ASSERT(frame_write_commit(&o.lines, 1, digest));
    flush(&o);
    buf_free(&o.lines);
    checksum_free(o.checksum);
    return fflush(stdout) == 0 ? 0 : 1;
}
