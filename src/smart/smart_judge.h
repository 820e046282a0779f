/*
 * smart_judge: the way of a request, pulled and without I/O. It says what it wants; nginx, a test, a fuzzer or smartctl fetch it.
 *
 *     smart_judge_start(&judge, arena, policy, base, &message);
 *     if (smart_judge_needs_principal(&judge)) {
 *         ... verify the token; no token or a bad one: answer with that reason ...
 *         smart_judge_principal(&judge, principal);
 *     }
 *     for (;;) {
 *         switch (smart_judge_next(&judge)) {
 *         case SMART_WANT_BODY: read it whole, even where none was announced; smart_judge_body(&judge, bytes); continue;
 *         case SMART_WANT_READ: GET smart_judge_read(&judge); hand in what comes back: smart_judge_read_head, _feed ..., _end; continue;
 *         case SMART_SEND:      send smart_judge_edits(&judge); the answer goes through smart_review
 *         case SMART_ANSWER:    a CORS preflight: answered at the edge, nothing is sent
 *         case SMART_REFUSE:    answer smart_judge_verdict(&judge)->reason
 *         }
 *     }
 */

#ifndef SMART_JUDGE_H
#define SMART_JUDGE_H

#include "base/base_arena.h"
#include "fhir/fhir_request.h"
#include "smart/smart_grants.h"
#include "smart/smart_link.h"
#include "smart/smart_lookup.h"
#include "smart/smart_parameters_body.h"
#include "smart/smart_step.h"
#include "smart/smart_stored.h"
#include "smart/smart_write.h"

/*
 * What arrived: `fhir.path` is the raw path below the base. A header that came in several lines is joined by ", ". Absent where nothing
 * was said.
 */
typedef struct {
    fhir_message_t fhir;
    base_span_t accept;
    base_span_t prefer;
    base_span_t if_modified_since;
    base_span_t content_encoding; /* of the request's body */
    base_span_t security_context; /* X-Security-Context, which is Binary.securityContext (B11) */
} smart_message_t;

#define SMART_HEADER_EDITS_MAX 24

/* What is sent upstream instead of what came: exactly this was judged. Spans live in the arena, the message or constants. */
typedef struct {
    base_span_t method;
    base_span_t
        path; /* below the base; as it came, but for a leading %24 of a segment, which is '$' (B0) */
    base_span_t
        came; /* the path before a write was resolved to an instance (L13), or a seal opened (L21), as `path` reads it; the same as `path` else */
    base_span_t query; /* whole, without '?'; absent: none */
    bool query_changed;
    const base_span_t *
        body; /* only with body_changed: in pieces, so that a large one is not copied; they point into what came or into the arena */
    size_t body_n;
    bool body_changed;
    smart_header_edit_t header[SMART_HEADER_EDITS_MAX];
    size_t header_n;
} smart_edits_t;

/* Bounds (DESIGN "Bounds"), each a directive's. */
typedef struct {
    size_t bundle_max;  /* entries of a batch or transaction */
    size_t preread_max; /* reads of one request */
    size_t read_buffer; /* bytes of a read that must be kept whole */
    size_t body_buffer; /* bytes of a body that must be taken apart in memory: a form, a patch */
} smart_limits_t;

/* Members that begin with an underscore are the judge's own. */
typedef struct {
    base_arena_t *_arena;
    const smart_policy_t *_policy;
    const smart_base_t *_base;
    smart_message_t _message;
    const smart_grants_t *_grants;
    fhir_request_t _request;
    base_reason_t _syntax; /* BASE_OK: _request is complete */
    smart_verdict_t _verdict;
    smart_edits_t _edits;
    base_span_t _body;
    base_span_t _form;      /* as it is sent */
    base_span_t _sent_body; /* of an export: what goes instead of _body; absent: as it came */
    smart_parameters_place_t _place; /* in _body */
    const smart_sealer_t *_sealer;   /* NULL: none */
    const smart_link_t *_link;       /* what the seal says that was opened; NULL: none */
    smart_limits_t _limits;
    fhir_query_t _none_exist; /* of a conditional create */
    smart_write_t _write;
    smart_lookup_t _lookup;
    struct smart_batch_s *_batch; /* NULL: none */
    smart_read_t _read;
    bool _decided;
    bool _writing;      /* _write is at work */
    bool _looking;      /* so is _lookup */
    smart_step_t _step; /* what was said last */
    bool _done;
} smart_judge_t;

