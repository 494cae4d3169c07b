/*
 * The proxy's system call filter, from inside: for each call of a table a process is forked that
 * enters the very filter (confine_enter) with threads made before and after, and tries the call. A
 * call that must fail has to fail as said, and one that the proxy lives on has to work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/worker/confine.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { LIMIT = 256, DEAD = 1000 /* in the place of an errno: killed by SIGSYS */ };

struct inside {
    int listener; /* moved up */
    int low;      /* a listener that was not moved */
    int unix_pair[2];
    int pipe[2];                /* made before the filter, as those of pipepool.h */
    struct sockaddr_in address; /* of the listener */
    struct sockaddr_in other;   /* of `low`: an endpoint */
    int epoll;
    int from; /* the first number of listeners */
};

static const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

/* ---- attempts: 0 or more when the call was let through, -1 with errno -------------------------
 */

/* sys(2) with up to six zeros behind: by number, so that no wrapper asks for something else. */
#define SYS(...) ((int)syscall(__VA_ARGS__, 0L, 0L, 0L, 0L, 0L, 0L))
#define ATTEMPT(name, call)                  \
    static int name(const struct inside *in) \
    {                                        \
        (void)in;                            \
        return (int)(call);                  \
    }

ATTEMPT(try_open, SYS(SYS_open, "/etc/passwd", O_RDONLY))
ATTEMPT(try_openat, SYS(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY))
ATTEMPT(try_openat2, SYS(SYS_openat2, AT_FDCWD, "/etc/passwd"))
ATTEMPT(try_creat, SYS(SYS_creat, "/tmp/confine-test"))
ATTEMPT(try_unlink, SYS(SYS_unlink, "/nonexistent"))
ATTEMPT(try_rename, SYS(SYS_rename, "/nonexistent", "/nonexistent"))
ATTEMPT(try_mkdir, SYS(SYS_mkdir, "/nonexistent/nonexistent"))
ATTEMPT(try_chdir, SYS(SYS_chdir, "/"))
ATTEMPT(try_stat, SYS(SYS_stat, "/", (long)(uintptr_t) & (char[256]){0}))
ATTEMPT(try_readlink, SYS(SYS_readlink, "/proc/self/exe", (long)(uintptr_t)(char[256]){0}, 256))
ATTEMPT(try_execve, SYS(SYS_execve, "/bin/true"))
ATTEMPT(try_execveat, SYS(SYS_execveat, AT_FDCWD, "/bin/true"))
ATTEMPT(try_fork, SYS(SYS_fork))
ATTEMPT(try_vfork, SYS(SYS_clone, CLONE_VFORK | SIGCHLD))
ATTEMPT(try_clone_process, SYS(SYS_clone, SIGCHLD))
ATTEMPT(try_clone_user, SYS(SYS_clone, CLONE_NEWUSER | SIGCHLD))
ATTEMPT(try_clone3, SYS(SYS_clone3))
ATTEMPT(try_ptrace, SYS(SYS_ptrace, PTRACE_TRACEME))
ATTEMPT(try_vm_readv, SYS(SYS_process_vm_readv, getppid()))
ATTEMPT(try_vm_writev, SYS(SYS_process_vm_writev, getppid()))
ATTEMPT(try_pidfd_open, SYS(SYS_pidfd_open, getppid()))
ATTEMPT(try_pidfd_getfd, SYS(SYS_pidfd_getfd, 0))
ATTEMPT(try_kill, SYS(SYS_kill, getppid(), 0))
ATTEMPT(try_kill_all, SYS(SYS_kill, -1, 0))
ATTEMPT(try_tkill, SYS(SYS_tkill, gettid(), 0))
ATTEMPT(try_tgkill_other, SYS(SYS_tgkill, getppid(), getppid(), 0))
ATTEMPT(try_sigqueue, SYS(SYS_rt_sigqueueinfo, getppid(), 0))
ATTEMPT(try_mount, SYS(SYS_mount, "none", "/tmp", "tmpfs"))
ATTEMPT(try_umount, SYS(SYS_umount2, "/nonexistent"))
ATTEMPT(try_pivot_root, SYS(SYS_pivot_root, "/", "/"))
ATTEMPT(try_chroot, SYS(SYS_chroot, "/"))
ATTEMPT(try_unshare, SYS(SYS_unshare, CLONE_NEWUSER))
ATTEMPT(try_setns, SYS(SYS_setns, 0, CLONE_NEWNET))
ATTEMPT(try_bpf, SYS(SYS_bpf))
ATTEMPT(try_perf, SYS(SYS_perf_event_open))
ATTEMPT(try_io_uring, SYS(SYS_io_uring_setup, 1))
ATTEMPT(try_io_uring_enter, SYS(SYS_io_uring_enter, 0))
ATTEMPT(try_userfaultfd, SYS(SYS_userfaultfd, 0))
ATTEMPT(try_keyctl, SYS(SYS_keyctl, 0, -3))
ATTEMPT(try_add_key, SYS(SYS_add_key, "user", "x", "y", 1, -3))
ATTEMPT(try_init_module, SYS(SYS_init_module))
ATTEMPT(try_memfd, SYS(SYS_memfd_create, "x"))
ATTEMPT(try_personality, SYS(SYS_personality, ADDR_NO_RANDOMIZE))
ATTEMPT(try_setuid, SYS(SYS_setuid, getuid()))
ATTEMPT(try_setresuid, SYS(SYS_setresuid, getuid(), getuid(), getuid()))
ATTEMPT(try_setgroups, SYS(SYS_setgroups, 0))
ATTEMPT(try_capset, SYS(SYS_capset))
ATTEMPT(try_seccomp, SYS(SYS_seccomp, 2))
ATTEMPT(try_dumpable, SYS(SYS_prctl, PR_SET_DUMPABLE, 1))
ATTEMPT(try_keepcaps, SYS(SYS_prctl, PR_SET_KEEPCAPS, 1))
ATTEMPT(try_deathsig, SYS(SYS_prctl, PR_SET_PDEATHSIG, 0))
ATTEMPT(try_set_mm, SYS(SYS_prctl, PR_SET_MM, PR_SET_MM_BRK))
ATTEMPT(try_exec_memory,
        SYS(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1))
