/*
 * What the doorman may do, reduced as early as possible: the uid changes before the first socket is
 * made (so that all doormen's sockets have one owner, which shards need, and so that both ends of
 * the unix socket see the cluster's uid), NET_BIND_SERVICE goes when everything is bound.
 * The capability calls are made directly: libcap would be a library for three lines. Called by
 * main.
 */
#include "gateway/doorman/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway/core/log.h"

enum { LAST_CAP = 63 };

static uint64_t bit(int cap)
{
    return UINT64_C(1) << cap;
}

static bool get_permitted(uint64_t *out)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    if (syscall(SYS_capget, &head, data) != 0)
        return false;
    *out = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    return true;
}

static bool set_all(uint64_t caps)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    uint32_t low = (uint32_t)caps;
    uint32_t high = (uint32_t)(caps >> 32);
    struct __user_cap_data_struct data[2] = {{.effective = low, .permitted = low},
                                             {.effective = high, .permitted = high}};

    return syscall(SYS_capset, &head, data) == 0;
}

static bool change_ids(uid_t uid, gid_t gid, struct err *e)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return err_set_errno(e, "NoUid", "--uid", "uid %u, gid %u cannot be taken on", uid, gid);
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
        return err_set_errno(e, "NoUid", "--uid", "Capabilities would be kept");
    return true;
}

/* Needs SETPCAP, which a container seldom gives; no_new_privs makes the set harmless anyway. */
static void empty_bounding_set(uint64_t permitted)
{
    if ((permitted & bit(CAP_SETPCAP)) == 0)
        return;
    for (int cap = 0; cap <= LAST_CAP; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL)
            log_debug("capability %d stays in the bounding set", cap);
}

bool privilege_become(uid_t uid, gid_t gid, struct err *e)
{
    uint64_t ids = bit(CAP_SETUID) | bit(CAP_SETGID);
    uint64_t caps;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        !get_permitted(&caps))
        return err_set_errno(e, "NoPrivileges", "", "Privileges cannot be given up");
    empty_bounding_set(caps);
    if (uid != (uid_t)-1 && uid != geteuid()) {
        if (geteuid() == 0 && (caps & ids) == ids) {
            if (!change_ids(uid, gid, e))
                return false;
        } else {
            log_warn("uid %u cannot be taken on (that needs root with SETUID and SETGID): staying "
                     "uid %u; gateways must have that uid",
                     uid, geteuid());
        }
    }
    if (!set_all(caps & bit(CAP_NET_BIND_SERVICE)))
        return err_set_errno(e, "NoPrivileges", "", "Capabilities cannot be given up");
    return true;
}

bool privilege_clear(struct err *e)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || !set_all(0))
        return err_set_errno(e, "NoPrivileges", "", "Capabilities cannot be given up");
    return true;
}
