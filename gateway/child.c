/* The book that the parent keeps of its children. It starts nothing. Called by parent.c. */
#include "gateway/child.h"

#include <sys/wait.h>

#include "gateway/core/clock.h"
#include "gateway/core/log.h"

int64_t child_back_off(int64_t previous_ms, int64_t lived_ms)
{
    if (previous_ms == 0 || lived_ms >= CHILD_STEADY_MS)
        return CHILD_BACK_OFF_MIN_MS;
    return previous_ms * 2 < CHILD_BACK_OFF_MAX_MS ? previous_ms * 2 : CHILD_BACK_OFF_MAX_MS;
}

void child_begins(struct child *c)
{
    c->running = true;
    c->pid = 0;
    c->started_ms = clock_mono_ms();
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
    c->running = false;
    c->pid = 0;
    c->back_off_ms = child_back_off(c->back_off_ms, lived);
    return c->back_off_ms;
}
