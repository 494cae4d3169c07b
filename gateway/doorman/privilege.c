/*
 * What the doorman may do, reduced as early as possible: the uid changes before the first socket is
 * made (so that all doormen's sockets have one owner, which shards need, and so that both ends of
 * the unix socket see the cluster's uid), NET_BIND_SERVICE goes when everything is bound.
 * Called by main.
 */
#include "gateway/doorman/privilege.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gateway/core/caps.h"
#include "gateway/core/log.h"

static bool change_ids(uid_t uid, gid_t gid, struct err *e)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || !caps_change_ids(uid, gid))
        return err_set_errno(e, "NoUid", "--uid", "uid %u, gid %u cannot be taken on", uid, gid);
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
        return err_set_errno(e, "NoUid", "--uid", "Capabilities would be kept");
    return true;
}

bool privilege_become(uid_t uid, gid_t gid, struct err *e)
{
    uint64_t caps;

    if (!caps_permitted(&caps) || !caps_lock())
        return err_set_errno(e, "NoPrivileges", "", "Privileges cannot be given up");
    if (uid != (uid_t)-1 && uid != geteuid()) {
        if (caps_can_change_ids()) {
            if (!change_ids(uid, gid, e))
                return false;
        } else {
            log_warn("uid %u cannot be taken on (that needs root with SETUID and SETGID): staying "
                     "uid %u; gateways must have that uid",
                     uid, geteuid());
        }
    }
    if (!caps_set(caps & UINT64_C(1) << CAP_NET_BIND_SERVICE))
        return err_set_errno(e, "NoPrivileges", "", "Capabilities cannot be given up");
    return true;
}

bool privilege_clear(struct err *e)
{
    if (!caps_set(0))
        return err_set_errno(e, "NoPrivileges", "", "Capabilities cannot be given up");
    return true;
}
