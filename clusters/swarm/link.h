/*
 * The one engine in use out of several: its API version agreed on, its event stream open. It keeps
 * to an engine that works; from one that does not it goes to the next, round and round, with a
 * pause after each full turn. With a single engine it tries that one again. No callback runs from
 * inside link_new and link_free.
 */
#ifndef CLUSTERS_SWARM_LINK_H
#define CLUSTERS_SWARM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/swarm/docker.h"
#include "gateway/core/err.h"

struct event_base;
struct link;

struct link_config {
    const char *const *docker;    /* NULL-ended endpoints; used during link_new only */
    struct docker_tls tls;        /* the same */
    int64_t read_ms;              /* deadline of the question for the version */
    void (*on_agreed)(void *arg); /* the version is agreed on: lists may be read */
    void (*on_open)(void *arg);   /* events come from here on */
    void (*on_event)(void *arg, const struct decode_event *event);
    void (*on_down)(void *arg); /* version or stream failed; they are tried again */
    /* link_docker is another engine, or its connections are closed: calls to it are to be
     * cancelled. */
    void (*on_leave)(void *arg);
    void *arg;
};

struct link *link_new(struct event_base *base, const struct link_config *config, struct err *e);
void link_free(struct link *l); /* NULL is fine; not from inside a callback */

struct docker *link_docker(const struct link *l);
size_t link_num(const struct link *l);              /* how many engines there are */
bool link_agreed(const struct link *l);             /* lists may be read */
bool link_is_open(const struct link *l);            /* the stream */
const struct err *link_error(const struct link *l); /* code NULL: none */

/* The engine does not do its work: the next one. With a single engine nothing happens. */
void link_leave(struct link *l, const struct err *why);
/* The same engine from the start: its version, its stream; on new connections when its files of TLS
 * have changed. why NULL: as a matter of routine. */
void link_again(struct link *l, const struct err *why);
void link_check_files(struct link *l);

#endif
