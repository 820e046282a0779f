#include "base/base_span.h"
#include "unit.h"

static void test_compare(void)
{
    static const unsigned char nul[] = {'a', 0, 'b'};
    base_span_t absent = {NULL, 0}, empty = BASE_SPAN("");

    ok(absent.p == NULL && empty.p != NULL, "absent and empty differ by p");
    ok(base_span_of(NULL).p == NULL, "no text is absent");
    ok(base_span_eq(BASE_SPAN("abc"), base_span_of("abc")), "equal");
    ok(!base_span_eq(BASE_SPAN("abc"), BASE_SPAN("abd")), "different");
    ok(!base_span_eq(BASE_SPAN("abc"), BASE_SPAN("ab")), "shorter");
    ok(base_span_eq(absent, empty), "absent compares as empty");
    ok(base_span_is(BASE_SPAN("x"), "x"), "is");
    ok(!base_span_is(base_span_make(nul, 3), "a"), "a NUL does not end a span");
    ok(base_span_eq(base_span_make(nul, 3), BASE_SPAN("a\0b")), "... and is compared");
}

static void test_nocase(void)
{
    ok(base_span_is_nocase(BASE_SPAN("BeArEr"), "bearer"), "ASCII letters fold");
    ok(!base_span_is_nocase(BASE_SPAN("bearer"), "beare"), "length counts");
    ok(!base_span_is_nocase(BASE_SPAN("@[`{"), "`{@["), "only letters fold: @ and `, [ and {");
    ok(!base_span_is_nocase(BASE_SPAN("\xc3\x84"), "\xc3\xa4"), "nothing beyond ASCII folds");
    ok(base_span_is_nocase(BASE_SPAN("AZaz"), "azAZ"), "first and last letters");
}

static void test_order(void)
{
    ok(base_span_cmp(BASE_SPAN("a"), BASE_SPAN("b")) < 0, "a before b");
    ok(base_span_cmp(BASE_SPAN("b"), BASE_SPAN("a")) > 0, "b behind a");
    ok(base_span_cmp(BASE_SPAN("ab"), BASE_SPAN("abc")) < 0, "shorter first");
    ok(base_span_cmp(BASE_SPAN("abc"), BASE_SPAN("ab")) > 0, "longer behind");
    ok(base_span_cmp(BASE_SPAN("ab"), BASE_SPAN("ab")) == 0, "equal");
    ok(base_span_cmp(BASE_SPAN("\x7f"), BASE_SPAN("\x80")) < 0, "bytes are unsigned");
    ok(base_span_cmp((base_span_t){NULL, 0}, BASE_SPAN("")) == 0, "absent as empty");
    ok(base_span_cmp((base_span_t){NULL, 0}, BASE_SPAN("a")) < 0, "absent before all");
}

static void test_parts(void)
{
    base_span_t text = BASE_SPAN("Patient/p1");

    ok(base_span_starts(text, "Patient/"), "starts");
    ok(!base_span_starts(text, "patient/"), "exactly");
    ok(!base_span_starts(BASE_SPAN("Pat"), "Patient"), "not with more than it has");
    ok(base_span_starts(text, ""), "everything starts with nothing");
    ok(base_span_is(base_span_sub(text, 8, 10), "p1"), "sub");
    ok(base_span_is(base_span_sub(text, 8, 1000), "p1"), "sub cuts the end");
    ok(base_span_sub(text, 100, 1000).n == 0, "sub behind the end is empty");
    ok(base_span_sub(text, 5, 3).n == 0, "sub backwards is empty");
    ok(base_span_sub((base_span_t){NULL, 0}, 0, 5).p == NULL, "sub of absent is absent");
    is_int(base_span_find(text, '/'), 7, "find");
    is_int(base_span_find(text, '?'), 10, "find nothing: the length");
    is_int(base_span_find((base_span_t){NULL, 0}, 'x'), 0, "find in nothing");
}

/* Joins the parts with '|'. */
static const char *split_up(base_span_t rest)
{
    static char out[64];
    size_t n = 0;

    while (rest.p != NULL) {
        base_span_t part = base_span_split(&rest, ',');

        n += (size_t) snprintf(out + n, sizeof(out) - n, "%.*s|", (int) part.n,
                               part.p == NULL ? "ABSENT" : (const char *) part.p);
    }
    out[n] = '\0';
    return out;
}

static void test_split(void)
{
    base_span_t absent = {NULL, 0};

    is_str(split_up(BASE_SPAN("a,bc,d")), "a|bc|d|", "parts");
    is_str(split_up(BASE_SPAN("a")), "a|", "one part");
    is_str(split_up(BASE_SPAN("")), "|", "an empty span is one empty part");
    is_str(split_up(BASE_SPAN(",a,,b,")), "|a||b||", "empty parts are parts");
    is_str(split_up(absent), "", "absent has none");
    ok(base_span_split(&absent, ',').p == NULL && absent.p == NULL, "split of absent is absent");
}

static void test_uint(void)
{
    uint64_t v = 7;

    ok(base_span_uint(BASE_SPAN("0"), &v) && v == 0, "0");
    ok(base_span_uint(BASE_SPAN("007"), &v) && v == 7, "leading zeros");
    ok(base_span_uint(BASE_SPAN("18446744073709551615"), &v) && v == UINT64_MAX, "the greatest");
    v = 7;
    ok(!base_span_uint(BASE_SPAN("18446744073709551616"), &v), "one more");
    ok(!base_span_uint(BASE_SPAN("18446744073709551620"), &v),
       "ten more in the last digit but one");
    ok(!base_span_uint(BASE_SPAN("99999999999999999999"), &v), "20 nines");
    ok(!base_span_uint(BASE_SPAN("100000000000000000000"), &v), "21 digits");
    ok(!base_span_uint(BASE_SPAN(""), &v), "nothing");
    ok(!base_span_uint((base_span_t){NULL, 0}, &v), "absent");
    ok(!base_span_uint(BASE_SPAN("-1"), &v), "a sign");
    ok(!base_span_uint(BASE_SPAN("+1"), &v), "a plus");
    ok(!base_span_uint(BASE_SPAN("1 "), &v), "a space");
    ok(!base_span_uint(BASE_SPAN("1\0"), &v), "a NUL");
    ok(!base_span_uint(BASE_SPAN("0x1"), &v), "hex");
    ok(v == 7, "the value is untouched by all of these");
}

int main(void)
{
    UNIT_BEGIN();
    test_compare();
    test_nocase();
    test_order();
    test_parts();
    test_split();
    test_uint();
    UNIT_END();
}
