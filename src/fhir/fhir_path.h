/*
 * fhir_path: an element path as steps (the notation of fhir_path_t). For the lens and its tests.
 */

#ifndef FHIR_PATH_H
#define FHIR_PATH_H

#include "fhir/fhir_definitions.h"

#define FHIR_PATH_STEPS     12
#define FHIR_PATH_NO_FILTER UINT32_MAX

typedef struct {
    base_span_t name;
    bool array;
} fhir_step_t;

typedef struct {
    fhir_step_t steps[FHIR_PATH_STEPS];
    unsigned n;
    unsigned filter; /* the step whose objects are filtered, or FHIR_PATH_NO_FILTER */
    base_span_t filter_name;
    base_span_t filter_value;
} fhir_steps_t;

/*
 * Reads a path text. False: it has "[n]", a second filter, more steps than fit, or anything else
 * that is none of the notation. The text must outlive the steps.
 */
bool fhir_path_read(const char *text, fhir_steps_t *steps);

/* One step more: a name, "[]" behind it or not. False: no room. */
bool fhir_path_add(fhir_steps_t *steps, const char *step);

#endif
