/*
 * Parameters: one reading of each item, edits that leave the rest untouched, and attacks by
 * encoding (RULES C1, threats).
 */

#include "fhir/fhir_query.h"
#include "unit.h"

#include <stdlib.h>

static const base_span_t none = {NULL, 0};

static void is_span(base_span_t got, const char *expected, const char *name)
{
    is_mem(got.p, got.n, expected, expected == NULL ? 0 : strlen(expected), "%s", name);
    ok((got.p == NULL) == (expected == NULL), "%s: present or not", name);
}

static const struct {
    const char *raw, *name, *code, *modifier, *value;
    bool chained;
} items[] = {
    {"a=1", "a", "a", NULL, "1", false},
    {"a=", "a", "a", NULL, "", false},
    {"a", "a", "a", NULL, NULL, false},
    {"a==", "a", "a", NULL, "=", false},
    {"a=b=c", "a", "a", NULL, "b=c", false},
    {"a=%3D", "a", "a", NULL, "=", false},
    {"a%3Db=c", "a=b", "a=b", NULL, "c", false},
    {"a=b%26c=d", "a", "a", NULL, "b&c=d", false},
    {"a=b;c=d", "a", "a", NULL, "b;c=d", false},
    {"%61=1", "a", "a", NULL, "1", false},
    {"%5Finclude=x", "_include", "_include", NULL, "x", false},
    {"code=http://loinc.org|1", "code", "code", NULL, "http://loinc.org|1", false},
    {"code=a%7Cb", "code", "code", NULL, "a|b", false},
    {"code=a%2Cb,c", "code", "code", NULL, "a,b,c", false},
    {"a=1+2", "a", "a", NULL, "1 2", false},
    {"a=1%2B2", "a", "a", NULL, "1+2", false},
    {"a=%2531", "a", "a", NULL, "%31", false},
    {"a=%C3%A4", "a", "a", NULL, "\xc3\xa4", false},
    {"a=%f0%9f%98%80", "a", "a", NULL, "\xf0\x9f\x98\x80", false},
    {"a:exact=x", "a:exact", "a", "exact", "x", false},
    {"a%3Aexact=x", "a:exact", "a", "exact", "x", false},
    {"a:=x", "a:", "a", "", "x", false},
    {"subject:Patient.name=x", "subject:Patient.name", "subject", "Patient", "x", true},
    {"subject.name=x", "subject.name", "subject", NULL, "x", true},
    {"subject%2ename=x", "subject.name", "subject", NULL, "x", true},
    {"a.b:exact=x", "a.b:exact", "a", NULL, "x", true},
    {"_has:Observation:patient:code=x", "_has:Observation:patient:code", "_has",
     "Observation:patient:code", "x", true},
    {"_has=x", "_has", "_has", NULL, "x", true},
    {":exact=x", ":exact", "", "exact", "x", false},
    {".name=x", ".name", "", NULL, "x", true},
};

static void test_items(fhir_origin_t origin)
{
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        base_arena_t *arena = base_arena_new(65536);
        base_span_t raw = base_span_of(items[i].raw);
        fhir_query_t query;
        base_reason_t reason = origin == FHIR_FROM_URL ? fhir_query_parse(raw, none, arena, &query)
                                                       : fhir_query_parse(none, raw, arena, &query);

        if (is_int(reason, BASE_OK, "%s is read", items[i].raw) &&
            is_int(query.n, 1, "%s is one item", items[i].raw)) {
            is_span(query.items[0].name, items[i].name, items[i].raw);
            is_span(query.items[0].code, items[i].code, items[i].raw);
            is_span(query.items[0].modifier, items[i].modifier, items[i].raw);
            is_span(query.items[0].value, items[i].value, items[i].raw);
            is_span(query.items[0].raw, items[i].raw, items[i].raw);
            is_int(query.items[0].chained, items[i].chained, "%s: chain", items[i].raw);
            is_int(query.items[0].origin, origin, "%s: origin", items[i].raw);
        }
        base_arena_free(arena);
    }
}

