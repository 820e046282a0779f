#include "smart/smart_cover.h"

#include "fhir/fhir_lens.h"
#include "smart/smart_scope.h"

#include <string.h>

#define PATIENTS_MAX (SMART_CONFINED_MAX * SMART_PATIENTS_MAX)

bool smart_cover_is_true(const smart_cover_t *cover)
{
    return cover->is_true;
}

bool smart_cover_is_empty(const smart_cover_t *cover)
{
    return !cover->is_true && cover->confined_n == 0;
}

bool smart_cover_has_patient(const smart_cover_t *cover, base_span_t id)
{
    size_t i, j;

    for (i = 0; i < cover->confined_n; i++) {
        for (j = 0; j < cover->confined[i]->n; j++) {
            if (base_span_eq(cover->confined[i]->id[j], id)) {
                return true;
            }
        }
    }
    return false;
}

size_t smart_cover_patients(const smart_cover_t *cover, base_span_t *ids)
{
    size_t i, j, k, n = 0;

    for (i = 0; i < cover->confined_n; i++) {
        for (j = 0; j < cover->confined[i]->n; j++) {
            for (k = 0; k < n && !base_span_eq(ids[k], cover->confined[i]->id[j]); k++) {
            }
            if (k == n) {
                ids[n++] = cover->confined[i]->id[j];
            }
        }
    }
    return n;
}

static base_span_t join_patients(const smart_cover_t *cover, base_arena_t *arena,
                                 const char *prefix)
{
    base_span_t ids[PATIENTS_MAX];
    size_t n = smart_cover_patients(cover, ids), prefix_n = strlen(prefix), size = 0, i;
    unsigned char *text, *at;

    for (i = 0; i < n; i++) {
        size += prefix_n + ids[i].n + 1;
    }
    text = at = size == 0 ? NULL : base_arena_alloc(arena, size);
    if (text == NULL) {
        return base_span_make(NULL, 0);
    }
    for (i = 0; i < n; i++) {
        memcpy(at, prefix, prefix_n);
        memcpy(at + prefix_n, ids[i].p, ids[i].n);
        at += prefix_n + ids[i].n;
        *at++ = ',';
    }
    return base_span_make(text, size - 1);
}

bool smart_cover_narrowing(const smart_cover_t *cover, base_arena_t *arena, base_span_t *name,
                           base_span_t *value)
{
    const char *parameter = fhir_compartment_parameter(cover->type);

    if (cover->is_true || parameter == NULL) {
        return false;
    }
    *name = base_span_of(parameter);
    *value = join_patients(cover, arena, cover->type->narrowing.value_has_type ? "Patient/" : "");
    return value->p != NULL;
}

static bool is_patient(const smart_cover_t *cover)
{
    return strcmp(cover->type->name, "Patient") == 0;
}

/* The elements that decide. Patient is judged by its id; its links count only where the policy says so (D3). */
static fhir_paths_t paths_of(const smart_cover_t *cover)
{
    fhir_paths_t none = {NULL, 0};

    if (!is_patient(cover)) {
        return fhir_compartment_paths(cover->type, cover->rule);
    }
    return cover->linked ? cover->type->members : none;
}

fhir_lens_t *smart_cover_watch(const smart_cover_t *cover, base_arena_t *arena, bool *ok)
{
    fhir_paths_t paths = paths_of(cover);
    base_span_t *ids;
    fhir_lens_t *lens;
    size_t n;
    unsigned i;

    *ok = true;
    if (cover->is_true || paths.n == 0) {
        return NULL;
    }
    ids = base_arena_array(arena, PATIENTS_MAX, sizeof(*ids));
    lens = fhir_lens_new(arena, cover->type);
    if (ids == NULL || lens == NULL) {
        *ok = false;
        return NULL;
    }
    n = smart_cover_patients(cover, ids);
    for (i = 0; i < paths.n; i++) {
        /* A path that cannot be watched proves nothing: one way less to be a member. */
        (void) fhir_lens_watch_reference(lens, &paths.rows[i], cover->base->urls,
                                         cover->base->urls_n, "Patient", ids, n);
    }
    return lens;
}

bool smart_cover_holds(const smart_cover_t *cover, const fhir_facts_t *facts)
{
    unsigned bits = facts->lens == NULL ? 0 : fhir_lens_bits(facts->lens);
    unsigned bit;

    if (facts->type != cover->type || facts->type == NULL) {
        return false;
    }
    if (cover->is_true) {
        return true;
    }
    if (is_patient(cover) && smart_cover_has_patient(cover, fhir_text_span(&facts->id))) {
        return true;
    }
    for (bit = 0; bit < bits; bit++) {
        if (fhir_facts_bit(facts, (int) bit) == FHIR_MET) {
            return true;
        }
    }
    return false;
}
