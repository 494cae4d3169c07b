/*
 * faults.so, a shim for LD_PRELOAD: makes the n-th call of a kind fail in one process and counts
 * the calls, so that a driver (tests/steady/faults) can sweep n = 1..N. Preloaded, not linked with
 * --wrap: libevent, libcurl and SQLite then meet the same faults as our own code, and the programs
 * tested are the ones that are shipped.
 *
 * SIGNALBOX_FAULTS names a file of struct faults that the driver has made and maps too; it may aim
 * anew at any time, without a restart. Outside the one call that fails the shim does nothing but
 * call through: no system call of its own after the constructor (a seccomp filter may be on).
 * Children count for themselves only when they are aimed at. What libseccomp allocates is left
 * alone: version 2.5 survives no failure (it loops, frees twice, or forgets it), and no program of
 * ours goes on without its filter.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    MALLOC,
    READ,
    WRITE,
    FSYNC,
    RENAME,
    ACCEPT,
    CONNECT,
    EPOLL_WAIT,
    EPOLL_CTL,
    OPEN,
    SOCKET,
    TRUNCATE,
    NUM_KINDS
};

enum only { ANY, FILES, SOCKETS }; /* the descriptors that count */

/* The driver's view is "<8I12I": keep both. All fields are the driver's but fired and count. */
struct faults {
    _Atomic uint32_t armed;
    _Atomic uint32_t pid; /* 0 = every process that has the shim */
    _Atomic uint32_t kind;
    _Atomic uint32_t error; /* errno; 0 = a transfer of one byte */
    _Atomic uint32_t from;  /* first call that fails; 0 = none */
    _Atomic uint32_t times; /* 0 = all from there on */
    _Atomic uint32_t only;  /* for calls that move bytes */
    _Atomic uint32_t fired;
    _Atomic uint32_t count[NUM_KINDS];
};

static struct faults nobody;
static struct faults *faults = &nobody;
static uint32_t own_pid;

static void note_pid(void)
{
    own_pid = (uint32_t)getpid();
}

static int found;
static void find_all(void);

/* Of read and write, which go to anything: FILES costs a system call, SOCKETS leaves them out. */
static int is_meant(int fd)
{
    struct stat st;
    uint32_t only = atomic_load(&faults->only);
    if (only == ANY || atomic_load_explicit(&faults->armed, memory_order_acquire) == 0)
        return 1;
    if (only == SOCKETS)
        return 0;
    int saved = errno;
    int known = fstat(fd, &st) == 0;
    errno = saved;
    return known && S_ISREG(st.st_mode);
}

/* Of recv and send. */
static int is_socket_meant(void)
{
    return atomic_load(&faults->only) != FILES;
}

/* True: this call must fail, with errno set; *is_short when it must only transfer less. */
static int hit(enum kind kind, int *is_short)
{
    if (!found)
        find_all(); /* another library's constructor was earlier than ours */
    if (atomic_load_explicit(&faults->armed, memory_order_acquire) == 0)
        return 0;
    uint32_t pid = atomic_load(&faults->pid);
    if (pid != 0 && pid != own_pid)
        return 0;
    uint32_t number = atomic_fetch_add(&faults->count[kind], 1) + 1;
    uint32_t from = atomic_load(&faults->from);
    uint32_t times = atomic_load(&faults->times);
    if (kind != atomic_load(&faults->kind) || from == 0 || number < from ||
        (times != 0 && number - from >= times))
        return 0;
    atomic_fetch_add(&faults->fired, 1);
    int error = (int)atomic_load(&faults->error);
    if (is_short != NULL)
        *is_short = error == 0;
    else if (error == 0)
        return 0;
    errno = error;
    return 1;
}

/* ---- memory: glibc's own names, because dlsym itself allocates ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static uintptr_t spared_from, spared_end; /* libseccomp's code */

static int find_spared(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    if (strstr(info->dlpi_name, "libseccomp") == NULL)
        return 0;
    spared_from = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            spared_end = spared_from + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    return 1;
}

static int hit_malloc(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    return (at < spared_from || at >= spared_end) && hit(MALLOC, NULL);
}

#define HIT_MALLOC hit_malloc(__builtin_return_address(0))

void *malloc(size_t n)
{
    return HIT_MALLOC ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return HIT_MALLOC ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return HIT_MALLOC ? NULL : __libc_realloc(p, n);
}

/* ---- everything else: REAL(name, type, parameters) declares the way through ---- */

