/*
 * See confine.h. What has no use here ends the process (gateway/core/deadly_calls.h); to listen, or
 * to make a raw socket, fails with EPERM. Called by follower_main.c.
 */
#include "gateway/follower/confine.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "gateway/core/caps.h"
#include "gateway/core/deadly_calls.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEAKS_ARE_TRACED 1 /* by a process of the sanitizer's own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LEAKS_ARE_TRACED 1
#endif
#endif
#ifndef LEAKS_ARE_TRACED
#define LEAKS_ARE_TRACED 0
#endif

#define NUMBER(name) SCMP_SYS(name),

/* clone3(2) hides its flags; glibc then takes clone(2), which may make threads only. */
static int forbid_processes(scmp_filter_ctx f)
{
    const struct scmp_arg_cmp process = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = 0};
    int failure = seccomp_rule_add_array(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);

    if (LEAKS_ARE_TRACED)
        return failure;
    if (failure == 0)
        failure = seccomp_rule_add_array(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1, &process);
    if (failure == 0)
        failure = seccomp_rule_add_array(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ptrace), 0, NULL);
    return failure;
}

static int forbid_sockets(scmp_filter_ctx f)
{
    static const int calls[] = {SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4)};
    const struct scmp_arg_cmp packet = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_PACKET};
    int failure = seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, &packet);

    for (size_t i = 0; failure == 0 && i < sizeof calls / sizeof calls[0]; i++)
        failure = seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EPERM), calls[i], 0, NULL);
    return failure;
}

static int load(scmp_filter_ctx f)
{
    static const int deadly[] = {DEADLY_CALLS(NUMBER)};
    int failure = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);

    for (size_t i = 0; failure == 0 && i < sizeof deadly / sizeof deadly[0]; i++)
        failure = seccomp_rule_add_array(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
    if (failure == 0)
        failure = forbid_processes(f);
    if (failure == 0)
        failure = forbid_sockets(f);
    return failure != 0 ? failure : seccomp_load(f);
}

bool follower_confine(struct err *e)
{
    scmp_filter_ctx filter;
    int failure;

    if (!caps_lock() || !caps_set(0))
        return err_set_errno(e, "NoPrivileges", "", "privileges cannot be given up");
    /* libseccomp 2.5 overlooks failures of malloc, and then loads a filter with holes. */
    errno = 0;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return err_set(e, "NoFilter", "", "there is no memory for the system call filter");
    failure = load(filter);
    if (failure == 0 && errno == ENOMEM)
        failure = -ENOMEM;
    seccomp_release(filter);
    if (failure == 0)
        return true;
    errno = -failure;
    return err_set_errno(e, "NoFilter", "", "the system call filter cannot be entered");
}