ATTEMPT(try_exec_again,
        SYS(SYS_mprotect, (uintptr_t)&try_open & ~(uintptr_t)4095, 4096, PROT_READ | PROT_EXEC))
ATTEMPT(try_pkey_mprotect, SYS(SYS_pkey_mprotect, 0, 4096, PROT_EXEC, -1))
ATTEMPT(try_shmget, SYS(SYS_shmget, 0, 4096, 0600))
ATTEMPT(try_remap, SYS(SYS_remap_file_pages))
ATTEMPT(try_limit_core, SYS(SYS_prlimit64, 0, RLIMIT_CORE))
ATTEMPT(try_limit_other, SYS(SYS_prlimit64, getppid(), RLIMIT_NOFILE))
ATTEMPT(try_setpriority, SYS(SYS_setpriority, 0, 0, 0))
ATTEMPT(try_inotify, SYS(SYS_inotify_init1, 0))
ATTEMPT(try_pipe, SYS(SYS_pipe2, (long)(uintptr_t)(int[2]){0}))
ATTEMPT(try_socketpair, SYS(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (long)(uintptr_t)(int[2]){0}))

ATTEMPT(try_socket_unix, SYS(SYS_socket, AF_UNIX, SOCK_STREAM))
ATTEMPT(try_socket_netlink, SYS(SYS_socket, AF_NETLINK, SOCK_RAW))
ATTEMPT(try_socket_packet, SYS(SYS_socket, AF_PACKET, SOCK_RAW))
ATTEMPT(try_socket_raw, SYS(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_TCP))
ATTEMPT(try_socket_udp, SYS(SYS_socket, AF_INET, SOCK_DGRAM))
ATTEMPT(try_socket_udp6, SYS(SYS_socket, AF_INET6, SOCK_DGRAM))
ATTEMPT(try_socket_vsock, SYS(SYS_socket, AF_VSOCK, SOCK_STREAM))
ATTEMPT(try_socket_alg, SYS(SYS_socket, AF_ALG, SOCK_SEQPACKET))
ATTEMPT(try_socket_mptcp, SYS(SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_MPTCP))
ATTEMPT(try_bind, SYS(SYS_bind, socket(AF_INET, SOCK_STREAM, 0), &in->address, sizeof in->address))
ATTEMPT(try_listen, SYS(SYS_listen, socket(AF_INET, SOCK_STREAM, 0), 8))