#define REAL(name, type, ...)                \
    static type (*real_##name)(__VA_ARGS__); \
    type name(__VA_ARGS__)

/* For calls that move n bytes. */
#define TRANSFER(kind, meant, n)                 \
    do {                                         \
        int is_short = 0;                        \
        if ((meant) && hit((kind), &is_short)) { \
            if (!is_short)                       \
                return -1;                       \
            (n) = (n) != 0 ? 1 : 0;              \
        }                                        \
    } while (0)

/* For those that move a list of pieces: a short one moves the first byte of the first. */
#define TRANSFER_LIST(kind, real, fd, list, num, ...)                \
    do {                                                             \
        int is_short = 0;                                            \
        if (is_meant(fd) && hit((kind), &is_short)) {                \
            if (!is_short)                                           \
                return -1;                                           \
            if ((num) > 0 && (list)[0].iov_len > 0) {                \
                struct iovec one = {(list)[0].iov_base, 1};          \
                return real(fd, &one, 1 __VA_OPT__(, ) __VA_ARGS__); \
            }                                                        \
        }                                                            \
    } while (0)

REAL(read, ssize_t, int fd, void *p, size_t n)
{
    TRANSFER(READ, is_meant(fd), n);
    return real_read(fd, p, n);
}

ssize_t __read_chk(int fd, void *p, size_t n, size_t size);
ssize_t __read_chk(int fd, void *p, size_t n, size_t size)
{
    return n > size ? (abort(), -1) : read(fd, p, n);
}

REAL(recv, ssize_t, int fd, void *p, size_t n, int flags)
{
    TRANSFER(READ, is_socket_meant(), n);
    return real_recv(fd, p, n, flags);
}

ssize_t __recv_chk(int fd, void *p, size_t n, size_t size, int flags);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t size, int flags)
{
    return n > size ? (abort(), -1) : recv(fd, p, n, flags);
}

REAL(recvmsg, ssize_t, int fd, struct msghdr *m, int flags)
{
    return is_socket_meant() && hit(READ, NULL) ? -1 : real_recvmsg(fd, m, flags);
}

REAL(readv, ssize_t, int fd, const struct iovec *list, int num)
{
    TRANSFER_LIST(READ, real_readv, fd, list, num);
    return real_readv(fd, list, num);
}

REAL(pread, ssize_t, int fd, void *p, size_t n, off_t at)
{
    TRANSFER(READ, is_meant(fd), n);
    return real_pread(fd, p, n, at);
}

REAL(pread64, ssize_t, int fd, void *p, size_t n, off64_t at)
{
    TRANSFER(READ, is_meant(fd), n);
    return real_pread64(fd, p, n, at);
}

REAL(write, ssize_t, int fd, const void *p, size_t n)
{
    TRANSFER(WRITE, is_meant(fd), n);
    return real_write(fd, p, n);
}

REAL(writev, ssize_t, int fd, const struct iovec *list, int num)
{
    TRANSFER_LIST(WRITE, real_writev, fd, list, num);
    return real_writev(fd, list, num);
}

REAL(pwrite, ssize_t, int fd, const void *p, size_t n, off_t at)
{
    TRANSFER(WRITE, is_meant(fd), n);
    return real_pwrite(fd, p, n, at);
}

REAL(pwrite64, ssize_t, int fd, const void *p, size_t n, off64_t at)
{
    TRANSFER(WRITE, is_meant(fd), n);
    return real_pwrite64(fd, p, n, at);
}

/* What a send is told of a peer that is gone, the reading side is told as well. */
static void end_too(int fd)
{
    int saved = errno;
    if (saved == EPIPE || saved == ECONNRESET)
        (void)shutdown(fd, SHUT_RDWR); /* fails when it is not connected yet */
    errno = saved;
}

REAL(send, ssize_t, int fd, const void *p, size_t n, int flags)
{
    int is_short = 0;
    if (!is_socket_meant() || !hit(WRITE, &is_short))
        return real_send(fd, p, n, flags);
    if (is_short)
        return real_send(fd, p, n != 0 ? 1 : 0, flags);
    end_too(fd);
    return -1;
}

