/*
 * See spawner.h. The spawner's own loop is two descriptors: the parent's socket and a signalfd for
 * the child's end. It takes no other input, holds nothing but its arguments, and ends when the
 * parent does, which it learns from the socket: a death signal does not cross users. Its child has
 * its user, so there it does. Called by parent.c.
 */
#include "gateway/spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/core/caps.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"

/* In the spawner's process. */
struct spawning {
    const struct spawner_config *config;
    pid_t pid; /* its own */
    int parent_fd;
    int signal_fd;
    pid_t child; /* 0: none */
};

/* ---- descriptors ------------------------------------------------------------------------------
 */

static int smallest_from(const int *fds, int num, int from)
{
    int best = -1;
    for (int i = 0; i < num; i++)
        if (fds[i] >= from && (best < 0 || fds[i] < best))
            best = fds[i];
    return best;
}

/* Where a kernel or a container's filter has no close_range(2), one by one. */
static void close_gap(unsigned from, unsigned to)
{
    if (from > to || close_range(from, to, 0) == 0)
        return;
    long limit = sysconf(_SC_OPEN_MAX);
    for (unsigned fd = from; fd <= to && (long)fd < limit; fd++)
        (void)close((int)fd); /* most of them are not open */
}

/* Closes the gaps between the descriptors to keep. */
static void close_others(const int *keep, int num)
{
    unsigned from = STDERR_FILENO + 1;
    int next;
    while ((next = smallest_from(keep, num, (int)from)) >= 0) {
        if (next > 0)
            close_gap(from, (unsigned)next - 1);
        from = (unsigned)next + 1;
    }
    close_gap(from, ~0U);
}

/* ---- the child --------------------------------------------------------------------------------
 */

_Noreturn static void be_child(const struct spawning *s, int fd)
{
    const int keep[] = {fd, s->config->keep_fd};
    sigset_t none;

    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != s->pid)
        _exit(1);            /* the spawner died before the first line of this function */
    signal(SIGINT, SIG_IGN); /* a terminal's: the parent says when to end */
    signal(SIGHUP, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        WRONG("the signal mask cannot be set");
    close_others(keep, 2);
    _exit(s->config->run(s->config->arg, fd));
}

/* ---- the spawner ------------------------------------------------------------------------------
 */

static void tell(const struct spawning *s, enum spawner_type type, int value, const char *text)
{
    struct spawner_msg m = {.type = (uint32_t)type, .value = value};

    snprintf(m.text, sizeof m.text, "%s", text);
    if (fd_send(s->parent_fd, &m, sizeof m, NULL, 0) != IO_DONE)
        _exit(1); /* nobody is there any more */
}

static void start_child(struct spawning *s, int fd)
{
    pid_t pid;

    if (s->child != 0) {
        log_error("the %s runs already: it is not started twice", s->config->name);
        return;
    }
    pid = fork();
    if (pid == 0)
        be_child(s, fd);
    if (pid < 0) {
        tell(s, SPAWNER_FAILED, errno, "");
        return;
    }
    s->child = pid;
    tell(s, SPAWNER_STARTED, pid, "");
}

static void signal_child(const struct spawning *s, int number)
{
    if (number != SIGTERM && number != SIGKILL)
        log_error("the %s is not sent signal %d", s->config->name, number);
    else if (s->child != 0 && kill(s->child, number) != 0)
        log_error("the %s cannot be signalled: %s", s->config->name, strerror(errno));
}

static void obey(struct spawning *s)
{
    struct spawner_msg m;
    int fds[FD_PASS_MAX];
    size_t n = 0;
    size_t num_fds = 0;
    enum io r = fd_recv(s->parent_fd, &m, sizeof m, &n, fds, &num_fds);

    if (r == IO_AGAIN)
        return;
    if (r != IO_DONE) { /* the child is ended here, for the case that it hangs */
        if (s->child != 0)
            (void)kill(s->child, SIGKILL);
        _exit(0);
    }
    if (n == sizeof m && m.type == SPAWNER_START && num_fds == 1)
        start_child(s, fds[0]);
    else if (n == sizeof m && m.type == SPAWNER_SIGNAL && num_fds == 0)
        signal_child(s, m.value);
    else
        log_error("the parent sent a message of type %u, %zu bytes and %zu descriptors", m.type, n,
                  num_fds);
    for (size_t i = 0; i < num_fds; i++)
        fd_close(&fds[i]);
}