ATTEMPT(try_dup, SYS(SYS_dup, in->low))
ATTEMPT(try_dup2, SYS(SYS_dup2, in->listener, 9))
ATTEMPT(try_dup3, SYS(SYS_dup3, in->listener, 9, O_CLOEXEC))
ATTEMPT(try_dupfd, SYS(SYS_fcntl, in->listener, F_DUPFD, 0))
ATTEMPT(try_dupfd_low, SYS(SYS_fcntl, in->listener, F_DUPFD_CLOEXEC, 0))
ATTEMPT(try_dupfd_near, SYS(SYS_fcntl, in->listener, F_DUPFD_CLOEXEC, in->from - 1))
ATTEMPT(try_setown, SYS(SYS_fcntl, in->low, F_SETOWN, getppid()))
ATTEMPT(try_setsig, SYS(SYS_fcntl, in->low, F_SETSIG, SIGUSR1))

ATTEMPT(try_unspec_listener, SYS(SYS_connect, in->listener, &unspecified, sizeof unspecified))
/* The kernel takes the lower half of a register for the descriptor, the filter sees all of it. */
ATTEMPT(try_unspec_disguised,
        SYS(SYS_connect, in->listener | 1L << 40, &unspecified, sizeof unspecified))
ATTEMPT(try_connect_listener, SYS(SYS_connect, in->listener, &in->other, sizeof in->other))
ATTEMPT(try_shutdown_listener, SYS(SYS_shutdown, in->listener, SHUT_RDWR))
ATTEMPT(try_listen_listener, SYS(SYS_listen, in->listener, 8))
ATTEMPT(try_option_listener,
        SYS(SYS_setsockopt, in->listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)))
ATTEMPT(try_device_listener,
        SYS(SYS_setsockopt, in->listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2))
ATTEMPT(try_block_listener, SYS(SYS_fcntl, in->listener, F_SETFL, 0))
ATTEMPT(try_device, SYS(SYS_setsockopt, in->low, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2))
ATTEMPT(try_bpf_option, SYS(SYS_setsockopt, in->low, SOL_SOCKET, SO_ATTACH_FILTER, "", 0))
ATTEMPT(try_ulp, SYS(SYS_setsockopt, in->low, IPPROTO_TCP, TCP_ULP, "tls", 3))

/* ---- what the proxy lives on -------------------------------------------------------------------
 */

