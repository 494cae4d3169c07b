/*
 * Pipes for bulk: splice(2) moves what a socket has received into a pipe and from there into
 * another socket without copying it. A pipe is taken while it holds bytes and given back when it is
 * empty, so one serves whoever moves just now; only readers that lag keep one.
 *
 * All are made at the start, before the system call filter, and never more: a pipe pins up to
 * PIPEPOOL_PIPE_BYTES of the kernel's memory, so a worker pins at most PIPEPOOL_MAX times that.
 * Who finds none copies.
 */
#ifndef GATEWAY_LOOP_PIPEPOOL_H
#define GATEWAY_LOOP_PIPEPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

/*
 * Asked for are so many bytes a pipe. A user whose processes have many pipes gets smaller ones, and
 * at last such of two pages (pipe(7), pipe-user-pages-soft), through which moving costs more than
 * copying: those are not kept.
 */
enum { PIPEPOOL_MAX = 32, PIPEPOOL_PIPE_BYTES = 262144, PIPEPOOL_LEAST_BYTES = 65536 };

struct pipe {
    int out; /* what is read from; -1: not made */
    int in;  /* what is written to */
    size_t held;
    SLIST_ENTRY(pipe) link;
};

struct pipepool {
    struct pipe all[PIPEPOOL_MAX];
    size_t num; /* made and not closed; all[0..num) at first */
    SLIST_HEAD(, pipe) unused;
    bool refused; /* the kernel does not splice our sockets: nobody gets a pipe any more */
};

void pipepool_init(struct pipepool *p, size_t num); /* makes fewer where it may not */
void pipepool_free(struct pipepool *p);             /* when all have been given back */

struct pipe *pipepool_get(struct pipepool *p); /* empty; NULL: none is to be had */
/* Nulls the caller's pointer; NULL is fine. What the pipe still holds is thrown away. */
void pipepool_put(struct pipepool *p, struct pipe **pipe);

#endif
