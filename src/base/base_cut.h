/*
 * base_cut: takes items out of JSON objects and arrays as they stream by: what stands between a judge who may still change his mind, and
 * a splice, which may not.
 *
 * Edits wait here, in the order of their offsets, until what they belong to is released. Until then they can be taken back, or be swallowed
 * by the drop of a larger stretch. Commas: base_cut_list.
 */

#ifndef BASE_CUT_H
#define BASE_CUT_H

#include "base/base_arena.h"
#include "base/base_splice.h"

/* Members that begin with an underscore are its own. */
typedef struct {
    bool failed; /* no memory, or more edits than allowed: nothing more may be released */
    base_arena_t *_arena;
    base_splice_edit_t *_edit;
    size_t _first;
    size_t _n; /* edits are _edit[_first .. _n) */
    size_t _size;
    size_t _max;
    uint64_t _decided;
} base_cut_t;

/* Begins; the arena gives room for at most `max` edits that wait. */
void base_cut_init(base_cut_t *cut, base_arena_t *arena, size_t max);

/* Bytes from `from` up to `to` go, with all edits inside of them. Nothing of it may have been released. */
void base_cut_drop(base_cut_t *cut, uint64_t from, uint64_t to);

/* `text` comes before the byte at `at`, behind what was inserted there before. It must live until the splice's mover has taken it. */
void base_cut_insert(base_cut_t *cut, uint64_t at, base_span_t text);

/* Takes back all edits at or behind `from`. */
void base_cut_back(base_cut_t *cut, uint64_t from);

/* `bytes`, which stand at `from`, as the edits that wait make them; in the arena, absent without memory. */
base_span_t base_cut_edited(const base_cut_t *cut, uint64_t from, base_span_t bytes);

/* All before `upto` is decided. */
void base_cut_release(base_cut_t *cut, uint64_t upto);

/* Hands what is decided to the splice; false: it has no room, flush again when its mover has taken some. */
bool base_cut_flush(base_cut_t *cut, base_splice_t *splice);

/* The commas of one object or array, whose items are kept or dropped one after the other. Zeroed: none came yet. */
typedef struct {
    uint64_t _end; /* of the latest item */
    bool _any;
    bool kept; /* one of them is kept */
} base_cut_list_t;

/* An item begins (of an object: at its name). */
void base_cut_begin(base_cut_t *cut, const base_cut_list_t *list, uint64_t from);

/* The item that begins at `from` has ended before `to`. */
void base_cut_keep(base_cut_list_t *list, uint64_t to);
void base_cut_item(base_cut_t *cut, base_cut_list_t *list, uint64_t from, uint64_t to);

/* Where an item can be appended, and whether a comma must come before it; `open` is the offset behind the bracket. */
uint64_t base_cut_end(const base_cut_list_t *list, uint64_t open);

#endif
