/*
 * smart_principal_own: the inside of a principal, for smart_principal and smart_grants only.
 */

#ifndef SMART_PRINCIPAL_OWN_H
#define SMART_PRINCIPAL_OWN_H

#include "smart/smart_grants.h"

#define SMART_PRINCIPAL_GRANTS_MAX                                                                 \
    4 /* remembered locations; further ones are compiled for each request */
#define SMART_PRINCIPAL_GRANTS_ROOM                                                                \
    ((size_t) 6144) /* what they may cost together beyond what was taken already */
#define SMART_PRINCIPAL_CONSTRAINT_ROOM ((size_t) 3072) /* and for each constrained scope */

struct smart_principal_s {
    base_arena_t *arena;
    size_t references;
    smart_principal_t *whole; /* whom this one is at one base, and whose memory it uses; or NULL */
    smart_claims_t claims;
    base_span_t issuer;
    base_span_t scope_text;
    smart_scope_t *scope;
    size_t scope_n;
    smart_grants_t *grants[SMART_PRINCIPAL_GRANTS_MAX];
    size_t grants_n;
};

#endif
