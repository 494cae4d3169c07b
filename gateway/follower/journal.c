/*
 * Reading and writing the state file. Reading goes through session.c, so the file is believed for
 * the same reasons as the stream: order and digests; a checksum vouches for the digest of the
 * snapshot, which would take longer to make again than all the rest of a start (wire/checksum.h).
 * Writing never reports an error upwards, because there is nothing that serving could do about it.
 * Blocks on the disk (the follower forwards a commit before it journals it). Called by follower.c.
 */
#include "gateway/follower/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/follower/session.h"
#include "gateway/wire/checksum.h"

enum {
    JOURNAL_MAGIC = 0x6a726e6c,
    READ_BYTES = 256 << 10,
    WRITE_BYTES = 256 << 10, /* lines are gathered up to about this much for one write */
    COMPACT_BYTES = 1 << 20
};

/* IDLE: no file of ours yet. OPEN: fd ends with a commit. BROKEN: journal_retry has to write. */
enum journal_state { JOURNAL_IDLE, JOURNAL_OPEN, JOURNAL_BROKEN, JOURNAL__COUNT };

struct journal {
    unsigned magic;
    enum journal_state state;
    char *cluster;
    char *dir;
    char *path;
    char *new_path;
    char *lock_path;
    struct err complaint; /* code NULL: none */
    int lock_fd;          /* held while this process writes here */
    int fd;               /* OPEN: the file, at its end */
    off_t size;           /* of the file up to its last commit */
    struct stat loaded;   /* the file as it was when it was read */
    off_t snapshot_size;  /* of its first part */
    bool unsynced;
    struct buf lines; /* being written */
};

static void move_to(struct journal *j, enum journal_state to)
{
    static const bool legal[JOURNAL__COUNT][JOURNAL__COUNT] = {
        [JOURNAL_IDLE] = {[JOURNAL_OPEN] = true, [JOURNAL_BROKEN] = true},
        [JOURNAL_OPEN] = {[JOURNAL_OPEN] = true, [JOURNAL_BROKEN] = true},
        [JOURNAL_BROKEN] = {[JOURNAL_OPEN] = true, [JOURNAL_BROKEN] = true},
    };
    ASSERT(legal[j->state][to]);
    j->state = to;
}

struct journal *journal_new(const char *dir, const char *cluster)
{
    struct journal *j = xcalloc(1, sizeof(*j));
    j->magic = JOURNAL_MAGIC;
    j->cluster = xstrdup(cluster);
    j->dir = xstrdup(dir);
    j->path = xasprintf("%s/table.ndjson", dir);
    j->new_path = xasprintf("%s/table.ndjson.new", dir);
    j->lock_path = xasprintf("%s/lock", dir);
    j->lock_fd = -1;
    j->fd = -1;
    buf_init(&j->lines, WRITE_BYTES + FRAME_LINE_MAX + 4096);
    return j;
}

