/*
 * A heap that has grown is marked for huge pages and keeps what is in it; one that is small is left
 * alone. Under a sanitizer malloc has its memory from elsewhere: then only the bytes are looked at.
 */
#include "gateway/core/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCK = 1000, BLOCKS = 32000 }; /* 32 MB, each block far below what malloc maps apart */

/* How many of the heap's mappings have the flag "hg" (madvise(2), MADV_HUGEPAGE). */
static size_t num_marked(void)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    size_t num = 0;
    int in_heap = 0;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strchr(line, '-') != NULL && strstr(line, "VmFlags") == NULL)
            in_heap = strstr(line, "[heap]") != NULL;
        num += in_heap && strncmp(line, "VmFlags", 7) == 0 && strstr(line, " hg") != NULL;
    }
    fclose(f);
    return num;
}

static void fill(unsigned char **blocks, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        blocks[i] = malloc(BLOCK);
        assert_non_null(blocks[i]);
        memset(blocks[i], (int)(i % 251), BLOCK);
    }
}

static void a_large_heap_is_marked_and_keeps_its_bytes(void **state)
{
    static unsigned char *blocks[BLOCKS];
    char *begin;
    size_t before;

    (void)state;
    heap_settle();
    begin = sbrk(0);
    fill(blocks, 1000);
    heap_settle();
    assert_int_equal(num_marked(), 0); /* a megabyte is no reason */
    fill(blocks + 1000, BLOCKS - 1000);
    before = num_marked();
    heap_settle();
    if ((char *)sbrk(0) - begin > 16 << 20 &&
        access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0)
        assert_in_range(num_marked(), before + 1, SIZE_MAX);
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t number = i < 1000 ? i : i - 1000;

        assert_int_equal(blocks[i][0], number % 251);
        assert_int_equal(blocks[i][BLOCK - 1], number % 251);
        free(blocks[i]);
    }
    heap_settle(); /* it may have shrunk */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_heap_is_marked_and_keeps_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