/* The proxy's sockets receive and send without the wrappers (gateway/loop/call.h). */
static long (*real_syscall)(long number, ...);
long syscall(long number, ...)
{
    va_list ap;
    long a[6];
    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_recvfrom && a[4] == 0)
        return recv((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
    if (number == SYS_sendto && a[4] == 0)
        return send((int)a[0], (const void *)a[1], (size_t)a[2], (int)a[3]);
    if (!found)
        find_all();
    return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

REAL(sendmsg, ssize_t, int fd, const struct msghdr *m, int flags)
{
    int is_short = 0;
    if (!is_socket_meant() || !hit(WRITE, &is_short))
        return real_sendmsg(fd, m, flags);
    if (!is_short)
        end_too(fd);
    if (!is_short || m->msg_controllen != 0 || m->msg_iovlen == 0 || m->msg_iov[0].iov_len == 0)
        return is_short ? real_sendmsg(fd, m, flags) : -1;
    struct iovec one = {m->msg_iov[0].iov_base, 1};
    struct msghdr less = *m;
    less.msg_iov = &one;
    less.msg_iovlen = 1;
    return real_sendmsg(fd, &less, flags);
}

REAL(fsync, int, int fd)
{
    return hit(FSYNC, NULL) ? -1 : real_fsync(fd);
}

REAL(fdatasync, int, int fd)
{
    return hit(FSYNC, NULL) ? -1 : real_fdatasync(fd);
}

REAL(rename, int, const char *from, const char *to)
{
    return hit(RENAME, NULL) ? -1 : real_rename(from, to);
}

REAL(ftruncate, int, int fd, off_t n)
{
    return hit(TRUNCATE, NULL) ? -1 : real_ftruncate(fd, n);
}

REAL(ftruncate64, int, int fd, off64_t n)
{
    return hit(TRUNCATE, NULL) ? -1 : real_ftruncate64(fd, n);
}

REAL(accept4, int, int fd, struct sockaddr *a, socklen_t *n, int flags)
{
    return hit(ACCEPT, NULL) ? -1 : real_accept4(fd, a, n, flags);
}

REAL(connect, int, int fd, const struct sockaddr *a, socklen_t n)
{
    return hit(CONNECT, NULL) ? -1 : real_connect(fd, a, n);
}

REAL(epoll_wait, int, int fd, struct epoll_event *all, int num, int ms)
{
    return hit(EPOLL_WAIT, NULL) ? -1 : real_epoll_wait(fd, all, num, ms);
}

REAL(epoll_pwait2, int, int fd, struct epoll_event *all, int num, const struct timespec *in,
     const sigset_t *mask)
{
    return hit(EPOLL_WAIT, NULL) ? -1 : real_epoll_pwait2(fd, all, num, in, mask);
}

REAL(epoll_ctl, int, int fd, int op, int target, struct epoll_event *e)
{
    if (op == EPOLL_CTL_DEL) /* needs nothing that could be missing */
        return real_epoll_ctl(fd, op, target, e);
    return hit(EPOLL_CTL, NULL) ? -1 : real_epoll_ctl(fd, op, target, e);
}

REAL(socket, int, int domain, int type, int protocol)
{
    return hit(SOCKET, NULL) ? -1 : real_socket(domain, type, protocol);
}

/* A mode is there with O_CREAT and O_TMPFILE only; passing on what is not there does no harm. */
#define OPEN_LIKE(name, ...)                                                 \
    {                                                                        \
        va_list ap;                                                          \
        va_start(ap, flags);                                                 \
        mode_t mode = va_arg(ap, mode_t);                                    \
        va_end(ap);                                                          \
        return hit(OPEN, NULL) ? -1 : real_##name(__VA_ARGS__, flags, mode); \
    }

static int (*real_open)(const char *path, int flags, ...);
int open(const char *path, int flags, ...)
    OPEN_LIKE(open, path) static int (*real_open64)(const char *path, int flags, ...);
int open64(const char *path, int flags, ...)
    OPEN_LIKE(open64, path) static int (*real_openat)(int dir, const char *path, int flags, ...);
int openat(int dir, const char *path, int flags, ...) OPEN_LIKE(openat, dir, path)

/* ---- start ---- */

#define FIND(name) (*(void **)(&real_##name) = dlsym(RTLD_NEXT, #name))

    static void find_all(void)
{
    found = 1;
    FIND(read), FIND(recv), FIND(recvmsg), FIND(readv), FIND(pread), FIND(pread64);
    FIND(write), FIND(writev), FIND(pwrite), FIND(pwrite64), FIND(send), FIND(sendmsg);
    FIND(fsync), FIND(fdatasync), FIND(rename), FIND(ftruncate), FIND(ftruncate64);
    FIND(accept4), FIND(connect), FIND(epoll_wait), FIND(epoll_pwait2), FIND(epoll_ctl);
    FIND(socket), FIND(open), FIND(open64), FIND(openat), FIND(syscall);
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("SIGNALBOX_FAULTS");
    if (!found)
        find_all();
    (void)dl_iterate_phdr(find_spared, NULL);
    int fd = path != NULL ? real_open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd >= 0
                   ? mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    note_pid();
    if (at == MAP_FAILED || pthread_atfork(NULL, NULL, note_pid) != 0)
        _exit(111); /* a test that believes it injects faults must not pass */
    faults = at;
}
