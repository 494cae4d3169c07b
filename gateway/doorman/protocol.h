/*
 * What gateways, a doorman and its successor say to each other over one SOCK_SEQPACKET unix socket.
 * One message = one packet: a header, then `count` entries, and as many descriptors (SCM_RIGHTS) in
 * the order of the entries. Both ends run on one host: native byte order. Both check the other's
 * uid (SO_PEERCRED) before the first message.
 *
 *   gateway                              doorman
 *     HELLO (role gateway)        ->
 *     OFFER* what it holds        ->       fills only what the doorman does not hold itself
 *     TAKE                        ->
 *                                 <-     LIST+  every listener held now, with descriptors
 *     SERVING (generation)        ->       it polls all of that generation
 *                                 <-     LIST+  again, whenever the set changes
 *     DRAINING                    ->       it no longer counts
 *                                 <-     MOVED  a successor listens at the path: connect again
 *
 *   new doorman                          old doorman
 *     HELLO (role doorman)        ->
 *                                 <-     LIST+
 *     ADOPTED                     ->       sent after the successor is published at the path
 *
 * A connection that ends = whoever was there is gone.
 */
#ifndef GATEWAY_DOORMAN_PROTOCOL_H
#define GATEWAY_DOORMAN_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/core/err.h"
#include "gateway/core/fd.h"
#include "gateway/core/result.h"

enum {
    DOORMAN_MAGIC = 0x444f4f52, /* "DOOR" */
    DOORMAN_VERSION = 1,
    DOORMAN_BATCH_MAX = FD_PASS_MAX,
    DOORMAN_LISTENERS_MAX = 1024, /* listeners x shards of one doorman */
    DOORMAN_SHARDS_MAX = 256,
    DOORMAN_NAME_MAX = 80, /* with its NUL */
};

enum doorman_msg_type {
    DOORMAN_HELLO = 1,
    DOORMAN_OFFER,
    DOORMAN_TAKE,
    DOORMAN_SERVING,
    DOORMAN_DRAINING,
    DOORMAN_LIST,
    DOORMAN_MOVED,
    DOORMAN_ADOPTED,
    DOORMAN_MSG__COUNT
};

enum doorman_role { DOORMAN_ROLE_GATEWAY = 1, DOORMAN_ROLE_DOORMAN = 2 };

enum doorman_kind { DOORMAN_HTTP = 0, DOORMAN_HTTPS = 1, DOORMAN_KIND__COUNT };

/* Flags of LIST. */
enum { DOORMAN_LIST_COMPLETE = 1 }; /* nothing that the doorman was asked to open is missing */

struct doorman_entry {
    char name[DOORMAN_NAME_MAX]; /* "http:0.0.0.0:8081#0": kind, address, shard; NUL-terminated */
    uint32_t kind;               /* enum doorman_kind */
    uint32_t shard;              /* from 0 */
    uint32_t num_shards;         /* how many this listener had when it was made */
    uint32_t reserved;           /* 0 */
};

struct doorman_header {
    uint32_t magic;
    uint16_t version;
    uint16_t type;
    uint32_t role;       /* HELLO */
    uint32_t flags;      /* LIST */
    uint64_t generation; /* LIST, SERVING: from 1, grows with every change of the set */
    uint32_t first;      /* LIST: number of the first entry of this batch */
    uint32_t total;      /* LIST: entries in all batches; a list of none is one message */
    uint32_t count;      /* OFFER, LIST: entries and descriptors in this message */
    uint32_t reserved;   /* 0 */
};

struct doorman_msg {
    struct doorman_header head;
    struct doorman_entry entries[DOORMAN_BATCH_MAX];
};

/* Everything zero but magic, version and type. */
void doorman_msg_init(struct doorman_msg *m, enum doorman_msg_type type);

/* Judges `n` received bytes with `num_fds` descriptors: true = every field may be used. */
MUST_USE bool doorman_msg_check(const struct doorman_msg *m, size_t n, size_t num_fds,
                                struct err *e);

/* IO_AGAIN when the socket does not block and is full. fds: head.count of them. */
MUST_USE enum io doorman_msg_send(int sock, const struct doorman_msg *m, const int *fds);

/*
 * One checked message. IO_DONE: out_fds[0..head.count) are the caller's. IO_FAIL: refused or
 * broken, *e says why, nothing is left open.
 */
MUST_USE enum io doorman_msg_recv(int sock, struct doorman_msg *m, int out_fds[DOORMAN_BATCH_MAX],
                                  struct err *e);

/* True when the process at the other end has this uid. */
MUST_USE bool doorman_peer_check(int sock, uid_t uid, struct err *e);

#endif
