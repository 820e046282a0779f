#include "smart/smart_cover.h"

#include "fhir/fhir_lens.h"

#include <string.h>

#define PATIENTS_MAX (SMART_CONFINED_MAX * SMART_PATIENTS_MAX)

const smart_alternative_t *smart_cover_alternative(const smart_cover_t *cover, size_t *at)
{
    const smart_alternative_t *alternative;

    while (!cover->is_true && *at < cover->_alternative_n) {
        alternative = &cover->_alternative[(*at)++];
        if ((alternative->letters & cover->letter) != 0 &&
            fhir_type_set_has(&alternative->types, cover->type)) {
            return alternative;
        }
    }
    return NULL;
}

bool smart_cover_is_constrained(const smart_cover_t *cover)
{
    size_t at = 0;

    return smart_cover_alternative(cover, &at) != NULL;
}

bool smart_cover_is_empty(const smart_cover_t *cover)
{
    return !cover->is_true && cover->confined_n == 0 && !smart_cover_is_constrained(cover);
}

bool smart_cover_is_confined(const smart_cover_t *cover)
{
    const smart_alternative_t *alternative;
    size_t at = 0;

    while ((alternative = smart_cover_alternative(cover, &at)) != NULL) {
        if (alternative->who == NULL) {
            return false;
        }
    }
    return !smart_cover_is_true(cover) && !smart_cover_is_empty(cover);
}

static bool is_among(const smart_confinement_t *who, base_span_t id)
{
    size_t i;

    for (i = 0; who != NULL && i < who->n; i++) {
        if (base_span_eq(who->id[i], id)) {
            return true;
        }
    }
    return false;
}

/* The distinct confinements, constrained or not. They are the grants' own, so at most SMART_CONFINED_MAX. */
static size_t confinements(const smart_cover_t *cover, const smart_confinement_t **who)
{
    const smart_alternative_t *alternative;
    size_t n = cover->confined_n, at = 0, i;

    for (i = 0; i < n; i++) {
        who[i] = cover->confined[i];
    }
    while ((alternative = smart_cover_alternative(cover, &at)) != NULL) {
        for (i = 0; i < n && who[i] != alternative->who; i++) {
        }
        if (alternative->who != NULL && i == n && n < SMART_CONFINED_MAX) {
            who[n++] = alternative->who;
        }
    }
    return n;
}

bool smart_cover_has_patient(const smart_cover_t *cover, base_span_t id)
{
    const smart_alternative_t *alternative;
    size_t at = 0, i;

    for (i = 0; i < cover->confined_n; i++) {
        if (is_among(cover->confined[i], id)) {
            return true;
        }
    }
    while ((alternative = smart_cover_alternative(cover, &at)) != NULL) {
        if (is_among(alternative->who, id)) {
            return true;
        }
    }
    return false;
}

void smart_cover_add_members(smart_cover_t *members, const smart_cover_t *cover)
{
    const smart_confinement_t *who[SMART_CONFINED_MAX];
    size_t n = confinements(cover, who), i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; j < members->confined_n && members->confined[j] != who[i]; j++) {
        }
        if (j == members->confined_n && j < SMART_CONFINED_MAX) {
            members->confined[members->confined_n++] = who[i];
        }
    }
}

size_t smart_cover_patients(const smart_cover_t *cover, base_span_t *ids)
{
    const smart_confinement_t *who[SMART_CONFINED_MAX];
    size_t whos = confinements(cover, who), i, j, k, n = 0;

    for (i = 0; i < whos; i++) {
        for (j = 0; j < who[i]->n; j++) {
            for (k = 0; k < n && !base_span_eq(ids[k], who[i]->id[j]); k++) {
            }
            if (k == n) {
                ids[n++] = who[i]->id[j];
            }
        }
    }
    return n;
}

static bool is_linked_type(const fhir_type_t *type)
{
    return type->class_of == FHIR_CLASS_PATIENT_LINKED;
}

/* D8 */
static const fhir_parameter_t *link_parameter(const fhir_type_t *type)
{
    unsigned i;

    for (i = 0; i < type->n_parameters; i++) {
        if (type->parameters[i].subject) {
            return &type->parameters[i];
        }
    }
    return NULL;
}

const char *smart_cover_parameter(const fhir_type_t *type)
{
    const fhir_parameter_t *link;

    if (!is_linked_type(type)) {
        return fhir_compartment_parameter(type);
    }
    link = link_parameter(type);
    return link == NULL ? NULL : link->name;
}

