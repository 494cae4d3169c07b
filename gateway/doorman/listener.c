/*
 * The socket calls behind a listener. What was learnt by trying (Linux 5.10 to 6.18):
 * - Two sockets with SO_REUSEADDR may be bound to one port as long as none listens, so an idle
 *   socket has it off; but listen() with it off fails beside connections in TIME_WAIT, so it is on
 *   while the socket listens (accepted connections inherit it, which is what a later bind needs).
 * - shutdown() ends listening and resets the queue, the port stays bound, listen() revives it. A
 *   holder may also have connected it elsewhere: connect(AF_UNSPEC) brings it back first.
 * Who decides when is slots.c. Nothing here accepts or reads.
 */
#include "gateway/doorman/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "gateway/core/log.h"

enum { BACKLOG = 4096 }; /* the kernel caps it at net.core.somaxconn */

static bool set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static bool get_int(int fd, int level, int name, int *out)
{
    socklen_t len = sizeof(*out);

    return getsockopt(fd, level, name, out, &len) == 0;
}

/*
 * SO_LOCK_FILTER: who holds the socket later cannot attach a filter that drops or steers what
 * arrives; a kernel without it loses this guard only.
 */
static bool prepare(int fd, const struct listen_spec *spec, bool join, struct err *e)
{
    if (spec->addr.sa.sa_family == AF_INET6 && !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
        return err_set_errno(e, "BadListener", "--listen", "%s cannot be IPv6 only", spec->text);
    if (spec->device[0] != '\0' && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, spec->device,
                                              (socklen_t)strlen(spec->device) + 1) != 0)
        return err_set_errno(e, "NoDevice", "--listen", "%s cannot be bound to device %s",
                             spec->text, spec->device);
    if (join && !listener_share(fd, e))
        return false;
    if (!set_int(fd, SOL_SOCKET, SO_LOCK_FILTER, 1))
        log_debug("%s: filters cannot be locked: %s", spec->text, strerror(errno));
    return true;
}

static bool bind_exclusive(int fd, const struct listen_spec *spec)
{
    if (bind(fd, &spec->addr.sa, spec->addr_len) == 0)
        return true;
    if (errno != EADDRINUSE || !set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return false;
    /* Only connections of the past may be in the way, not a socket that somebody holds. */
    if (bind(fd, &spec->addr.sa, spec->addr_len) != 0)
        return false;
    return set_int(fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

enum listener_open listener_open(const struct listen_spec *spec, bool join, int *out_fd,
                                 struct err *e)
{
    enum listener_open result = LISTENER_REFUSED;
    int fd =
        socket(spec->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

    *out_fd = -1;
    if (fd < 0) {
        err_set_errno(e, "BadListener", "--listen", "No socket for %s", spec->text);
        return LISTENER_REFUSED;
    }
    if (!prepare(fd, spec, join, e))
        goto out;
    if (!bind_exclusive(fd, spec)) {
        result = errno == EADDRINUSE ? LISTENER_IN_USE : LISTENER_REFUSED;
        bool denied = errno == EACCES;

        err_set_errno(e, result == LISTENER_IN_USE ? "PortInUse" : "BadListener", "--listen",
                      "%s cannot be bound%s", spec->text,
                      denied ? " (a port below 1024 needs NET_BIND_SERVICE)" : "");
        goto out;
    }
    *out_fd = fd;
    return LISTENER_BOUND;
out:
    fd_close(&fd);
    return result;
}

bool listener_share(int fd, struct err *e)
{
    if (set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return true;
    return err_set_errno(e, "BadListener", "--shards", "A socket cannot be shared by shards");
}

bool listener_listen(int fd, struct err *e)
{
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    if (!set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return err_set_errno(e, "BadListener", "", "SO_REUSEADDR cannot be set");
    if (listen(fd, BACKLOG) == 0)
        return true;
    if (errno == EINVAL && connect(fd, &nowhere, sizeof(nowhere)) == 0 && listen(fd, BACKLOG) == 0)
        return true;
    return err_set_errno(e, "CannotListen", "", "listen() failed");
}

void listener_shut(int fd)
{
    /* ENOTCONN = it does not listen, which is what is wanted. */
    if (shutdown(fd, SHUT_RDWR) != 0 && errno != ENOTCONN)
        log_warn("a listener cannot be shut: %s", strerror(errno));
    if (!set_int(fd, SOL_SOCKET, SO_REUSEADDR, 0))
        log_warn("SO_REUSEADDR cannot be cleared: %s", strerror(errno));
}

bool listener_is_listening(int fd)
{
    int on = 0;

    return get_int(fd, SOL_SOCKET, SO_ACCEPTCONN, &on) && on != 0;
}

static bool verify_type(int fd, const struct listen_spec *spec)
{
    int domain;
    int type;
    int protocol;

    return get_int(fd, SOL_SOCKET, SO_DOMAIN, &domain) && domain == spec->addr.sa.sa_family &&
           get_int(fd, SOL_SOCKET, SO_TYPE, &type) && type == SOCK_STREAM &&
           get_int(fd, SOL_SOCKET, SO_PROTOCOL, &protocol) && protocol == IPPROTO_TCP;
}

static bool verify_address(int fd, const struct listen_spec *spec)
{
    struct sockaddr_in6 got; /* the larger of the two */
    socklen_t len = sizeof(got);

    memset(&got, 0, sizeof(got));
    if (getsockname(fd, (struct sockaddr *)&got, &len) != 0 || len != spec->addr_len)
        return false;
    if (spec->addr.sa.sa_family == AF_INET6)
        return got.sin6_port == spec->addr.in6.sin6_port &&
               memcmp(&got.sin6_addr, &spec->addr.in6.sin6_addr, sizeof(got.sin6_addr)) == 0;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&got;

    return in->sin_port == spec->addr.in.sin_port &&
           in->sin_addr.s_addr == spec->addr.in.sin_addr.s_addr;
}

static bool verify_device(int fd, const struct listen_spec *spec)
{
    char device[IFNAMSIZ] = "";
    socklen_t len = sizeof(device);

    return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &len) == 0 &&
           strncmp(device, spec->device, sizeof(device)) == 0;
}

/* An accepted connection has the listener's address too. */
static bool verify_state(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           (info.tcpi_state == TCP_LISTEN || info.tcpi_state == TCP_CLOSE);
}

/* A socket made in the gateway's own network namespace looks the same otherwise (Linux 5.14). */
static bool verify_netns(int fd)
{
    uint64_t theirs = 0;
    uint64_t ours = 0;
    socklen_t len = sizeof(theirs);
    int own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool same;

    same = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &theirs, &len) == 0 &&
           getsockopt(own, SOL_SOCKET, SO_NETNS_COOKIE, &ours, &len) == 0 && theirs == ours;
    if (!same && errno == ENOPROTOOPT)
        same = true; /* an older kernel cannot tell */
    fd_close(&own);
    return same;
}

bool listener_verify(int fd, const struct listen_spec *spec, struct err *e)
{
    const char *wrong = NULL;

    errno = 0;
    if (!verify_type(fd, spec))
        wrong = "is not a TCP socket of that family";
    else if (!verify_address(fd, spec))
        wrong = "has another address";
    else if (!verify_device(fd, spec))
        wrong = "is bound to another device";
    else if (!verify_state(fd))
        wrong = "is a connection";
    else if (!verify_netns(fd))
        wrong = "belongs to another network namespace";
    if (wrong == NULL)
        return true;
    return err_set(e, "StaleListener", spec->text, "What was offered as %s %s.", spec->text, wrong);
}

uint64_t listener_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}
