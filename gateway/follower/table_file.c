/*
 * The table file as a source of frames. Reads what is new in pieces, cuts lines, refuses bad ones
 * with a sentence and goes on. It keeps no objects: the proxy's builder holds what no commit has
 * closed yet, and a new snapshot makes it forget that. Called by follower.c.
 *
 * How a change that is no append is told: another inode (rename over it), a file shorter than what
 * was read, other bytes just before the place we stand at, or a newer mtime with nothing new behind
 * that place. Each begins a new snapshot; an unneeded one costs reading, never traffic.
 */
#include "gateway/follower/table_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/follower/lines.h"

enum {
    TABLE_FILE_MAGIC = 0x74626c66,
    POLL_MS = 500,
    PIECE_BYTES = 256 << 10,
    PIECES_A_TURN = 16,
    TAIL_BYTES = 64,
    REFUSALS_LOGGED = 20 /* of one snapshot; the others are counted */
};

struct table_file {
    unsigned magic;
    struct table_file_config config;
    int inotify_fd;
    int file_watch; /* inotify's number for the file itself; -1 = none */
    struct event *inotify_event;
    struct event *poll_timer;
    struct event *again; /* fired by hand: more to read, or resumed */
    int fd;              /* -1: nothing is open */
    struct stat opened;
    off_t offset;
    struct timespec mtime_at_end; /* of the file when everything in it had been read */
    char tail[TAIL_BYTES];        /* the bytes before offset */
    size_t tail_len;
    struct lines lines;
    uint64_t line_number;
    uint64_t settled_line; /* number of the last commit that the file held when a snapshot began */
    uint64_t num_refused;
    bool absence_logged;
    char *piece; /* PIECE_BYTES */
};

static void refuse_line(struct table_file *t, const char *why)
{
    t->num_refused++;
    if (t->num_refused <= REFUSALS_LOGGED)
        log_warn("%s, line %llu is refused: %s", t->config.path, (unsigned long long)t->line_number,
                 why);
    if (t->num_refused == REFUSALS_LOGGED)
        log_warn("%s: further refused lines are not logged until it is replaced", t->config.path);
}

static void take_line(struct table_file *t, struct str line)
{
    struct frame f;
    struct err e = {0};
    if (str_trim(line).n == 0)
        return;
    if (!frame_parse_bytes(line, &f, &e)) {
        refuse_line(t, e.text);
        return;
    }
    bool replayed = f.type == FRAME_COMMIT && t->line_number < t->settled_line;
    if (!replayed && (f.type == FRAME_SET || f.type == FRAME_DELETE || f.type == FRAME_COMMIT))
        t->config.on_frame(t->config.arg, &f, line);
    else if (f.type == FRAME_ACK || f.type == FRAME_NACK)
        refuse_line(t, "an ack or nack has no meaning in a table");
    frame_free(&f);
}

static void take_bytes(struct table_file *t, struct str bytes)
{
    struct str line;
    enum lines_result r;
    lines_feed(&t->lines, bytes);
    while ((r = lines_next(&t->lines, &line)) != LINES_MORE) {
        t->line_number++;
        if (r == LINES_LINE)
            take_line(t, line);
        else
            refuse_line(t, "it is longer than 4 MiB");
    }
}

static void keep_tail(struct table_file *t, struct str bytes)
{
    if (bytes.n >= TAIL_BYTES) {
        memcpy(t->tail, bytes.p + bytes.n - TAIL_BYTES, TAIL_BYTES);
        t->tail_len = TAIL_BYTES;
        return;
    }
    size_t keep = TAIL_BYTES - bytes.n;
    keep = keep < t->tail_len ? keep : t->tail_len;
    memmove(t->tail, t->tail + t->tail_len - keep, keep);
    memcpy(t->tail + keep, bytes.p, bytes.n);
    t->tail_len = keep + bytes.n;
}

static bool is_commit(struct str line)
{
    struct frame f;
    struct err ignored;
    if (memmem(line.p, line.n < 64 ? line.n : 64, "\"commit\"", 8) == NULL ||
        !frame_parse(line, &f, &ignored))
        return false;
    bool commit = f.type == FRAME_COMMIT;
    frame_free(&f);
    return commit;
}

