#include "fhir/fhir_definitions.h"

#include "fhir/fhir_definitions_tables.h"

static const fhir_definitions_t *const versions[FHIR_VERSION_COUNT] = {
    &fhir_definitions_r4, &fhir_definitions_r4b, &fhir_definitions_r5};

const fhir_definitions_t *fhir_definitions_of(fhir_version_t version)
{
    return versions[(unsigned) version < FHIR_VERSION_COUNT ? version : FHIR_R4];
}

bool fhir_version_find(base_span_t name, fhir_version_t *version)
{
    for (unsigned i = 0; i < FHIR_VERSION_COUNT; i++) {
        if (base_span_is(name, versions[i]->name)) {
            *version = (fhir_version_t) i;
            return true;
        }
    }
    return false;
}

const fhir_type_t *fhir_type_find(const fhir_definitions_t *defs, base_span_t name)
{
    unsigned low = 0;
    unsigned high = defs->n_types;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = base_span_cmp(name, base_span_of(defs->types[middle].name));

        if (order == 0) {
            return &defs->types[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

bool fhir_type_is_abstract(const fhir_definitions_t *defs, base_span_t name)
{
    for (unsigned i = 0; i < defs->n_abstracts; i++) {
        if (base_span_is(name, defs->abstracts[i])) {
            return true;
        }
    }
    return false;
}

static const fhir_parameter_t *parameter_in(const fhir_parameter_t *rows, unsigned n,
                                            base_span_t name)
{
    unsigned low = 0;
    unsigned high = n;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = base_span_cmp(name, base_span_of(rows[middle].name));

        if (order == 0) {
            return &rows[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const fhir_parameter_t *fhir_parameter_find(const fhir_definitions_t *defs, const fhir_type_t *type,
                                            base_span_t name)
{
    const fhir_parameter_t *found = NULL;

    if (type != NULL) {
        found = parameter_in(type->parameters, type->n_parameters, name);
        if (found == NULL) {
            found = parameter_in(type->more, type->n_more, name);
        }
    }
    return found != NULL ? found : parameter_in(defs->common, defs->n_common, name);
}

bool fhir_parameter_is_subject(const fhir_type_t *type, base_span_t name)
{
    for (unsigned i = 0; i < type->narrowing.n_subjects; i++) {
        if (base_span_is(name, type->narrowing.subjects[i])) {
            return true;
        }
    }
    return false;
}

bool fhir_type_set_has(const fhir_type_set_t *set, const fhir_type_t *type)
{
    return (set->w[type->index / 64] >> (type->index % 64) & 1) != 0;
}

void fhir_type_set_add(fhir_type_set_t *set, const fhir_type_t *type)
{
    set->w[type->index / 64] |= UINT64_C(1) << (type->index % 64);
}

bool fhir_type_set_is_empty(const fhir_type_set_t *set)
{
    return (set->w[0] | set->w[1] | set->w[2]) == 0;
}

fhir_type_set_t fhir_type_set_all(const fhir_definitions_t *defs)
{
    fhir_type_set_t set = {{0}};

    for (unsigned i = 0; i < defs->n_types; i++) {
        fhir_type_set_add(&set, &defs->types[i]);
    }
    return set;
}
