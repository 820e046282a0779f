#include "base/base_arena.h"
#include "unit.h"

#include <stdalign.h>

static void test_memory(void)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    unsigned char *seen[200];
    bool aligned = true, zero = true, apart = true;

    if (!ok(arena != NULL, "an arena")) {
        return;
    }
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * 37 % 5000;

        seen[i] = base_arena_alloc(arena, size);
        if (!ok(seen[i] != NULL, "%zu bytes", size)) {
            return;
        }
        aligned = aligned && (uintptr_t) seen[i] % alignof(max_align_t) == 0;
        for (size_t b = 0; b < size; b++) {
            zero = zero && seen[i][b] == 0;
        }
        memset(seen[i], (int) i, size);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t b = 0; b < i * 37 % 5000; b++) {
            apart = apart && seen[i][b] == (unsigned char) i;
        }
    }
    ok(aligned, "aligned for any type");
    ok(zero, "zeroed");
    ok(apart, "nothing overlaps");
    ok(base_arena_size(arena) < 2 * 1024 * 1024, "costs %zu", base_arena_size(arena));
    base_arena_free(arena);
    base_arena_free(NULL);
}

static void test_limit(void)
{
    base_arena_t *arena = base_arena_new(64);
    void *a, *b;

    ok(base_arena_alloc(arena, 65) == NULL, "more than the limit");
    a = base_arena_alloc(arena, 0);
    b = base_arena_alloc(arena, 0);
    ok(a != NULL && b != NULL && a != b, "nothing has an address of its own");
    ok(base_arena_alloc(arena, 33) == NULL, "more than is left");
    ok(base_arena_alloc(arena, 32) != NULL, "what is left: a failure does no harm");
    ok(base_arena_alloc(arena, 0) == NULL, "the end");
    ok(base_arena_alloc(arena, SIZE_MAX) == NULL, "SIZE_MAX does not wrap in rounding");
    ok(base_arena_alloc(arena, SIZE_MAX - 8) == NULL, "nor does a little less");
    base_arena_free(arena);

    arena = base_arena_new(0);
    ok(arena != NULL && base_arena_alloc(arena, 1) == NULL, "limit 0: never");
    base_arena_free(arena);
}

static void test_array(void)
{
    base_arena_t *arena = base_arena_new(SIZE_MAX);

    ok(base_arena_array(arena, 10, sizeof(uint64_t)) != NULL, "an array");
    ok(base_arena_array(arena, SIZE_MAX / 4, 8) == NULL, "count * size over SIZE_MAX");
    ok(base_arena_array(arena, SIZE_MAX / 2 + 2, 2) == NULL, "wraps to a small number");
    ok(base_arena_array(arena, 0, 8) != NULL, "no elements");
    ok(base_arena_array(arena, 8, 0) != NULL, "of no size");
    base_arena_free(arena);
}

static void test_copy(void)
{
    base_arena_t *arena = base_arena_new(48);
    char text[] = "scope";
    base_span_t copy = base_arena_copy(arena, base_span_of(text));

    text[0] = 'X';
    ok(base_span_is(copy, "scope"), "a copy of its own");
    ok(copy.p != NULL && copy.p[5] == '\0', "a NUL behind it");
    copy = base_arena_copy(arena, BASE_SPAN(""));
    ok(copy.p != NULL && copy.n == 0, "empty stays present");
    copy = base_arena_copy(arena, (base_span_t){NULL, 0});
    ok(copy.p == NULL, "absent stays absent");
    copy = base_arena_copy(arena, BASE_SPAN("sixteen bytes ..."));
    ok(copy.p == NULL && copy.n == 0, "no room: absent");
    base_arena_free(arena);
}

/* What is alternately large and small must not cost a fresh block each. */
static void test_cost(void)
{
    base_arena_t *arena = base_arena_new(1 << 20);

    for (int i = 0; i < 50; i++) {
        (void) base_arena_alloc(arena, 4096);
        (void) base_arena_alloc(arena, 16);
    }
    ok(base_arena_size(arena) < 50 * (4096 + 16) + 8192, "large and small: %zu",
       base_arena_size(arena));
    base_arena_free(arena);
}

/* One table for all who ask one after the other; a larger one only when there must be. */
static void test_table(void)
{
    base_arena_t *arena = base_arena_new(4096);
    unsigned char *table = base_arena_table(arena, 256, 8);

    memset(table, 1, 2048);
    for (int i = 0; i < 50; i++) {
        ok(base_arena_table(arena, 2048, 1) == table, "the same again");
    }
    ok(base_arena_table(arena, 4, 8) == table, "a smaller one lies in it");
    ok(base_arena_table(arena, 256, 8) == table, "which is not the smaller for it");
    ok(base_arena_table(arena, 4096, 1) == NULL, "a larger one has no room");
    ok(base_arena_table(arena, SIZE_MAX, 2) == NULL, "nor one that no size says");
    ok(base_arena_table(arena, 256, 8) == table, "and the old one is still there");
    base_arena_free(arena);
}

int main(void)
{
    UNIT_BEGIN();
    test_table();
    test_memory();
    test_limit();
    test_array();
    test_copy();
    test_cost();
    UNIT_END();
}
