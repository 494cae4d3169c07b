/*
 * Keeps a trouble that comes each second, or comes and goes, from filling the log. It neither logs
 * nor reads a clock. Called by observe.c and link.c.
 */
#include "clusters/swarm/nag.h"

enum { NAG_EVERY_MS = 60000 };

bool nag_due(struct nag *n, int64_t now_ms, uint64_t *out_unsaid)
{
    *out_unsaid = n->unsaid;
    if (n->said_ms && now_ms - n->said_ms < NAG_EVERY_MS) {
        n->unsaid++;
        return false;
    }
    n->said_ms = now_ms;
    n->unsaid = 0;
    n->told = true;
    return true;
}

bool nag_over(struct nag *n)
{
    bool told = n->told;

    n->told = false;
    return told;
}