static const struct {
    const char *raw;
    base_reason_t reason;
    size_t n;
} queries[] = {
    {"", BASE_OK, 0},
    {"a=1&b=2", BASE_OK, 2},
    {"a=1&a=1", BASE_OK, 2},
    {"a=%00b", BASE_QUERY_SYNTAX, 0},
    {"a%00=b", BASE_QUERY_SYNTAX, 0},
    {"&", BASE_QUERY_SYNTAX, 0},
    {"&a=1", BASE_QUERY_SYNTAX, 0},
    {"a=1&", BASE_QUERY_SYNTAX, 0},
    {"a=1&&b=2", BASE_QUERY_SYNTAX, 0},
    {"=", BASE_QUERY_SYNTAX, 0},
    {"=a", BASE_QUERY_SYNTAX, 0},
    {"a=1&=b", BASE_QUERY_SYNTAX, 0},
    {"a=%", BASE_QUERY_SYNTAX, 0},
    {"a=%4", BASE_QUERY_SYNTAX, 0},
    {"a=%4&b", BASE_QUERY_SYNTAX, 0},
    {"a=%4g", BASE_QUERY_SYNTAX, 0},
    {"a=%g4", BASE_QUERY_SYNTAX, 0},
    {"a=% 41", BASE_QUERY_SYNTAX, 0},
    {"a=%+1", BASE_QUERY_SYNTAX, 0},
    {"a=%u0041", BASE_QUERY_SYNTAX, 0},
    {"%=1", BASE_QUERY_SYNTAX, 0},
    {"a b=1", BASE_QUERY_SYNTAX, 0},
    {"a+b=1", BASE_QUERY_SYNTAX, 0},
    {"a%20=1", BASE_QUERY_SYNTAX, 0},
    {"%20a=1", BASE_QUERY_SYNTAX, 0},
    {"pati%C3%A9nt=1", BASE_QUERY_SYNTAX, 0},
    {"a=b c", BASE_QUERY_SYNTAX, 0},
    {"a=b\tc", BASE_QUERY_SYNTAX, 0},
    {"a=b\nc", BASE_QUERY_SYNTAX, 0},
    {"a=b\x7f", BASE_QUERY_SYNTAX, 0},
    {"a=\xc3\xa4", BASE_QUERY_SYNTAX, 0},
    {"a=b#c", BASE_QUERY_SYNTAX, 0},
    {"a=<b>", BASE_QUERY_SYNTAX, 0},
    {"a=\"b\"", BASE_QUERY_SYNTAX, 0},
    {"a=%0a", BASE_QUERY_SYNTAX, 0},
    {"a=%0d%0aX-Y:z", BASE_QUERY_SYNTAX, 0},
    {"a=%1f", BASE_QUERY_SYNTAX, 0},
    {"a=%7f", BASE_QUERY_SYNTAX, 0},
    {"a=%80", BASE_QUERY_SYNTAX, 0},
    {"a=%c3", BASE_QUERY_SYNTAX, 0},
    {"a=%c0%af", BASE_QUERY_SYNTAX, 0},
    {"a=%e0%80%af", BASE_QUERY_SYNTAX, 0},
    {"a=%ed%a0%80", BASE_QUERY_SYNTAX, 0},
    {"a=%f4%90%80%80", BASE_QUERY_SYNTAX, 0},
    {"a=%c3&b=%a4", BASE_QUERY_SYNTAX, 0},
    {"a=%23%22%3c%3e%20%5c", BASE_OK, 1},
    {"a=\\,b", BASE_OK, 1},
};

static void test_queries(void)
{
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        base_arena_t *arena = base_arena_new(65536);
        base_span_t raw = base_span_of(queries[i].raw);
        fhir_query_t query;

        is_int(fhir_query_parse(raw, none, arena, &query), queries[i].reason, "?%s",
               queries[i].raw);
        is_int(query.n, queries[i].n, "?%s: items", queries[i].raw);
        is_int(fhir_query_parse(none, raw, arena, &query), queries[i].reason, "form %s",
               queries[i].raw);
        base_arena_free(arena);
    }
}

/* "a&a&...": `n` items of `width` bytes, one '&' between them. */
static base_span_t repeated(char *room, size_t n, size_t width)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < width; k++) {
            room[at++] = 'a';
        }
        room[at++] = '&';
    }
    return base_span_make(room, at - 1);
}

