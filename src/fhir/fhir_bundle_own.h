/*
 * fhir_bundle_own: which members of which objects matter. For fhir_bundle*.c alone.
 */

#ifndef FHIR_BUNDLE_OWN_H
#define FHIR_BUNDLE_OWN_H

#include "fhir/fhir_bundle.h"

/* Objects and arrays that are walked. */
enum {
    K_RESOURCE,
    K_LINKS,
    K_LINK,
    K_ENTRIES,
    K_ENTRY,
    K_SEARCH,
    K_REQUEST,
    K_RESPONSE,
    K_PARAMETERS,
    K_PARAMETER
};

/* What a value must be. */
enum { V_OTHER, V_TEXT, V_NUMBER, V_OBJECT, V_ARRAY, V_RESOURCE };

typedef struct {
    unsigned char kind;
    const char *name;
    fhir_member_id_t id;
    unsigned char shape;
    unsigned char inner; /* of V_OBJECT and V_ARRAY */
} fhir_bundle_row_t;

/* A member that FHIR does not know. */
extern const fhir_bundle_row_t fhir_bundle_other;

/* The row of a member by that name in an object of that kind. Never NULL. */
const fhir_bundle_row_t *fhir_bundle_row(unsigned kind, base_span_t name);

/* What it may still turn out to be. */
bool fhir_bundle_may_be(const fhir_bundle_level_t *level, unsigned what);

/* False for a member that another resource's would be: entry, link, type and total are a Bundle's, parameter is that of Parameters. */
bool fhir_bundle_belongs(const fhir_bundle_level_t *level, fhir_member_id_t id);

#endif
