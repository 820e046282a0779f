#include "base/base_arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t) 2048)

/* So that AddressSanitizer sees the end of each piece, not only of each block. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(WITH_ASAN)
#include <sanitizer/asan_interface.h>
/* Filled first: who takes scratch for zeroes is found out. */
#define POISON(p, n)   (memset(p, 0xa5, n), __asan_poison_memory_region(p, n))
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n)   ((void) 0)
#define UNPOISON(p, n) ((void) (n))
#endif

typedef struct block_s block_t;

struct block_s {
    block_t *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

struct base_arena_s {
    block_t *head;
    size_t handed_out;
    size_t limit;
    size_t cost;
    void *table;
    size_t table_size;
};

base_arena_t *base_arena_new(size_t limit)
{
    base_arena_t *arena = calloc(1, sizeof(*arena));

    if (arena == NULL) {
        return NULL;
    }
    arena->limit = limit;
    arena->cost = sizeof(*arena);
    return arena;
}

void base_arena_free(base_arena_t *arena)
{
    block_t *block, *next;

    if (arena == NULL) {
        return;
    }
    for (block = arena->head; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

/*
 * A new block. One made for a large piece has no room left: it goes behind the head, so that small
 * pieces keep filling the block they were in.
 */
static block_t *add_block(base_arena_t *arena, size_t size)
{
    size_t payload = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    block_t *block;

    /* The limit bounds what malloc is asked for, too. */
    if (payload > arena->limit - arena->handed_out) {
        payload = size;
    }
    block = malloc(sizeof(*block) + payload);
    if (block == NULL) {
        return NULL;
    }
    POISON(block->bytes, payload);
    block->used = 0;
    block->size = payload;
    if (payload == size && arena->head != NULL) {
        block->next = arena->head->next;
        arena->head->next = block;
    } else {
        block->next = arena->head;
        arena->head = block;
    }
    arena->cost += sizeof(*block) + payload;
    return block;
}

/* A piece, as malloc left it. */
static void *take(base_arena_t *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    block_t *block = arena->head;
    size_t wanted;
    void *p;

    if (size == 0) {
        size = 1;
    }
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    wanted = size;
    size = (size + align - 1) / align * align;
    if (size > arena->limit - arena->handed_out) {
        return NULL;
    }
    if (block == NULL || size > block->size - block->used) {
        block = add_block(arena, size);
        if (block == NULL) {
            return NULL;
        }
    }
    p = block->bytes + block->used;
    block->used += size;
    arena->handed_out += size;
    UNPOISON(p, wanted);
    return p;
}

void *base_arena_alloc(base_arena_t *arena, size_t size)
{
    void *p = take(arena, size);

    if (p != NULL) {
        memset(p, 0, size);
    }
    return p;
}

void *base_arena_scratch(base_arena_t *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return take(arena, count * size);
}

void *base_arena_array(base_arena_t *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return base_arena_alloc(arena, count * size);
}

void *base_arena_table(base_arena_t *arena, size_t count, size_t size)
{
    void *table;

    if (arena->table == NULL || size == 0 || count > arena->table_size / size) {
        table = base_arena_scratch(arena, count, size);
        if (table == NULL) {
            return NULL;
        }
        arena->table = table;
        arena->table_size = count * size;
    }
    UNPOISON(arena->table, arena->table_size);
    POISON(arena->table, arena->table_size);
    UNPOISON(arena->table, count * size);
    return arena->table;
}

base_span_t base_arena_copy(base_arena_t *arena, base_span_t bytes)
{
    unsigned char *p;

    if (bytes.p == NULL || bytes.n == SIZE_MAX) {
        return (base_span_t){NULL, 0};
    }
    p = take(arena, bytes.n + 1);
    if (p == NULL) {
        return (base_span_t){NULL, 0};
    }
    if (bytes.n != 0) {
        memcpy(p, bytes.p, bytes.n);
    }
    p[bytes.n] = '\0';
    return (base_span_t){p, bytes.n};
}

size_t base_arena_size(const base_arena_t *arena)
{
    return arena->cost;
}
