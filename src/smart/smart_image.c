#include "smart/smart_image.h"

#include "fhir/fhir_lens.h"

#include <string.h>

#define WAYS_MAX 64
#define BITS_MAX 8 /* elements that say whose a resource is */

/* One patient, as the lens sees it. */
typedef struct {
    base_span_t id;
    int member[BITS_MAX];
    int others[BITS_MAX];
    unsigned n;
} patient_t;

typedef struct {
    const patient_t *patient;             /* NULL: of anybody */
    const smart_constraint_t *constraint; /* NULL: none */
} way_t;

struct smart_image_s {
    smart_cover_t cover;
    fhir_lens_t *lens;
    patient_t patient[SMART_CONFINED_MAX * SMART_PATIENTS_MAX];
    size_t patient_n;
    const fhir_test_t *test[FHIR_LENS_BITS];
    int test_bit[FHIR_LENS_BITS];
    size_t test_n;
    way_t way[WAYS_MAX];
    size_t way_n;
};

static bool is_patient_type(const fhir_type_t *type)
{
    return fhir_type_is(type, "Patient");
}

/* What cannot be watched fails, so that it never permits. */
static void watch_patient(smart_image_t *image, patient_t *patient)
{
    const smart_cover_t *cover = &image->cover;
    fhir_paths_t paths = smart_cover_paths(cover);
    unsigned i;

    for (i = 0; i < paths.n && i < BITS_MAX; i++) {
        patient->member[i] =
            fhir_lens_watch_reference(image->lens, &paths.rows[i], cover->base->urls,
                                      cover->base->urls_n, "Patient", &patient->id, 1);
        patient->others[i] =
            fhir_lens_watch_others(image->lens, &paths.rows[i], cover->base->urls,
                                   cover->base->urls_n, "Patient", &patient->id, 1);
    }
    patient->n = paths.n <= BITS_MAX ? paths.n : 0;
}

static const patient_t *patient_of(smart_image_t *image, base_span_t id)
{
    patient_t *patient;
    size_t i;

    for (i = 0; i < image->patient_n; i++) {
        if (base_span_eq(image->patient[i].id, id)) {
            return &image->patient[i];
        }
    }
    patient = &image->patient[image->patient_n++];
    patient->id = id;
    watch_patient(image, patient);
    return patient;
}

static void add_way(smart_image_t *image, const patient_t *patient,
                    const smart_constraint_t *constraint)
{
    if (image->way_n < WAYS_MAX) {
        image->way[image->way_n].patient = patient;
        image->way[image->way_n].constraint = constraint;
        image->way_n++;
    }
}

static void add_ways(smart_image_t *image, const smart_confinement_t *who,
                     const smart_constraint_t *constraint)
{
    size_t i;

    if (who == NULL) {
        add_way(image, NULL, constraint);
        return;
    }
    for (i = 0; i < who->n; i++) {
        add_way(image, patient_of(image, who->id[i]), constraint);
    }
}

static void watch_constraint(smart_image_t *image, const smart_constraint_t *constraint)
{
    const fhir_test_t *test;
    size_t i, t;

    for (i = 0; i < constraint->n; i++) {
        test = constraint->item[i].test;
        for (t = 0; t < image->test_n && image->test[t] != test; t++) {
        }
        if (t == image->test_n && t < FHIR_LENS_BITS) {
            image->test[t] = test;
            image->test_bit[t] = fhir_lens_watch_test(image->lens, test);
            image->test_n++;
        }
    }
}

smart_image_t *smart_image_new(const smart_cover_t *cover, base_arena_t *arena)
{
    smart_image_t *image = base_arena_alloc(arena, sizeof(*image));
    const smart_alternative_t *alternative;
    size_t at = 0, i;

    if (image == NULL) {
        return NULL;
    }
    image->cover = *cover;
    if (cover->is_true) {
        return image;
    }
    image->lens = fhir_lens_new(arena, cover->type);
    if (image->lens == NULL) {
        return NULL;
    }
    for (i = 0; i < cover->confined_n; i++) {
        add_ways(image, cover->confined[i], NULL);
    }
    while ((alternative = smart_cover_alternative(cover, &at)) != NULL) {
        watch_constraint(image, &alternative->constraint);
        add_ways(image, alternative->who, &alternative->constraint);
    }
    return image;
}

const fhir_lens_t *smart_image_lookup(void *ctx, const fhir_type_t *type)
{
    const smart_image_t *image = ctx;

    return type == image->cover.type ? image->lens : NULL;
}

/* D3: a Patient is its own. D4: named, and nobody beside. D6: a Provenance by what it is about, which smart_write looks at. */
static bool is_of(const smart_image_t *image, const patient_t *patient, const fhir_facts_t *facts)
{
    bool named = false;
    unsigned i;

    if (is_patient_type(image->cover.type)) {
        return !facts->id.unknown && base_span_eq(fhir_text_span(&facts->id), patient->id);
    }
    if (fhir_type_is(image->cover.type, "Provenance")) {
        return image->cover.letter == SMART_C;
    }
    for (i = 0; i < patient->n; i++) {
        if (patient->member[i] < 0 || patient->others[i] < 0 ||
            fhir_facts_bit(facts, patient->member[i]) == FHIR_UNKNOWN ||
            fhir_facts_bit(facts, patient->others[i]) != FHIR_NOT_MET) {
            return false;
        }
        named = named || fhir_facts_bit(facts, patient->member[i]) == FHIR_MET;
    }
    return named;
}

static bool meets(const smart_image_t *image, const smart_constraint_t *constraint,
                  const fhir_facts_t *facts)
{
    size_t i, t;

    for (i = 0; i < constraint->n; i++) {
        for (t = 0; t < image->test_n && image->test[t] != constraint->item[i].test; t++) {
        }
        if (t == image->test_n || image->test_bit[t] < 0 ||
            fhir_facts_bit(facts, image->test_bit[t]) != FHIR_MET) {
            return false;
        }
    }
    return true;
}

uint64_t smart_image_ways(const smart_image_t *image, const fhir_facts_t *facts)
{
    uint64_t ways = 0;
    size_t i;

    if (facts->type != image->cover.type) {
        return 0;
    }
    if (image->cover.is_true) {
        return UINT64_MAX;
    }
    for (i = 0; facts->lens == image->lens && i < image->way_n; i++) {
        if ((image->way[i].patient == NULL || is_of(image, image->way[i].patient, facts)) &&
            (image->way[i].constraint == NULL || meets(image, image->way[i].constraint, facts))) {
            ways |= (uint64_t) 1 << i;
        }
    }
    return ways;
}

uint64_t smart_image_of_anybody(const smart_image_t *image)
{
    uint64_t ways = image->cover.is_true ? UINT64_MAX : 0;
    size_t i;

    for (i = 0; !image->cover.is_true && i < image->way_n; i++) {
        ways |= image->way[i].patient == NULL ? (uint64_t) 1 << i : 0;
    }
    return ways;
}
