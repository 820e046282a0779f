#include "base/base_cut.h"

#include <string.h>

#define FIRST_ROOM 64

void base_cut_init(base_cut_t *cut, base_arena_t *arena, size_t max)
{
    memset(cut, 0, sizeof(*cut));
    cut->_arena = arena;
    cut->_max = max;
}

static bool is_drop(const base_splice_edit_t *edit)
{
    return edit->text.n == 0;
}

/* Room for one more: what was handed on is forgotten, else twice as much. */
static bool make_room(base_cut_t *cut)
{
    base_splice_edit_t *bigger;
    size_t waiting = cut->_n - cut->_first, size;

    if (cut->_n < cut->_size) {
        return true;
    }
    if (cut->_first > 0) {
        memmove(cut->_edit, cut->_edit + cut->_first, waiting * sizeof(*cut->_edit));
        cut->_first = 0;
        cut->_n = waiting;
        return true;
    }
    size = cut->_size == 0 ? FIRST_ROOM : 2 * cut->_size;
    bigger = size > cut->_max ? NULL : base_arena_scratch(cut->_arena, size, sizeof(*bigger));
    if (bigger == NULL) {
        cut->failed = true;
        return false;
    }
    if (waiting > 0) {
        memcpy(bigger, cut->_edit, waiting * sizeof(*bigger));
    }
    cut->_edit = bigger;
    cut->_size = size;
    return true;
}

/* Puts an edit behind all that begin at or before it. */
static void put(base_cut_t *cut, uint64_t from, uint64_t to, base_span_t text)
{
    size_t at;

    if (from < cut->_decided) {
        cut->failed = true;
        return;
    }
    if (!make_room(cut)) {
        return;
    }
    at = cut->_n;
    while (at > cut->_first && cut->_edit[at - 1].from > from) {
        at--;
    }
    memmove(&cut->_edit[at + 1], &cut->_edit[at], (cut->_n - at) * sizeof(*cut->_edit));
    cut->_edit[at].from = from;
    cut->_edit[at].to = to;
    cut->_edit[at].text = text;
    cut->_n++;
}

/* An insertion at `from` itself stays: it belongs before the stretch. */
static bool lies_within(const base_splice_edit_t *edit, uint64_t from, uint64_t to)
{
    return edit->from >= from && edit->to <= to && (is_drop(edit) || edit->from > from) &&
           (is_drop(edit) || edit->to < to);
}

static void swallow(base_cut_t *cut, uint64_t from, uint64_t to)
{
    size_t i = cut->_n, out;

    while (i > cut->_first && cut->_edit[i - 1].from >= from) {
        i--;
    }
    for (out = i; i < cut->_n; i++) {
        if (!lies_within(&cut->_edit[i], from, to)) {
            cut->_edit[out++] = cut->_edit[i];
        }
    }
    cut->_n = out;
}

void base_cut_drop(base_cut_t *cut, uint64_t from, uint64_t to)
{
    base_splice_edit_t *last;

    if (from >= to) {
        return;
    }
    swallow(cut, from, to);
    last = cut->_n > cut->_first ? &cut->_edit[cut->_n - 1] : NULL;
    if (last != NULL && is_drop(last) && last->to == from) {
        last->to = to;
    } else {
        put(cut, from, to, base_span_make(NULL, 0));
    }
}

void base_cut_insert(base_cut_t *cut, uint64_t at, base_span_t text)
{
    if (text.n > 0) {
        put(cut, at, at, text);
    }
}

void base_cut_back(base_cut_t *cut, uint64_t from)
{
    while (cut->_n > cut->_first && cut->_edit[cut->_n - 1].from >= from) {
        cut->_n--;
    }
}

static size_t append(unsigned char *out, size_t n, base_span_t bytes)
{
    if (bytes.n > 0) {
        memcpy(out + n, bytes.p, bytes.n);
    }
    return n + bytes.n;
}

base_span_t base_cut_edited(const base_cut_t *cut, uint64_t from, base_span_t bytes)
{
    const base_splice_edit_t *edit;
    size_t size = bytes.n, n = 0, at = 0, i = cut->_n;
    unsigned char *out;

    for (; i > cut->_first && cut->_edit[i - 1].from >= from; i--) {
        size += cut->_edit[i - 1].text.n;
    }
    out = base_arena_scratch(cut->_arena, size + 1, 1);
    if (out == NULL) {
        return base_span_make(NULL, 0);
    }
    for (; i < cut->_n && cut->_edit[i].to - from <= bytes.n && cut->_edit[i].from - from >= at;
         i++) {
        edit = &cut->_edit[i];
        n = append(out, n, base_span_sub(bytes, at, (size_t) (edit->from - from)));
        n = append(out, n, edit->text);
        at = (size_t) (edit->to - from);
    }
    n = append(out, n, base_span_sub(bytes, at, bytes.n));
    return base_span_make(out, n);
}

void base_cut_release(base_cut_t *cut, uint64_t upto)
{
    if (upto > cut->_decided && !cut->failed) {
        cut->_decided = upto;
    }
}

static bool hand_on(base_splice_t *splice, const base_splice_edit_t *edit)
{
    return is_drop(edit) ? base_splice_drop(splice, edit->from, edit->to)
                         : base_splice_insert(splice, edit->from, edit->text);
}

bool base_cut_flush(base_cut_t *cut, base_splice_t *splice)
{
    const base_splice_edit_t *edit;

    for (; cut->_first < cut->_n; cut->_first++) {
        edit = &cut->_edit[cut->_first];
        if (edit->from >= cut->_decided) {
            break;
        }
        if (base_splice_room(splice) == 0) {
            base_splice_release(splice, edit->from);
            return false;
        }
        if (!hand_on(splice, edit)) {
            cut->failed = true;
            return true;
        }
    }
    base_splice_release(splice, cut->_decided);
    return true;
}

void base_cut_begin(base_cut_t *cut, const base_cut_list_t *list, uint64_t from)
{
    if (list->_any && !list->kept) {
        base_cut_drop(cut, list->_end, from);
    }
}

void base_cut_keep(base_cut_list_t *list, uint64_t to)
{
    list->_any = list->kept = true;
    list->_end = to;
}

void base_cut_item(base_cut_t *cut, base_cut_list_t *list, uint64_t from, uint64_t to)
{
    base_cut_drop(cut, list->kept ? list->_end : from, to);
    list->_any = true;
    list->_end = to;
}

uint64_t base_cut_end(const base_cut_list_t *list, uint64_t open)
{
    return list->_any ? list->_end : open;
}
