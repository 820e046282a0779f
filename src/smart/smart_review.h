/*
 * smart_review: the way of an answer, as it streams.
 *
 *     switch (smart_review_start(&review, arena, verdict, policy, &head)) {
 *     case SMART_REVIEW_PASS:    nothing to check: pass it on as it comes
 *     case SMART_REVIEW_REPLACE: do not look at the body: answer review.reason
 *     case SMART_REVIEW_STREAM:  base_splice_init(&splice); apply review.header[]; then for all bytes, cut anywhere,
 *                                smart_review_feed, and at the end smart_review_end; after each, take the splice's operations
 *     }
 *
 * Bytes that were not released are held by the caller, up to the operator's limits (else BASE_ANSWER_TOO_LARGE). A single resource is
 * judged when it is complete, so nothing of it is released before smart_review_end; of a Bundle, an entry when it is complete. A failure
 * before anything was released is answered by that reason instead; later, by cutting the connection. The head is sent with the first
 * released byte or at the end.
 *
 * Where an answer is replaced and review.status is not 0, the answer has that status instead of the reason's own (L10: the status
 * of an upstream's error passes even when its body may not).
 *
 * A body that ends early, or longer than it said, never comes to smart_review_end: the caller answers BASE_ANSWER_TRUNCATED.
 */

#ifndef SMART_REVIEW_H
#define SMART_REVIEW_H

#include "base/base_arena.h"
#include "base/base_splice.h"
#include "smart/smart_policy.h"
#include "smart/smart_verdict.h"

/* Where links lead (L0 "below the base"). URLs without a slash at the end; absent: not known. */
typedef struct {
    base_span_t upstream;   /* scheme, host and path prefix that were sent */
    base_span_t public_url; /* what clients call it; absent: links stay as they are */
    base_span_t
        path; /* the location's own base, "/r4", "" for "/": what nginx makes of a Location begins with it; absent: not known */
} smart_link_bases_t;

/* What the head of the upstream's answer says. Absent spans: no such header. */
typedef struct {
    unsigned status;
    base_span_t content_type;
    bool content_encoded; /* there is a Content-Encoding other than identity */
    base_span_t etag;
    base_span_t last_modified;
    base_span_t location;
    base_span_t content_location;
    smart_link_bases_t bases;
    bool
        narrowing_ignored; /* an earlier review said so, of this location and type: no total is a true one (L6) */
} smart_head_t;

typedef enum { SMART_REVIEW_REPLACE, SMART_REVIEW_PASS, SMART_REVIEW_STREAM } smart_review_step_t;

#define SMART_REVIEW_HEADERS_MAX 8

struct smart_review_state_s;

/* Members that begin with an underscore are the review's own. */
typedef struct {
    base_reason_t reason; /* after REPLACE, or a failure */
    unsigned status;      /* 0: that of the reason */
    bool
        not_modified; /* after smart_review_end: 304 without a body, whatever the splice says (D9) */
    bool
        narrowing_ignored; /* a match was taken out that the narrowing excludes: the upstream ignores the parameter (L6) */
    bool
        bodiless; /* after smart_review_end, of a write: the body goes, and what describes it; status and other headers stay (B4, L15) */
    bool whole;   /* it passes as it came, or not at all: of HEAD, Content-Length is GET's (L12) */
    bool
        mismatched; /* a batch's answer has more or fewer entries than were sent: writes may be committed (L15) */
    uint64_t removed; /* entries taken out so far */
    smart_header_edit_t
        header[SMART_REVIEW_HEADERS_MAX]; /* edits of the answer's head, PASS included */
    size_t header_n;
    base_arena_t *_arena;
    const smart_verdict_t *_verdict;
    const smart_policy_t *_policy;
    smart_head_t _head;
    struct smart_review_state_s *_state; /* after STREAM */
    bool _outcome_only;                  /* an error: its body may only be an OperationOutcome */
} smart_review_t;

/*
 * Looks at the head. Everything passed in must outlive the review, the spans of the head included; the arena gives some hundred kilobytes for
 * judging, and up to three megabytes where what is undecided must be kept (L9, late types). A verdict that was refused gives REPLACE
 * with its reason.
 */
smart_review_step_t smart_review_start(smart_review_t *review, base_arena_t *arena,
                                       const smart_verdict_t *verdict, const smart_policy_t *policy,
                                       const smart_head_t *head);

/*
 * The next bytes. BASE_OK: take the splice's operations; while *in is not used up, then feed the rest (the splice had no room). Else
 * nothing more is released.
 */
base_reason_t smart_review_feed(smart_review_t *review, base_span_t *in, base_splice_t *splice);

/*
 * The body is complete (an empty one of an error answer is fine). BASE_OK: take the splice's operations; when base_splice_taken is not yet the
 * length of the body, call again (the splice had no room).
 */
base_reason_t smart_review_end(smart_review_t *review, base_splice_t *splice);

#endif
