/*
 * What the parent and the proxy of a gateway say to each other on a SOCK_SEQPACKET pair. One fixed
 * struct a message; descriptors ride along (SCM_RIGHTS). A message of another size, or without its
 * descriptor, is logged and ignored.
 */
#ifndef GATEWAY_WORKER_CONTROL_H
#define GATEWAY_WORKER_CONTROL_H

#include <stdint.h>

enum control_type {
    /* parent -> proxy */
    CONTROL_LISTENER, /* 1 fd: accept on it (kind, name, shard); kept at once, polled when a table
                         is in force */
    CONTROL_FRAMES,   /* 1 fd: stream socket to a new follower: frames in, acks and nacks out */
    CONTROL_FORGET,   /* stop polling and close every listener whose name is `name` */
    CONTROL_DRAIN,    /* stop accepting, finish what is in flight, exit 0; deadline_ms bounds it */
    CONTROL_LISTED,   /* every listener that the doorman was configured for has been given */
    /* proxy -> parent */
    CONTROL_TABLE, /* the first table is in force in every worker (revision) */
    /* Every listener given so far is polled by its worker, or is of a kind that is not served. Sent
       again after each new one. `revision` is how many were given in this proxy's life, those that
       were forgotten included: behind another number more are on their way. */
    CONTROL_SERVING,
};

enum { CONTROL_NAME_MAX = 96 };

enum control_kind { CONTROL_HTTP, CONTROL_HTTPS };

struct control_msg {
    uint32_t type; /* enum control_type */
    uint32_t kind; /* enum control_kind */
    uint64_t revision;
    int64_t deadline_ms;         /* relative */
    uint32_t shard;              /* of a listener: 0 to num_shards - 1 */
    uint32_t num_shards;         /* sockets that share its address */
    char name[CONTROL_NAME_MAX]; /* listener: "127.0.0.1:8081" or what the doorman calls it;
                                    NUL-terminated */
};

#endif
