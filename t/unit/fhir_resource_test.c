/*
 * Reading resources through a lens: the three values of a fact, in every order of members, in every
 * cut of the bytes.
 */

#include "fhir/fhir_lens.h"
#include "fhir/fhir_resource.h"
#include "unit.h"

#include <stdlib.h>

#define HASHES 512

static const base_span_t bases[] = {BASE_SPAN_LIT("https://fhir.example.org/r4")};
static const base_span_t ids[] = {BASE_SPAN_LIT("1"), BASE_SPAN_LIT("one")};
static uint64_t hashes[HASHES];

/* The lenses of one test, by type. */
typedef struct {
    base_arena_t *arena;
    const fhir_lens_t *lenses[8];
    size_t n;
} world_t;

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    const world_t *world = ctx;

    for (size_t i = 0; i < world->n; i++) {
        if (fhir_lens_type(world->lenses[i]) == type) {
            return world->lenses[i];
        }
    }
    return NULL;
}

static const fhir_type_t *type_of(const char *name)
{
    return fhir_type_find(fhir_definitions_of(FHIR_R4), base_span_of(name));
}

/* A lens on a type: bit 0 is the path, bit 1 that nothing is there. */
static void watch(world_t *world, const char *type, const char *text)
{
    const fhir_path_t path = {text, "Reference", NULL};
    fhir_lens_t *lens = fhir_lens_new(world->arena, type_of(type));

    (void) fhir_lens_watch_reference(lens, &path, bases, 1, "Patient", ids, 2);
    (void) fhir_lens_watch_absent(lens, &path);
    world->lenses[world->n++] = lens;
}

/* Reads the bytes cut in two at `cut`. */
static base_reason_t read_cut(world_t *world, base_span_t bytes, size_t cut,
                              const fhir_type_t *known, fhir_facts_t *facts)
{
    fhir_resource_t res;

    fhir_resource_start(&res, fhir_definitions_of(FHIR_R4), lookup, world, known, hashes, HASHES);
    (void) fhir_resource_feed(&res, base_span_sub(bytes, 0, cut));
    (void) fhir_resource_feed(&res, base_span_sub(bytes, cut, bytes.n));
    return fhir_resource_end(&res, facts);
}

static base_reason_t read_bytewise(world_t *world, base_span_t bytes, fhir_facts_t *facts)
{
    fhir_resource_t res;

    fhir_resource_start(&res, fhir_definitions_of(FHIR_R4), lookup, world, NULL, hashes, HASHES);
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char *byte = malloc(1);

        if (byte != NULL) {
            *byte = bytes.p[i];
            (void) fhir_resource_feed(&res, base_span_make(byte, 1));
        }
        free(byte);
    }
    return fhir_resource_end(&res, facts);
}

static base_reason_t read_whole(world_t *world, base_span_t bytes, fhir_facts_t *facts)
{
    return fhir_resource_read(bytes, fhir_definitions_of(FHIR_R4), lookup, world, hashes, HASHES,
                              facts);
}

static int same_facts(const fhir_facts_t *a, const fhir_facts_t *b)
{
    return a->type == b->type && a->lens == b->lens && a->type_late == b->type_late &&
           fhir_facts_bit(a, 0) == fhir_facts_bit(b, 0) &&
           fhir_facts_bit(a, 1) == fhir_facts_bit(b, 1) &&
           base_span_eq(fhir_text_span(&a->id), fhir_text_span(&b->id)) &&
           a->id.unknown == b->id.unknown &&
           base_span_eq(fhir_text_span(&a->version_id), fhir_text_span(&b->version_id));
}

