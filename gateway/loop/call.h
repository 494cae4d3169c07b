/*
 * recv(2) and send(2) of the hot path, past glibc's wrappers: those are cancellation points, and in
 * a process with threads each turns asynchronous cancellation on and off around the call, with two
 * atomic operations. No thread of ours is ever cancelled. Sanitizers know the wrappers only, and
 * get them.
 */
#ifndef GATEWAY_LOOP_CALL_H
#define GATEWAY_LOOP_CALL_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CALL_LIBC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CALL_LIBC 1
#endif
#endif
#ifndef CALL_LIBC
#define CALL_LIBC 0
#endif

/* As recv(fd, p, cap, 0). */
static inline ssize_t call_recv(int fd, void *p, size_t cap)
{
    return CALL_LIBC ? recv(fd, p, cap, 0) : syscall(SYS_recvfrom, fd, p, cap, 0, NULL, NULL);
}

/* As send(fd, p, n, MSG_NOSIGNAL). */
static inline ssize_t call_send(int fd, const void *p, size_t n)
{
    return CALL_LIBC ? send(fd, p, n, MSG_NOSIGNAL)
                     : syscall(SYS_sendto, fd, p, n, MSG_NOSIGNAL, NULL, 0);
}

#endif
