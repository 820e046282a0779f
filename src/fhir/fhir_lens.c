#include "fhir/fhir_lens.h"

#include "fhir/fhir_lens_watch.h"
#include "fhir/fhir_path.h"
#include "fhir/fhir_reference.h"

static fhir_fact_t test_reference(const fhir_watch_t *watch, base_span_t text)
{
    fhir_reference_t ref;

    fhir_reference_parse(text, &ref);
    for (size_t i = 0; i < watch->n_ids; i++) {
        if (fhir_reference_is(&ref, watch->bases, watch->n_bases, watch->type, watch->ids[i])) {
            return FHIR_MET;
        }
    }
    return FHIR_NOT_MET;
}

static fhir_fact_t test_absent(const fhir_watch_t *watch, base_span_t text)
{
    (void) watch;
    (void) text;
    return FHIR_NOT_MET;
}

/* Anything that is not surely of another type may be one more of them: a urn, a search, a contained resource, another base's. */
static fhir_fact_t test_others(const fhir_watch_t *watch, base_span_t text)
{
    fhir_reference_t ref;
    bool typed;

    fhir_reference_parse(text, &ref);
    typed = ref.kind == FHIR_REFERENCE_RELATIVE || ref.kind == FHIR_REFERENCE_ABSOLUTE;
    if (typed && !base_span_eq(ref.type, watch->type)) {
        return FHIR_NOT_MET;
    }
    return test_reference(watch, text) == FHIR_MET ? FHIR_NOT_MET : FHIR_MET;
}

const fhir_watch_test_t *fhir_watch_test(fhir_watch_kind_t kind)
{
    static const fhir_watch_test_t tests[FHIR_WATCH_KINDS] = {
        [FHIR_WATCH_REFERENCE] = {FHIR_NOT_MET, FHIR_UNKNOWN, test_reference},
        [FHIR_WATCH_OTHERS] = {FHIR_NOT_MET, FHIR_UNKNOWN, test_others},
        [FHIR_WATCH_ABSENT] = {FHIR_MET, FHIR_NOT_MET, test_absent},
        [FHIR_WATCH_TEST] = {FHIR_NOT_MET, FHIR_UNKNOWN, NULL},
    };

    return &tests[kind];
}

fhir_lens_t *fhir_lens_new(base_arena_t *arena, const fhir_type_t *type)
{
    fhir_lens_t *lens = base_arena_alloc(arena, sizeof(*lens));

    if (lens != NULL) {
        lens->type = type;
        lens->arena = arena;
    }
    return lens;
}

const fhir_type_t *fhir_lens_type(const fhir_lens_t *lens)
{
    return lens->type;
}

unsigned fhir_lens_bits(const fhir_lens_t *lens)
{
    return lens->n;
}

/* The steps of a path, and one more for the member inside the element that is tested, if any. */
static bool read_steps(base_arena_t *arena, const char *path, const char *inner,
                       fhir_watch_t *watch)
{
    fhir_steps_t *steps = base_arena_alloc(arena, sizeof(*steps));

    if (steps == NULL || !fhir_path_read(path, steps) || steps->filter != FHIR_PATH_NO_FILTER ||
        (inner != NULL && !fhir_path_add(steps, inner))) {
        return false;
    }
    watch->steps = steps->steps;
    watch->n_steps = steps->n;
    watch->end = steps->n - 1;
    return true;
}

/* A new watch of that kind at the path; NULL when there is no bit, no memory, or no plain path. */
static fhir_watch_t *add(fhir_lens_t *lens, fhir_watch_kind_t kind, const char *path,
                         const char *inner)
{
    fhir_watch_t *watch;

    if (lens->n == FHIR_LENS_BITS) {
        return NULL;
    }
    watch = base_arena_alloc(lens->arena, sizeof(*watch));
    if (watch == NULL || !read_steps(lens->arena, path, inner, watch)) {
        return NULL;
    }
    watch->kind = kind;
    watch->group = UINT64_C(1) << lens->n;
    lens->watches[lens->n] = watch;
    return watch;
}

static int add_reference(fhir_lens_t *lens, fhir_watch_kind_t kind, const fhir_path_t *path,
                         const base_span_t *bases, size_t n_bases, const char *type,
                         const base_span_t *ids, size_t n_ids)
{
    fhir_watch_t *watch;

    /* A canonical is a URL of knowledge, never of a person. */
    if (path->datatype != NULL && !base_span_is(base_span_of(path->datatype), "Reference")) {
        return FHIR_LENS_FAILED;
    }
    /* The element says itself that references to other types do not count. */
    if (path->target != NULL && !base_span_is(base_span_of(path->target), type)) {
        return FHIR_LENS_FAILED;
    }
    watch = add(lens, kind, path->text, "reference");
    if (watch == NULL) {
        return FHIR_LENS_FAILED;
    }
    watch->bases = bases;
    watch->n_bases = n_bases;
    watch->type = base_span_of(type);
    watch->ids = ids;
    watch->n_ids = n_ids;
    return (int) lens->n++;
}

int fhir_lens_watch_reference(fhir_lens_t *lens, const fhir_path_t *path, const base_span_t *bases,
                              size_t n_bases, const char *type, const base_span_t *ids,
                              size_t n_ids)
{
    return add_reference(lens, FHIR_WATCH_REFERENCE, path, bases, n_bases, type, ids, n_ids);
}

int fhir_lens_watch_others(fhir_lens_t *lens, const fhir_path_t *path, const base_span_t *bases,
                           size_t n_bases, const char *type, const base_span_t *ids, size_t n_ids)
{
    return add_reference(lens, FHIR_WATCH_OTHERS, path, bases, n_bases, type, ids, n_ids);
}

int fhir_lens_watch_absent(fhir_lens_t *lens, const fhir_path_t *path)
{
    return add(lens, FHIR_WATCH_ABSENT, path->text, NULL) == NULL ? FHIR_LENS_FAILED
                                                                  : (int) lens->n++;
}

static bool watches_id(const fhir_place_t *place)
{
    return place->steps.n == 0 && base_span_is(place->leaves[0].name, "id");
}

int fhir_lens_watch_test(fhir_lens_t *lens, const fhir_test_t *test)
{
    unsigned first = lens->n;
    fhir_watch_t *watches;
    uint64_t group;

    if (test->n_places > FHIR_LENS_BITS - lens->n) {
        return FHIR_LENS_FAILED;
    }
    watches = base_arena_array(lens->arena, test->n_places, sizeof(*watches));
    if (watches == NULL) {
        return FHIR_LENS_FAILED;
    }
    group = (UINT64_MAX >> (FHIR_LENS_BITS - test->n_places)) << first;
    for (unsigned i = 0; i < test->n_places; i++) {
        const fhir_place_t *place = &test->places[i];

        watches[i].kind = FHIR_WATCH_TEST;
        watches[i].steps = place->steps.steps;
        watches[i].n_steps = watches[i].end = place->steps.n;
        watches[i].group = group;
        watches[i].test = test;
        watches[i].place = place;
        lens->watches[lens->n++] = &watches[i];
        lens->watches_id = lens->watches_id || watches_id(place);
    }
    lens->tests |= group;
    return (int) first;
}

base_span_t fhir_lens_element(const fhir_lens_t *lens, unsigned i)
{
    const fhir_watch_t *watch = i < lens->n ? lens->watches[i] : NULL;

    if (watch == NULL) {
        return base_span_make(NULL, 0);
    }
    return watch->n_steps > 0 ? watch->steps[0].name : watch->place->leaves[0].name;
}
