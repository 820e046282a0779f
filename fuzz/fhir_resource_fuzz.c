/*
 * Resources and Bundles: the facts are those that a tree of the same document shows (jansson), the
 * same in every cut, and those of a Bundle's entry are those of its resource read alone.
 *
 * Input: 2 bytes that place the cut, then the document.
 */

#include "fhir/fhir_bundle.h"
#include "fhir/fhir_reference.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASHES      ((size_t) 4096)
#define CHECK(cond) check((cond), #cond, __LINE__)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const base_span_t bases[] = {BASE_SPAN_LIT("http://x")};
static const base_span_t ids[] = {BASE_SPAN_LIT("1")};
static uint64_t hashes[HASHES];
static base_arena_t *arena;
static const fhir_definitions_t *defs;
static fhir_lens_t *lenses[2];

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static const fhir_lens_t *lookup(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    for (size_t i = 0; i < 2; i++) {
        if (fhir_lens_type(lenses[i]) == type) {
            return lenses[i];
        }
    }
    return NULL;
}

static fhir_lens_t *lens_of(const char *type, const char *path)
{
    const fhir_path_t reference = {path, "Reference", NULL};
    fhir_lens_t *lens = fhir_lens_new(arena, fhir_type_find(defs, base_span_of(type)));

    (void) fhir_lens_watch_reference(lens, &reference, bases, 1, "Patient", ids, 1);
    (void) fhir_lens_watch_absent(lens, &reference);
    return lens;
}

static void setup(void)
{
    if (arena == NULL) {
        arena = base_arena_new(65536);
        defs = fhir_definitions_of(FHIR_R4);
        lenses[0] = lens_of("Observation", "subject");
        lenses[1] = lens_of("Appointment", "participant[].actor");
    }
}

/* The opinion of a tree: what is at the Reference `value` (NULL: nothing). */
static fhir_fact_t tree_reference(const json_t *value)
{
    const json_t *text;
    fhir_reference_t ref;

    if (value == NULL) {
        return FHIR_NOT_MET;
    }
    if (!json_is_object(value)) {
        return FHIR_UNKNOWN;
    }
    text = json_object_get(value, "reference");
    if (text == NULL) {
        return FHIR_NOT_MET;
    }
    if (!json_is_string(text) || json_string_length(text) > FHIR_VALUE_MAX) {
        return FHIR_UNKNOWN;
    }
    fhir_reference_parse(base_span_make(json_string_value(text), json_string_length(text)), &ref);
    return fhir_reference_is(&ref, bases, 1, BASE_SPAN("Patient"), ids[0]) ? FHIR_MET
                                                                           : FHIR_NOT_MET;
}

static fhir_fact_t tree_actors(const json_t *participants)
{
    fhir_fact_t fact = FHIR_NOT_MET;

    if (participants == NULL) {
        return FHIR_NOT_MET;
    }
    if (!json_is_array(participants)) {
        return FHIR_UNKNOWN;
    }
    for (size_t i = 0; i < json_array_size(participants); i++) {
        const json_t *participant = json_array_get(participants, i);
        fhir_fact_t one = json_is_object(participant)
                              ? tree_reference(json_object_get(participant, "actor"))
                              : FHIR_UNKNOWN;

        /* The order of the enumeration is the order of weight. */
        fact = one > fact ? one : fact;
    }
    return fact;
}

static void check_tree(base_span_t bytes, const fhir_facts_t *facts)
{
    json_error_t error;
    json_t *tree = json_loadb((const char *) bytes.p, bytes.n, JSON_REJECT_DUPLICATES, &error);
    fhir_fact_t fact = FHIR_UNKNOWN;

    /* It knows less of numbers than we do. */
    if (tree == NULL) {
        CHECK(json_error_code(&error) == json_error_numeric_overflow);
        return;
    }
    if (facts->type == fhir_lens_type(lenses[0])) {
        fact = tree_reference(json_object_get(tree, "subject"));
    } else if (facts->type == fhir_lens_type(lenses[1])) {
        fact = tree_actors(json_object_get(tree, "participant"));
    }
    CHECK(fhir_facts_bit(facts, 0) == fact);
    json_decref(tree);
}

