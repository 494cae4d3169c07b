/*
 * A small process that starts another one, again and again, under a user of its own. The parent of
 * a gateway makes one for the proxy and one for the follower while it may still change users, and
 * then gives that up for good; without these it could neither start nor end what runs under another
 * user. A spawner lives as long as the parent does, and its child no longer than either of them.
 */
#ifndef GATEWAY_SPAWNER_H
#define GATEWAY_SPAWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

enum spawner_type {
    /* parent -> spawner */
    SPAWNER_START = 1, /* 1 fd, for the child; a child that runs must have ended */
    SPAWNER_SIGNAL,    /* value: SIGTERM or SIGKILL, for the child if there is one */
    /* spawner -> parent */
    SPAWNER_READY,   /* once, the first of all: it has its user, `prepare` is done */
    SPAWNER_REFUSED, /* instead of that: text; the spawner has ended */
    SPAWNER_STARTED, /* value: the child's pid */
    SPAWNER_FAILED,  /* instead of that: value is an errno */
    SPAWNER_ENDED,   /* value: the child's status, see waitpid(2) */
};

struct spawner_msg {
    uint32_t type; /* enum spawner_type */
    int32_t value;
    char text[ERR_TEXT_MAX];
};

struct spawner_config {
    const char *name; /* of the child, for logs */
    uid_t uid;        /* also the gid; (uid_t)-1: the parent's */
    int keep_fd;      /* in every child; -1: none */
    /* Under the new user, before the first child: false refuses to go on. NULL: nothing to do. */
    bool (*prepare)(void *arg, struct err *e);
    /* The child: what it gives is its exit status. Signals are as at the start of a program. */
    int (*run)(void *arg, int fd);
    void *arg;
};

struct spawner {
    pid_t pid;
    int fd; /* SOCK_SEQPACKET; readable: spawner_recv. Its end: the spawner is gone */
};

/*
 * Before threads, capabilities and signal masks change. Waits until it is ready. All of its
 * descriptors but 0, 1, 2 and keep_fd are closed there, its capabilities are gone.
 */
MUST_USE bool spawner_new(struct spawner *s, const struct spawner_config *config, struct err *e);

/* The descriptor stays the caller's. False with errno: the spawner does not listen. */
MUST_USE bool spawner_start(struct spawner *s, int fd);
MUST_USE bool spawner_signal(struct spawner *s, int number);
MUST_USE enum io spawner_recv(struct spawner *s, struct spawner_msg *out);

/* The spawner and its child end at once; they are reaped by whoever waits for children. */
void spawner_close(struct spawner *s);

#endif
