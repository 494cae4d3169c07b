/* Tables of text: cells are collected, then printed when all widths are known. */
#include "admin/cli/screen.h"

#include "gateway/core/check.h"

enum { CELL_MAX = 64 << 10, WIDTH_MAX = 80 };

struct grid_cell {
    char *safe;
    size_t width;
    enum tone tone;
};

void grid_init(struct grid *g, size_t num_columns)
{
    *g = (struct grid){.num_columns = num_columns};
}

void grid_add(struct grid *g, enum tone tone, const char *text)
{
    struct buf safe;

    if (g->num == g->cap) {
        g->cap = g->cap > 0 ? 2 * g->cap : 64;
        g->cells = xrealloc(g->cells, g->cap * sizeof *g->cells);
    }
    buf_init(&safe, CELL_MAX);
    if (!screen_safe(&safe, str_from(text)))
        buf_clear(&safe); /* longer than anybody reads */
    g->cells[g->num] =
        (struct grid_cell){.width = screen_width(buf_str(&safe)), .tone = tone, .safe = NULL};
    g->cells[g->num++].safe = buf_take(&safe);
}

/* A long cell does not push all others aside: the line goes on behind it. */
static size_t width_of(const struct grid *g, size_t column)
{
    size_t width = 0;

    for (size_t i = column; i < g->num; i += g->num_columns)
        if (g->cells[i].width > width && g->cells[i].width <= WIDTH_MAX)
            width = g->cells[i].width;
    return width;
}

static void print_row(const struct grid *g, const struct screen *s, size_t row,
                      const size_t *widths, size_t indent)
{
    fprintf(s->to, "%*s", (int)indent, "");
    for (size_t c = 0; c < g->num_columns && row + c < g->num; c++) {
        const struct grid_cell *cell = &g->cells[row + c];
        bool last = c + 1 == g->num_columns || row + c + 1 == g->num;
        bool coloured = s->colour && cell->tone != TONE_PLAIN;

        screen_put(s, coloured ? cell->tone : TONE_PLAIN, cell->safe);
        if (!last)
            fprintf(s->to, "%*s", (int)(widths[c] > cell->width ? widths[c] - cell->width : 0) + 2,
                    "");
    }
    fputc('\n', s->to);
}

void grid_print(const struct grid *g, const struct screen *s, size_t indent)
{
    size_t *widths = xcalloc(g->num_columns, sizeof *widths);

    for (size_t c = 0; c < g->num_columns; c++)
        widths[c] = width_of(g, c);
    for (size_t row = 0; row < g->num; row += g->num_columns)
        print_row(g, s, row, widths, indent);
    free(widths);
}

void grid_free(struct grid *g)
{
    for (size_t i = 0; i < g->num; i++)
        free(g->cells[i].safe);
    free(g->cells);
    *g = (struct grid){.num_columns = g->num_columns};
}
