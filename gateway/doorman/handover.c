/*
 * The successor's half of a handover, before it has an event loop: plain blocking calls with a
 * deadline. When it fails the old doorman goes on as before, or is gone or stuck, and the successor
 * waits for gateways to offer what they hold. The old one's half is in server.c.
 */
#include "gateway/doorman/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/doorman/publish.h"

enum { DEADLINE_MS = 2000 };

static bool set_deadline(int sock, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L};

    return setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0 &&
           setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0;
}

static bool say(int sock, enum doorman_msg_type type)
{
    struct doorman_msg m;

    doorman_msg_init(&m, type);
    if (type == DOORMAN_HELLO)
        m.head.role = DOORMAN_ROLE_DOORMAN;
    return doorman_msg_send(sock, &m, NULL) == IO_DONE;
}

/* One part of the list; a part that begins at 0 begins a list that replaces the one before. */
static bool receive_part(int sock, struct offer *out, bool *out_whole, struct err *e)
{
    int fds[DOORMAN_BATCH_MAX];
    struct doorman_msg m;
    enum io io = doorman_msg_recv(sock, &m, fds, e);

    if (io == IO_FAIL)
        return false;
    if (io != IO_DONE)
        return err_set(e, "NoHandover", "", "The old doorman %s.",
                       io == IO_EOF ? "refused or is busy" : "does not answer");
    if (m.head.type != DOORMAN_LIST)
        return err_set(e, "NoHandover", "", "The old doorman said something else (message %u).",
                       m.head.type);
    if (m.head.first == 0)
        offer_clear(out);
    if (m.head.first != out->num) {
        for (uint32_t i = 0; i < m.head.count; i++)
            fd_close(&fds[i]);
        return err_set(e, "NoHandover", "", "A part of the old doorman's list is missing.");
    }
    *out_whole = m.head.first + m.head.count == m.head.total;
    return offer_add(out, &m, fds, e);
}

static bool receive_list(int sock, struct offer *out, struct err *e)
{
    int64_t until = clock_mono_ms() + DEADLINE_MS;
    bool whole = false;

    while (!whole) {
        if (!receive_part(sock, out, &whole, e))
            return false;
        if (!whole && clock_mono_ms() > until)
            return err_set(e, "NoHandover", "", "The old doorman is too slow.");
    }
    return true;
}

bool handover_ask(const char *path, uid_t uid, struct offer *out, int *out_sock, struct err *e)
{
    int sock = publish_connect(path, false);

    *out_sock = -1;
    if (sock < 0)
        return err_set_errno(e, "NoDoorman", "--socket", "No doorman answers at %s", path);
    if (!doorman_peer_check(sock, uid, e))
        goto fail;
    if (!set_deadline(sock, DEADLINE_MS) || !say(sock, DOORMAN_HELLO)) {
        err_set_errno(e, "NoHandover", "", "The old doorman cannot be asked");
        goto fail;
    }
    if (!receive_list(sock, out, e))
        goto fail;
    *out_sock = sock;
    return true;
fail:
    offer_clear(out);
    fd_close(&sock);
    return false;
}

void handover_finish(int *sock)
{
    if (*sock >= 0 && !say(*sock, DOORMAN_ADOPTED))
        log_warn("the old doorman ended during the handover");
    fd_close(sock);
}