static bool is_patient(const fhir_type_t *type)
{
    return fhir_type_is(type, "Patient");
}

bool smart_cover_is_single(const fhir_type_t *type)
{
    return is_patient(type) || (type->narrowing.paths.n == 1 &&
                                strchr(type->narrowing.paths.rows[0].text, '[') == NULL);
}

/* The elements that decide. Patient is judged by its id; its links count only where the policy says so (D3). */
fhir_paths_t smart_cover_paths(const smart_cover_t *cover)
{
    fhir_paths_t none = {NULL, 0};
    const fhir_parameter_t *link;

    if (is_linked_type(cover->type)) {
        link = cover->rule == FHIR_STRICT ? link_parameter(cover->type) : NULL;
        if (cover->rule == FHIR_STRICT) {
            return link == NULL ? none : link->paths;
        }
        return cover->type->links;
    }
    if (!is_patient(cover->type)) {
        return fhir_compartment_paths(cover->type, cover->rule);
    }
    return cover->linked ? cover->type->members : none;
}

/* D8: a Device of nobody is not another patient's. Searches are narrowed by the link and never find it. */
static bool nobody_suffices(const smart_cover_t *cover)
{
    return cover->letter == SMART_R && is_linked_type(cover->type) &&
           fhir_type_is(cover->type, "Device");
}

/* Bits of the lens: of one cover's confinements, and of tests. */
typedef struct {
    smart_cover_t cover;
    const smart_confinement_t *who[SMART_CONFINED_MAX];
    uint64_t member[SMART_CONFINED_MAX];
    size_t who_n;
} watched_t;

typedef struct {
    const fhir_test_t *test;
    int bit;
} watched_test_t;

struct smart_watch_s {
    fhir_lens_t *lens;
    base_arena_t *arena;
    watched_t watched[SMART_COVERS_MAX];
    size_t n;
    watched_test_t test[FHIR_LENS_BITS];
    size_t test_n;
};

static int bit_of(const smart_watch_t *watch, const fhir_test_t *test)
{
    size_t i;

    for (i = 0; i < watch->test_n; i++) {
        if (watch->test[i].test == test) {
            return watch->test[i].bit;
        }
    }
    return FHIR_LENS_FAILED;
}

static bool need_lens(smart_watch_t *watch, const fhir_type_t *type)
{
    if (watch->lens == NULL) {
        watch->lens = fhir_lens_new(watch->arena, type);
    }
    return watch->lens != NULL;
}

static uint64_t mask_of(int bit)
{
    return bit < 0 || bit >= FHIR_LENS_BITS ? 0 : (uint64_t) 1 << bit;
}

/* What cannot be watched proves nothing: one way less to be a member. */
static bool watch_members(smart_watch_t *watch, watched_t *watched, size_t w)
{
    const smart_cover_t *cover = &watched->cover;
    fhir_paths_t paths = smart_cover_paths(cover);
    int bit;
    unsigned i;

    if (paths.n > 0 && !need_lens(watch, cover->type)) {
        return false;
    }
    for (i = 0; i < paths.n; i++) {
        bit = fhir_lens_watch_reference(watch->lens, &paths.rows[i], cover->base->urls,
                                        cover->base->urls_n, "Patient", watched->who[w]->id,
                                        watched->who[w]->n);
        watched->member[w] |= mask_of(bit);
        bit = nobody_suffices(cover) ? fhir_lens_watch_absent(watch->lens, &paths.rows[i])
                                     : FHIR_LENS_FAILED;
        watched->member[w] |= mask_of(bit);
    }
    return true;
}

static bool watch_test(smart_watch_t *watch, const fhir_type_t *type, const fhir_test_t *test)
{
    if (bit_of(watch, test) != FHIR_LENS_FAILED || watch->test_n == FHIR_LENS_BITS) {
        return true;
    }
    if (!need_lens(watch, type)) {
        return false;
    }
    watch->test[watch->test_n].test = test;
    watch->test[watch->test_n].bit = fhir_lens_watch_test(watch->lens, test);
    watch->test_n++;
    return true;
}

