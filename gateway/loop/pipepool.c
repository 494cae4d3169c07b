/*
 * See pipepool.h. Does not splice: sock.c does, and says how many bytes a pipe holds. Used by
 * exchanges with bodies that nobody looks at (gateway/proxy).
 */
#include "gateway/loop/pipepool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"

enum { DISCARD_BYTES = 16384 };

static bool make(struct pipe *pipe)
{
    int ends[2];

    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return false;
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPEPOOL_PIPE_BYTES);
    if (fcntl(ends[1], F_GETPIPE_SZ) < PIPEPOOL_LEAST_BYTES) {
        fd_close(&ends[0]);
        fd_close(&ends[1]);
        return false;
    }
    *pipe = (struct pipe){.out = ends[0], .in = ends[1]};
    return true;
}

void pipepool_init(struct pipepool *p, size_t num)
{
    ASSERT(num <= PIPEPOOL_MAX);
    memset(p, 0, sizeof *p);
    SLIST_INIT(&p->unused);
    while (p->num < num && make(&p->all[p->num])) {
        SLIST_INSERT_HEAD(&p->unused, &p->all[p->num], link);
        p->num++;
    }
}

static void close_pipe(struct pipepool *p, struct pipe *pipe)
{
    fd_close(&pipe->out);
    fd_close(&pipe->in);
    p->num--;
}

void pipepool_free(struct pipepool *p)
{
    struct pipe *pipe;

    while ((pipe = SLIST_FIRST(&p->unused)) != NULL) {
        SLIST_REMOVE_HEAD(&p->unused, link);
        close_pipe(p, pipe);
    }
    ASSERT(p->num == 0);
}

struct pipe *pipepool_get(struct pipepool *p)
{
    struct pipe *pipe = SLIST_FIRST(&p->unused);

    if (pipe == NULL || p->refused)
        return NULL;
    SLIST_REMOVE_HEAD(&p->unused, link);
    ASSERT(pipe->held == 0);
    return pipe;
}

/* By reading: a new pipe in its place is what the system call filter does not allow. */
static bool discard(struct pipe *pipe)
{
    char bytes[DISCARD_BYTES];

    while (pipe->held > 0) {
        ssize_t n = read(pipe->out, bytes, sizeof bytes);

        if (n > 0)
            pipe->held -= (size_t)n;
        else if (n == 0 || errno != EINTR)
            return false;
    }
    return true;
}

void pipepool_put(struct pipepool *p, struct pipe **pipe)
{
    if (*pipe == NULL)
        return;
    if (discard(*pipe))
        SLIST_INSERT_HEAD(&p->unused, *pipe, link);
    else
        close_pipe(p, *pipe); /* nobody's bytes may reach somebody else */
    *pipe = NULL;
}
