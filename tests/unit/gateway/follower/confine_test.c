/* The follower's filter, from inside: each call in a process of its own, and what must go on
 * working. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/follower/confine.h"

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

enum { DEAD = 1000 };

#define ATTEMPT(name, ...)                                                         \
    static int name(void)                                                          \
    {                                                                              \
        return (int)syscall(__VA_ARGS__, 0L, 0L, 0L, 0L, 0L, 0L) >= 0 ? 0 : errno; \
    }

ATTEMPT(try_execve, SYS_execve, "/bin/true")
ATTEMPT(try_fork, SYS_fork)
ATTEMPT(try_clone, SYS_clone, SIGCHLD)
ATTEMPT(try_clone3, SYS_clone3)
ATTEMPT(try_ptrace, SYS_ptrace, PTRACE_TRACEME)
ATTEMPT(try_vm, SYS_process_vm_readv, getppid())
ATTEMPT(try_unshare, SYS_unshare, CLONE_NEWUSER)
ATTEMPT(try_mount, SYS_mount, "none", "/tmp", "tmpfs")
ATTEMPT(try_bpf, SYS_bpf)
ATTEMPT(try_uring, SYS_io_uring_setup, 1)
ATTEMPT(try_packet, SYS_socket, AF_PACKET, SOCK_RAW)
ATTEMPT(try_listen, SYS_listen, socket(AF_INET, SOCK_STREAM, 0), 1)
ATTEMPT(try_accept, SYS_accept4, socket(AF_INET, SOCK_STREAM, 0))
ATTEMPT(try_open, SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY)

static int try_dump(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static void *do_nothing(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t t;
    int failure = pthread_create(&t, NULL, do_nothing, NULL);

    return failure != 0 ? failure : pthread_join(t, NULL);
}

static int try_names(void)
{
    struct addrinfo *a = NULL;
    int failure = getaddrinfo("localhost", "80", NULL, &a);

    if (failure == 0)
        freeaddrinfo(a);
    return failure == 0 ? 0 : 255;
}

static const struct {
    const char *name;
    int (*run)(void);
    int failure;
    bool traced; /* a sanitizer does that itself */
} attempts[] = {
    {"execve", try_execve, DEAD, false},
    {"fork", try_fork, DEAD, false},
    {"clone of a process", try_clone, DEAD, true},
    {"clone3", try_clone3, ENOSYS, false},
    {"ptrace", try_ptrace, DEAD, true},
    {"process_vm_readv", try_vm, DEAD, false},
    {"unshare", try_unshare, DEAD, false},
    {"mount", try_mount, DEAD, false},
    {"bpf", try_bpf, DEAD, false},
    {"io_uring", try_uring, DEAD, false},
    {"AF_PACKET", try_packet, EPERM, false},
    {"listen", try_listen, EPERM, false},
    {"accept", try_accept, EPERM, false},
    {"not dumpable", try_dump, 0, false},
    {"open", try_open, 0, false},
    {"a thread", try_thread, 0, false},
    {"a name", try_names, 0, false},
};

static int outcome_of(int (*run)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(follower_confine(NULL) ? run() : 254);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? DEAD : -WTERMSIG(status);
    return WEXITSTATUS(status);
}

static void test_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        if (SANITIZED && attempts[i].traced)
            continue;
        int outcome = outcome_of(attempts[i].run);

        if (outcome != attempts[i].failure)
            fail_msg("%s: %d instead of %d", attempts[i].name, outcome, attempts[i].failure);
    }
}

#if !SANITIZED

/* ---- libseccomp without memory: a filter is whole, or it is none ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static int allocations_left = -1; /* this one fails; negative: none does */

static bool is_out_of_memory(void)
{
    if (allocations_left < 0 || allocations_left-- != 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return is_out_of_memory() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return is_out_of_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return is_out_of_memory() ? NULL : __libc_realloc(p, n);
}

enum { REFUSED = 100, HOLE = 101, ALLOCATIONS = 700, STRIDE = 11 };

static void confine_when_one_fails(int which)
{
    alarm(1); /* libseccomp may loop */
    allocations_left = which;
    if (!follower_confine(NULL))
        _exit(REFUSED);
    (void)syscall(SYS_kcmp, 0L, 0L, 0L, 0L, 0L); /* deadly */
    _exit(HOLE);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (int i = 0; i < ALLOCATIONS; i += STRIDE) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            confine_when_one_fails(i);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == HOLE)
            fail_msg("the filter has a hole when allocation %d fails", i);
    }
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
#if !SANITIZED
        cmocka_unit_test(test_without_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