static bool same_facts(const fhir_facts_t *a, const fhir_facts_t *b)
{
    return a->type == b->type && fhir_facts_bit(a, 0) == fhir_facts_bit(b, 0) &&
           fhir_facts_bit(a, 1) == fhir_facts_bit(b, 1) &&
           base_span_eq(fhir_text_span(&a->id), fhir_text_span(&b->id)) &&
           base_span_eq(fhir_text_span(&a->version_id), fhir_text_span(&b->version_id));
}

static void check_cut(base_span_t bytes, size_t cut, base_reason_t reason,
                      const fhir_facts_t *whole)
{
    fhir_resource_t res;
    fhir_facts_t facts;

    fhir_resource_start(&res, defs, lookup, NULL, whole->type, hashes, HASHES);
    (void) fhir_resource_feed(&res, base_span_sub(bytes, 0, cut));
    (void) fhir_resource_feed(&res, base_span_sub(bytes, cut, bytes.n));
    CHECK(fhir_resource_end(&res, &facts) == reason);
    CHECK(reason != BASE_OK || same_facts(&facts, whole));
}

/* Items follow each other, and each resource of them is what it is alone. */
static void check_item(base_span_t bytes, const fhir_item_place_t *item, uint64_t *at)
{
    static uint64_t more[HASHES];
    fhir_facts_t facts;
    size_t i;

    CHECK(item->from > *at && item->to > item->from && item->to <= bytes.n);
    *at = item->to;
    for (i = 0; i < item->member_n; i++) {
        const fhir_bundle_member_t *member = &item->member[i];

        CHECK(member->from > item->from && member->value > member->from);
        CHECK(member->to > member->value && member->to < item->to);
        if (member->id == FHIR_MEMBER_RESOURCE && item->has_resource && !item->wrong) {
            CHECK(fhir_resource_read(
                      base_span_sub(bytes, (size_t) member->value, (size_t) member->to), defs,
                      lookup, NULL, more, HASHES, &facts) == BASE_OK);
            CHECK(same_facts(&facts, &item->facts));
        }
    }
}

static void check_bundle(base_span_t bytes, size_t cut, base_reason_t reason)
{
    base_arena_t *texts = base_arena_new((size_t) 1 << 22);
    static fhir_bundle_t bundle;
    base_span_t in = base_span_sub(bytes, 0, cut);
    fhir_bundle_event_t event;
    bool second = false;
    uint64_t at = 0;

    fhir_bundle_start(&bundle, FHIR_ENTER_BUNDLE, defs, lookup, NULL, texts, hashes, HASHES,
                      (size_t) 1 << 18);
    while ((event = fhir_bundle_next(&bundle, &in)) != FHIR_BUNDLE_ERROR) {
        if (event == FHIR_BUNDLE_ITEM_END) {
            check_item(bytes, &bundle.level[bundle.level_n - 1].item, &at);
        }
        if (event == FHIR_BUNDLE_MORE && second) {
            break;
        }
        if (event == FHIR_BUNDLE_MORE) {
            second = true;
            in = base_span_sub(bytes, cut, bytes.n);
        }
    }
    /* Strictness is the same by either way. */
    CHECK(reason == BASE_OK || fhir_bundle_finish(&bundle) != BASE_OK);
    CHECK(event != FHIR_BUNDLE_ERROR || bundle.reason != BASE_OK);
    base_arena_free(texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_span_t bytes;
    fhir_facts_t facts;
    base_reason_t reason;

    if (size < 2) {
        return 0;
    }
    setup();
    bytes = base_span_make(data + 2, size - 2);
    reason = fhir_resource_read(bytes, defs, lookup, NULL, hashes, HASHES, &facts);
    if (reason == BASE_OK) {
        check_tree(bytes, &facts);
        check_cut(bytes, ((size_t) data[0] << 8 | data[1]) % (bytes.n + 1), reason, &facts);
    }
    check_bundle(bytes, ((size_t) data[0] << 8 | data[1]) % (bytes.n + 1), reason);
    return 0;
}
