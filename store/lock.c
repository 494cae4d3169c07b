/*
 * Who has the store: flock(2) on a file beside it, held until the process ends or closes. Not on
 * the store itself: that is renamed by a restore, and closing any descriptor of it would drop
 * SQLite's own locks (fcntl(2), advisory record locks). Two coordinators on one file would give the
 * same commit number to different things; readers (a backup, the API's lists) take no such lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "gateway/core/fd.h"
#include "store/store_priv.h"

int lock_take(const char *path, struct err *e)
{
    char *name = xasprintf("%s-lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    free(name);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd < 0)
        sql_fail_errno(path, "its -lock was opened", e);
    else if (errno == EWOULDBLOCK)
        err_set(e, "StoreLocked", "--store",
                "The store %s is in use by another process, a second coordinator perhaps: end that "
                "one (\"fuser -v\" on its -lock names it), no restart is needed.",
                path);
    else
        sql_fail_errno(path, "it was locked", e);
    fd_close(&fd);
    return -1;
}
