/*
 * See confine.h. What is not listed fails with EPERM: a library that tries something new loses that
 * try, not the traffic of everybody. What no honest line in this process ever asks for (another
 * program, another process's memory, namespaces, the kernel's own machinery) ends the process: the
 * parent logs signal 31 and starts another.
 *
 * The calls of the hot path are allowed whatever their arguments are. Such a rule costs nothing:
 * the kernel keeps a bitmap of the calls that a filter always allows (Linux 5.11) and does not run
 * it for them. Of the others, a binary tree finds the rule (libseccomp 2.5). Called by hub.c.
 */
#include "gateway/worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gateway/core/deadly_calls.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/upstream/upstream.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_WIDENED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_WIDENED 1
#endif
#endif
#ifndef CONFINE_WIDENED
#define CONFINE_WIDENED 0
#endif

/* Of this process, as the limit that it is made of; set once, before there are threads. */
static rlim_t listeners_from; /* 0: nothing is kept */
static rlim_t listeners_end;

/* ---- the numbers of listeners ---------------------------------------------------------------- */

static bool set_soft_limit(rlim_t soft)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return false;
    r.rlim_cur = soft;
    return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

bool confine_reserve(struct err *e)
{
    struct rlimit r;
    rlim_t kept;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return err_set_errno(e, "NoLimit", "", "the limit of open files cannot be read");
    if (r.rlim_cur > INT32_MAX)
        r.rlim_cur = INT32_MAX;
    kept = r.rlim_cur / CONFINE_SHARE;
    if (kept < CONFINE_LISTENERS_MIN)
        kept = CONFINE_LISTENERS_MIN;
    if (kept > CONFINE_LISTENERS_MAX)
        kept = CONFINE_LISTENERS_MAX;
    if (r.rlim_cur <= kept + STDERR_FILENO || !set_soft_limit(r.rlim_cur - kept))
        return err_set_errno(e, "NoLimit", "", "no descriptors can be kept for listeners");
    listeners_from = r.rlim_cur - kept;
    listeners_end = r.rlim_cur;
    return true;
}

/*
 * F_DUPFD gives no number beyond the limit, so the limit is higher for as long as it takes. Another
 * thread that opens something meanwhile gets a number of a listener only when all others are gone,
 * and then a descriptor that is good for nothing, as without one.
 */
bool confine_listener(int *fd)
{
    int moved;

    if (listeners_from == 0)
        return true;
    if (!set_soft_limit(listeners_end))
        return false;
    moved = fcntl(*fd, F_DUPFD_CLOEXEC, (int)listeners_from);
    if (!set_soft_limit(listeners_from))
        log_warn("the limit of open files stays higher than meant: %s", strerror(errno));
    if (moved < 0)
        return false;
    fd_close(fd);
    *fd = moved;
    return true;
}

/* ---- the rules ------------------------------------------------------------------------------- */

static const int always_allowed[] = {
    /* traffic, polling, locks, time: the hot path */
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
    SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(accept4),
    SCMP_SYS(close), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(splice), /* the pipes were made before */
    /* memory; what could be executed is below */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    /* threads, signals, the end */
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* what is known anyway */
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo), SCMP_SYS(fstat)};

#define NUMBER(name) SCMP_SYS(name),
static const int deadly[] = {DEADLY_CALLS(NUMBER)};

/* What a sanitizer's runtime asks for besides: maps, a tracer for leaks, symbols. */
static const int widened[] = {SCMP_SYS(open),
                              SCMP_SYS(openat),
                              SCMP_SYS(readlink),
                              SCMP_SYS(readlinkat),
                              SCMP_SYS(stat),
                              SCMP_SYS(lstat),
                              SCMP_SYS(newfstatat),
                              SCMP_SYS(statx),
                              SCMP_SYS(lseek),
                              SCMP_SYS(access),
                              SCMP_SYS(getdents64),
                              SCMP_SYS(getcwd),
                              SCMP_SYS(clone),
                              SCMP_SYS(ptrace),
                              SCMP_SYS(wait4),
                              SCMP_SYS(prctl),
                              SCMP_SYS(arch_prctl),
                              SCMP_SYS(pipe2),
                              SCMP_SYS(uname),
                              SCMP_SYS(mmap),
                              SCMP_SYS(mprotect),
                              SCMP_SYS(kill),
                              SCMP_SYS(tgkill),
                              SCMP_SYS(sched_getparam),
                              SCMP_SYS(sched_getscheduler),
                              SCMP_SYS(prlimit64),
                              SCMP_SYS(getrlimit)};

