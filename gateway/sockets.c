/*
 * Opens the parent's own listeners. It binds and listens only: nobody accepts in this process; the
 * proxy gets a copy over the control socket, and a crashed proxy's successor gets the same one, so
 * that clients wait in the socket's queue meanwhile. Called by gateway_main.c.
 */
#include "gateway/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/str.h"

enum { FIRST_INHERITED = 3, HOST_MAX = 128 };

/* Cuts "ADDR:PORT" or "[V6]:PORT"; the address may be empty for "every address". */
static bool split_address(const char *text, char host[HOST_MAX], const char **out_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || !str_to_u64(str_from(colon + 1), 65535, &port))
        return false;
    struct str h = {text, (size_t)(colon - text)};
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = (struct str){h.p + 1, h.n - 2};
    else if (memchr(h.p, ':', h.n) != NULL)
        return false;
    if (h.n >= HOST_MAX)
        return false;
    memcpy(host, h.p, h.n);
    host[h.n] = '\0';
    *out_port = colon + 1;
    return true;
}

static bool set_flag(int fd, int level, int name)
{
    int one = 1;
    return setsockopt(fd, level, name, &one, sizeof(one)) == 0;
}

/* Bound, not listening. `join`: beside sockets that are shared; else nobody may listen there. */
static int bind_address(const struct addrinfo *a, bool join)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool ok = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (a->ai_family == AF_INET6)
        ok = ok && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (join)
        ok = ok && set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    if (!ok || bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        fd_close(&fd);
    return fd;
}

static struct addrinfo *look_up(const char *addr_port, const char *option, struct err *e)
{
    char host[HOST_MAX];
    const char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *a = NULL;
    if (split_address(addr_port, host, &port) &&
        getaddrinfo(host[0] != '\0' ? host : "0.0.0.0", port, &hints, &a) == 0)
        return a;
    err_set(e, "BadOption", option,
            "%s takes ADDR:PORT or [V6]:PORT with a numeric address, not \"%s\"", option,
            addr_port);
    return NULL;
}

int sockets_open(const char *addr_port, const char *option, struct err *e)
{
    struct addrinfo *a = look_up(addr_port, option, e);
    if (a == NULL)
        return -1;
    int fd = bind_address(a, false);
    if (fd >= 0 && listen(fd, SOMAXCONN) != 0)
        fd_close(&fd);
    if (fd < 0)
        err_set_errno(e, "BadListener", option, "%s %s cannot be opened", option, addr_port);
    freeaddrinfo(a);
    return fd;
}

static bool add(struct sockets *l, const char *name, int fd, unsigned shard, unsigned num_shards)
{
    if (l->num == SOCKETS_MAX)
        return false;
    if (num_shards > 1)
        snprintf(l->all[l->num].name, SOCKETS_NAME_MAX, "%.80s#%u", name, shard);
    else
        snprintf(l->all[l->num].name, SOCKETS_NAME_MAX, "%s", name);
    l->all[l->num].fd = fd;
    l->all[l->num].shard = shard;
    l->all[l->num].num_shards = num_shards;
    l->num++;
    return true;
}

/*
 * The first socket is bound alone, so that an address that somebody listens on is refused; then it
 * is shared, and the others join. They listen when all are there, because a group that grows while
 * clients come would hand their connections from one socket to another.
 */
static bool bind_shards(struct sockets *l, const char *name, const struct addrinfo *a,
                        unsigned num_shards)
{
    size_t first = l->num;
    for (unsigned i = 0; i < num_shards; i++) {
        int fd = bind_address(a, i > 0);
        if (fd < 0)
            return false;
        if ((num_shards > 1 && !set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) ||
            !add(l, name, fd, i, num_shards)) {
            fd_close(&fd);
            return false;
        }
    }
    for (size_t i = first; i < l->num; i++)
        if (listen(l->all[i].fd, SOMAXCONN) != 0)
            return false;
    return true;
}