static void test_bounds(void)
{
    char *room = malloc(2 * FHIR_QUERY_BYTES_MAX);
    base_arena_t *arena = base_arena_new((size_t) 1 << 22);
    fhir_query_t query;
    base_span_t most;

    if (room == NULL) {
        ok(0, "memory for the test");
        return;
    }
    most = repeated(room, FHIR_QUERY_ITEMS_MAX, 1);
    is_int(fhir_query_parse(most, none, arena, &query), BASE_OK, "256 items");
    is_int(fhir_query_parse(most, BASE_SPAN("b"), arena, &query), BASE_QUERY_TOO_LARGE,
           "257 items, one in the form");
    most = repeated(room, FHIR_QUERY_ITEMS_MAX + 1, 1);
    is_int(fhir_query_parse(most, none, arena, &query), BASE_QUERY_TOO_LARGE, "257 items");
    most = repeated(room, 1, FHIR_QUERY_BYTES_MAX);
    is_int(fhir_query_parse(most, none, arena, &query), BASE_OK, "64 KB");
    is_int(fhir_query_parse(most, BASE_SPAN("b"), arena, &query), BASE_QUERY_TOO_LARGE,
           "64 KB and a byte in the form");
    most = repeated(room, 1, FHIR_QUERY_BYTES_MAX + 1);
    is_int(fhir_query_parse(most, none, arena, &query), BASE_QUERY_TOO_LARGE, "64 KB and a byte");
    base_arena_free(arena);
    free(room);
}

static void test_find(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_query_t query;
    size_t at = 0;

    is_int(fhir_query_parse(BASE_SPAN("a=1&b=2&a:x=3"), BASE_SPAN("a.c=4"), arena, &query), BASE_OK,
           "read");
    is_span(fhir_query_find(&query, BASE_SPAN("a"), &at)->value, "1", "first of the code");
    is_span(fhir_query_find(&query, BASE_SPAN("a"), &at)->value, "3", "with a modifier");
    is_span(fhir_query_find(&query, BASE_SPAN("a"), &at)->value, "4", "chained, in the form");
    ok(fhir_query_find(&query, BASE_SPAN("a"), &at) == NULL, "no more");
    at = 0;
    ok(fhir_query_find(&query, BASE_SPAN("A"), &at) == NULL, "names are case-sensitive");
    ok(fhir_query_says(&query, BASE_SPAN("b"), BASE_SPAN("2")), "says b=2");
    ok(!fhir_query_says(&query, BASE_SPAN("b"), BASE_SPAN("3")), "does not say b=3");
    ok(!fhir_query_says(&query, BASE_SPAN("a"), BASE_SPAN("3")), "a modifier makes another name");
    base_arena_free(arena);
}

static void written(const fhir_query_t *query, fhir_origin_t origin, base_arena_t *arena,
                    const char *expected, const char *name)
{
    base_span_t out;

    is_int(fhir_query_write(query, origin, arena, &out), BASE_OK, "%s is written", name);
    is_span(out, expected, name);
}

static void test_edits(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_query_t query;
    size_t at = 0;

    is_int(
        fhir_query_parse(BASE_SPAN("%61=%7c&_format=xml&c=+"), BASE_SPAN("d=%2f"), arena, &query),
        BASE_OK, "read");
    written(&query, FHIR_FROM_URL, arena, "%61=%7c&_format=xml&c=+", "untouched URL");
    written(&query, FHIR_FROM_FORM, arena, "d=%2f", "untouched form");
    fhir_query_remove(&query, fhir_query_find(&query, BASE_SPAN("_format"), &at));
    written(&query, FHIR_FROM_URL, arena, "%61=%7c&c=+", "what stays is byte for byte the same");
    written(&query, FHIR_FROM_FORM, arena, "d=%2f", "the other side is untouched");
    at = 0;
    ok(fhir_query_find(&query, BASE_SPAN("_format"), &at) == NULL, "a removed item is not found");
    is_int(fhir_query_append(&query, FHIR_FROM_FORM, BASE_SPAN("patient"),
                             BASE_SPAN("Patient/1,a&b=c+d \xc3\xa4")),
           BASE_OK, "append");
    written(&query, FHIR_FROM_FORM, arena, "d=%2f&patient=Patient%2F1%2Ca%26b%3Dc%2Bd%20%C3%A4",
            "what is appended is encoded");
    written(&query, FHIR_FROM_URL, arena, "%61=%7c&c=+", "and only there");
    ok(fhir_query_says(&query, BASE_SPAN("patient"), BASE_SPAN("Patient/1,a&b=c+d \xc3\xa4")),
       "what is appended is said");
    ok(query.items[3].appended == false && query.items[4].appended, "and marked as ours");
    base_arena_free(arena);
}

