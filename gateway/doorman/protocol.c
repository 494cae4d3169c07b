/*
 * Messages between gateways and doormen: judged on arrival, so that the rest of the folder may use
 * every field as it is. A message that is wrong in any way costs the connection that sent it. Who
 * may say what in which state is not known here (server.c, client.c).
 */
#include "gateway/doorman/protocol.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static size_t msg_size(uint32_t count)
{
    return sizeof(struct doorman_header) + count * sizeof(struct doorman_entry);
}

void doorman_msg_init(struct doorman_msg *m, enum doorman_msg_type type)
{
    memset(m, 0, sizeof(*m));
    m->head.magic = DOORMAN_MAGIC;
    m->head.version = DOORMAN_VERSION;
    m->head.type = (uint16_t)type;
}

static bool check_name(const char *name, struct err *e)
{
    size_t len = strnlen(name, DOORMAN_NAME_MAX);

    if (len == 0 || len == DOORMAN_NAME_MAX)
        return err_set(e, "BadMessage", "name", "A listener's name is empty or does not end.");
    for (size_t i = 0; i < len; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return err_set(e, "BadMessage", "name", "A listener's name has unprintable bytes.");
    return true;
}

static bool check_entry(const struct doorman_entry *entry, struct err *e)
{
    if (!check_name(entry->name, e))
        return false;
    if (entry->kind >= DOORMAN_KIND__COUNT)
        return err_set(e, "BadMessage", "kind", "Listener kind %u is unknown.", entry->kind);
    if (entry->num_shards == 0 || entry->num_shards > DOORMAN_SHARDS_MAX ||
        entry->shard >= entry->num_shards)
        return err_set(e, "BadMessage", "shard", "Shard %u of %u cannot be.", entry->shard,
                       entry->num_shards);
    return true;
}

/* Fields that belong to one type only are zero elsewhere; here what has a meaning is in bounds. */
static bool check_meaning(const struct doorman_header *h, struct err *e)
{
    bool generation = h->type == DOORMAN_LIST || h->type == DOORMAN_SERVING;

    if (h->type == DOORMAN_HELLO && h->role != DOORMAN_ROLE_GATEWAY &&
        h->role != DOORMAN_ROLE_DOORMAN)
        return err_set(e, "BadMessage", "role", "Role %u is unknown.", h->role);
    if (generation && h->generation == 0)
        return err_set(e, "BadMessage", "generation", "Generation 0 does not exist.");
    if (h->type == DOORMAN_LIST &&
        (h->total > DOORMAN_LISTENERS_MAX || h->first > h->total || h->count > h->total - h->first))
        return err_set(e, "BadMessage", "total", "Entries %u+%u of a list of %u.", h->first,
                       h->count, h->total);
    if (h->type == DOORMAN_LIST && h->count == 0 && h->total != 0)
        return err_set(e, "BadMessage", "count", "An empty part of a list that is not empty.");
    return true;
}

static bool check_head(const struct doorman_header *h, struct err *e)
{
    bool entries = h->type == DOORMAN_OFFER || h->type == DOORMAN_LIST;

    if (h->magic != DOORMAN_MAGIC)
        return err_set(e, "BadMessage", "magic", "This is not the doorman's protocol.");
    if (h->version != DOORMAN_VERSION)
        return err_set(e, "BadVersion", "version", "The other end speaks version %u, this is %d.",
                       h->version, DOORMAN_VERSION);
    if (h->type == 0 || h->type >= DOORMAN_MSG__COUNT)
        return err_set(e, "BadMessage", "type", "Message type %u is unknown.", h->type);
    if (h->count > (entries ? (uint32_t)DOORMAN_BATCH_MAX : 0))
        return err_set(e, "BadMessage", "count", "%u entries are too many here.", h->count);
    return check_meaning(h, e);
}

bool doorman_msg_check(const struct doorman_msg *m, size_t n, size_t num_fds, struct err *e)
{
    if (n < sizeof(m->head))
        return err_set(e, "BadMessage", "", "%zu bytes are too few for a message.", n);
    if (!check_head(&m->head, e))
        return false;
    if (n != msg_size(m->head.count))
        return err_set(e, "BadMessage", "count", "%zu bytes cannot hold %u entries.", n,
                       m->head.count);
    if (num_fds != m->head.count)
        return err_set(e, "BadMessage", "count", "%u entries came with %zu descriptors.",
                       m->head.count, num_fds);
    for (uint32_t i = 0; i < m->head.count; i++)
        if (!check_entry(&m->entries[i], e))
            return false;
    return true;
}

enum io doorman_msg_send(int sock, const struct doorman_msg *m, const int *fds)
{
    return fd_send(sock, m, msg_size(m->head.count), fds, m->head.count);
}

enum io doorman_msg_recv(int sock, struct doorman_msg *m, int out_fds[DOORMAN_BATCH_MAX],
                         struct err *e)
{
    size_t n;
    size_t num_fds;
    enum io io = fd_recv(sock, m, sizeof(*m), &n, out_fds, &num_fds);

    if (io == IO_FAIL)
        err_set_errno(e, "BadMessage", "", "A message could not be received");
    if (io != IO_DONE || doorman_msg_check(m, n, num_fds, e))
        return io;
    for (size_t i = 0; i < num_fds; i++)
        fd_close(&out_fds[i]);
    return IO_FAIL;
}

bool doorman_peer_check(int sock, uid_t uid, struct err *e)
{
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);

    if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return err_set_errno(e, "PeerUnknown", "", "The peer's uid cannot be read");
    if (cred.uid != uid)
        return err_set(e, "WrongUid", "", "The peer has uid %u, only uid %u is talked to.",
                       cred.uid, uid);
    return true;
}
