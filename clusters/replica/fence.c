/*
 * Labels as a struct and back, the MAC over them, and the rule of who has the fence. It does not
 * speak to Docker: replica.c asks, and moves the labels on. A label that does not verify is never
 * read as "nobody's": two installations under one name would overwrite each other for ever.
 */
#include "clusters/replica/fence.h"

#include <string.h>

#include "gateway/core/check.h"

enum {
    LABEL_HOLDER,
    LABEL_STORE,
    LABEL_WROTE,
    LABEL_TERM,
    LABEL_STARTED,
    LABEL_BEAT,
    LABEL_HEAD,
    LABEL_MAC
};
enum { TEXT_MAX = 1024, HEAD_MAX = 256 };

const char *const fence_labels[FENCE__LABELS] = {
    "signalbox.holder",  "signalbox.store", "signalbox.wrote", "signalbox.term",
    "signalbox.started", "signalbox.beat",  "signalbox.head",  "signalbox.mac"};

/* ---- writing -------------------------------------------------------------------------------- */

/* "<commit> <seq> <hash> <seq of the snapshot> <hash of it, or ->" */
static void write_head(const struct chain_head *h, char out[HEAD_MAX])
{
    char log[2 * SEAL_HASH + 1], snapshot[2 * SEAL_HASH + 1] = "-";
    int n;

    seal_hex(h->hash, log);
    if (h->has_snapshot)
        seal_hex(h->snapshot_hash, snapshot);
    n = snprintf(out, HEAD_MAX, "%llu %llu %s %llu %s", (unsigned long long)h->commit,
                 (unsigned long long)h->seq, log, (unsigned long long)h->snapshot_seq, snapshot);
    ASSERT(n > 0 && n < HEAD_MAX);
}

/* Each value with its length, so that none can be shifted into its neighbour. */
static void mac_of(const struct seal_keys *k, const char *const values[FENCE__LABELS],
                   char out[2 * SEAL_HASH + 1])
{
    struct buf text;
    bool fits;

    buf_init(&text, TEXT_MAX);
    fits = buf_add_fmt(&text, "%s\n", k->prefix);
    for (size_t i = 0; i < LABEL_MAC; i++)
        fits = fits && buf_add_fmt(&text, "%zu %s\n", strlen(values[i]), values[i]);
    ASSERT(fits); /* fence_read looks at lengths first */
    seal_mac(k, buf_str(&text), out);
    buf_free(&text);
}

bool fence_write(const struct seal_keys *k, const struct fence *f, struct buf *out)
{
    char term[24], started[24], beat[24], head[HEAD_MAX], mac[2 * SEAL_HASH + 1];
    const char *values[FENCE__LABELS] = {f->holder, f->store, f->wrote, term,
                                         started,   beat,     head,     mac};

    (void)snprintf(term, sizeof(term), "%llu", (unsigned long long)f->term); /* they fit */
    (void)snprintf(started, sizeof(started), "%lld", (long long)f->started_ms);
    (void)snprintf(beat, sizeof(beat), "%llu", (unsigned long long)f->beat);
    write_head(&f->head, head);
    mac_of(k, values, mac);
    for (size_t i = 0; i < FENCE__LABELS; i++)
        if (!buf_add_str(out, i ? STR(",") : STR("{")) ||
            !buf_add_json(out, str_from(fence_labels[i])) || !buf_add_str(out, STR(":")) ||
            !buf_add_json(out, str_from(values[i])))
            return false;
    return buf_add_str(out, STR("}"));
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool cut_u64(struct str *rest, uint64_t max, uint64_t *out)
{
    struct str word;

    return str_split(rest, ' ', &word) && str_to_u64(word, max, out);
}

static bool cut_hash(struct str *rest, uint8_t out[SEAL_HASH])
{
    struct str word;

    return str_split(rest, ' ', &word) && seal_unhex(word, out);
}

static bool read_head(const char *text, struct chain_head *out)
{
    struct str rest = str_from(text);

    if (!cut_u64(&rest, UINT64_MAX, &out->commit) || !cut_u64(&rest, SEAL_SEQ_MAX, &out->seq) ||
        !cut_hash(&rest, out->hash) || !cut_u64(&rest, SEAL_SEQ_MAX, &out->snapshot_seq))
        return false;
    out->has_snapshot = !str_eq(rest, STR("-"));
    return !out->has_snapshot || (cut_hash(&rest, out->snapshot_hash) && !rest.p);
}

static bool have_all(const char *const values[FENCE__LABELS])
{
    for (size_t i = 0; i < FENCE__LABELS; i++)
        if (!values[i] || strlen(values[i]) >= (i == LABEL_HEAD ? HEAD_MAX : FENCE_WORD_MAX + 1))
            return false;
    return strlen(values[LABEL_HOLDER]) < FENCE_WORD_MAX &&
           strlen(values[LABEL_STORE]) < FENCE_WORD_MAX &&
           strlen(values[LABEL_WROTE]) < FENCE_WORD_MAX;
}

static bool read_values(const char *const values[FENCE__LABELS], struct fence *out)
{
    uint64_t started = 0;

    (void)snprintf(out->holder, sizeof(out->holder), "%s", values[LABEL_HOLDER]); /* they fit */
    (void)snprintf(out->store, sizeof(out->store), "%s", values[LABEL_STORE]);
    (void)snprintf(out->wrote, sizeof(out->wrote), "%s", values[LABEL_WROTE]);
    if (!str_to_u64(str_from(values[LABEL_TERM]), UINT64_MAX - 1, &out->term) ||
        !str_to_u64(str_from(values[LABEL_STARTED]), INT64_MAX, &started) ||
        !str_to_u64(str_from(values[LABEL_BEAT]), UINT64_MAX - 1, &out->beat))
        return false;
    out->started_ms = (int64_t)started;
    return out->term > 0 && read_head(values[LABEL_HEAD], &out->head);
}

bool fence_read(const struct seal_keys *k, const char *const values[FENCE__LABELS],
                struct fence *out, struct err *e)
{
    char mac[2 * SEAL_HASH + 1];

    memset(out, 0, sizeof(*out));
    if (have_all(values)) {
        mac_of(k, values, mac);
        if (seal_mac_same(mac, values[LABEL_MAC]) && read_values(values, out))
            return true;
    }
    return err_set(e, "BadFence", "",
                   "the labels of the config %s-fence were not written with this identity: another "
                   "installation uses the name, or somebody altered them",
                   k->prefix);
}

/* ---- the rule ------------------------------------------------------------------------------- */

enum fence_verdict fence_judge(const struct fence *seen, const struct fence_self *self,
                               int64_t unmoved_ms)
{
    bool same_store = strcmp(seen->store, self->store) == 0;

    if (self->term)
        return same_store && seen->term == self->term ? FENCE_OURS : FENCE_GONE;
    if (same_store) /* one process at a time has a store: its holder has ended */
        return FENCE_TAKE;
    if (seen->started_ms > self->started_ms && unmoved_ms < FENCE_UNMOVED_MS)
        return FENCE_DEFER;
    return FENCE_TAKE;
}
