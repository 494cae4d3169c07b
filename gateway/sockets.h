/*
 * The listening sockets that a gateway's parent has of its own: bound from flags or inherited from
 * systemd (sd_listen_fds(3)). Those of a doorman are the doorman client's.
 */
#ifndef GATEWAY_SOCKETS_H
#define GATEWAY_SOCKETS_H

#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/options.h"
#include "gateway/core/result.h"

enum { SOCKETS_MAX = 1024, SOCKETS_NAME_MAX = 96 };

struct sockets {
    struct {
        char name[SOCKETS_NAME_MAX]; /* "127.0.0.1:8081", with several shards "127.0.0.1:8081#1" */
        int fd;
        unsigned shard; /* of num_shards that share the address */
        unsigned num_shards;
    } all[SOCKETS_MAX];
    size_t num;
};

/* A listening, non-blocking, close-on-exec TCP socket on "ADDR:PORT" or "[V6]:PORT"; -1 with *e. */
int sockets_open(const char *addr_port, const char *option, struct err *e);

/*
 * num_shards sockets for each address, among which the kernel spreads connections (SO_REUSEPORT).
 * An address that somebody else listens on is refused all the same.
 */
MUST_USE bool sockets_bind(struct sockets *l, const struct options_list *addresses,
                           unsigned num_shards, struct err *e);

/* Takes what LISTEN_FDS and LISTEN_FDNAMES (http) name and removes them from the environment. */
MUST_USE bool sockets_inherit(struct sockets *l, struct err *e);

void sockets_close(struct sockets *l);

#endif
