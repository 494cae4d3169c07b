/*
 * Whatever a process of the cluster's uid may send to a doorman. The input is a sequence of
 * packets: length (2 bytes, little endian), number of descriptors (1 byte), bytes; they go over a
 * real connection to a real doorman in this process. Afterwards the same bytes are read as a
 * --listen flag and as the kernel's route tables, which share the target because they are as small.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/doorman/device.h"
#include "gateway/doorman/publish.h"
#include "gateway/doorman/server.h"

enum { PACKETS_MAX = 32, TURNS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct server *server;
static struct slots slots;
static struct listen_spec specs[2];
static char dir[] = "/tmp/sb-doorman-fuzz-XXXXXX";
static char path[64];

static void remove_dir(void)
{
    unlink(path);
    rmdir(dir);
}

static void begin(void)
{
    struct err e = {0};

    log_init("doorman_fuzz", LOG_ERROR);
    ASSERT(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/d", dir);
    atexit(remove_dir);
    base = event_base_new();
    ASSERT(listen_spec_parse(STR("http=127.0.0.1:28081"), &specs[0], &e));
    ASSERT(listen_spec_parse(STR("https=[::1]:28443"), &specs[1], &e));
    slots_init(&slots, specs, 2, 2);
    ASSERT(server_new(base, path, geteuid(), &slots, &server, &e));
}

/* A doorman that was talked into retiring has closed its socket: the next input needs a new one. */
static int connect_to_it(void)
{
    int fd = publish_connect(path, true);
    struct err e = {0};

    if (fd >= 0)
        return fd;
    server_free(server);
    ASSERT(server_new(base, path, geteuid(), &slots, &server, &e));
    return publish_connect(path, true);
}

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Descriptors: some of what a gateway could have at hand. */
static void send_packet(int fd, const uint8_t *bytes, size_t n, size_t num_fds)
{
    int fds[FD_PASS_MAX];

    for (size_t i = 0; i < num_fds; i++)
        fds[i] = i % 2 == 0 ? fd : STDERR_FILENO;
    if (n > 0 && fd_send(fd, bytes, n, fds, num_fds) == IO_DONE)
        turn();
}

static void drain(int fd)
{
    char sink[16384];
    int fds[FD_PASS_MAX];
    size_t len;
    size_t num;

    for (int i = 0; i < TURNS_MAX && fd_recv(fd, sink, sizeof(sink), &len, fds, &num) == IO_DONE;
         i++)
        for (size_t k = 0; k < num; k++)
            fd_close(&fds[k]);
}

static void talk(const uint8_t *data, size_t size)
{
    int fd = connect_to_it();

    ASSERT(fd >= 0);
    turn();
    for (int i = 0; i < PACKETS_MAX && size >= 3; i++) {
        size_t n = (size_t)data[0] | (size_t)data[1] << 8;
        size_t num_fds = data[2] % (FD_PASS_MAX + 1);

        data += 3;
        size -= 3;
        n = n > size ? size : n;
        send_packet(fd, data, n, num_fds);
        data += n;
        size -= n;
    }
    drain(fd);
    close(fd);
    turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct listen_spec spec;
    char device[IFNAMSIZ];

    if (base == NULL)
        begin();
    talk(data, size);
    if (listen_spec_parse(text, &spec, NULL)) {
        char name[DOORMAN_NAME_MAX];

        listen_spec_name(&spec, DOORMAN_SHARDS_MAX - 1, name);
        ASSERT(strlen(name) < DOORMAN_NAME_MAX - 1 && listen_spec_port(&spec) != 0);
    }
    if (device_default_v4(text, device) || device_default_v6(text, device))
        ASSERT(strnlen(device, IFNAMSIZ) < IFNAMSIZ);
    return 0;
}
