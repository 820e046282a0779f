#include "fhir/fhir_lens.h"

#include "fhir/fhir_lens_watch.h"
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

const fhir_watch_test_t *fhir_watch_test(fhir_watch_kind_t kind)
{
    static const fhir_watch_test_t tests[FHIR_WATCH_KINDS] = {
        [FHIR_WATCH_REFERENCE] = {FHIR_NOT_MET, FHIR_UNKNOWN, test_reference},
        [FHIR_WATCH_ABSENT] = {FHIR_MET, FHIR_NOT_MET, test_absent},
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

static bool is_letter(unsigned char c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}

/* A plain step: a name of letters and digits, "[]" behind it or not. */
static bool read_step(base_span_t text, fhir_step_t *step)
{
    step->array = text.n > 2 && text.p[text.n - 2] == '[' && text.p[text.n - 1] == ']';
    step->name = base_span_sub(text, 0, step->array ? text.n - 2 : text.n);
    if (step->name.n == 0 || !is_letter(step->name.p[0])) {
        return false;
    }
    for (size_t i = 1; i < step->name.n; i++) {
        unsigned char c = step->name.p[i];

        if (!is_letter(c) && (c < '0' || c > '9')) {
            return false;
        }
    }
    return true;
}

/* The steps of a path, and one more for the member inside the element that is tested, if any. */
static bool read_steps(base_arena_t *arena, const char *path, const char *inner,
                       fhir_watch_t *watch)
{
    base_span_t rest = base_span_of(path);
    fhir_step_t *steps = base_arena_array(arena, FHIR_LENS_STEPS, sizeof(*steps));
    unsigned n = 0;

    if (steps == NULL) {
        return false;
    }
    while (rest.p != NULL) {
        if (n == FHIR_LENS_STEPS || !read_step(base_span_split(&rest, '.'), &steps[n])) {
            return false;
        }
        n++;
    }
    if (inner != NULL) {
        if (n == FHIR_LENS_STEPS) {
            return false;
        }
        steps[n].name = base_span_of(inner);
        steps[n++].array = false;
    }
    watch->steps = steps;
    watch->n_steps = n;
    return n > 0;
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
    lens->watches[lens->n] = watch;
    return watch;
}

int fhir_lens_watch_reference(fhir_lens_t *lens, const fhir_path_t *path, const base_span_t *bases,
                              size_t n_bases, const char *type, const base_span_t *ids,
                              size_t n_ids)
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
    watch = add(lens, FHIR_WATCH_REFERENCE, path->text, "reference");
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

int fhir_lens_watch_absent(fhir_lens_t *lens, const fhir_path_t *path)
{
    return add(lens, FHIR_WATCH_ABSENT, path->text, NULL) == NULL ? FHIR_LENS_FAILED
                                                                  : (int) lens->n++;
}
