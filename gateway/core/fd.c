/* Descriptor flags, whole writes, and messages that carry descriptors. */
#include "gateway/core/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/log.h"

void fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

void fd_raise_limit(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return; /* then the default holds */
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        log_warn("the limit of open files stays as it is: %s", strerror(errno));
}

static bool set_flag(int fd, int get, int set, int flag, bool on)
{
    int flags = fcntl(fd, get);

    if (flags < 0)
        return false;
    return fcntl(fd, set, on ? flags | flag : flags & ~flag) == 0;
}

bool fd_set_nonblock(int fd, bool on)
{
    return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

bool fd_set_cloexec(int fd, bool on)
{
    return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

bool fd_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        ssize_t w = write(fd, at, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return false;
        at += w;
        n -= (size_t)w;
    }
    return true;
}

union fd_control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

enum io fd_send(int sock, const void *p, size_t n, const int *fds, size_t num_fds)
{
    union fd_control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    ASSERT(num_fds <= FD_PASS_MAX && n > 0);
    if (num_fds != 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * num_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * num_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * num_fds);
    }
    for (;;) {
        if (sendmsg(sock, &msg, MSG_NOSIGNAL) >= 0)
            return IO_DONE;
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN)
            return IO_AGAIN;
        return errno == EPIPE || errno == ECONNRESET ? IO_EOF : IO_FAIL;
    }
}

static size_t take_fds(struct msghdr *msg, int *out_fds)
{
    size_t num = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        ASSERT(num + here <= FD_PASS_MAX);
        memcpy(out_fds + num, CMSG_DATA(c), here * sizeof(int));
        num += here;
    }
    return num;
}

enum io fd_recv(int sock, void *p, size_t cap, size_t *out_len, int *out_fds, size_t *out_num_fds)
{
    union fd_control control;
    struct iovec iov = {.iov_base = p, .iov_len = cap};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof(control.space)};
    ssize_t n;

    *out_len = 0;
    *out_num_fds = 0;
    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? IO_AGAIN : errno == ECONNRESET ? IO_EOF : IO_FAIL;
    *out_num_fds = take_fds(&msg, out_fds);
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        for (size_t i = 0; i < *out_num_fds; i++)
            fd_close(&out_fds[i]);
        *out_num_fds = 0;
        errno = EMSGSIZE;
        return IO_FAIL;
    }
    if (n == 0 && *out_num_fds == 0)
        return IO_EOF;
    *out_len = (size_t)n;
    return IO_DONE;
}