static void test_edits_of_nothing(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_query_t query;

    (void) fhir_query_parse(none, none, arena, &query);
    written(&query, FHIR_FROM_URL, arena, NULL, "no query");
    for (unsigned i = 0; i < 20; i++) {
        (void) fhir_query_append(&query, FHIR_FROM_URL, BASE_SPAN("a"), BASE_SPAN(""));
    }
    is_int(query.n, 20, "20 appended");
    (void) fhir_query_parse(BASE_SPAN("a=1"), none, arena, &query);
    fhir_query_remove(&query, &query.items[0]);
    written(&query, FHIR_FROM_URL, arena, NULL, "nothing stays");
    (void) fhir_query_parse(BASE_SPAN(""), none, arena, &query);
    written(&query, FHIR_FROM_URL, arena, "", "an empty query stays");
    (void) fhir_query_append(&query, FHIR_FROM_URL, BASE_SPAN("a"), BASE_SPAN("1"));
    written(&query, FHIR_FROM_URL, arena, "a=1", "the first of all");
    base_arena_free(arena);
}

/* What was written and is read again says the same. */
static void test_round_trip(void)
{
    base_arena_t *arena = base_arena_new(65536);
    fhir_query_t query, again;
    base_span_t out;
    unsigned char value[128];
    size_t n = 0;

    for (unsigned char c = 0x20; c < 0x7f; c++) {
        value[n++] = c;
    }
    (void) fhir_query_parse(BASE_SPAN("x=1"), none, arena, &query);
    (void) fhir_query_append(&query, FHIR_FROM_URL, BASE_SPAN("a:b"), base_span_make(value, n));
    (void) fhir_query_write(&query, FHIR_FROM_URL, arena, &out);
    is_int(fhir_query_parse(out, none, arena, &again), BASE_OK, "what is written can be read");
    ok(fhir_query_says(&again, BASE_SPAN("a:b"), base_span_make(value, n)), "and says the same");
    base_arena_free(arena);
}

static void test_split(void)
{
    base_span_t rest = BASE_SPAN("a,b\\,c,,d\\\\,\\");

    is_span(fhir_query_split(&rest), "a", "first");
    is_span(fhir_query_split(&rest), "b\\,c", "an escaped comma does not split");
    is_span(fhir_query_split(&rest), "", "empty");
    is_span(fhir_query_split(&rest), "d\\\\", "an escaped backslash does not escape");
    is_span(fhir_query_split(&rest), "\\", "a backslash at the end");
    ok(rest.p == NULL, "the end");
}

/* Every byte, raw: what it says, or that it may not stand there. */
static void test_bytes(void)
{
    static const char refused[] = " #\"<>%\x7f";
    unsigned c;

    for (c = 0; c < 256; c++) {
        unsigned char text[5] = {'n', '=', 'a', (unsigned char) c, 'b'};
        bool bad = c < 0x20 || c >= 0x80 || strchr(refused, (int) c) != NULL;
        base_arena_t *arena = base_arena_new(65536);
        fhir_query_t query;
        base_reason_t reason = fhir_query_parse(base_span_make(text, 5), none, arena, &query);

        is_int(reason, bad ? BASE_QUERY_SYNTAX : BASE_OK, "byte %02x", c);
        if (reason == BASE_OK && c != '&') {
            ok(query.n == 1 && query.items[0].value.n == 3 &&
                   query.items[0].value.p[1] == (c == '+' ? ' ' : c),
               "byte %02x says itself", c);
        }
        base_arena_free(arena);
    }
}

int main(void)
{
    UNIT_BEGIN();
    test_bytes();
    test_items(FHIR_FROM_URL);
    test_items(FHIR_FROM_FORM);
    test_queries();
    test_bounds();
    test_find();
    test_edits();
    test_edits_of_nothing();
    test_round_trip();
    test_split();
    ok(fhir_query_is_page(BASE_SPAN("_getpages")) && fhir_query_is_page(BASE_SPAN("ct")), "pages");
    ok(!fhir_query_is_page(BASE_SPAN("_getpage")) && !fhir_query_is_page(BASE_SPAN("")),
       "no pages");
    UNIT_END();
}
