/*
 * System calls that no process of ours has any use for once it runs, and that somebody who broke
 * into it has: other programs and processes, namespaces and mounts, the kernel's own machinery.
 * Asking for one ends the process. X(name) for each; a seccomp filter makes numbers of them.
 */
#ifndef GATEWAY_CORE_DEADLY_CALLS_H
#define GATEWAY_CORE_DEADLY_CALLS_H

#define DEADLY_CALLS(X)  \
    X(execve)            \
    X(execveat)          \
    X(fork)              \
    X(vfork)             \
    X(process_vm_readv)  \
    X(process_vm_writev) \
    X(kcmp)              \
    X(pidfd_open)        \
    X(pidfd_getfd)       \
    X(pidfd_send_signal) \
    X(process_madvise)   \
    X(unshare)           \
    X(setns)             \
    X(mount)             \
    X(umount2)           \
    X(pivot_root)        \
    X(chroot)            \
    X(open_tree)         \
    X(move_mount)        \
    X(fsopen)            \
    X(mount_setattr)     \
    X(open_by_handle_at) \
    X(bpf)               \
    X(perf_event_open)   \
    X(io_uring_setup)    \
    X(io_uring_enter)    \
    X(io_uring_register) \
    X(userfaultfd)       \
    X(kexec_load)        \
    X(kexec_file_load)   \
    X(init_module)       \
    X(finit_module)      \
    X(delete_module)     \
    X(add_key)           \
    X(request_key)       \
    X(keyctl)            \
    X(reboot)            \
    X(swapon)            \
    X(modify_ldt)

#endif
