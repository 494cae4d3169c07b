/*
 * A client for one question: is the gateway at this admin address ready? Plain sockets, so that a
 * health check every second costs next to nothing. It prints the first line of the answer's body,
 * which says what is missing. Called by gateway_main.c.
 */
#include "gateway/ready_client.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "gateway/core/str.h"

enum { ANSWER_MAX = 4096, TIMEOUT_S = 3, HOST_MAX = 128 };

static int open_connection(const char *addr_port)
{
    char host[HOST_MAX];
    const char *colon = strrchr(addr_port, ':');
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *a = NULL;
    if (colon == NULL || (size_t)(colon - addr_port) >= sizeof(host))
        return -1;
    struct str h = {addr_port, (size_t)(colon - addr_port)};
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = (struct str){h.p + 1, h.n - 2};
    memcpy(host, h.p, h.n);
    host[h.n] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &a) != 0)
        return -1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
                    connect(fd, a->ai_addr, a->ai_addrlen) != 0))
        fd_close(&fd);
    freeaddrinfo(a);
    return fd;
}

static size_t read_answer(int fd, char *out)
{
    size_t n = 0;
    ssize_t got = 0;
    while (n < ANSWER_MAX && (got = recv(fd, out + n, ANSWER_MAX - n, 0)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    return n;
}

bool ready_client_check(const char *addr_port)
{
    static const char request[] =
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[ANSWER_MAX + 1];
    int fd = open_connection(addr_port);
    if (fd < 0 || !fd_write_all(fd, request, sizeof(request) - 1) || read_answer(fd, answer) == 0) {
        printf("not ready: nobody answers at %s\n", addr_port);
        fd_close(&fd);
        return false;
    }
    fd_close(&fd);
    bool ready = strncmp(answer, "HTTP/1.1 200", 12) == 0;
    const char *body = strstr(answer, "\r\n\r\n");
    body = body != NULL ? body + 4 : "";
    printf("%s%s%.*s\n", ready ? "ready" : "not ready", body[0] != '\0' ? ": " : "",
           (int)strcspn(body, "\r\n"), body);
    return ready;
}