/*
 * A file that was appended to holds the table's history. A new snapshot must not replay it to a
 * proxy that serves the newest state already: only the last commit that is in the file now counts.
 */
static uint64_t find_last_commit(struct table_file *t)
{
    struct lines lines;
    struct str line;
    enum lines_result r;
    uint64_t number = 0;
    uint64_t last = 0;
    off_t at = 0;
    ssize_t n;
    lines_init(&lines, FRAME_LINE_MAX);
    while ((n = pread(t->fd, t->piece, PIECE_BYTES, at)) > 0) {
        at += n;
        lines_feed(&lines, (struct str){t->piece, (size_t)n});
        while ((r = lines_next(&lines, &line)) != LINES_MORE) {
            number++;
            if (r == LINES_LINE && is_commit(line))
                last = number;
        }
    }
    lines_free(&lines);
    return last;
}

static void begin_snapshot(struct table_file *t)
{
    t->offset = 0;
    t->tail_len = 0;
    t->line_number = 0;
    t->num_refused = 0;
    t->mtime_at_end = (struct timespec){0};
    t->settled_line = find_last_commit(t);
    lines_reset(&t->lines);
    t->config.on_snapshot(t->config.arg);
}

static void watch_file(struct table_file *t)
{
    if (t->file_watch >= 0 && inotify_rm_watch(t->inotify_fd, t->file_watch) != 0)
        log_debug("the watch of the replaced table file was gone already");
    t->file_watch =
        inotify_add_watch(t->inotify_fd, t->config.path, IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE);
}

/* Opens what the path names now. */
static bool open_file(struct table_file *t)
{
    int fd = open(t->config.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (!t->absence_logged)
            log_warn("the table %s cannot be read (%s); %s", t->config.path,
                     fd < 0 ? strerror(errno) : "it is no regular file",
                     t->fd >= 0 ? "what was read from it stays in force" : "waiting for it");
        t->absence_logged = true;
        fd_close(&fd);
        return false;
    }
    t->absence_logged = false;
    fd_close(&t->fd);
    t->fd = fd;
    t->opened = st;
    watch_file(t);
    begin_snapshot(t);
    return true;
}

static bool is_replaced(const struct table_file *t)
{
    struct stat st;
    if (t->fd < 0 || stat(t->config.path, &st) != 0)
        return true;
    return st.st_dev != t->opened.st_dev || st.st_ino != t->opened.st_ino;
}

static bool is_rewritten(const struct table_file *t)
{
    struct stat st;
    char now[TAIL_BYTES];
    if (t->offset == 0 || fstat(t->fd, &st) != 0)
        return false;
    if (st.st_size < t->offset)
        return true;
    if (st.st_size == t->offset && t->mtime_at_end.tv_sec != 0 &&
        (st.st_mtim.tv_sec != t->mtime_at_end.tv_sec ||
         st.st_mtim.tv_nsec != t->mtime_at_end.tv_nsec))
        return true;
    ssize_t n = pread(t->fd, now, t->tail_len, t->offset - (off_t)t->tail_len);
    return n != (ssize_t)t->tail_len || memcmp(now, t->tail, t->tail_len) != 0;
}

static enum io read_piece(struct table_file *t)
{
    ssize_t n = pread(t->fd, t->piece, PIECE_BYTES, t->offset);
    if (n < 0) {
        log_warn("the table %s cannot be read: %s", t->config.path, strerror(errno));
        return IO_FAIL;
    }
    if (n == 0)
        return IO_EOF;
    struct str bytes = {t->piece, (size_t)n};
    t->offset += n;
    keep_tail(t, bytes);
    take_bytes(t, bytes);
    t->config.on_piece(t->config.arg);
    return IO_DONE;
}

/* True when everything was read; remembers the mtime that belongs to it. */
static bool is_at_end(struct table_file *t)
{
    struct stat st;
    if (fstat(t->fd, &st) != 0 || st.st_size > t->offset)
        return false;
    t->mtime_at_end = st.st_mtim;
    return true;
}