static void reap(struct spawning *s)
{
    struct signalfd_siginfo info;
    int status;

    if (read(s->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (s->child == 0 || waitpid(s->child, &status, WNOHANG) != s->child)
        return;
    s->child = 0;
    tell(s, SPAWNER_ENDED, status, "");
}

static bool take_user(const struct spawner_config *c, struct err *e)
{
    if (c->uid != (uid_t)-1 && !caps_change_ids(c->uid, c->uid))
        return err_set_errno(e, "NoUser", "--users", "user %u of the %s cannot be taken on", c->uid,
                             c->name);
    if (!caps_lock() || !caps_set(0))
        return err_set_errno(e, "NoPrivileges", "", "the %s cannot give up privileges", c->name);
    return true;
}

static bool set_up(struct spawning *s, pid_t parent, struct err *e)
{
    const int keep[] = {s->parent_fd, s->config->keep_fd};
    sigset_t watched;

    close_others(keep, 2);
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM); /* these two: for a whole group, and only the parent decides */
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &watched, NULL) != 0)
        return err_set_errno(e, "NoSpawner", "", "signals cannot be blocked");
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    s->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return err_set_errno(e, "NoSpawner", "", "the end of children cannot be watched");
    if (!take_user(s->config, e))
        return false;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    return s->config->prepare == NULL || s->config->prepare(s->config->arg, e);
}

_Noreturn static void be_spawner(const struct spawner_config *c, int parent_fd, pid_t parent)
{
    struct spawning s = {.config = c, .pid = getpid(), .parent_fd = parent_fd, .signal_fd = -1};
    struct err e = {0};

    if (!set_up(&s, parent, &e)) {
        tell(&s, SPAWNER_REFUSED, 0, e.text);
        _exit(2);
    }
    tell(&s, SPAWNER_READY, 0, "");
    for (;;) {
        struct pollfd fds[] = {{.fd = parent_fd, .events = POLLIN},
                               {.fd = s.signal_fd, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            _exit(1);
        if (fds[1].revents != 0)
            reap(&s);
        if (fds[0].revents != 0)
            obey(&s);
    }
}

/* ---- in the parent ----------------------------------------------------------------------------
 */

static bool await_ready(struct spawner *s, const char *name, struct err *e)
{
    struct spawner_msg m;

    if (spawner_recv(s, &m) != IO_DONE)
        return err_set(e, "NoSpawner", "", "what starts the %s has ended", name);
    if (m.type == SPAWNER_REFUSED)
        return err_set(e, "Refused", "", "%s", m.text);
    ASSERT(m.type == SPAWNER_READY);
    return true;
}

bool spawner_new(struct spawner *s, const struct spawner_config *config, struct err *e)
{
    int pair[2];
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set_errno(e, "NoSpawner", "", "there is no socket for what starts the %s",
                             config->name);
    s->pid = fork();
    if (s->pid == 0)
        be_spawner(config, pair[1], parent);
    fd_close(&pair[1]);
    s->fd = pair[0];
    if (s->pid > 0 && await_ready(s, config->name, e))
        return true;
    if (s->pid < 0)
        err_set_errno(e, "NoSpawner", "", "what starts the %s cannot be forked", config->name);
    spawner_close(s);
    return false;
}

bool spawner_start(struct spawner *s, int fd)
{
    struct spawner_msg m = {.type = SPAWNER_START};

    return fd_send(s->fd, &m, sizeof m, &fd, 1) == IO_DONE;
}

bool spawner_signal(struct spawner *s, int number)
{
    struct spawner_msg m = {.type = SPAWNER_SIGNAL, .value = number};

    return fd_send(s->fd, &m, sizeof m, NULL, 0) == IO_DONE;
}

enum io spawner_recv(struct spawner *s, struct spawner_msg *out)
{
    int fds[FD_PASS_MAX];
    size_t n = 0;
    size_t num_fds = 0;
    enum io r = fd_recv(s->fd, out, sizeof *out, &n, fds, &num_fds);

    for (size_t i = 0; i < num_fds; i++)
        fd_close(&fds[i]); /* it has nothing to give */
    if (r == IO_DONE && n != sizeof *out) {
        errno = EPROTO;
        return IO_FAIL;
    }
    out->text[sizeof out->text - 1] = '\0';
    return r;
}

void spawner_close(struct spawner *s)
{
    fd_close(&s->fd);
}