static bool watch_cover(smart_watch_t *watch, const smart_cover_t *cover)
{
    watched_t *watched = &watch->watched[watch->n++];
    const smart_alternative_t *alternative;
    size_t at = 0, i;

    watched->cover = *cover;
    if (cover->is_true) {
        return true;
    }
    watched->who_n = confinements(cover, watched->who);
    for (i = 0; i < watched->who_n; i++) {
        if (!watch_members(watch, watched, i)) {
            return false;
        }
    }
    while ((alternative = smart_cover_alternative(cover, &at)) != NULL) {
        for (i = 0; i < alternative->constraint.n; i++) {
            if (!watch_test(watch, cover->type, alternative->constraint.item[i].test)) {
                return false;
            }
        }
    }
    return true;
}

const smart_watch_t *smart_cover_watch(const smart_cover_t *cover, size_t n, base_arena_t *arena)
{
    smart_watch_t *watch = base_arena_alloc(arena, sizeof(*watch));
    size_t i;

    if (watch == NULL) {
        return NULL;
    }
    watch->arena = arena;
    for (i = 0; i < n && i < SMART_COVERS_MAX; i++) {
        if (!watch_cover(watch, &cover[i])) {
            return NULL;
        }
    }
    return watch;
}

const fhir_lens_t *smart_watch_lens(const smart_watch_t *watch)
{
    return watch->lens;
}

const fhir_lens_t *smart_watch_lookup(void *ctx, const fhir_type_t *type)
{
    const smart_watch_t *watch = ctx;

    return watch->lens != NULL && fhir_lens_type(watch->lens) == type ? watch->lens : NULL;
}

static bool is_member(const watched_t *watched, const smart_confinement_t *who,
                      const fhir_facts_t *facts)
{
    size_t w = 0;
    int bit;

    while (w < watched->who_n && watched->who[w] != who) {
        w++;
    }
    if (w == watched->who_n) {
        return false;
    }
    if (is_patient(watched->cover.type) && is_among(who, fhir_text_span(&facts->id))) {
        return true;
    }
    for (bit = 0; bit < FHIR_LENS_BITS; bit++) {
        if ((watched->member[w] >> bit & 1) != 0 && fhir_facts_bit(facts, bit) == FHIR_MET) {
            return true;
        }
    }
    return false;
}

static bool meets(const smart_watch_t *watch, const smart_constraint_t *constraint,
                  const fhir_facts_t *facts)
{
    size_t i;
    int bit;

    for (i = 0; i < constraint->n; i++) {
        bit = bit_of(watch, constraint->item[i].test);
        if (bit < 0 || fhir_facts_bit(facts, bit) != FHIR_MET) {
            return false;
        }
    }
    return true;
}

static bool cover_holds(const smart_watch_t *watch, const watched_t *watched,
                        const fhir_facts_t *facts)
{
    const smart_cover_t *cover = &watched->cover;
    const smart_alternative_t *alternative;
    size_t at = 0, i;

    if (cover->is_true) {
        return true;
    }
    for (i = 0; i < cover->confined_n; i++) {
        if (is_member(watched, cover->confined[i], facts)) {
            return true;
        }
    }
    while ((alternative = smart_cover_alternative(cover, &at)) != NULL) {
        if ((alternative->who == NULL || is_member(watched, alternative->who, facts)) &&
            meets(watch, &alternative->constraint, facts)) {
            return true;
        }
    }
    return false;
}

bool smart_watch_is_true_by(const smart_watch_t *watch, size_t first, size_t n, unsigned letters)
{
    size_t i;

    for (i = first; i < watch->n && i - first < n; i++) {
        if ((watch->watched[i].cover.letter & letters) != 0 && watch->watched[i].cover.is_true) {
            return true;
        }
    }
    return false;
}

bool smart_watch_holds_by(const smart_watch_t *watch, size_t first, size_t n, unsigned letters,
                          const fhir_facts_t *facts)
{
    const watched_t *watched;
    size_t i;

    for (i = first; i < watch->n && i - first < n; i++) {
        watched = &watch->watched[i];
        if ((watched->cover.letter & letters) != 0 && facts->type != NULL &&
            facts->type == watched->cover.type &&
            (watched->cover.is_true || facts->lens == watch->lens) &&
            cover_holds(watch, watched, facts)) {
            return true;
        }
    }
    return false;
}

bool smart_watch_is_true(const smart_watch_t *watch, unsigned letters)
{
    return smart_watch_is_true_by(watch, 0, watch->n, letters);
}

bool smart_watch_holds(const smart_watch_t *watch, unsigned letters, const fhir_facts_t *facts)
{
    return smart_watch_holds_by(watch, 0, watch->n, letters, facts);
}
