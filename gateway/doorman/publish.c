/*
 * Unix sockets are bound under a temporary name and renamed over the public one, and nobody ever
 * unlinks: so the path never names nothing, and an old doorman that ends cannot take away what its
 * successor has put there. Called by server.c, handover.c (connect) and client.c (connect, watch).
 */
#include "gateway/doorman/publish.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/core/fd.h"

enum { BACKLOG = 64, TRIES = 8, SUFFIX_LEN = 9 /* ".01234567" */ };

bool publish_identify(const char *path, struct publish_id *out)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    *out = (struct publish_id){st.st_dev, st.st_ino};
    return true;
}

bool publish_same(const struct publish_id *a, const struct publish_id *b)
{
    return a->dev == b->dev && a->ino == b->ino;
}

static bool set_path(struct sockaddr_un *addr, const char *path, const char *suffix)
{
    int n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s%s", path, suffix);

    addr->sun_family = AF_UNIX;
    return n > 0 && (size_t)n < sizeof(addr->sun_path);
}

static bool draw_suffix(char out[SUFFIX_LEN + 1])
{
    uint32_t r;

    if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
        return false;
    snprintf(out, SUFFIX_LEN + 1, ".%08x", r);
    return true;
}

/* Leftovers of a doorman that was killed between bind and rename only cost another draw. */
static bool bind_somewhere(int fd, const char *path, struct sockaddr_un *out_addr)
{
    char suffix[SUFFIX_LEN + 1];

    for (int i = 0; i < TRIES; i++) {
        if (!draw_suffix(suffix) || !set_path(out_addr, path, suffix))
            return false;
        if (bind(fd, (struct sockaddr *)out_addr, sizeof(*out_addr)) == 0)
            return true;
        if (errno != EADDRINUSE)
            return false;
    }
    return false;
}

bool publish_open(const char *path, int *out_fd, struct publish_id *out_id, struct err *e)
{
    struct sockaddr_un addr = {0};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    *out_fd = -1;
    if (strlen(path) + SUFFIX_LEN >= sizeof(addr.sun_path))
        err_set(e, "BadPath", "--socket", "A socket's path has at most %zu bytes, not %s.",
                sizeof(addr.sun_path) - SUFFIX_LEN - 1, path);
    else if (fd < 0 || !bind_somewhere(fd, path, &addr))
        err_set_errno(e, "BadPath", "--socket", "No socket can be made beside %s", path);
    else if (listen(fd, BACKLOG) != 0 || rename(addr.sun_path, path) != 0 ||
             !publish_identify(path, out_id))
        err_set_errno(e, "BadPath", "--socket", "The socket cannot be published at %s", path);
    else
        *out_fd = fd;
    if (*out_fd < 0)
        fd_close(&fd);
    return *out_fd >= 0;
}

enum publish_state publish_look(const char *path, const struct publish_id *id)
{
    struct publish_id now;

    if (!publish_identify(path, &now))
        return PUBLISH_NOTHING;
    return publish_same(&now, id) ? PUBLISH_MINE : PUBLISH_OTHER;
}

int publish_connect(const char *path, bool nonblock)
{
    struct sockaddr_un addr = {0};
    int fd;

    if (!set_path(&addr, path, "")) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0), 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
        fd_close(&fd);
    return fd;
}