/* Every two-way cut and byte by byte: the same reason and the same facts as in one piece. */
static void test_cuts(world_t *world, const char *json)
{
    base_span_t bytes = base_span_of(json);
    fhir_facts_t whole, cut;
    base_reason_t reason = read_cut(world, bytes, 0, NULL, &whole);
    size_t different = 0;

    for (size_t i = 1; i <= bytes.n; i++) {
        base_reason_t other = read_cut(world, bytes, i, NULL, &cut);

        different += other != reason || (reason == BASE_OK && !same_facts(&whole, &cut)) ? 1 : 0;
    }
    different += read_bytewise(world, bytes, &cut) != reason ? 1 : 0;
    different += reason == BASE_OK && !same_facts(&whole, &cut) ? 1 : 0;
    is_int(different, 0, "the same in every cut: %s", json);
}

#define N FHIR_NOT_MET
#define M FHIR_MET
#define U FHIR_UNKNOWN

/* Observation.subject: one object. */
static const struct {
    const char *json;
    fhir_fact_t fact, absent;
} single[] = {
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"}}", M, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/one\"}}", M, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1/_history/3\"}}", M,
     N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
     "\"https://fhir.example.org/r4/Patient/1\"}}",
     M, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient\\/\\u0031\"}}", M, N},
    {"{\"resourceType\":\"Observation\",\"s\\u0075bject\":{\"r\\u0065ference\":\"Patient/1\"}}", M,
     N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"display\":\"x\",\"extension\":[{\"a\":[]}],"
     "\"reference\":\"Patient/1\",\"type\":\"Patient\"}}",
     M, N},
    {"{\"id\":\"o\",\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"}}", M,
     N},
    /* somebody else, or nobody */
    {"{\"resourceType\":\"Observation\"}", N, M},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/2\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/11\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Group/1\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"#1\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"1\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient?_id=1\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":"
     "\"https://evil.example.org/r4/Patient/1\"}}",
     N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\\u0000\"}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"identifier\":{\"value\":\"1\"}}}", N, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{}}", N, N},
    {"{\"resourceType\":\"Observation\",\"_subject\":{\"reference\":\"Patient/1\"}}", N, M},
    {"{\"resourceType\":\"Observation\",\"subjects\":{\"reference\":\"Patient/1\"}}", N, M},
    {"{\"resourceType\":\"Observation\",\"subjec\":{\"reference\":\"Patient/1\"}}", N, M},
    {"{\"resourceType\":\"Observation\",\"reference\":\"Patient/1\"}", N, M},
    {"{\"resourceType\":\"Observation\",\"performer\":[{\"reference\":\"Patient/1\"}]}", N, M},
    {"{\"resourceType\":\"Observation\",\"contained\":[{\"resourceType\":\"Observation\","
     "\"subject\":{\"reference\":\"Patient/1\"}}]}",
     N, M},
    {"{\"resourceType\":\"Observation\",\"x\":{\"subject\":{\"reference\":\"Patient/1\"}}}", N, M},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"subject\":{\"reference\":\"Patient/1\"}}}",
     N, N},
    /* wrong shapes */
    {"{\"resourceType\":\"Observation\",\"subject\":[{\"reference\":\"Patient/1\"}]}", U, U},
    {"{\"resourceType\":\"Observation\",\"subject\":[]}", U, U},
    {"{\"resourceType\":\"Observation\",\"subject\":null}", U, U},
    {"{\"resourceType\":\"Observation\",\"subject\":\"Patient/1\"}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":1}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":true}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":null}}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":1}}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":-1.50e+3}}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":false}}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":[\"Patient/1\"]}}", U, N},
    {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":{\"reference\":\"Patient/1\"}}}",
     U, N},
    /* no type, no answer */
    {"{}", U, U},
    {"{\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
    {"{\"resourceType\":\"Observatio\",\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
    {"{\"resourceType\":\"observation\",\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
    {"{\"resourceType\":null,\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
    {"{\"resourceType\":[\"Observation\"],\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
    {"{\"resourceType\":{},\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
    {"{\"resourceType\":\"Procedure\",\"subject\":{\"reference\":\"Patient/1\"}}", U, U},
};

static void test_single(void)
{
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        world_t world = {base_arena_new(65536), {NULL}, 0};
        const char *json = single[i].json;
        fhir_facts_t facts;
        base_reason_t reason;

        watch(&world, "Observation", "subject");
        reason = read_whole(&world, base_span_of(json), &facts);
        if (strstr(json, "u0000") != NULL) {
            ok(reason != BASE_OK, "refused: %s", json);
        } else if (is_int(reason, BASE_OK, "read: %s", json)) {
            is_int(fhir_facts_bit(&facts, 0), single[i].fact, "fact: %s", json);
            is_int(fhir_facts_bit(&facts, 1), single[i].absent, "absent: %s", json);
        }
        test_cuts(&world, json);
        base_arena_free(world.arena);
    }
}

/* Appointment.participant[].actor: an array on the way. */
static const struct {
    const char *participant;
    fhir_fact_t fact, absent;
} inside_array[] = {
    {"[{\"actor\":{\"reference\":\"Patient/1\"}}]", M, N},
    {"[{\"actor\":{\"reference\":\"Practitioner/1\"}},{\"actor\":{\"reference\":\"Patient/1\"}}]",
     M, N},
    {"[{\"actor\":{\"reference\":\"Patient/1\"}},{\"status\":\"x\"}]", M, N},
    {"[{\"actor\":{\"reference\":\"Patient/2\"}}]", N, N},
    {"[{\"status\":\"x\"}]", N, M},
    {"[]", N, M},
    {"{\"actor\":{\"reference\":\"Patient/1\"}}", U, U},
    {"[[{\"actor\":{\"reference\":\"Patient/1\"}}]]", U, U},
    {"[{\"actor\":[{\"reference\":\"Patient/1\"}]}]", U, U},
    {"[{\"actor\":{\"reference\":\"Patient/1\"}},null]", U, U},
    {"[{\"actor\":{\"reference\":\"Patient/1\"}},\"x\"]", U, U},
    {"[{\"actor\":{\"reference\":\"Patient/1\"}},7]", U, U},
    {"[{\"actor\":{\"reference\":\"Patient/1\"}},{\"actor\":null}]", U, U},
    {"[{\"actor\":null},{\"actor\":{\"reference\":\"Patient/1\"}}]", U, U},
    {"[{\"actor\":{\"reference\":\"Patient/1\"}},{\"actor\":{\"reference\":1}}]", U, N},
    {"null", U, U},
    {"\"Patient/1\"", U, U},
};

static void test_inside_array(void)
{
    for (size_t i = 0; i < sizeof(inside_array) / sizeof(inside_array[0]); i++) {
        world_t world = {base_arena_new(65536), {NULL}, 0};
        char json[512];
        fhir_facts_t facts;

        watch(&world, "Appointment", "participant[].actor");
        (void) snprintf(json, sizeof(json),
                        "{\"resourceType\":\"Appointment\",\"participant\":%s,\"a\":1}",
                        inside_array[i].participant);
        if (is_int(read_whole(&world, base_span_of(json), &facts), BASE_OK, "read: %s", json)) {
            is_int(fhir_facts_bit(&facts, 0), inside_array[i].fact, "fact: %s", json);
            is_int(fhir_facts_bit(&facts, 1), inside_array[i].absent, "absent: %s", json);
        }
        test_cuts(&world, json);
        base_arena_free(world.arena);
    }
}

/* Account.subject[]: the element itself repeats. */
static void test_array(void)
{
    static const struct {
        const char *subject;
        fhir_fact_t fact;
    } cases[] = {
        {"[{\"reference\":\"Patient/2\"},{\"reference\":\"Patient/1\"}]", M},
        {"[{\"reference\":\"Patient/2\"}]", N},
        {"{\"reference\":\"Patient/1\"}", U},
        {"[{\"reference\":\"Patient/1\"},[]]", U},
        {"[\"Patient/1\"]", U},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world_t world = {base_arena_new(65536), {NULL}, 0};
        char json[512];
        fhir_facts_t facts;

        watch(&world, "Account", "subject[]");
        (void) snprintf(json, sizeof(json), "{\"resourceType\":\"Account\",\"subject\":%s}",
                        cases[i].subject);
        is_int(read_whole(&world, base_span_of(json), &facts), BASE_OK, "read: %s", json);
        is_int(fhir_facts_bit(&facts, 0), cases[i].fact, "fact: %s", json);
        base_arena_free(world.arena);
    }
}

/* Whatever the order of members, the facts are the same; where the type comes late, by reading
 * again. */
static void test_orders(void)
{
    static const char *const members[] = {"\"resourceType\":\"Observation\"", "\"id\":\"o1\"",
                                          "\"meta\":{\"profile\":[\"x\"],\"versionId\":\"7\"}",
                                          "\"subject\":{\"reference\":\"Patient/1\"}"};
    unsigned wrong = 0, late = 0, orders = 0;

    for (unsigned code = 0; code < 256; code++) {
        unsigned at[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        world_t world = {NULL, {NULL}, 0};
        char json[512];
        fhir_facts_t facts;

        if ((1u << at[0] | 1u << at[1] | 1u << at[2] | 1u << at[3]) != 15) {
            continue;
        }
        orders++;
        world.arena = base_arena_new(65536);
        watch(&world, "Observation", "subject");
        (void) snprintf(json, sizeof(json), "{%s,%s,%s,%s}", members[at[0]], members[at[1]],
                        members[at[2]], members[at[3]]);
        (void) read_cut(&world, base_span_of(json), 0, NULL, &facts);
        late += facts.type_late ? 1 : 0;
        wrong += facts.type_late && fhir_facts_bit(&facts, 0) != FHIR_UNKNOWN ? 1 : 0;
        wrong += read_whole(&world, base_span_of(json), &facts) != BASE_OK ? 1 : 0;
        wrong += facts.type_late || fhir_facts_bit(&facts, 0) != FHIR_MET ? 1 : 0;
        wrong += base_span_is(fhir_text_span(&facts.id), "o1") ? 0 : 1;
        wrong += base_span_is(fhir_text_span(&facts.version_id), "7") ? 0 : 1;
        base_arena_free(world.arena);
    }
    is_int(orders, 24, "all orders of four members");
    is_int(wrong, 0, "the same facts in each");
    ok(late > 0 && late < 24, "in some the type is late, in others not");
}

/* id and meta.versionId are read whatever the lens. */
static void test_texts(void)
{
    static const struct {
        const char *json, *id, *version;
        bool id_unknown, version_unknown;
    } cases[] = {
        {"{\"id\":\"a\",\"meta\":{\"versionId\":\"1\"}}", "a", "1", false, false},
        {"{\"id\":\"\\u0061\"}", "a", NULL, false, false},
        {"{\"id\":\"\"}", NULL, NULL, false, false},
        {"{}", NULL, NULL, false, false},
        {"{\"id\":7}", NULL, NULL, true, false},
        {"{\"id\":null}", NULL, NULL, true, false},
        {"{\"id\":[\"a\"]}", NULL, NULL, true, false},
        {"{\"id\":{\"id\":\"a\"}}", NULL, NULL, true, false},
        {"{\"meta\":{\"versionId\":7}}", NULL, NULL, false, true},
        {"{\"meta\":[{\"versionId\":\"7\"}]}", NULL, NULL, false, true},
        {"{\"meta\":\"7\"}", NULL, NULL, false, true},
        {"{\"meta\":null}", NULL, NULL, false, true},
        {"{\"meta\":{\"meta\":{\"versionId\":\"7\"},\"id\":\"x\"}}", NULL, NULL, false, false},
        {"{\"versionId\":\"7\",\"x\":{\"id\":\"b\"}}", NULL, NULL, false, false},
        {"{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
         "0123456789012345678901234567890123456789012345678901234567890123", NULL, false, false},
        {"{\"id\":\"01234567890123456789012345678901234567890123456789012345678901234\"}", NULL,
         NULL, true, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world_t world = {base_arena_new(65536), {NULL}, 0};
        fhir_facts_t facts;
        base_span_t id, version;

        is_int(read_whole(&world, base_span_of(cases[i].json), &facts), BASE_OK, "read: %s",
               cases[i].json);
        id = fhir_text_span(&facts.id);
        version = fhir_text_span(&facts.version_id);
        is_mem(id.p, id.n, cases[i].id, cases[i].id == NULL ? 0 : strlen(cases[i].id), "id: %s",
               cases[i].json);
        is_mem(version.p, version.n, cases[i].version,
               cases[i].version == NULL ? 0 : strlen(cases[i].version), "version: %s",
               cases[i].json);
        is_int(facts.id.unknown, cases[i].id_unknown, "id unknown: %s", cases[i].json);
        is_int(facts.version_id.unknown, cases[i].version_unknown, "version unknown: %s",
               cases[i].json);
        test_cuts(&world, cases[i].json);
        base_arena_free(world.arena);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *json;
        base_reason_t reason;
    } cases[] = {
        {"{\"resourceType\":\"Observation\"}", BASE_OK},
        {" \n{\"resourceType\":\"Observation\"}\t ", BASE_OK},
        {"", BASE_JSON_TRUNCATED},
        {"{", BASE_JSON_TRUNCATED},
        {"{\"resourceType\":\"Observation\"", BASE_JSON_TRUNCATED},
        {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\"}",
         BASE_JSON_TRUNCATED},
        {"[]", BASE_JSON_SYNTAX},
        {"\"x\"", BASE_JSON_SYNTAX},
        {"null", BASE_JSON_SYNTAX},
        {"7 ", BASE_JSON_SYNTAX},
        {"[{\"resourceType\":\"Observation\"}]", BASE_JSON_SYNTAX},
        {"{\"resourceType\":\"Observation\"}{}", BASE_JSON_SYNTAX},
        {"{\"resourceType\":\"Observation\"} x", BASE_JSON_SYNTAX},
        {"{\"resourceType\":\"Observation\",}", BASE_JSON_SYNTAX},
        {"{\"resourceType\":\"Observation\",\"resourceType\":\"Patient\"}", BASE_JSON_DUPLICATE},
        {"{\"resourceType\":\"Observation\",\"resource\\u0054ype\":\"Patient\"}",
         BASE_JSON_DUPLICATE},
        {"{\"resourceType\":\"Observation\",\"subject\":{},\"subject\":{}}", BASE_JSON_DUPLICATE},
        {"{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"Patient/1\","
         "\"reference\":\"Patient/2\"}}",
         BASE_JSON_DUPLICATE},
        {"{\"resourceType\":\"Observation\",\"x\":{\"y\":[{\"a\":1,\"a\":2}]}}",
         BASE_JSON_DUPLICATE},
        {"{\"resourceType\":\"Observation\",\"x\":\"\xff\"}", BASE_JSON_ENCODING},
        {"{\"resourceType\":\"Observation\",\"subject\":{\"Reference\":\"Patient/1\"}}",
         BASE_JSON_NAME},
        {"{\"resourceType\":\"Observation\",\"Subject\":{\"reference\":\"Patient/1\"}}",
         BASE_JSON_NAME},
        {"{\"resourceType\":\"Observation\",\"ID\":\"1\"}", BASE_JSON_NAME},
        {"{\"resourceType\":\"Observation\",\"\u017fubject\":{\"reference\":\"Patient/1\"}}",
         BASE_JSON_NAME},
        {"{\"resourceType\":\"Observation\",\"x\":[{\"\\u017f\":1}]}", BASE_JSON_NAME},
        {"{\"resourceType\":\"Observation\",\"x\":[{\"a b\":1}]}", BASE_JSON_NAME},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world_t world = {base_arena_new(65536), {NULL}, 0};
        fhir_facts_t facts;

        watch(&world, "Observation", "subject");
        is_str(base_reason_info(read_whole(&world, base_span_of(cases[i].json), &facts))->name,
               base_reason_info(cases[i].reason)->name, "%s", cases[i].json);
        test_cuts(&world, cases[i].json);
        base_arena_free(world.arena);
    }
}

static void test_deep(void)
{
    world_t world = {base_arena_new(65536), {NULL}, 0};
    fhir_facts_t facts;
    char json[512] = "{\"resourceType\":\"Observation\",\"x\":";
    size_t n = strlen(json);

    watch(&world, "Observation", "subject");
    memset(json + n, '[', 63);
    memset(json + n + 63, ']', 63);
    (void) strcpy(json + n + 126, "}");
    is_int(read_whole(&world, base_span_of(json), &facts), BASE_OK, "depth 64");
    memset(json + n, '[', 64);
    memset(json + n + 64, ']', 64);
    (void) strcpy(json + n + 128, "}");
    is_int(read_whole(&world, base_span_of(json), &facts), BASE_JSON_DEPTH, "depth 65");
    base_arena_free(world.arena);
}

static void test_known(void)
{
    static const char json[] =
        "{\"subject\":{\"reference\":\"Patient/1\"},\"resourceType\":\"Observation\"}";
    world_t world = {base_arena_new(65536), {NULL}, 0};
    fhir_facts_t facts;

    watch(&world, "Observation", "subject");
    watch(&world, "Procedure", "subject");
    is_int(read_cut(&world, BASE_SPAN(json), 0, NULL, &facts), BASE_OK,
           "read without a known type");
    ok(facts.type_late && facts.type == type_of("Observation"), "the type is late");
    is_int(fhir_facts_bit(&facts, 0), U, "nothing is known");
    is_int(read_cut(&world, BASE_SPAN(json), 9, facts.type, &facts), BASE_OK, "read again with it");
    ok(!facts.type_late && !facts.type_conflict, "now it is not late");
    is_int(fhir_facts_bit(&facts, 0), M, "and all is known");
    is_int(read_cut(&world, BASE_SPAN(json), 0, type_of("Procedure"), &facts), BASE_OK,
           "read with another type");
    ok(facts.type_conflict && facts.type == type_of("Observation"), "which it is not");
    is_int(fhir_facts_bit(&facts, 0), U, "so nothing is known");
    is_int(read_cut(&world, BASE_SPAN("{\"subject\":{\"reference\":\"Patient/1\"}}"), 0,
                    type_of("Observation"), &facts),
           BASE_OK, "read without a type, though one is known");
    is_int(fhir_facts_bit(&facts, 0), U, "nothing is known either");
    base_arena_free(world.arena);
}

/* A reference longer than what is compared is unknown in every cut but a single one, never met. */
static void test_long(void)
{
    world_t world = {base_arena_new(65536), {NULL}, 0};
    char json[FHIR_VALUE_MAX + 256];
    size_t n;
    fhir_facts_t facts;

    watch(&world, "Observation", "subject");
    n = (size_t) snprintf(json, sizeof(json),
                          "{\"resourceType\":\"Observation\",\"subject\":{\"reference\":\"");
    memset(json + n, 'a', FHIR_VALUE_MAX + 1);
    (void) strcpy(json + n + FHIR_VALUE_MAX + 1, "\"}}");
    is_int(read_whole(&world, base_span_of(json), &facts), BASE_OK, "a long reference is read");
    is_int(fhir_facts_bit(&facts, 0), U, "and unknown");
    is_int(read_bytewise(&world, base_span_of(json), &facts), BASE_OK, "byte by byte");
    is_int(fhir_facts_bit(&facts, 0), U, "as well");
    base_arena_free(world.arena);
}

/* The paths of every Patient member can be watched, and each sees its own reference. */
static void test_all_members(fhir_version_t version)
{
    const fhir_definitions_t *defs = fhir_definitions_of(version);
    unsigned failed = 0, paths = 0;

    for (unsigned i = 0; i < defs->n_types; i++) {
        base_arena_t *arena = base_arena_new(65536);
        fhir_lens_t *lens = fhir_lens_new(arena, &defs->types[i]);

        for (unsigned k = 0; k < defs->types[i].members.n; k++) {
            const fhir_path_t *path = &defs->types[i].members.rows[k];

            paths++;
            failed += fhir_lens_watch_reference(lens, path, NULL, 0, "Patient", ids, 1) != (int) k;
        }
        base_arena_free(arena);
    }
    is_int(failed, 0, "%s: all %u membership paths can be watched", defs->name, paths);
}

static void test_lens(void)
{
    static const char *const odd[] = {
        "a[]{type=x}.b", "a[0].b", "", "a..b", ".a", "a.", "a[", "a]", "[]", "a b", "a[][]", "9a"};
    base_arena_t *arena = base_arena_new(65536);
    fhir_lens_t *lens = fhir_lens_new(arena, type_of("Observation"));
    fhir_path_t path = {"a[].b", "Reference", NULL};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        path.text = odd[i];
        is_int(fhir_lens_watch_absent(lens, &path), FHIR_LENS_FAILED, "'%s' cannot be watched",
               odd[i]);
    }
    path.text = "a[].b";
    path.datatype = "canonical";
    is_int(fhir_lens_watch_reference(lens, &path, NULL, 0, "Patient", ids, 1), FHIR_LENS_FAILED,
           "a canonical is no reference");
    path.datatype = "Reference";
    path.target = "Practitioner";
    is_int(fhir_lens_watch_reference(lens, &path, NULL, 0, "Patient", ids, 1), FHIR_LENS_FAILED,
           "an element for others is no Patient's");
    path.target = "Patient";
    is_int(fhir_lens_watch_reference(lens, &path, NULL, 0, "Patient", ids, 1), 0, "bit 0");
    is_int(fhir_lens_bits(lens), 1, "failures take no bits");
    for (int i = 1; i < FHIR_LENS_BITS; i++) {
        is_int(fhir_lens_watch_absent(lens, &path), i, "bit %d", i);
    }
    is_int(fhir_lens_watch_absent(lens, &path), FHIR_LENS_FAILED, "no 65th bit");
    base_arena_free(arena);
}

/* A test that does not exist, or of no lens, is unknown. */
static void test_no_bit(void)
{
    world_t world = {base_arena_new(65536), {NULL}, 0};
    fhir_facts_t facts;

    watch(&world, "Observation", "subject");
    (void) read_whole(&world, BASE_SPAN("{\"resourceType\":\"Observation\"}"), &facts);
    is_int(fhir_facts_bit(&facts, 0), N, "a bit in use");
    is_int(fhir_facts_bit(&facts, 2), U, "one that is not");
    is_int(fhir_facts_bit(&facts, FHIR_LENS_FAILED), U, "none");
    is_int(fhir_facts_bit(&facts, 64), U, "one too far");
    (void) read_whole(&world, BASE_SPAN("{\"resourceType\":\"Patient\"}"), &facts);
    ok(facts.lens == NULL && facts.type == type_of("Patient"), "no lens for this type");
    is_int(fhir_facts_bit(&facts, 0), U, "so no fact");
    base_arena_free(world.arena);
}

int main(void)
{
    UNIT_BEGIN();
    test_single();
    test_inside_array();
    test_array();
    test_orders();
    test_texts();
    test_refused();
    test_deep();
    test_known();
    test_long();
    test_all_members(FHIR_R4);
    test_all_members(FHIR_R4B);
    test_all_members(FHIR_R5);
    test_lens();
    test_no_bit();
    UNIT_END();
}