static int do_accept(const struct inside *in)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (client < 0 || epoll_ctl(in->epoll, EPOLL_CTL_ADD, in->listener, &ev) != 0 ||
        connect(client, (const struct sockaddr *)&in->address, sizeof in->address) != 0 ||
        epoll_wait(in->epoll, &ev, 1, 5000) != 1)
        return -1;
    int server = accept4(in->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (server < 0 || setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return -1;
    if (send(client, "x", 1, MSG_NOSIGNAL) != 1 || recv(server, &(char){0}, 1, 0) != 1)
        return -1;
    return shutdown(server, SHUT_WR) == 0 && close(server) == 0 && close(client) == 0 ? 0 : -1;
}

/* What a client sent comes back to it through a pipe. */
static int do_splice(const struct inside *in)
{
    const unsigned how = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int server = -1;
    char byte = 0;

    if (client < 0 ||
        connect(client, (const struct sockaddr *)&in->address, sizeof in->address) != 0)
        return -1;
    server = accept4(in->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (server < 0 || send(client, "x", 1, MSG_NOSIGNAL) != 1 ||
        splice(server, NULL, in->pipe[1], NULL, 1, how) != 1 ||
        splice(in->pipe[0], NULL, server, NULL, 1, how) != 1 || recv(client, &byte, 1, 0) != 1)
        return -1;
    return byte == 'x' && close(server) == 0 && close(client) == 0 ? 0 : -1;
}

static int do_connect_endpoint(const struct inside *in)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = -1;
    socklen_t len = sizeof error;
    unsigned patience = 2000;
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET};

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience) != 0 ||
        (connect(fd, (const struct sockaddr *)&in->other, sizeof in->other) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(in->epoll, EPOLL_CTL_ADD, fd, &ev) != 0 ||
        epoll_wait(in->epoll, &ev, 1, 5000) != 1 ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return -1;
    errno = error;
    return error == 0 ? close(fd) : -1;
}

