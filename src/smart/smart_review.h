/*
 * smart_review: the way of an answer. First form: an answer under check is held whole, judged, and released unchanged or replaced.
 *
 *     smart_review_start(&review, arena, verdict, policy, &head)
 *         SMART_REVIEW_PASS     nothing to check, pass it on as it comes
 *         SMART_REVIEW_HOLD     hold the body (up to the operator's limit, else BASE_ANSWER_TOO_LARGE), then smart_review_body
 *         SMART_REVIEW_REPLACE  do not look at the body: answer review.reason
 *     smart_review_body(&review, body) -> BASE_OK: release head and body unchanged; else answer with that reason instead
 *
 * Where an answer is replaced and review.status is not 0, the answer has that status instead of the reason's own (L10: the status
 * of an upstream's error passes even when its body may not).
 *
 * A body that ends early, or longer than it said, never comes here: the caller answers BASE_ANSWER_TRUNCATED.
 */

#ifndef SMART_REVIEW_H
#define SMART_REVIEW_H

#include "base/base_arena.h"
#include "smart/smart_policy.h"
#include "smart/smart_verdict.h"

/* What the head of the upstream's answer says. */
typedef struct {
    unsigned status;
    base_span_t content_type; /* absent: none */
    bool content_encoded;     /* there is a Content-Encoding other than identity */
} smart_head_t;

typedef enum { SMART_REVIEW_REPLACE, SMART_REVIEW_HOLD, SMART_REVIEW_PASS } smart_review_step_t;

/* Members that begin with an underscore are the review's own. */
typedef struct {
    base_reason_t reason; /* after REPLACE */
    unsigned status;      /* 0: that of the reason */
    base_arena_t *_arena;
    const smart_verdict_t *_verdict;
    const smart_policy_t *_policy;
    uint64_t *_hashes;
    bool _outcome_only; /* an error: its body may only be an OperationOutcome */
} smart_review_t;

/*
 * Looks at the head. Everything passed in must outlive the review; the arena gives some tens of kilobytes for judging. A verdict that was
 * refused gives REPLACE with its reason.
 */
smart_review_step_t smart_review_start(smart_review_t *review, base_arena_t *arena,
                                       const smart_verdict_t *verdict, const smart_policy_t *policy,
                                       const smart_head_t *head);

/* Judges the held body, all of it. An empty body of an error answer is fine. */
base_reason_t smart_review_body(smart_review_t *review, base_span_t body);

#endif
