/* Capabilities, ids and what must never come back. */
#include "gateway/core/caps.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway/core/log.h"

enum { LAST_CAP = 63 };

bool caps_permitted(uint64_t *out)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    if (syscall(SYS_capget, &head, data) != 0)
        return false;
    *out = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    return true;
}

bool caps_set(uint64_t caps)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    uint32_t low = (uint32_t)caps;
    uint32_t high = (uint32_t)(caps >> 32);
    struct __user_cap_data_struct data[2] = {{.effective = low, .permitted = low},
                                             {.effective = high, .permitted = high}};

    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
           syscall(SYS_capset, &head, data) == 0;
}

static void empty_bounding_set(void)
{
    uint64_t caps;

    if (!caps_permitted(&caps) || (caps & UINT64_C(1) << CAP_SETPCAP) == 0)
        return;
    for (int cap = 0; cap <= LAST_CAP; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL)
            log_debug("capability %d stays in the bounding set", cap);
}

bool caps_lock(void)
{
    struct rlimit none = {0, 0};

    empty_bounding_set();
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

bool caps_can_change_ids(void)
{
    const uint64_t ids = UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID;
    uint64_t caps;

    return geteuid() == 0 && caps_permitted(&caps) && (caps & ids) == ids;
}

bool caps_change_ids(uid_t uid, gid_t gid)
{
    return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}
