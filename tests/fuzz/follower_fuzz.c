/*
 * The follower's readers against any bytes. The first byte chooses: even, a coordinator's stream
 * fed in pieces; odd, a state file. In a stream the line "!N" stands for a commit of revision N
 * whose digest is right for what the script has set so far, so that the fuzzer gets past the
 * digests; it is computed from a model that knows nothing of holding.c. After each commit the
 * holding must be the model, and a stream cut in other pieces must end alike.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/follower/journal.h"
#include "gateway/follower/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODEL_MAX = 64, PIECES_MAX = 1 << 20 };

struct model {
    struct {
        enum route_kind kind;
        char *name;
        char *value; /* NULL: deleted */
        size_t value_len;
    } all[MODEL_MAX];
    size_t num;
    bool full; /* too many objects for it: no more commits of ours */
};

static void model_clear(struct model *m)
{
    for (size_t i = 0; i < m->num; i++) {
        free(m->all[i].name);
        free(m->all[i].value);
    }
    *m = (struct model){.num = 0};
}

static size_t model_find(struct model *m, enum route_kind kind, const char *name)
{
    size_t i = 0;
    while (i < m->num && (m->all[i].kind != kind || strcmp(m->all[i].name, name) != 0))
        i++;
    return i;
}

/* What a reader that believes everything would hold. */
static void model_line(struct model *m, struct str line)
{
    struct frame f;
    struct err e;
    if (!frame_parse(line, &f, &e))
        return;
    if (f.type == FRAME_SET || f.type == FRAME_DELETE) {
        size_t i = model_find(m, f.kind, f.name);
        if (i == MODEL_MAX) {
            m->full = true;
        } else {
            if (i == m->num)
                m->all[m->num++].name = xstrdup(f.name);
            free(m->all[i].value);
            m->all[i].kind = f.kind;
            m->all[i].value = f.type == FRAME_SET ? str_dup(f.value_bytes) : NULL;
            m->all[i].value_len = f.value_bytes.n;
        }
    }
    frame_free(&f);
}

static void model_digest(const struct model *m, char out[65])
{
    struct digest d = {{0}};
    for (size_t i = 0; i < m->num; i++)
        if (m->all[i].value != NULL)
            digest_add(&d, m->all[i].kind, str_from(m->all[i].name),
                       (struct str){m->all[i].value, m->all[i].value_len});
    digest_hex(&d, out);
}

/* The script as a stream: "!N" lines become commits. */
static void write_stream(struct str script, struct buf *out)
{
    struct model m = {.num = 0};
    struct str line;
    while (str_split(&script, '\n', &line)) {
        uint64_t revision;
        bool last = script.p == NULL;
        if (line.n > 1 && line.p[0] == '!' && !m.full &&
            str_to_u64((struct str){line.p + 1, line.n - 1}, UINT32_MAX, &revision)) {
            char hex[65];
            model_digest(&m, hex);
            if (!frame_write_commit(out, revision, hex))
                break;
            continue;
        }
        model_line(&m, line);
        if (!buf_add_str(out, line) || (!last && !buf_add(out, "\n", 1)))
            break;
    }
    model_clear(&m);
}

struct outcome {
    struct holding holding;
    unsigned num_commits;
    const char *code;
};

static void on_commit(void *arg, const struct holding_changes *changes, bool snapshot)
{
    struct outcome *o = arg;
    struct digest d = {{0}};
    char running[65];
    char fresh[65];
    const struct holding_object *object;
    size_t pos = 0;
    (void)snapshot;
    (void)changes;
    o->num_commits++;
    while ((object = holding_next(&o->holding, &pos)) != NULL)
        digest_add(&d, object->kind, object->name, object->value);
    digest_hex(&d, fresh);
    holding_digest(&o->holding, running);
    ASSERT(strcmp(running, fresh) == 0);
}

static void read_stream(struct str stream, size_t piece, struct outcome *o)
{
    struct session s;
    struct err e = {0};
    struct session_config config = {
        .holding = &o->holding, .cluster = "east", .on_commit = on_commit, .arg = o};
    *o = (struct outcome){.num_commits = 0};
    holding_init(&o->holding);
    session_init(&s, &config);
    while (stream.n > 0) {
        struct str part = {stream.p, stream.n < piece ? stream.n : piece};
        if (!session_feed(&s, part, &e))
            break;
        stream.p += part.n;
        stream.n -= part.n;
    }
    o->code = e.code;
    session_free(&s);
}

static void try_stream(struct str script, size_t piece)
{
    struct buf stream;
    struct outcome whole;
    struct outcome cut;
    char a[65];
    char b[65];
    buf_init(&stream, 1 << 22);
    write_stream(script, &stream);
    read_stream(buf_str(&stream), PIECES_MAX, &whole);
    read_stream(buf_str(&stream), piece, &cut);
    holding_digest(&whole.holding, a);
    holding_digest(&cut.holding, b);
    ASSERT(strcmp(a, b) == 0 && whole.num_commits == cut.num_commits);
    ASSERT(whole.holding.revision == cut.holding.revision);
    ASSERT((whole.code == NULL) == (cut.code == NULL));
    holding_free(&whole.holding);
    holding_free(&cut.holding);
    buf_free(&stream);
}

static void try_file(const char *dir, const char *path, struct str script)
{
    struct buf bytes;
    struct holding h;
    struct holding again;
    struct err e = {0};
    buf_init(&bytes, 1 << 22);
    write_stream(script, &bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(fd >= 0 && fd_write_all(fd, bytes.bytes, bytes.len));
    fd_close(&fd);
    buf_free(&bytes);
    struct journal *j = journal_new(dir, "east");
    holding_init(&h);
    holding_init(&again);
    bool ok = journal_load(j, &h, NULL, &e);
    ASSERT(ok || (!h.valid && holding_num_objects(&h) == 0));
    if (h.valid) { /* what was read and is written again reads alike */
        struct holding_changes none;
        holding_changes_init(&none);
        journal_commit(j, &h, &none, true);
        journal_free(j);
        j = journal_new(dir, "east");
        ASSERT(journal_load(j, &again, NULL, &e));
        ASSERT(again.revision == h.revision &&
               memcmp(&again.digest, &h.digest, sizeof(h.digest)) == 0);
    }
    holding_free(&again);
    holding_free(&h);
    journal_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char dir[] = "/dev/shm/follower_fuzz.XXXXXX";
    static char path[64];
    if (size < 1)
        return 0;
    struct str script = {(const char *)data + 1, size - 1};
    if (data[0] % 2 == 0) {
        try_stream(script, data[0] / 2 + 1U);
        return 0;
    }
    log_init("fuzz", LOG_ERROR);
    ASSERT(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/table.ndjson", dir);
    try_file(dir, path, script);
    snprintf(path, sizeof(path), "%s/lock", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/table.ndjson", dir);
    unlink(path);
    rmdir(dir);
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    return 0;
}
