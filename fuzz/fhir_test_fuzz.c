/*
 * Values of search parameters: whatever the text, it compiles or says why not; a test that compiles
 * gives the same fact in every cut of the resource, and negations and twins agree: ne with eq, ge
 * with gt and eq, two copies of one alternative with one.
 *
 * Input: a byte that chooses the parameter, two that place the cut, the value, a newline, the
 * resource's members.
 */

#include "fhir/fhir_lens.h"
#include "fhir/fhir_resource.h"
#include "fhir/fhir_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASHES      ((size_t) 1024)
#define CHECK(cond) check((cond), #cond, __LINE__)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const parameters[] = {
    "category", "identifier",     "_tag",         "_id",          "status",     "subject",
    "date",     "value-quantity", "value-string", "_lastUpdated", "combo-code", "_profile"};
static const base_span_t bases[] = {BASE_SPAN_LIT("http://x")};
static uint64_t hashes[HASHES];

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    const fhir_lens_t *lens = ctx;

    return fhir_lens_type(lens) == type ? lens : NULL;
}

typedef struct {
    base_arena_t *arena;
    const fhir_type_t *type;
    const fhir_parameter_t *parameter;
    base_span_t body;
    size_t cut;
    bool readable;
} world_t;

/* The fact of a value, or -1 where it is void. */
static int fact_of(world_t *w, const char *prefix, base_span_t value, const char *behind)
{
    static fhir_resource_t res;
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    size_t room = strlen(prefix) + 2 * value.n + strlen(behind) + 1;
    char *text = base_arena_alloc(w->arena, room);
    int n = snprintf(text, room, "%s%.*s%s", prefix, (int) value.n, (const char *) value.p, behind);
    fhir_lens_t *lens = fhir_lens_new(w->arena, w->type);
    const fhir_test_t *test;
    fhir_facts_t facts, cut;

    if (fhir_test_compile(w->parameter, base_span_make(NULL, 0), base_span_make(text, (size_t) n),
                          bases, 1, w->arena, &test) != FHIR_TEST_OK) {
        CHECK(test == NULL);
        return -1;
    }
    CHECK(fhir_lens_watch_test(lens, test) == 0);
    w->readable =
        fhir_resource_read(w->body, defs, lookup, lens, hashes, HASHES, &facts) == BASE_OK;
    if (!w->readable) {
        return -1;
    }
    fhir_resource_start(&res, defs, lookup, lens, w->type, hashes, HASHES);
    (void) fhir_resource_feed(&res, base_span_sub(w->body, 0, w->cut));
    (void) fhir_resource_feed(&res, base_span_sub(w->body, w->cut, w->body.n));
    CHECK(fhir_resource_end(&res, &cut) == BASE_OK);
    CHECK(facts.type != w->type || fhir_facts_bit(&facts, 0) == fhir_facts_bit(&cut, 0));
    return (int) fhir_facts_bit(&cut, 0);
}

/* Several values may meet both of two opposites; none may meet neither. */
static void check_prefixes(world_t *w, base_span_t value)
{
    int eq = fact_of(w, "eq", value, "");
    int ne = fact_of(w, "ne", value, "");
    int gt = fact_of(w, "gt", value, "");
    int ge = fact_of(w, "ge", value, "");
    int sa = fact_of(w, "sa", value, "");

    CHECK(eq == fact_of(w, "", value, ""));
    if (eq < 0 || ne < 0 || gt < 0 || ge < 0 || sa < 0) {
        return;
    }
    CHECK(gt != FHIR_MET || ge == FHIR_MET);
    /* A Period may end before it starts. */
    CHECK(sa != FHIR_MET || gt == FHIR_MET || w->parameter->kind == FHIR_DATE);
    CHECK((eq == FHIR_UNKNOWN) <= (ne == FHIR_UNKNOWN || ne == FHIR_MET));
    CHECK(base_span_find(value, '|') < value.n || w->parameter->kind != FHIR_DATE ||
          eq != FHIR_MET || ge == FHIR_MET || ge == FHIR_UNKNOWN);
}

static void check_twins(world_t *w, base_span_t value, int fact)
{
    size_t n = value.n;
    unsigned char *twice = base_arena_alloc(w->arena, 2 * n + 1);
    int other;

    memcpy(twice, value.p, n);
    twice[n] = ',';
    memcpy(twice + n + 1, value.p, n);
    other = fact_of(w, "", base_span_make(twice, 2 * n + 1), "");
    CHECK(other < 0 || other == fact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fhir_definitions_t *defs = fhir_definitions_of(FHIR_R4);
    world_t w;
    base_span_t rest;
    base_span_t value;
    unsigned char *body;
    static const char head[] = "{\"resourceType\":\"Observation\",";
    int fact;

    if (size < 5 || size > 4096 || memchr(data + 3, '\0', size - 3) != NULL) {
        return 0;
    }
    w.arena = base_arena_new((size_t) 4 << 20);
    w.type = fhir_type_find(defs, BASE_SPAN("Observation"));
    w.parameter = fhir_parameter_find(
        defs, w.type,
        base_span_of(parameters[data[0] % (sizeof(parameters) / sizeof(parameters[0]))]));
    rest = base_span_make(data + 3, size - 3);
    value = base_span_split(&rest, '\n');
    body = base_arena_alloc(w.arena, sizeof(head) + rest.n + 1);
    memcpy(body, head, sizeof(head) - 1);
    if (rest.n > 0) {
        memcpy(body + sizeof(head) - 1, rest.p, rest.n);
    }
    body[sizeof(head) - 1 + rest.n] = '}';
    w.body = base_span_make(body, sizeof(head) + rest.n);
    w.cut = ((size_t) data[1] << 8 | data[2]) % (w.body.n + 1);
    fact = fact_of(&w, "", value, "");
    if (fact >= 0) {
        check_twins(&w, value, fact);
    }
    /* A value that has a prefix already takes no other. */
    if ((w.parameter->kind == FHIR_DATE || w.parameter->kind == FHIR_QUANTITY) && value.n > 0 &&
        (value.p[0] < 'a' || value.p[0] > 'z')) {
        check_prefixes(&w, value);
    }
    base_arena_free(w.arena);
    return 0;
}
