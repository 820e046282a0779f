/*
 * smart_lookup: what a read or a search must look at before it may be sent, pulled and without I/O (RULES D6, D7, D11, B6, C9, L9).
 *
 *     smart_lookup_start(&lookup, ...);
 *     while (smart_lookup_next(&lookup) == SMART_WANT_READ) { read lookup.read; smart_lookup_head, _feed ..., _end }
 *     SMART_SEND: what is said below; SMART_REFUSE: lookup.reason, lookup.rule
 *
 * What is foreign and what is missing is answered alike: an instance as not there, a search by an answer without matches.
 */

#ifndef SMART_LOOKUP_H
#define SMART_LOOKUP_H

#include "fhir/fhir_request.h"
#include "smart/smart_grants.h"
#include "smart/smart_step.h"
#include "smart/smart_stored.h"

#define SMART_LOOKUP_WANTS_MAX   24 /* instances that one request names */
#define SMART_LOOKUP_TARGETS_MAX 10 /* of a Provenance search (L9) */

/* One instance to look at. */
typedef struct {
    unsigned why; /* SMART_LOOKUP_*, one bit */
    const fhir_type_t *type;
    base_span_t id;
    smart_cover_t cover[2]; /* by one of these it must be covered */
    size_t cover_n;
} smart_lookup_want_t;

/* Members that begin with an underscore are its own. */
typedef struct {
    base_reason_t reason;
    const char *rule;
    smart_read_t read;
    size_t reads; /* that were asked for so far */
    bool
        nothing; /* what a search is to go by is not there, or not covered: nothing matches it (C9, L9) */
    base_span_t *target; /* "Type/id" of the covered targets of a Provenance search */
    size_t target_n;
    base_span_t if_match;   /* of a Binary that is written: what was judged; absent: none */
    bool must_be_new;       /* or If-None-Match: * */
    bool by_targets;        /* the Provenance is covered by one of its targets (D6) */
    base_span_t version_id; /* with it: its meta.versionId, absent: none */
    base_arena_t *_arena;
    const smart_grants_t *_grants;
    const smart_policy_t *_policy;
    const fhir_request_t *_request;
    size_t _keep_max;
    smart_lookup_want_t *_want;
    size_t _want_n;
    size_t _at;
    const smart_watch_t *_watch; /* of what is being read */
    smart_stored_t _stored;
    base_span_t *_about; /* targets of the Provenance that was read */
    size_t _about_n;
    size_t _about_at;
    base_span_t _about_id; /* of the one being read */
    struct smart_lookup_binary_s *_binary;
    base_span_t _context[2]; /* of the Binary that is written: by header, by body; absent: none */
    bool _context_odd;       /* one of them cannot be read */
    base_reason_t _about_failed; /* one that could not be read, while others may cover (D6) */
    unsigned _stage;
    smart_step_t _step;
} smart_lookup_t;

/*
 * Begins. `lookups`: SMART_LOOKUP_*, as smart_decide said for this request; everything must outlive the machine. `keep_max`: bytes of what must be
 * kept whole.
 */
void smart_lookup_start(smart_lookup_t *lookup, base_arena_t *arena, const smart_grants_t *grants,
                        const smart_policy_t *policy, const fhir_request_t *request,
                        unsigned lookups, size_t keep_max);

/*
 * With SMART_LOOKUP_CONTEXT, right after start: X-Security-Context as it came, and the body where it is FHIR's JSON, read strictly by somebody else; both may be
 * absent.
 */
void smart_lookup_context(smart_lookup_t *lookup, base_span_t header, base_span_t body);

/* SMART_WANT_READ, SMART_SEND or SMART_REFUSE; the latter two are final. */
smart_step_t smart_lookup_next(smart_lookup_t *lookup);

/*
 * After SMART_SEND: what was found goes into the check of the answer. A search that goes by what is not there becomes one that finds nothing; should
 * the upstream find something nevertheless, no match is released. `origin`: where parameters are appended. BASE_OK, or why not.
 */
base_reason_t smart_lookup_apply(const smart_lookup_t *lookup, fhir_request_t *request,
                                 fhir_origin_t origin, smart_verdict_t *verdict);

#endif