static bool is_widened(int nr)
{
    for (size_t i = 0; CONFINE_WIDENED && i < sizeof widened / sizeof widened[0]; i++)
        if (widened[i] == nr)
            return true;
    return false;
}

/* The first failure is kept, so that the rules can be read one after the other. */
struct rules {
    scmp_filter_ctx filter;
    int failure;
};

static void add(struct rules *r, uint32_t action, int nr, unsigned num,
                const struct scmp_arg_cmp *args)
{
    int failure;

    if (r->failure != 0 || (num > 0 && is_widened(nr)))
        return;
    failure = seccomp_rule_add_array(r->filter, action, nr, num, args);
    if (failure != 0)
        r->failure = failure;
}

static void add_all(struct rules *r, uint32_t action, const int *all, size_t num)
{
    for (size_t i = 0; i < num; i++)
        add(r, action, all[i], 0, NULL);
}

static struct scmp_arg_cmp equals(unsigned i, uint64_t value)
{
    return (struct scmp_arg_cmp){.arg = i, .op = SCMP_CMP_EQ, .datum_a = value};
}

/* Of the bits in the mask. */
static struct scmp_arg_cmp has_bits(unsigned i, uint64_t mask, uint64_t value)
{
    return (struct scmp_arg_cmp){
        .arg = i, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

/* All 64 bits are compared: the kernel looks at the lower half only, we do not. */
static struct scmp_arg_cmp is_no_listener(void)
{
    return (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_LT, .datum_a = listeners_from};
}

static void allow_if(struct rules *r, int nr, struct scmp_arg_cmp a)
{
    add(r, SCMP_ACT_ALLOW, nr, 1, &a);
}

static void allow_if_both(struct rules *r, int nr, struct scmp_arg_cmp a, struct scmp_arg_cmp b)
{
    const struct scmp_arg_cmp args[] = {a, b};

    add(r, SCMP_ACT_ALLOW, nr, 2, args);
}

static void add_sockets(struct rules *r)
{
    static const uint64_t families[] = {AF_INET, AF_INET6};
    static const uint64_t protocols[] = {0, IPPROTO_TCP};
    static const uint64_t options[][2] = {
        {SOL_SOCKET, SO_LINGER},          {SOL_SOCKET, SO_KEEPALIVE},
        {SOL_SOCKET, SO_SNDBUF},          {SOL_SOCKET, SO_RCVBUF},
        {SOL_SOCKET, SO_RCVLOWAT},        {IPPROTO_TCP, TCP_NODELAY},
        {IPPROTO_TCP, TCP_USER_TIMEOUT},  {IPPROTO_TCP, TCP_KEEPIDLE},
        {IPPROTO_TCP, TCP_KEEPINTVL},     {IPPROTO_TCP, TCP_KEEPCNT},
        {IPPROTO_TCP, TCP_QUICKACK},      {IPPROTO_TCP, TCP_CORK},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT}, {IPPROTO_TCP, UPSTREAM_TCP_RTO_MAX_MS}};
    const uint64_t kind = ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (int f = 0; f < 2; f++)
        for (int p = 0; p < 2; p++) {
            const struct scmp_arg_cmp args[] = {
                equals(0, families[f]), has_bits(1, kind, SOCK_STREAM), equals(2, protocols[p])};

            add(r, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, args);
        }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct scmp_arg_cmp args[] = {is_no_listener(), equals(1, options[i][0]),
                                            equals(2, options[i][1])};

        add(r, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 3, args);
    }
    allow_if(r, SCMP_SYS(connect), is_no_listener());
    allow_if(r, SCMP_SYS(shutdown), is_no_listener());
    allow_if(r, SCMP_SYS(ioctl), equals(1, FIONREAD));
}