/* Another listener is given: over the control socket, then moved. */
static int do_take_listener(const struct inside *in)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.align = {.cmsg_len = CMSG_LEN(sizeof(int)),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS}};
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof control.space};
    int fd;

    memcpy(CMSG_DATA(&control.align), &in->low, sizeof in->low);
    if (sendmsg(in->unix_pair[0], &msg, MSG_NOSIGNAL) != 1 ||
        recvmsg(in->unix_pair[1], &msg, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    memcpy(&fd, CMSG_DATA(&control.align), sizeof fd);
    if (fd >= in->from || !confine_listener(&fd))
        return -1;
    return fd >= in->from && fcntl(fd, F_GETFD) == FD_CLOEXEC ? 0 : -1;
}

/* What is opened next is not among the listeners' numbers: EMFILE comes first. */
static int do_run_out(const struct inside *in)
{
    int fd;
    int highest = -1;

    while ((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0)
        highest = fd;
    return errno == EMFILE && highest == in->from - 1 ? 0 : -1;
}

static int do_allocate(const struct inside *in)
{
    (void)in;
    for (size_t n = 16; n < 64U << 20; n *= 4) {
        char *p = malloc(n);

        if (p == NULL)
            return -1;
        memset(p, 1, n);
        free(p);
    }
    return 0;
}

static int do_look_at_time(const struct inside *in)
{
    struct timespec now;

    (void)in;
    return SYS(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}

static int do_look_at_flags(const struct inside *in)
{
    return fcntl(in->low, F_SETFL, fcntl(in->low, F_GETFL) | O_NONBLOCK);
}

ATTEMPT(do_signal_self, SYS(SYS_tgkill, getpid(), gettid(), 0))
ATTEMPT(do_name_thread, SYS(SYS_prctl, PR_SET_NAME, "name"))
ATTEMPT(do_ask_listener,
        getsockopt(in->listener, SOL_SOCKET, SO_TYPE, &(int){0}, &(socklen_t){sizeof(int)}))
ATTEMPT(do_close_listener, close(in->listener))
ATTEMPT(do_write, (int)write(in->unix_pair[0], "x", 1))

/* ---- the table ---------------------------------------------------------------------------------
 */

static const struct attempt {
    const char *name;
    int (*run)(const struct inside *in);
    int failure;  /* 0: works; DEAD: the process is killed */
    bool widened; /* a sanitizer's runtime needs this call: not denied there */
} attempts[] = {
    {"open", try_open, EPERM, true},
    {"openat", try_openat, EPERM, true},
    {"openat2", try_openat2, EPERM, false},
    {"creat", try_creat, EPERM, false},
    {"unlink", try_unlink, EPERM, false},
    {"rename", try_rename, EPERM, false},
    {"mkdir", try_mkdir, EPERM, false},
    {"chdir", try_chdir, EPERM, false},
    {"stat", try_stat, EPERM, true},
    {"readlink", try_readlink, EPERM, true},
    {"execve", try_execve, DEAD, false},
    {"execveat", try_execveat, DEAD, false},
    {"fork", try_fork, DEAD, false},
    {"vfork by clone", try_vfork, DEAD, true},
    {"fork by clone", try_clone_process, DEAD, true},
    {"clone into a user namespace", try_clone_user, DEAD, true},
    {"clone3", try_clone3, ENOSYS, false},
    {"ptrace", try_ptrace, DEAD, true},
    {"process_vm_readv", try_vm_readv, DEAD, false},
    {"process_vm_writev", try_vm_writev, DEAD, false},
    {"pidfd_open", try_pidfd_open, DEAD, false},
    {"pidfd_getfd", try_pidfd_getfd, DEAD, false},
    {"kill of the parent", try_kill, EPERM, true},
    {"kill of all", try_kill_all, EPERM, true},
    {"tkill", try_tkill, EPERM, false},
    {"tgkill of another process", try_tgkill_other, EPERM, true},
    {"rt_sigqueueinfo", try_sigqueue, EPERM, false},
    {"mount", try_mount, DEAD, false},
    {"umount2", try_umount, DEAD, false},
    {"pivot_root", try_pivot_root, DEAD, false},
    {"chroot", try_chroot, DEAD, false},
    {"unshare", try_unshare, DEAD, false},
    {"setns", try_setns, DEAD, false},
    {"bpf", try_bpf, DEAD, false},
    {"perf_event_open", try_perf, DEAD, false},
    {"io_uring_setup", try_io_uring, DEAD, false},
    {"io_uring_enter", try_io_uring_enter, DEAD, false},
    {"userfaultfd", try_userfaultfd, DEAD, false},
    {"keyctl", try_keyctl, DEAD, false},
    {"add_key", try_add_key, DEAD, false},
    {"init_module", try_init_module, DEAD, false},
    {"memfd_create", try_memfd, EPERM, false},
    {"personality", try_personality, EPERM, false},
    {"setuid", try_setuid, EPERM, false},
    {"setresuid", try_setresuid, EPERM, false},
    {"setgroups", try_setgroups, EPERM, false},
    {"capset", try_capset, EPERM, false},
    {"another filter", try_seccomp, EPERM, false},
    {"prctl: dumpable", try_dumpable, EPERM, true},
    {"prctl: keep capabilities", try_keepcaps, EPERM, true},
    {"prctl: outlive the parent", try_deathsig, EPERM, true},
    {"prctl: own memory map", try_set_mm, EPERM, true},
    {"mmap of executable memory", try_exec_memory, EPERM, true},
    {"mprotect to executable", try_exec_again, EPERM, true},
    {"pkey_mprotect", try_pkey_mprotect, EPERM, false},
    {"shmget", try_shmget, EPERM, false},
    {"remap_file_pages", try_remap, EPERM, false},
    {"limit of core files", try_limit_core, EPERM, true},
    {"limits of another process", try_limit_other, EPERM, true},
    {"setpriority", try_setpriority, EPERM, false},
    {"inotify", try_inotify, EPERM, false},
    {"pipe", try_pipe, EPERM, true},
    {"socketpair", try_socketpair, EPERM, false},
    {"AF_UNIX", try_socket_unix, EPERM, false},
    {"AF_NETLINK", try_socket_netlink, EPERM, false},
    {"AF_PACKET", try_socket_packet, EPERM, false},
    {"raw socket", try_socket_raw, EPERM, false},
    {"UDP", try_socket_udp, EPERM, false},
    {"UDP over IPv6", try_socket_udp6, EPERM, false},
    {"AF_VSOCK", try_socket_vsock, EPERM, false},
    {"AF_ALG", try_socket_alg, EPERM, false},
    {"MPTCP", try_socket_mptcp, EPERM, false},
    {"bind", try_bind, EPERM, false},
    {"listen", try_listen, EPERM, false},
    {"dup", try_dup, EPERM, false},
    {"dup2", try_dup2, EPERM, false},
    {"dup3", try_dup3, EPERM, false},
    {"F_DUPFD", try_dupfd, EPERM, false},
    {"F_DUPFD_CLOEXEC to 0", try_dupfd_low, EPERM, false},
    {"F_DUPFD_CLOEXEC to one below", try_dupfd_near, EPERM, false},
    {"F_SETOWN", try_setown, EPERM, false},
    {"F_SETSIG", try_setsig, EPERM, false},
    {"connect(AF_UNSPEC) of a listener", try_unspec_listener, EPERM, false},
    {"the same, with more bits", try_unspec_disguised, EPERM, false},
    {"connect of a listener", try_connect_listener, EPERM, false},
    {"shutdown of a listener", try_shutdown_listener, EPERM, false},
    {"listen on a listener", try_listen_listener, EPERM, false},
    {"setsockopt of a listener", try_option_listener, EPERM, false},
    {"SO_BINDTODEVICE of a listener", try_device_listener, EPERM, false},
    {"F_SETFL of a listener", try_block_listener, EPERM, false},
    {"SO_BINDTODEVICE", try_device, EPERM, false},
    {"SO_ATTACH_FILTER", try_bpf_option, EPERM, false},
    {"TCP_ULP", try_ulp, EPERM, false},

    {"accept from the listener", do_accept, 0, false},
    {"splice through a pipe that was there", do_splice, 0, false},
    {"connect to an endpoint", do_connect_endpoint, 0, false},
    {"take one more listener", do_take_listener, 0, false},
    {"run out of descriptors", do_run_out, 0, false},
    {"allocate", do_allocate, 0, false},
    {"ask for the time", do_look_at_time, 0, false},
    {"F_SETFL of a connection", do_look_at_flags, 0, false},
    {"signal itself", do_signal_self, 0, false},
    {"name a thread", do_name_thread, 0, false},
    {"getsockopt of the listener", do_ask_listener, 0, false},
    {"close the listener", do_close_listener, 0, false},
    {"write", do_write, 0, false},
};

/* ---- the process that tries --------------------------------------------------------------------
 */

enum who { MAIN_THREAD, THREAD_BEFORE, THREAD_AFTER };

struct thread {
    sem_t go;
    const struct attempt *attempt;
    const struct inside *inside;
    int outcome; /* 0: worked, else errno */
};

static int outcome_of(const struct attempt *a, const struct inside *in)
{
    errno = 0;
    return a->run(in) >= 0 ? 0 : errno != 0 ? errno : -1;
}

static void *run_thread(void *arg)
{
    struct thread *t = arg;

    while (sem_wait(&t->go) != 0)
        continue;
    t->outcome = outcome_of(t->attempt, t->inside);
    return NULL;
}

static int open_listener(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof *address;

    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) != 0 ||
        listen(fd, 8) != 0 || getsockname(fd, (struct sockaddr *)address, &len) != 0)
        _exit(100);
    return fd;
}

static void prepare(struct inside *in)
{
    struct rlimit limit = {.rlim_cur = LIMIT, .rlim_max = LIMIT};
    struct err e = {0};

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || !confine_reserve(&e) ||
        getrlimit(RLIMIT_NOFILE, &limit) != 0 || (in->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, in->unix_pair) != 0 ||
        pipe2(in->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        _exit(101);
    in->from = (int)limit.rlim_cur;
    in->listener = open_listener(&in->address);
    in->low = open_listener(&in->other);
    if (!confine_listener(&in->listener) || in->listener < in->from)
        _exit(102);
}

/* In the forked process: the exit status is the outcome. */
_Noreturn static void try_inside(const struct attempt *a, enum who who)
{
    struct inside in;
    struct err e = {0};
    struct thread before = {.attempt = a, .inside = &in};
    struct thread after = before;
    pthread_t id[2];
    int outcome;

    prepare(&in);
    if (sem_init(&before.go, 0, 0) != 0 || sem_init(&after.go, 0, 0) != 0 ||
        pthread_create(&id[0], NULL, run_thread, &before) != 0)
        _exit(103);
    if (!confine_enter(&e)) {
        fprintf(stderr, "%s\n", e.text);
        _exit(104);
    }
    if (pthread_create(&id[1], NULL, run_thread, &after) != 0)
        _exit(105);
    if (who == MAIN_THREAD)
        _exit(outcome_of(a, &in));
    struct thread *chosen = who == THREAD_BEFORE ? &before : &after;

    if (sem_post(&chosen->go) != 0 || pthread_join(id[who == THREAD_AFTER], NULL) != 0)
        _exit(106);
    outcome = chosen->outcome;
    _exit(outcome);
}

static int try_one(const struct attempt *a, enum who who)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        try_inside(a, who);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? DEAD : -WTERMSIG(status);
    return WEXITSTATUS(status);
}

static void try_all(enum who who)
{
    size_t num_tried = 0;

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        const struct attempt *a = &attempts[i];

        if (SANITIZED && a->widened)
            continue;
        int outcome = try_one(a, who);

        if (outcome != a->failure)
            fail_msg("%s: %d instead of %d", a->name, outcome, a->failure);
        num_tried++;
    }
    print_message("%zu calls\n", num_tried);
}

