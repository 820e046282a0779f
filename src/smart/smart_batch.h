/*
 * smart_batch: a batch or transaction, judged entry by entry as if each were sent alone (RULES B2 25 and 26, B5, L13, L15). Pulled and without I/O, as
 * smart_judge, which drives it.
 *
 * What is sent is written anew from what was judged: of the Bundle its type, of each entry fullUrl, the resource byte for byte, and the
 * request as it was narrowed and pinned. Members that nobody judged are not in it.
 */

#ifndef SMART_BATCH_H
#define SMART_BATCH_H

#include "smart/smart_judge.h"

typedef struct smart_batch_s smart_batch_t;

/*
 * Reads the body. The limits are the whole request's. NULL: *reason says why (BASE_BODY_TOO_LARGE: too many entries; BASE_BODY_TYPE,
 * BASE_JSON_*; BASE_INTERACTION_REFUSED: a Bundle of another type; BASE_NO_MEMORY). Everything must outlive the batch.
 */
smart_batch_t *smart_batch_new(base_arena_t *arena, const smart_grants_t *grants,
                               const smart_policy_t *policy, const smart_limits_t *limits,
                               base_span_t body, base_reason_t *reason);

/* SMART_WANT_READ, SMART_SEND or SMART_REFUSE; the latter two are final. */
smart_step_t smart_batch_next(smart_batch_t *batch);

/* After WANT_READ, as of smart_judge. */
const smart_read_t *smart_batch_read(const smart_batch_t *batch);

/* After SMART_REFUSE: why, by which rule, and which scope is missing. */
typedef struct {
    base_reason_t reason;
    const char *rule;
    smart_missing_t missing;
} smart_batch_refusal_t;

const smart_batch_refusal_t *smart_batch_refusal(const smart_batch_t *batch);

/* After SMART_SEND: the body that is sent, in *n pieces; what its answer must be, kind NONE when nothing is to be checked; whether no representation may come back (B4). */
const base_span_t *smart_batch_body(const smart_batch_t *batch, size_t *n);
const smart_check_t *smart_batch_check(const smart_batch_t *batch);
bool smart_batch_is_minimal(const smart_batch_t *batch);

#endif
