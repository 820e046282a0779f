/*
 * smart_targets: what a Provenance is about (RULES D6), read from its bytes.
 */

#ifndef SMART_TARGETS_H
#define SMART_TARGETS_H

#include "base/base_arena.h"
#include "base/base_reason.h"

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

#endif
