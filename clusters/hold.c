/*
 * The rule of hold.h as one function, and its words. Called by coordinator_hold.c for each cluster
 * that waits, at each new picture, each word of a gateway and each second.
 */
#include "clusters/hold.h"

enum hold_verdict hold_judge(const struct hold_facts *f)
{
    if (!f->read)
        return HOLD_UNREAD;
    if (f->accept_empty)
        return HOLD_SERVE;
    if (f->held > f->routes)
        return HOLD_FEWER;
    if ((f->all_known && f->answered >= f->expected) || f->waited_ms >= HOLD_WAIT_MS)
        return HOLD_SERVE;
    return HOLD_ASKING;
}

void hold_explain(const struct hold_facts *f, const char *cluster, struct err *out)
{
    switch (hold_judge(f)) {
    case HOLD_SERVE:
        *out = (struct err){0};
        break;
    case HOLD_UNREAD:
        err_set(out, "HeldUnread", cluster,
                "cluster %s is not published before the swarm has been read", cluster);
        break;
    case HOLD_ASKING:
        err_set(out, "HeldAsking", cluster,
                "cluster %s is not published before its gateways have said what they hold (%zu of "
                "%zu have, at most %d s)",
                cluster, f->answered, f->expected, HOLD_WAIT_MS / 1000);
        break;
    case HOLD_FEWER:
        err_set(out, "HeldFewer", cluster,
                "cluster %s is not published: the swarm gives %llu routes, gateway \"%.40s\" holds "
                "%llu and serves on with them; bring the services back, or restart the coordinator "
                "with --accept-empty to publish what there is",
                cluster, (unsigned long long)f->routes, f->gateway, (unsigned long long)f->held);
        break;
    }
}
