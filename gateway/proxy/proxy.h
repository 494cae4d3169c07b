/*
 * The proxy of one worker: its client connections, its upstream connections, the table it serves
 * from. Worker gives it accepted sockets and tables; everything else happens on the loop.
 */
#ifndef GATEWAY_PROXY_PROXY_H
#define GATEWAY_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/loop/loop.h"
#include "gateway/observe/metrics.h"

struct access_log;
struct crowd;
struct exposition;
struct pool_series;
struct proxy;
struct table;
struct table_change;
struct upstream_shared;

/*
 * `shared` outlives the proxy. on_forgotten: this proxy holds nothing any more under an endpoint id
 * that left the table.
 */
struct proxy *proxy_new(struct loop *l, struct metrics *m, struct upstream_shared *shared,
                        void (*on_forgotten)(void *arg, uint32_t id), void *arg);
void proxy_free(struct proxy *p); /* closes what is open */

/* Where it accounts for requests; NULL in there: nowhere. Before the first table. */
struct proxy_observers {
    size_t worker; /* below 64: index of its ring, of its counters, among those that wait */
    struct access_log *log;
    struct pool_series *series;
    struct crowd *crowd; /* counts the connections of all workers */
};
void proxy_observe(struct proxy *p, const struct proxy_observers *o);
void proxy_set_node(struct proxy *p, const char *id); /* its own, for prefer_node; NULL is fine */

/*
 * A new client of that listener; takes the descriptor, which is non-blocking and has TCP_NODELAY.
 * One that cannot be kept, or is beyond the settings' limits, is closed.
 */
void proxy_take(struct proxy *p, int fd, const struct sockaddr_storage *peer, struct str listener);

/*
 * Descriptors have run short: closes the client that has waited longest without a request, or with
 * half a head for CONN_SHED_HEAD_MS. proxy_can_shed says whether there is one.
 */
void proxy_shed(struct proxy *p);
bool proxy_can_shed(struct proxy *p);

/* The version to serve from; takes the reference. Between loop turns only, never in a callback. */
void proxy_adopt(struct proxy *p, const struct table *t, const struct table_change *changes,
                 size_t num_changes);
const struct table *proxy_table(const struct proxy *p); /* lent; NULL: none yet */

/*
 * A place in a pool is free, and it is the turn of a request of another worker: tell(arg of
 * proxy_new, worker) is for that one, whose proxy then looks along its line.
 */
void proxy_on_place(struct proxy *p, void (*tell)(void *arg, size_t worker));
void proxy_look(struct proxy *p);

/* From now on every response ends its connection, and idle ones are let go after a moment. */
void proxy_drain(struct proxy *p);
size_t proxy_num_conns(const struct proxy *p); /* any thread */

/* The sums over all proxies of a process; any thread. */
void proxy_write_metrics(struct proxy *const *all, size_t num, struct exposition *x);

#endif