/*
 * Begins: reads the request line. Everything the message points to must outlive the judge; the arena takes what the edits need.
 * A malformed request is found here and refused by the first smart_judge_next.
 */
void smart_judge_start(smart_judge_t *judge, base_arena_t *arena, const smart_policy_t *policy,
                       const smart_base_t *base, const smart_message_t *message);

/*
 * The same for one entry of a batch or transaction: already parsed, with the grants of the whole, and its resource for a body (absent: none).
 * It never asks for a principal or for a body.
 */
void smart_judge_start_entry(smart_judge_t *judge, base_arena_t *arena,
                             const smart_policy_t *policy, const smart_grants_t *grants,
                             const fhir_request_t *request, base_span_t resource);

/* Right after start; else 500 entries, 50 reads, 1 MB and 1 MB. */
void smart_judge_limits(smart_judge_t *judge, const smart_limits_t *limits);

/*
 * Right after start; else no link can be sealed or opened, and no export begins. It must outlive the verdict.
 */
void smart_judge_sealer(smart_judge_t *judge, const smart_sealer_t *sealer);

/*
 * False: no token is looked at (metadata, smart-configuration, CORS preflight, a misspelt smart-configuration). True: without a valid token the answer is 401, whatever else is wrong with the request.
 */
bool smart_judge_needs_principal(const smart_judge_t *judge);

/* Who asks. The caller holds a reference for as long as the judge and the verdict are used. */
void smart_judge_principal(smart_judge_t *judge, smart_principal_t *principal);

/* The next step. REFUSE, SEND and ANSWER are final: asked again, they are said again. */
smart_step_t smart_judge_next(smart_judge_t *judge);

/* After WANT_BODY: how large the body may be; SIZE_MAX: any size that the caller can lay before it. */
size_t smart_judge_body_max(const smart_judge_t *judge);

/* The whole body, after WANT_BODY; of a _search its form, of a write the resource or patch. Must live until the edits have been used. */
void smart_judge_body(smart_judge_t *judge, base_span_t body);

/*
 * After WANT_READ: what to read, by GET below the base, before more can be said (D10, L13). Asked for as JSON, without the client's
 * conditional, Range, Accept-Encoding, Prefer and body headers; with our own headers and upstream authorization. Never from a cache
 * that may be stale.
 */
const smart_read_t *smart_judge_read(const smart_judge_t *judge);

/* The head; then the body's bytes as they come, cut anywhere; then the end. False: enough is known, the rest of it is of no use. */
bool smart_judge_read_head(smart_judge_t *judge, const smart_read_head_t *head);
bool smart_judge_read_feed(smart_judge_t *judge, base_span_t bytes);

/* BASE_OK: it came whole. Else why there is none, or not all of it: BASE_UPSTREAM_UNAVAILABLE, BASE_ANSWER_TRUNCATED, BASE_NOT_AS_JUDGED ... */
void smart_judge_read_end(smart_judge_t *judge, base_reason_t reason);

/* Valid after a final step, and as far as decided before. */
const smart_verdict_t *smart_judge_verdict(const smart_judge_t *judge);

/* Valid after SMART_SEND. */
const smart_edits_t *smart_judge_edits(const smart_judge_t *judge);

/* The body that is sent, in one piece; absent without one, or without memory. */
base_span_t smart_edits_body(const smart_edits_t *edits, base_arena_t *arena);

/* The grants of the principal, for explaining (L24); NULL without one. */
const smart_grants_t *smart_judge_grants(const smart_judge_t *judge);

/* The parsed request; NULL when it was malformed. */
const fhir_request_t *smart_judge_request(const smart_judge_t *judge);

#endif
