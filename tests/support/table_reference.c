/*
 * table_reference [FILE]: prints the tables of fields that docs/table.md has, or writes them
 * between the marks of that file. They are made from the schema itself
 * (gateway/wire/objects_doc.c), and unit_gateway_wire_objects_test fails while the file says
 * something else.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/wire/objects.h"

enum { PAGE_MAX = 1 << 20 };

static bool read_file(const char *path, struct buf *b)
{
    char piece[4096];
    FILE *f = fopen(path, "r");
    bool ok = f != NULL;

    for (size_t n = 1; ok && n != 0;) {
        n = fread(piece, 1, sizeof(piece), f);
        ok = buf_add(b, piece, n);
    }
    if (f != NULL)
        fclose(f);
    return ok;
}

static bool write_file(const char *path, struct str s)
{
    FILE *f = fopen(path, "w");
    bool ok = f != NULL && fwrite(s.p, 1, s.n, f) == s.n;

    return f != NULL && fclose(f) == 0 && ok;
}

/* Replaces what stands between the line of the first mark and the second mark. */
static bool splice(struct buf *page, struct str tables, struct buf *out)
{
    const char *mark = page->len != 0 ? strstr(page->bytes, "<!-- fields:") : NULL;
    const char *from = mark != NULL ? strchr(mark, '\n') : NULL;
    const char *to = from != NULL ? strstr(from, "<!-- end of fields -->") : NULL;

    return to != NULL && buf_add(out, page->bytes, (size_t)(from + 1 - page->bytes)) &&
           buf_add_str(out, tables) && buf_add_str(out, STR("\n")) &&
           buf_add_str(out, str_from(to));
}

int main(int argc, char **argv)
{
    struct buf tables;
    struct buf page;
    struct buf out;
    bool ok;

    buf_init(&tables, PAGE_MAX);
    buf_init(&page, PAGE_MAX);
    buf_init(&out, 2 * PAGE_MAX);
    ok = objects_write_reference(&tables);
    if (argc < 2)
        ok = ok && fwrite(tables.bytes, 1, tables.len, stdout) == tables.len;
    else
        ok = ok && read_file(argv[1], &page) && splice(&page, buf_str(&tables), &out) &&
             write_file(argv[1], buf_str(&out));
    if (!ok)
        fprintf(stderr, "table_reference: no page with both marks, or it cannot be written\n");
    buf_free(&tables);
    buf_free(&page);
    buf_free(&out);
    return ok ? 0 : 1;
}