/* A listener's flags are its other holders' too: they stay. F_DUPFD makes a listener, or nothing.
 */
static void add_descriptor_flags(struct rules *r)
{
    allow_if(r, SCMP_SYS(fcntl), equals(1, F_GETFL));
    allow_if(r, SCMP_SYS(fcntl), equals(1, F_GETFD));
    allow_if(r, SCMP_SYS(fcntl), equals(1, F_SETFD));
    allow_if_both(r, SCMP_SYS(fcntl), is_no_listener(), equals(1, F_SETFL));
    allow_if_both(r, SCMP_SYS(fcntl), equals(1, F_DUPFD_CLOEXEC), equals(2, listeners_from));
    allow_if_both(r, SCMP_SYS(prlimit64), equals(0, 0), equals(1, RLIMIT_NOFILE));
}

/* clone3(2) hides its flags behind a pointer; glibc falls back to clone(2) when there is none. */
static void add_memory_and_threads(struct rules *r)
{
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    const uint64_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                            CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE;
    const struct scmp_arg_cmp process = has_bits(0, CLONE_THREAD, 0);

    allow_if(r, SCMP_SYS(mmap), has_bits(2, PROT_EXEC, 0));
    allow_if(r, SCMP_SYS(mprotect), has_bits(2, PROT_EXEC, 0));
    allow_if(r, SCMP_SYS(clone), has_bits(0, thread | spaces, thread));
    add(r, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1, &process);
    add(r, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
    allow_if(r, SCMP_SYS(prctl), equals(0, PR_SET_NAME));
    allow_if(r, SCMP_SYS(tgkill), equals(0, (scmp_datum_t)getpid()));
    if (!CONFINE_WIDENED)
        add(r, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ptrace), 0, NULL);
}

static int set_attributes(scmp_filter_ctx filter)
{
    static const struct {
        enum scmp_filter_attr name;
        uint32_t value;
    } all[] = {
        {SCMP_FLTATR_CTL_NNP, 1},      /* no new privileges, ever */
        {SCMP_FLTATR_CTL_TSYNC, 1},    /* the threads that run already, too */
        {SCMP_FLTATR_CTL_OPTIMIZE, 2}, /* a binary tree */
        {SCMP_FLTATR_API_SYSRAWRC, 1}, /* failures as the kernel says them */
        {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
    };
    int failure = 0;

    for (size_t i = 0; failure == 0 && i < sizeof all / sizeof all[0]; i++)
        failure = seccomp_attr_set(filter, all[i].name, all[i].value);
    return failure;
}

#define ALL(list) list, sizeof(list) / sizeof((list)[0])

static int load(scmp_filter_ctx filter)
{
    struct rules r = {.filter = filter, .failure = set_attributes(filter)};

    add_all(&r, SCMP_ACT_ALLOW, ALL(always_allowed));
    add_sockets(&r);
    add_descriptor_flags(&r);
    add_memory_and_threads(&r);
    add_all(&r, SCMP_ACT_KILL_PROCESS, ALL(deadly));
    if (CONFINE_WIDENED)
        add_all(&r, SCMP_ACT_ALLOW, ALL(widened));
    return r.failure != 0 ? r.failure : seccomp_load(filter);
}

bool confine_enter(struct err *e)
{
    scmp_filter_ctx filter;
    int failure;

    if (listeners_from == 0)
        return err_set(e, "NoFilter", "", "no descriptors are kept for listeners");
    tzset(); /* opens a file */
    /* libseccomp 2.5 overlooks failures of malloc, and then loads a filter with holes. */
    errno = 0;
    filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
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
