/* Items taken out of lists: commas, edits taken back or swallowed, and what waits until it is released. */

#include "base/base_cut.h"
#include "unit.h"

#include <string.h>

static base_arena_t *arena;
static base_cut_t cut;
static base_splice_t splice;
static char out[4096];

/* What the mover makes of the body: all of it is there. */
static void take(const char *body, size_t *n)
{
    base_splice_op_t op;

    while ((op = base_splice_next(&splice)) != BASE_SPLICE_WAIT) {
        if (op == BASE_SPLICE_COPY) {
            memcpy(out + *n, body + base_splice_taken(&splice) - splice.n, (size_t) splice.n);
            *n += (size_t) splice.n;
        } else if (op == BASE_SPLICE_INSERT) {
            memcpy(out + *n, splice.text.p, splice.text.n);
            *n += splice.text.n;
        }
    }
    out[*n] = '\0';
}

static void start(void)
{
    base_cut_init(&cut, arena, 4096);
    base_splice_init(&splice);
}

static const char *edited(const char *body)
{
    size_t n = 0;

    base_cut_release(&cut, strlen(body));
    do {
        take(body, &n);
    } while (!base_cut_flush(&cut, &splice));
    take(body, &n);
    return out;
}

/* "[a,b,c]", each item kept or dropped by a bit. */
static void lists(void)
{
    static const char body[] = "[ aa , b ,cc, d ]";
    static const size_t from[] = {2, 7, 10, 14}, to[] = {4, 8, 12, 15};
    static const char *const expected[16] = {
        "[  ]",      "[ aa ]",        "[ b ]",        "[ aa , b ]",
        "[ cc ]",    "[ aa ,cc ]",    "[ b ,cc ]",    "[ aa , b ,cc ]",
        "[ d ]",     "[ aa, d ]",     "[ b, d ]",     "[ aa , b, d ]",
        "[ cc, d ]", "[ aa ,cc, d ]", "[ b ,cc, d ]", "[ aa , b ,cc, d ]"};

    for (unsigned kept = 0; kept < 16; kept++) {
        base_cut_list_t list = {0};

        start();
        for (unsigned i = 0; i < 4; i++) {
            base_cut_begin(&cut, &list, from[i]);
            if ((kept >> i & 1) != 0) {
                base_cut_keep(&list, to[i]);
            } else {
                base_cut_item(&cut, &list, from[i], to[i]);
            }
        }
        is_str(edited(body), expected[kept], "items kept: %x", kept);
        ok(!cut.failed && list.kept == (kept != 0), "and nothing failed");
    }
}

static void order(void)
{
    start();
    base_cut_insert(&cut, 4, BASE_SPAN("x"));
    base_cut_drop(&cut, 6, 8);
    base_cut_insert(&cut, 2, BASE_SPAN("y"));
    base_cut_insert(&cut, 4, BASE_SPAN("z"));
    is_str(edited("0123456789"), "01y23xz4589", "insertions in whatever order they come");
    start();
    base_cut_insert(&cut, 3, BASE_SPAN("in"));
    base_cut_drop(&cut, 4, 5);
    base_cut_insert(&cut, 2, BASE_SPAN("before"));
    base_cut_insert(&cut, 7, BASE_SPAN("behind"));
    base_cut_drop(&cut, 2, 7);
    is_str(edited("0123456789"), "01beforebehind789", "a drop swallows what is inside of it");
    start();
    base_cut_insert(&cut, 1, BASE_SPAN("a"));
    base_cut_drop(&cut, 3, 4);
    base_cut_insert(&cut, 5, BASE_SPAN("b"));
    base_cut_back(&cut, 3);
    is_str(edited("012345"), "0a12345", "what was taken back is as if it had not been");
}

static void edited_copy(void)
{
    base_span_t text;

    start();
    base_cut_drop(&cut, 1, 3);
    base_cut_insert(&cut, 12, BASE_SPAN("new"));
    base_cut_drop(&cut, 12, 14);
    text = base_cut_edited(&cut, 10, BASE_SPAN("{abcd}"));
    is_mem(text.p, text.n, "{anewd}", 7, "a copy with the edits that lie in it");
    is_str(edited("0123456789{abcd}"), "03456789{anewd}", "which stay");
}

static void bounds(void)
{
    size_t n = 0, flushed = 0;
    char body[600];

    memset(body, 'x', sizeof(body));
    start();
    for (unsigned i = 0; i < 100; i++) {
        base_cut_insert(&cut, 2 * i + 1, BASE_SPAN("-"));
    }
    base_cut_release(&cut, sizeof(body));
    while (!base_cut_flush(&cut, &splice)) {
        take(body, &n);
        flushed++;
    }
    take(body, &n);
    ok(flushed >= 3 && n == 700, "more edits than the splice has room for");
    base_cut_insert(&cut, 5, BASE_SPAN("late"));
    ok(cut.failed, "an edit of what was released fails");
    base_cut_init(&cut, arena, 64);
    for (unsigned i = 0; i < 65; i++) {
        base_cut_insert(&cut, i, BASE_SPAN("-"));
    }
    ok(cut.failed, "more than are allowed to wait");
}

int main(void)
{
    UNIT_BEGIN();
    arena = base_arena_new(1u << 20);
    lists();
    order();
    edited_copy();
    bounds();
    base_arena_free(arena);
    UNIT_END();
}
