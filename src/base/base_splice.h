/*
 * base_splice: edits a stream of bytes as it passes, in either direction.
 *
 * Two sides share it. Who judges has seen bytes of the stream and says, in ascending order of their
 * offsets, what becomes of them: drop(from, to), insert(at, text), and release(upto) for all that
 * is decided. Who moves the bytes holds those that are not released, and takes operations with
 * next() until WAIT: what stays is never re-written. Offsets count from the first byte of the
 * stream.
 *
 * Nothing is allocated; there is room for a few edits that were not taken yet. Who judges looks at
 * room() before each edit and lets the mover catch up when there is none.
 */

#ifndef BASE_SPLICE_H
#define BASE_SPLICE_H

#include "base/base_span.h"

#define BASE_SPLICE_EDITS 32

typedef enum {
    BASE_SPLICE_WAIT,  /* nothing more is decided */
    BASE_SPLICE_COPY,  /* the next `n` bytes of the stream go on */
    BASE_SPLICE_DROP,  /* the next `n` bytes of the stream do not */
    BASE_SPLICE_INSERT /* `text` goes on, before what comes next */
} base_splice_op_t;

typedef struct {
    uint64_t from;
    uint64_t to;      /* == from: an insertion */
    base_span_t text; /* inserted; must live until it was taken */
} base_splice_edit_t;

/* Members that begin with an underscore are the splice's own. */
typedef struct {
    uint64_t n;       /* of COPY and DROP */
    base_span_t text; /* of INSERT */
    uint64_t _at;     /* bytes of the stream that operations were given for */
    uint64_t _decided;
    uint64_t _last; /* where the last edit ended */
    base_splice_edit_t _edit[BASE_SPLICE_EDITS];
    unsigned _first;
    unsigned _count;
} base_splice_t;

/* Begins a stream: nothing is released. */
void base_splice_init(base_splice_t *splice);

/* How many more edits fit. */
unsigned base_splice_room(const base_splice_t *splice);

/*
 * Edits, in ascending order, none before what was released. False, and nothing noted: out of order,
 * or no room. A drop that begins where the last one ended takes no room. An empty drop or text is
 * nothing. The text must live until the mover has taken it.
 */
bool base_splice_drop(base_splice_t *splice, uint64_t from, uint64_t to);
bool base_splice_insert(base_splice_t *splice, uint64_t at, base_span_t text);

/* All before `upto` is decided. Going back is no effect. */
void base_splice_release(base_splice_t *splice, uint64_t upto);

/* The next operation; splice->n and splice->text say more. An insertion at the very end of what is released is given, too. */
base_splice_op_t base_splice_next(base_splice_t *splice);

/* Offset of the first byte that no operation was given for: what is before it, the mover need not keep. */
uint64_t base_splice_taken(const base_splice_t *splice);

#endif
