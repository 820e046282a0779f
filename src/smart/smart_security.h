/*
 * smart_security: Binary.securityContext, whose rules apply to the Binary (RULES B11; R4 binary.html#security).
 */

#ifndef SMART_SECURITY_H
#define SMART_SECURITY_H

#include "smart/smart_grants.h"
#include "smart/smart_targets.h"

#define SMART_SECURITY_RAW_MAX                                                                     \
    ((size_t) 16384) /* bytes of a Binary that are kept, without its data */

/*
 * The reference of a Binary's security context: decoded, in the body or the arena; absent where it has none. `body`: the resource, with or without its data, read
 * strictly by somebody else. BASE_OK, BASE_NO_MEMORY, or BASE_BODY_TYPE: there is one that names nothing.
 */
base_reason_t smart_security_read(base_span_t body, base_arena_t *arena, base_span_t *context);

/*
 * Whether what it names may be read: r on it; the own Patient by the reference alone. `other`: one more base that is ours, absent: none.
 * TO_READ: `*cover` must hold for the instance `*id` of its type (id in the arena).
 */
smart_target_fate_t smart_security_judge(const smart_grants_t *grants, const smart_policy_t *policy,
                                         base_span_t context, base_span_t other,
                                         base_arena_t *arena, smart_cover_t *cover,
                                         base_span_t *id);

#endif