static void look(struct table_file *t)
{
    if (!t->config.may_read(t->config.arg))
        return;
    if (is_replaced(t)) {
        if (!open_file(t) && t->fd < 0)
            return;
    } else if (is_rewritten(t)) {
        begin_snapshot(t);
    }
    for (int i = 0; i < PIECES_A_TURN; i++) {
        if (!t->config.may_read(t->config.arg))
            return;
        enum io r = read_piece(t);
        if (r == IO_FAIL || (r == IO_EOF && is_at_end(t)))
            return; /* the timer tries again */
    }
    event_active(t->again, EV_TIMEOUT, 0);
}

static void on_inotify(evutil_socket_t fd, short what, void *arg)
{
    (void)what; /* only EV_READ is asked for */
    struct table_file *t;
    OBJ_CAST(t, arg, TABLE_FILE_MAGIC);
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (read(fd, events, sizeof(events)) > 0) {
        /* What happened does not matter: look() compares the file with what was read. */
    }
    look(t);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd; /* a timer has none */
    (void)what;
    struct table_file *t;
    OBJ_CAST(t, arg, TABLE_FILE_MAGIC);
    look(t);
}

static bool watch_directory(struct table_file *t, struct err *e)
{
    const char *slash = strrchr(t->config.path, '/');
    char *dir = slash == NULL ? xstrdup(".")
                : slash == t->config.path
                    ? xstrdup("/")
                    : xmemdup0(t->config.path, (size_t)(slash - t->config.path));
    bool ok =
        inotify_add_watch(t->inotify_fd, dir,
                          IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR) >= 0;
    if (!ok)
        err_set_errno(e, "BadTable", "--table", "the directory %s of the table cannot be watched",
                      dir);
    free(dir);
    return ok;
}

static bool start(struct table_file *t, struct err *e)
{
    struct timeval every = {POLL_MS / 1000, POLL_MS % 1000 * 1000};
    t->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (t->inotify_fd < 0)
        return err_set_errno(e, "BadTable", "--table", "inotify is not to be had");
    if (!watch_directory(t, e))
        return false;
    t->inotify_event =
        event_new(t->config.base, t->inotify_fd, EV_READ | EV_PERSIST, on_inotify, t);
    t->poll_timer = event_new(t->config.base, -1, EV_PERSIST, on_look, t);
    t->again = event_new(t->config.base, -1, 0, on_look, t);
    ASSERT(t->inotify_event != NULL && t->poll_timer != NULL && t->again != NULL);
    if (event_add(t->inotify_event, NULL) != 0 || event_add(t->poll_timer, &every) != 0)
        return err_set(e, "BadTable", "--table", "the event loop takes no more events");
    event_active(t->again, EV_TIMEOUT, 0);
    return true;
}

struct table_file *table_file_new(const struct table_file_config *config, struct err *e)
{
    struct table_file *t = xcalloc(1, sizeof(*t));
    t->magic = TABLE_FILE_MAGIC;
    t->config = *config;
    t->fd = -1;
    t->inotify_fd = -1;
    t->file_watch = -1;
    t->piece = xmalloc(PIECE_BYTES);
    lines_init(&t->lines, FRAME_LINE_MAX);
    if (start(t, e))
        return t;
    table_file_free(t);
    return NULL;
}

static void free_event(struct event *ev)
{
    if (ev != NULL)
        event_free(ev);
}

void table_file_free(struct table_file *t)
{
    if (t == NULL)
        return;
    OBJ_CHECK(t, TABLE_FILE_MAGIC);
    free_event(t->inotify_event);
    free_event(t->poll_timer);
    free_event(t->again);
    fd_close(&t->inotify_fd);
    fd_close(&t->fd);
    lines_free(&t->lines);
    free(t->piece);
    OBJ_KILL(t);
}

void table_file_resume(struct table_file *t)
{
    OBJ_CHECK(t, TABLE_FILE_MAGIC);
    event_active(t->again, EV_TIMEOUT, 0);
}
