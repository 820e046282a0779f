/*
 * smart_targets: what a Provenance is about (RULES D6), read from its bytes.
 */

#ifndef SMART_TARGETS_H
#define SMART_TARGETS_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "fhir/fhir_reference.h"
#include "smart/smart_grants.h"

#define SMART_TARGETS_MAX ((size_t) 64)

typedef struct {
    base_span_t *text; /* decoded, in the arena: each target's reference as it is written */
    size_t n;
    bool odd; /* there is something in the place of a target that does not say what it is about */
} smart_targets_t;

/*
 * `body`: one whole resource, read strictly by somebody else before. BASE_OK, BASE_NO_MEMORY, or BASE_PREREAD_TOO_MANY: more than
 * SMART_TARGETS_MAX.
 */
base_reason_t smart_targets_read(base_span_t body, base_arena_t *arena, smart_targets_t *targets);

/* What the reference alone says of a target. */
typedef enum {
    SMART_TARGET_UNCOVERED, /* nothing of this server, or nothing is granted on its type by r or s */
    SMART_TARGET_COVERED,   /* all of its type is */
    SMART_TARGET_TO_READ    /* some of its type: it must be looked at */
} smart_target_fate_t;

typedef struct {
    fhir_reference_t reference;
    const fhir_type_t *type; /* NULL: nothing of this server */
    smart_cover_t cover[2];  /* r and s on the type; not set without one */
} smart_target_t;

smart_target_fate_t smart_targets_judge(const smart_grants_t *grants,
                                        const fhir_definitions_t *definitions, base_span_t text,
                                        smart_target_t *target);

#endif