bool sockets_bind(struct sockets *l, const struct options_list *addresses, unsigned num_shards,
                  struct err *e)
{
    for (size_t i = 0; i < addresses->num; i++) {
        const char *text = addresses->all[i];
        if (addresses->num * num_shards > SOCKETS_MAX)
            return err_set(e, "BadListener", "--listen-http",
                           "%zu addresses for %u workers are more than %d sockets", addresses->num,
                           num_shards, SOCKETS_MAX);
        struct addrinfo *a = look_up(text, "--listen-http", e);
        if (a == NULL)
            return false;
        bool ok = bind_shards(l, text, a, num_shards);
        if (!ok)
            err_set_errno(e, "BadListener", "--listen-http", "--listen-http %s cannot be opened",
                          text);
        freeaddrinfo(a);
        if (!ok)
            return false;
    }
    return true;
}

static void name_of(int fd, char out[SOCKETS_NAME_MAX])
{
    struct sockaddr_storage addr;
    socklen_t n = sizeof(addr);
    char host[HOST_MAX] = "?";
    char port[8] = "?";
    if (getsockname(fd, (struct sockaddr *)&addr, &n) != 0 ||
        getnameinfo((struct sockaddr *)&addr, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        log_debug("an inherited listener has no address that can be shown");
    if (strchr(host, ':') != NULL)
        snprintf(out, SOCKETS_NAME_MAX, "[%.60s]:%.7s", host, port);
    else
        snprintf(out, SOCKETS_NAME_MAX, "%.60s:%.7s", host, port);
}

static bool inherit_one(struct sockets *l, int fd, struct str name, struct err *e)
{
    int listens = 0;
    socklen_t n = sizeof(listens);
    char text[SOCKETS_NAME_MAX];
    if (str_eq(name, STR("https"))) {
        log_warn("TLS is not built yet: the inherited https listener %d is not served", fd);
        fd_close(&fd);
        return true;
    }
    if (!str_eq(name, STR("http")))
        return err_set(e, "BadListener", "LISTEN_FDNAMES",
                       "the inherited listener %d is named \"%.*s\"; FileDescriptorName must be "
                       "http or https",
                       fd, (int)(name.n < 64 ? name.n : 64), name.p);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) != 0 || listens == 0 ||
        !fd_set_cloexec(fd, true) || !fd_set_nonblock(fd, true))
        return err_set(e, "BadListener", "LISTEN_FDS",
                       "the inherited descriptor %d is no listening stream socket", fd);
    name_of(fd, text);
    if (add(l, text, fd, 0, 1))
        return true;
    return err_set(e, "BadListener", "LISTEN_FDS", "more than %d listeners", SOCKETS_MAX);
}

bool sockets_inherit(struct sockets *l, struct err *e)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    uint64_t n = 0;
    uint64_t num = 0;
    if (pid == NULL || fds == NULL)
        return true;
    if (!str_to_u64(str_from(pid), INT32_MAX, &n) || !str_to_u64(str_from(fds), SOCKETS_MAX, &num))
        return err_set(e, "BadListener", "LISTEN_FDS", "LISTEN_PID or LISTEN_FDS is no number");
    if (n != (uint64_t)getpid())
        return true; /* meant for another process of this environment */
    struct str rest = str_from(names);
    for (uint64_t i = 0; i < num; i++) {
        struct str name = {NULL, 0};
        if (!str_split(&rest, ':', &name))
            name = STR("");
        if (!inherit_one(l, FIRST_INHERITED + (int)i, name, e))
            return false;
    }
    if (unsetenv("LISTEN_PID") != 0 || unsetenv("LISTEN_FDS") != 0 ||
        unsetenv("LISTEN_FDNAMES") != 0)
        return err_set_errno(e, "BadListener", "LISTEN_FDS", "the environment cannot be changed");
    return true;
}

void sockets_close(struct sockets *l)
{
    for (size_t i = 0; i < l->num; i++)
        fd_close(&l->all[i].fd);
    l->num = 0;
}
