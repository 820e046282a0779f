#include "base/base_splice.h"

#include <string.h>

void base_splice_init(base_splice_t *splice)
{
    memset(splice, 0, sizeof(*splice));
}

unsigned base_splice_room(const base_splice_t *splice)
{
    return BASE_SPLICE_EDITS - splice->_count;
}

static base_splice_edit_t *edit_at(base_splice_t *splice, unsigned i)
{
    return &splice->_edit[(splice->_first + i) % BASE_SPLICE_EDITS];
}

static bool add(base_splice_t *splice, uint64_t from, uint64_t to, base_span_t text)
{
    base_splice_edit_t *edit;

    if (from < splice->_last || from < splice->_decided || to < from ||
        splice->_count == BASE_SPLICE_EDITS) {
        return false;
    }
    edit = edit_at(splice, splice->_count++);
    edit->from = from;
    edit->to = to;
    edit->text = text;
    splice->_last = to;
    return true;
}

bool base_splice_drop(base_splice_t *splice, uint64_t from, uint64_t to)
{
    base_splice_edit_t *last = splice->_count > 0 ? edit_at(splice, splice->_count - 1) : NULL;

    if (from == to) {
        return true;
    }
    if (last != NULL && last->text.n == 0 && last->to == from && to >= from &&
        from >= splice->_decided) {
        last->to = splice->_last = to;
        return true;
    }
    return add(splice, from, to, base_span_make(NULL, 0));
}

bool base_splice_insert(base_splice_t *splice, uint64_t at, base_span_t text)
{
    return text.n == 0 || add(splice, at, at, text);
}

void base_splice_release(base_splice_t *splice, uint64_t upto)
{
    if (upto > splice->_decided) {
        splice->_decided = upto;
    }
}

static base_splice_op_t take(base_splice_t *splice, base_splice_op_t op, uint64_t to)
{
    splice->n = to - splice->_at;
    splice->_at = to;
    return op;
}

static void forget_first(base_splice_t *splice)
{
    splice->_first = (splice->_first + 1) % BASE_SPLICE_EDITS;
    splice->_count--;
}

/* A drop beyond what is released is taken as far as that: its rest stays. */
static base_splice_op_t take_edit(base_splice_t *splice, base_splice_edit_t *edit)
{
    uint64_t to = edit->to < splice->_decided ? edit->to : splice->_decided;

    if (edit->text.n > 0) {
        splice->text = edit->text;
        forget_first(splice);
        return BASE_SPLICE_INSERT;
    }
    if (to <= splice->_at) {
        return BASE_SPLICE_WAIT;
    }
    if (to == edit->to) {
        forget_first(splice);
    } else {
        edit->from = to;
    }
    return take(splice, BASE_SPLICE_DROP, to);
}

base_splice_op_t base_splice_next(base_splice_t *splice)
{
    base_splice_edit_t *edit = splice->_count > 0 ? edit_at(splice, 0) : NULL;

    splice->n = 0;
    splice->text = base_span_make(NULL, 0);
    if (edit != NULL && edit->from <= splice->_at && edit->from <= splice->_decided) {
        return take_edit(splice, edit);
    }
    if (splice->_at >= splice->_decided) {
        return BASE_SPLICE_WAIT;
    }
    return take(splice, BASE_SPLICE_COPY,
                edit != NULL && edit->from < splice->_decided ? edit->from : splice->_decided);
}

uint64_t base_splice_taken(const base_splice_t *splice)
{
    return splice->_at;
}