void journal_free(struct journal *j)
{
    if (j == NULL)
        return;
    OBJ_CHECK(j, JOURNAL_MAGIC);
    fd_close(&j->fd);
    fd_close(&j->lock_fd);
    buf_free(&j->lines);
    free(j->cluster);
    free(j->dir);
    free(j->path);
    free(j->new_path);
    free(j->lock_path);
    OBJ_KILL(j);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

struct reading {
    const struct journal_reader *reader; /* or NULL */
    struct session session;
    struct checksum *checksum; /* of what was read of the snapshot */
    struct err damage;         /* code NULL: none so far */
    off_t at;                  /* end of the line being read */
    off_t good;                /* end of the last commit */
    off_t snapshot;            /* end of the first commit */
};

static void on_read_part(void *arg, enum route_kind kind, struct str name, struct str value)
{
    struct reading *r = arg;
    if (r->reader != NULL)
        r->reader->part(r->reader->arg, kind, name, value);
}

static void on_read_commit(void *arg, const struct holding_changes *changes, bool snapshot)
{
    struct reading *r = arg;
    const struct holding_object *o;
    r->good = r->at;
    if (snapshot) {
        r->snapshot = r->at;
        return; /* its parts were shown as they came */
    }
    TAILQ_FOREACH(o, &changes->list, entry)
    on_read_part(r, o->kind, o->name, o->value);
}

/* Behind a damaged line only a torn tail may follow: a commit there means that somebody edited it.
 */
static bool check_after_damage(struct reading *r, struct str line, struct err *e)
{
    struct frame f;
    struct err ignored;
    if (!frame_parse(line, &f, &ignored))
        return true; /* torn bytes */
    bool commit = f.type == FRAME_COMMIT;
    frame_free(&f);
    if (commit)
        *e = r->damage;
    return !commit;
}

static bool take_checksum(struct reading *r, struct str line, struct err *e)
{
    struct digest sum;
    if (!checksum_read(r->checksum, line, &sum, e))
        return false;
    session_vouch(&r->session, &sum);
    return true;
}

/* A file without a checksum is believed for its digest alone. */
static bool read_line(struct reading *r, struct str line, struct err *e)
{
    r->at += (off_t)line.n + 1;
    if (r->damage.code != NULL)
        return check_after_damage(r, line, e);
    if (r->snapshot == 0 && checksum_is(line))
        return take_checksum(r, line, e);
    if (r->snapshot == 0) {
        checksum_add(r->checksum, line);
        checksum_add(r->checksum, STR("\n"));
    }
    if (session_line(&r->session, line, e))
        return true;
    if (strcmp(e->code, "BadLine") != 0)
        return false;
    r->damage = *e;
    return true;
}

static bool read_piece(struct reading *r, struct lines *lines, struct str piece, struct err *e)
{
    struct str line;
    enum lines_result got;
    lines_feed(lines, piece);
    while ((got = lines_next(lines, &line)) != LINES_MORE) {
        if (got == LINES_TOO_LONG)
            return err_set(e, "BadFrame", "", "a line of more than %d bytes", FRAME_LINE_MAX);
        if (!read_line(r, line, e))
            return false;
    }
    return true;
}

static bool read_file(struct reading *r, int fd, struct err *e)
{
    struct lines lines;
    char *piece = xmalloc(READ_BYTES);
    ssize_t n;
    bool ok = true;
    lines_init(&lines, FRAME_LINE_MAX);
    while (ok && (n = read(fd, piece, READ_BYTES)) != 0)
        ok = n < 0 ? err_set_errno(e, "BadState", "", "it cannot be read")
                   : read_piece(r, &lines, (struct str){piece, (size_t)n}, e);
    if (ok && r->good == 0)
        ok = err_set(e, "BadState", "", "it holds no complete commit%s%s",
                     r->damage.code != NULL ? "; " : "", r->damage.text);
    lines_reset(&lines);
    lines_free(&lines);
    free(piece);
    return ok;
}

static bool load(struct journal *j, struct holding *h, const struct journal_reader *reader, int fd,
                 struct err *e)
{
    struct reading r = {.reader = reader, .checksum = checksum_new()};
    struct err why = {0};
    struct session_config config = {.holding = h,
                                    .cluster = j->cluster,
                                    .on_commit = on_read_commit,
                                    .on_part = on_read_part,
                                    .arg = &r};
    session_init(&r.session, &config);
    bool ok = read_file(&r, fd, &why);
    session_free(&r.session);
    checksum_free(r.checksum);
    if (!ok) {
        holding_free(h);
        return err_set(e, "BadState", "", "the table kept in %s is refused: %s", j->path, why.text);
    }
    if (fstat(fd, &j->loaded) == 0 && j->loaded.st_size > r.good)
        log_warn("%s ends in %lld bytes after its last complete commit; they are dropped", j->path,
                 (long long)(j->loaded.st_size - r.good));
    j->size = r.good;
    j->snapshot_size = r.snapshot;
    return true;
}

bool journal_load(struct journal *j, struct holding *h, const struct journal_reader *reader,
                  struct err *e)
{
    OBJ_CHECK(j, JOURNAL_MAGIC);
    ASSERT(!h->valid && holding_num_objects(h) == 0);
    int fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return true;
    bool ok =
        fd >= 0 ? load(j, h, reader, fd, e)
                : err_set_errno(e, "BadState", "", "the table kept in %s cannot be read", j->path);
    fd_close(&fd);
    if (!ok)
        j->complaint = *e;
    return ok;
}

const char *journal_complaint(const struct journal *j)
{
    OBJ_CHECK(j, JOURNAL_MAGIC);
    return j->complaint.code != NULL ? j->complaint.text : "";
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void break_off(struct journal *j)
{
    move_to(j, JOURNAL_BROKEN);
    fd_close(&j->fd);
    buf_clear(&j->lines);
    j->unsynced = false;
}

/* With errno. What was said already is not said again at each further try. */
static void fail(struct journal *j, const char *what)
{
    struct err why = {0};
    err_set_errno(&why, "NotKept", "", "%s: %s", j->path, what);
    if (j->state != JOURNAL_BROKEN || strcmp(why.text, j->complaint.text) != 0)
        log_error("%s; serving goes on, but a restart without the coordinator would not know the "
                  "newest table",
                  why.text);
    j->complaint = why;
    break_off(j);
}

static void wait_for_other(struct journal *j)
{
    struct err why = {0};
    err_set(&why, "NotOurs", "",
            "another process keeps its table in %s; this one takes over when that one ends",
            j->dir);
    if (strcmp(why.text, j->complaint.text) != 0)
        log_info("%s", why.text);
    j->complaint = why;
    break_off(j);
}

static void open_now(struct journal *j, int fd)
{
    if (j->complaint.code != NULL)
        log_info("%s is written again", j->path);
    fd_close(&j->fd);
    j->fd = fd;
    j->complaint = (struct err){.code = NULL};
    j->unsynced = false;
    move_to(j, JOURNAL_OPEN);
}

static bool flush(struct journal *j, int fd, off_t *size)
{
    if (!fd_write_all(fd, j->lines.bytes, j->lines.len))
        return false;
    *size += (off_t)j->lines.len;
    buf_clear(&j->lines);
    return true;
}

static bool flush_when_large(struct journal *j, int fd, off_t *size)
{
    return j->lines.len < WRITE_BYTES || flush(j, fd, size);
}

/* The buffer has room for the longest line beyond WRITE_BYTES, so that writers cannot fail. */
static void write_object(struct journal *j, const struct holding_object *o)
{
    bool ok = o->value.p != NULL ? frame_write_set(&j->lines, o->kind, o->name, o->value)
                                 : frame_write_delete(&j->lines, o->kind, o->name);
    ASSERT(ok);
}

static bool write_commit(struct journal *j, const struct holding *h, int fd, off_t *size)
{
    char digest[FRAME_DIGEST_HEX + 1];
    holding_digest(h, digest);
    bool ok = frame_write_commit(&j->lines, h->revision, digest);
    ASSERT(ok);
    return flush(j, fd, size);
}

static bool flush_checked(struct journal *j, struct checksum *checksum, int fd, off_t *size)
{
    checksum_add(checksum, buf_str(&j->lines));
    return flush(j, fd, size);
}

/* What the checksum is of: the hello and all objects. */
static bool write_objects(struct journal *j, const struct holding *h, struct checksum *checksum,
                          int fd, off_t *size)
{
    const struct holding_object *o;
    size_t pos = 0;
    buf_clear(&j->lines);
    bool ok = frame_write_hello(&j->lines, j->cluster, h->epoch, h->revision, true);
    ASSERT(ok);
    while ((o = holding_next(h, &pos)) != NULL) {
        write_object(j, o);
        if (j->lines.len >= WRITE_BYTES && !flush_checked(j, checksum, fd, size))
            return false;
    }
    return flush_checked(j, checksum, fd, size);
}

static bool write_table(struct journal *j, const struct holding *h, int fd, off_t *size)
{
    struct checksum *checksum = checksum_new();
    bool written = write_objects(j, h, checksum, fd, size);
    bool ok = checksum_write(checksum, &h->digest, &j->lines);
    ASSERT(!written || ok);
    checksum_free(checksum);
    return written && write_commit(j, h, fd, size) && fsync(fd) == 0;
}

static bool sync_directory(const struct journal *j)
{
    int fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    fd_close(&fd);
    return ok;
}

/* Does the path still name what is open? */
static bool names(const char *path, int fd)
{
    struct stat there;
    struct stat ours;
    return fd >= 0 && lstat(path, &there) == 0 && fstat(fd, &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/* One process writes in a state directory: a gateway that is being replaced may still be here. */
static bool lock(struct journal *j)
{
    if (names(j->lock_path, j->lock_fd))
        return true;
    fd_close(&j->lock_fd); /* the directory was replaced under us */
    int fd = open(j->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        j->lock_fd = fd;
    else
        fd_close(&fd);
    return j->lock_fd >= 0;
}

static void rewrite(struct journal *j, const struct holding *h)
{
    off_t size = 0;
    if (!lock(j)) {
        if (errno == EWOULDBLOCK)
            wait_for_other(j);
        else
            fail(j, "the state directory cannot be locked");
        return;
    }
    int fd =
        open(j->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || !write_table(j, h, fd, &size) || rename(j->new_path, j->path) != 0 ||
        !sync_directory(j)) {
        fail(j, "the table cannot be kept on disk");
        fd_close(&fd);
        if (unlink(j->new_path) != 0 && errno != ENOENT)
            log_debug("%s stays behind", j->new_path);
        return;
    }
    j->size = size;
    j->snapshot_size = size;
    open_now(j, fd);
}

/* Nobody has written to the file since it was read. */
static bool is_as_loaded(const struct journal *j, int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_ino == j->loaded.st_ino && st.st_dev == j->loaded.st_dev &&
           st.st_size == j->loaded.st_size && st.st_mtim.tv_sec == j->loaded.st_mtim.tv_sec &&
           st.st_mtim.tv_nsec == j->loaded.st_mtim.tv_nsec;
}

/*
 * Opens the loaded file for appending, without what followed its last commit. False when that is
 * not possible or when another process has written to it since: then it is written anew.
 */
static bool reopen(struct journal *j)
{
    if (j->size == 0 || !lock(j))
        return false;
    int fd = open(j->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || !is_as_loaded(j, fd) || ftruncate(fd, j->size) != 0 ||
        lseek(fd, j->size, SEEK_SET) != j->size) {
        fd_close(&fd);
        return false;
    }
    open_now(j, fd);
    return true;
}

static bool append(struct journal *j, const struct holding *h,
                   const struct holding_changes *changes)
{
    const struct holding_object *o;
    off_t size = j->size;
    TAILQ_FOREACH(o, &changes->list, entry)
    {
        write_object(j, o);
        if (!flush_when_large(j, j->fd, &size))
            return false;
    }
    if (!write_commit(j, h, j->fd, &size))
        return false;
    j->size = size;
    j->unsynced = true;
    return true;
}

/* The file, or the whole directory, may be taken away while it is open. */
static bool is_in_place(const struct journal *j)
{
    return names(j->path, j->fd) && names(j->lock_path, j->lock_fd);
}

void journal_commit(struct journal *j, const struct holding *h,
                    const struct holding_changes *changes, bool snapshot)
{
    OBJ_CHECK(j, JOURNAL_MAGIC);
    if (j->state == JOURNAL_BROKEN)
        return; /* journal_retry writes the whole table */
    off_t appended = j->size - j->snapshot_size;
    bool outgrown = appended > COMPACT_BYTES && appended > j->snapshot_size;
    if (snapshot || outgrown || (j->state == JOURNAL_IDLE && !reopen(j)))
        rewrite(j, h);
    else if (!append(j, h, changes))
        fail(j, "a commit cannot be appended");
}

void journal_sync(struct journal *j)
{
    OBJ_CHECK(j, JOURNAL_MAGIC);
    if (!j->unsynced)
        return;
    j->unsynced = false;
    if (fdatasync(j->fd) != 0)
        fail(j, "a commit cannot be made durable");
}

void journal_retry(struct journal *j, const struct holding *h)
{
    OBJ_CHECK(j, JOURNAL_MAGIC);
    if (!h->valid || j->state == JOURNAL_IDLE)
        return;
    if (j->state == JOURNAL_OPEN) {
        if (is_in_place(j))
            return;
        log_warn("%s was taken away; it is written anew", j->path);
    }
    rewrite(j, h);
}
