/*
 * Links of a resource: each one found wherever it stands, and nothing else.
 */

#include "fhir/fhir_links.h"
#include "unit.h"

#include <stdlib.h>

#define HASHES 1024

static uint64_t hashes[HASHES];
static base_arena_t *arena;

/* Links as they stand in the body, 'r' or 'u' before each; "?" behind the conditional ones. */
static const struct {
    const char *body, *links;
    size_t conditional;
} rows[] = {
    {"{}", "", 0},
    {"{\"reference\":\"a\"}", "r\"a\"", 0},
    {"{\"medicationReference\":{\"reference\":\"Medication?code=x\"}}", "r\"Medication?code=x\"",
     1},
    {"{\"anElementWhoseNameIsLongerThanAnyOther\":[[{\"reference\":\"a?b\"}]]}", "r\"a?b\"", 1},
    {"{\"an\\u0045lementWhoseNameIsLongerThanAnyOther\":[{\"reference\":\"a?b\"}]}", "r\"a?b\"", 1},
    {"{\"aaaaaaaaaaaa\\u0061reference\":{\"reference\":\"a?b\"}}", "r\"a?b\"", 1},
    {"{\"aaaaaaaaaaaaaaaa\\u0061a\":{\"reference\":\"a?b\"}}", "r\"a?b\"", 1},
    {"{\"r\\u0065ference\":\"a\\u003fb\"}", "r\"a\\u003fb\"", 1},
    {"{\"contained\":[{\"subject\":{\"reference\":\"a\"}}]}", "r\"a\"", 0},
    {"{\"entry\":[{\"resource\":{\"a\":{\"reference\":\"x?y\"}}}]}", "r\"x?y\"", 1},
    {"{\"a\":{\"reference\":\"1\",\"type\":\"T\"},\"b\":{\"reference\":\"2\"}}", "r\"1\"r\"2\"", 0},
    {"{\"url\":\"Binary/1\"}", "u\"Binary/1\"", 0},
    {"{\"url\":\"a?b\"}", "u\"a?b\"", 0},
    {"{\"reference\":{\"reference\":\"a\"}}", "r\"a\"", 0},
    {"{\"reference\":[\"a\"]}", "", 0},
    {"{\"reference\":5,\"x\":\"a\"}", "", 0},
    {"{\"reference\":null,\"x\":\"a\"}", "", 0},
    {"{\"reference\":true,\"x\":\"a\"}", "", 0},
    {"{\"reference\":{\"x\":\"a\"}}", "", 0},
    {"{\"reference\":[{\"x\":\"a\"}]}", "", 0},
    {"{\"Reference\":\"a\",\"uRL\":\"b\"}", "r\"a\"u\"b\"", 0},
    {"{\"areference\":\"a\",\"referenc\":\"b\",\"references\":\"c\",\"eference\":\"d\"}", "", 0},
    {"{\"x\":\"reference\",\"y\":\"a\"}", "", 0},
    {"{\"reference\":\"\"}", "r\"\"", 0},
};

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fhir_links_t links;
        char told[256] = "";
        size_t n = 0;

        is_int(fhir_links_read(base_span_of(rows[i].body), 100, arena, hashes, HASHES, &links),
               BASE_OK, "%s is read", rows[i].body);
        for (size_t k = 0; k < links.n; k++) {
            const fhir_link_t *link = &links.rows[k];

            n += (size_t) snprintf(
                told + n, sizeof(told) - n, "%c%.*s", link->kind == FHIR_LINK_URL ? 'u' : 'r',
                (int) (link->range.to - link->range.from), rows[i].body + link->range.from);
        }
        is_str(told, rows[i].links, "its links");
        is_int(links.n_conditional, rows[i].conditional, "its searches");
    }
}

static void test_texts(void)
{
    fhir_links_t links;

    (void) fhir_links_read(BASE_SPAN("{\"reference\":\"P\\u0061tient\\/1\"}"), 100, arena, hashes,
                           HASHES, &links);
    ok(base_span_is(links.rows[0].reference.text, "Patient/1"), "decoded");
    ok(base_span_is(links.rows[0].reference.type, "Patient"), "and parsed");
}

static void test_failures(void)
{
    static const struct {
        const char *body;
        base_reason_t reason;
    } bad[] = {{"", BASE_JSON_TRUNCATED},
               {"{\"reference\":\"a", BASE_JSON_TRUNCATED},
               {"{\"reference\":\"a\"", BASE_JSON_TRUNCATED},
               {"{\"reference\":\"\\ud800\"}", BASE_JSON_ENCODING},
               {"{\"a\":1,\"a\":2}", BASE_JSON_DUPLICATE},
               {"{\"a\":{\"reference\":\"x\",\"reference\":\"y\"}}", BASE_JSON_DUPLICATE},
               {"{\"url\":\"1\",\"a\":[{\"url\":\"2\"},{\"url\":\"3\"}]}", BASE_BODY_TOO_LARGE}};
    fhir_links_t links;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(fhir_links_read(base_span_of(bad[i].body), 2, arena, hashes, HASHES, &links),
               bad[i].reason, "%s", bad[i].body);
    }
    is_int(fhir_links_read(base_span_of(bad[6].body), 3, arena, hashes, HASHES, &links), BASE_OK,
           "three of three");
}

static void test_memory(void)
{
    unsigned failed = 0;
    base_reason_t reason = BASE_NO_MEMORY;

    for (size_t limit = 16; limit < 65536 && reason == BASE_NO_MEMORY; limit += 16) {
        base_arena_t *small = base_arena_new(limit);
        fhir_links_t links;

        reason =
            fhir_links_read(BASE_SPAN("{\"url\":\"\\u0061\"}"), 2, small, hashes, HASHES, &links);
        failed += reason == BASE_NO_MEMORY;
        base_arena_free(small);
    }
    is_int(reason, BASE_OK, "with enough memory");
    ok(failed > 0, "and not before");
}

int main(void)
{
    UNIT_BEGIN();
    arena = base_arena_new((size_t) 4 << 20);
    test_rows();
    test_texts();
    test_failures();
    test_memory();
    base_arena_free(arena);
    UNIT_END();
}
