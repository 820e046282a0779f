#include "base/base_splice.h"
#include "unit.h"

#define STREAM "0123456789abcdefghij"

/* Takes all there is, as a mover would; "!" when told to copy what it does not have yet. */
static void drain(base_splice_t *splice, size_t fed, char *out)
{
    size_t n = strlen(out), at;
    base_splice_op_t op;

    while (at = base_splice_taken(splice), (op = base_splice_next(splice)) != BASE_SPLICE_WAIT) {
        if (op == BASE_SPLICE_INSERT) {
            memcpy(out + n, splice->text.p, splice->text.n);
            n += splice->text.n;
        } else if (at + splice->n > fed) {
            out[n++] = '!';
        } else if (op == BASE_SPLICE_COPY) {
            memcpy(out + n, STREAM + at, splice->n);
            n += splice->n;
        }
    }
    out[n] = '\0';
}

static void test_edits(void)
{
    base_splice_t s;
    char out[64] = "";

    base_splice_init(&s);
    drain(&s, 0, out);
    is_str(out, "", "nothing is released");
    ok(base_splice_drop(&s, 2, 4), "drop");
    ok(base_splice_insert(&s, 4, BASE_SPAN("<x>")), "insert behind it");
    drain(&s, 20, out);
    is_str(out, "", "edits alone release nothing");
    base_splice_release(&s, 3);
    drain(&s, 20, out);
    is_str(out, "01", "a drop is taken in parts");
    base_splice_release(&s, 6);
    drain(&s, 20, out);
    is_str(out, "01<x>45", "the rest of it, and what is inserted");
    ok(!base_splice_drop(&s, 5, 7), "not before what was released");
    ok(!base_splice_insert(&s, 5, BASE_SPAN("y")), "nor is anything inserted there");
    ok(base_splice_insert(&s, 6, BASE_SPAN("y")), "right at it is");
    drain(&s, 20, out);
    is_str(out, "01<x>45y", "an insertion at the end is given");
    ok(base_splice_drop(&s, 6, 20), "to the end");
    base_splice_release(&s, 20);
    ok(base_splice_insert(&s, 20, BASE_SPAN("z")), "at the end of all");
    drain(&s, 20, out);
    is_str(out, "01<x>45yz", "all of it");
    is_int(base_splice_taken(&s), 20, "taken");
}

static void test_room(void)
{
    base_splice_t s;
    unsigned i;

    base_splice_init(&s);
    ok(base_splice_drop(&s, 0, 1), "first");
    ok(base_splice_drop(&s, 1, 2), "what adjoins");
    is_int(base_splice_room(&s), BASE_SPLICE_EDITS - 1, "takes no room");
    ok(base_splice_drop(&s, 7, 7) && base_splice_insert(&s, 9, BASE_SPAN("")), "nothing");
    is_int(base_splice_room(&s), BASE_SPLICE_EDITS - 1, "is nothing");
    for (i = 1; i < BASE_SPLICE_EDITS; i++) {
        ok(base_splice_insert(&s, 10 + i, BASE_SPAN("x")), "edit %u", i);
    }
    ok(!base_splice_insert(&s, 100, BASE_SPAN("x")), "one more does not fit");
    ok(!base_splice_drop(&s, 100, 101), "nor does a drop");
    base_splice_release(&s, 12);
    while (base_splice_next(&s) != BASE_SPLICE_WAIT) {
    }
    is_int(base_splice_room(&s), 3, "what was taken made room");
    ok(!base_splice_drop(&s, 11, 13), "out of order");
}

/* Whatever the release points, the same comes out. */
static void test_cuts(void)
{
    base_splice_t s;
    char out[64];
    uint64_t first, second;

    for (first = 0; first <= 20; first++) {
        for (second = first; second <= 20; second++) {
            base_splice_init(&s);
            out[0] = '\0';
            ok(base_splice_insert(&s, 0, BASE_SPAN("[")) && base_splice_drop(&s, 3, 9) &&
                   base_splice_insert(&s, 9, BASE_SPAN("-")) && base_splice_drop(&s, 12, 20) &&
                   base_splice_insert(&s, 20, BASE_SPAN("]")),
               "edits");
            base_splice_release(&s, first);
            drain(&s, first, out);
            base_splice_release(&s, second);
            drain(&s, second, out);
            base_splice_release(&s, 20);
            drain(&s, 20, out);
            is_str(out, "[012-9ab]", "released to %d, %d", (int) first, (int) second);
        }
    }
}

int main(void)
{
    UNIT_BEGIN();
    test_edits();
    test_room();
    test_cuts();
    UNIT_END();
}
