/*
 * base_arena: memory that is freed as a whole.
 *
 * The caller owns the arena and decides its limit; pure code allocates from it and never frees.
 * Memory is aligned for any type, and zeroed but for base_arena_scratch. When the limit is reached or malloc fails, alloc returns NULL and
 * the arena stays usable; the caller reports BASE_NO_MEMORY. A small limit is how tests inject
 * allocation failures.
 */

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base_span.h"

typedef struct base_arena_s base_arena_t;

/* A new arena that hands out at most `limit` bytes, rounding included. NULL when malloc fails. */
base_arena_t *base_arena_new(size_t limit);

/* Frees the arena and all that was allocated from it. NULL is allowed. */
void base_arena_free(base_arena_t *arena);

/* `size` zeroed bytes (size 0 gives a valid unique pointer), or NULL. */
void *base_arena_alloc(base_arena_t *arena, size_t size);

/* `count` elements of `size`, checked for overflow, zeroed, or NULL. */
void *base_arena_array(base_arena_t *arena, size_t count, size_t size);

/* The same, but not zeroed: for large tables whose reader looks only at what it wrote. */
void *base_arena_scratch(base_arena_t *arena, size_t count, size_t size);

/*
 * Scratch that all who ask share: for a table that is used up before anybody else asks. So that what is read one after the other, as the entries of
 * a Bundle are, costs one table. NULL as above; the same memory until a larger one is asked for.
 */
void *base_arena_table(base_arena_t *arena, size_t count, size_t size);

/* A copy of the bytes, followed by a NUL that the span does not count. {NULL, 0} on failure, and for an absent span. */
base_span_t base_arena_copy(base_arena_t *arena, base_span_t bytes);

/* Bytes taken from malloc so far: what the arena costs. */
size_t base_arena_size(const base_arena_t *arena);

#endif
