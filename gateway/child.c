/*
 * Starting and burying the parent's children. What they do once started is not its business; it
 * never restarts anything by itself. Called by parent.c.
 */
#include "gateway/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

int64_t child_back_off(int64_t previous_ms, int64_t lived_ms)
{
    if (previous_ms == 0 || lived_ms >= CHILD_STEADY_MS)
        return CHILD_BACK_OFF_MIN_MS;
    return previous_ms * 2 < CHILD_BACK_OFF_MAX_MS ? previous_ms * 2 : CHILD_BACK_OFF_MAX_MS;
}

static int smallest_from(const int *fds, int num, int from)
{
    int best = -1;
    for (int i = 0; i < num; i++)
        if (fds[i] >= from && (best < 0 || fds[i] < best))
            best = fds[i];
    return best;
}

/* Where a kernel or a container's filter has no close_range(2), one by one. */
static void close_gap(unsigned from, unsigned to)
{
    if (from > to || close_range(from, to, 0) == 0)
        return;
    long limit = sysconf(_SC_OPEN_MAX);
    for (unsigned fd = from; fd <= to && (long)fd < limit; fd++)
        (void)close((int)fd); /* most of them are not open */
}

/* Closes the gaps between the descriptors to keep. */
static void close_others(const int *keep, int num)
{
    unsigned from = STDERR_FILENO + 1;
    int next;
    while ((next = smallest_from(keep, num, (int)from)) >= 0) {
        if (next > 0)
            close_gap(from, (unsigned)next - 1);
        from = (unsigned)next + 1;
    }
    close_gap(from, ~0U);
}

static void settle_child(pid_t parent, const int *keep, int num)
{
    sigset_t none;
    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);            /* the parent died before the first line of this function */
    signal(SIGINT, SIG_IGN); /* a terminal's: the parent says when to end */
    signal(SIGHUP, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        WRONG("the signal mask cannot be set");
    close_others(keep, num);
}

pid_t child_fork(struct child *c, const int *keep_fds, int num_keep)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        log_error("the %s cannot be started: %s", c->name, strerror(errno));
        return -1;
    }
    if (pid == 0) {
        settle_child(parent, keep_fds, num_keep);
        return 0;
    }
    c->pid = pid;
    c->started_ms = clock_mono_ms();
    return pid;
}

int64_t child_ended(struct child *c, int status)
{
    int64_t lived = clock_mono_ms() - c->started_ms;
    if (WIFSIGNALED(status))
        log_warn("the %s (pid %d) was killed by signal %d after %lld ms", c->name, (int)c->pid,
                 WTERMSIG(status), (long long)lived);
    else
        log_info("the %s (pid %d) ended with status %d after %lld ms", c->name, (int)c->pid,
                 WEXITSTATUS(status), (long long)lived);
    c->pid = 0;
    c->back_off_ms = child_back_off(c->back_off_ms, lived);
    return c->back_off_ms;
}