static void test_the_thread_that_enters(void **state)
{
    (void)state;
    try_all(MAIN_THREAD);
}

static void test_threads_made_before(void **state)
{
    (void)state;
    try_all(THREAD_BEFORE);
}

static void test_threads_made_after(void **state)
{
    (void)state;
    try_all(THREAD_AFTER);
}

/* Without the filter the attack on a listener works, so the table above proves something. */
static void test_the_attack_is_real(void **state)
{
    struct sockaddr_in address;
    struct sockaddr_in target;
    int fd = open_listener(&address);
    int other = open_listener(&target);

    (void)state;
    assert_int_equal(connect(fd, &unspecified, sizeof unspecified), 0);
    int r = connect(fd, (struct sockaddr *)&target, sizeof target);
    assert_true(r == 0 || errno == EINPROGRESS);
    close(fd);
    close(other);
}

/* The limit is put where it was; a listener that finds no room stays as it is. */
static void test_listeners_have_room_for_so_many(void **state)
{
    struct err e = {0};
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
        int fds[64];
        int num = 0;

        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || !confine_reserve(&e))
            _exit(1);
        for (int i = 0; i < 64 / CONFINE_SHARE; i++, num++)
            if ((fds[num] = socket(AF_INET, SOCK_STREAM, 0)) < 0 || !confine_listener(&fds[num]))
                _exit(2);
        if ((fds[num] = socket(AF_INET, SOCK_STREAM, 0)) < 0)
            _exit(3);
        int before = fds[num];
        bool moved = confine_listener(&fds[num]);
        if (moved || errno != EMFILE || fds[num] != before || fcntl(before, F_GETFD) < 0)
            _exit(4);
        _exit(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 64 - 8 ? 0 : 5);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_entering_needs_the_reserve(void **state)
{
    struct err e = {0};

    (void)state;
    assert_false(confine_enter(&e));
    assert_string_equal(e.code, "NoFilter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entering_needs_the_reserve),
        cmocka_unit_test(test_the_attack_is_real),
        cmocka_unit_test(test_listeners_have_room_for_so_many),
        cmocka_unit_test(test_the_thread_that_enters),
        cmocka_unit_test(test_threads_made_before),
        cmocka_unit_test(test_threads_made_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
