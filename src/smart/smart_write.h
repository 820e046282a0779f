/*
 * smart_write: a write under a check, pulled and without I/O (RULES D6, D10, L3, L13). It judges the body, resolves criteria, asks for the
 * stored resource, judges both by one and the same grant, and says with which precondition the write may go.
 *
 *     smart_write_start(&write, ...);
 *     while (smart_write_next(&write) == SMART_WANT_READ) { read write.read; smart_write_head, _feed ..., _end }
 *     SMART_SEND: what is said below, and the request as it was changed; SMART_REFUSE: write.reason, write.rule
 */

#ifndef SMART_WRITE_H
#define SMART_WRITE_H

#include "fhir/fhir_request.h"
#include "smart/smart_grants.h"
#include "smart/smart_image.h"
#include "smart/smart_narrowing.h"
#include "smart/smart_step.h"
#include "smart/smart_stored.h"

/* The writes of RULES B2. */
typedef struct {
    fhir_interaction_t interaction;
    unsigned letter;
    bool has_body;
    bool reads; /* under a check the stored resource is read first */
    bool is_patch;
} smart_write_kind_t;

/* NULL: the interaction is no write. */
const smart_write_kind_t *smart_write_kind(fhir_interaction_t interaction);

/* Members that begin with an underscore are its own. */
typedef struct {
    base_reason_t reason;
    const char *rule;
    smart_read_t read;
    size_t reads;            /* that were asked for so far */
    base_span_t if_match;    /* of what was judged; absent: no precondition of that kind */
    bool must_be_new;        /* If-None-Match: * */
    base_span_t none_exist;  /* If-None-Exist, narrowed; absent: as it came */
    const base_span_t *body; /* with the id spliced in (L13), in pieces */
    size_t body_n;           /* 0: as it came */
    base_arena_t *_arena;
    const smart_grants_t *_grants;
    const smart_policy_t *_policy;
    fhir_request_t *_request;
    fhir_query_t *_none_exist;
    const smart_write_kind_t *_kind;
    base_span_t _body;
    size_t _keep_max;
    smart_cover_t _cover;
    smart_cover_t _search; /* of conditional forms: the s-cover */
    smart_narrowing_t _narrowing;
    smart_image_t *_image;
    const smart_watch_t *_watch; /* by which a target of a Provenance is judged */
    uint64_t _after;             /* ways in which the body is covered */
    fhir_text_t _body_id;
    fhir_text_t _hit;         /* id of the one that the criteria found */
    fhir_text_t _hit_version; /* and its meta.versionId */
    smart_stored_t _stored;
    base_span_t *_target;
    size_t _target_n;
    size_t _target_at;
    struct smart_write_raw_s *_raw; /* Binaries that a document newly refers to (B11); NULL: none */
    unsigned _stage;
    smart_step_t _step;
    bool _unfound; /* the criteria found nothing, and the body has an id */
} smart_write_t;

/*
 * Begins. The request is a write whose cover is not true, or that selects by a search whose cover is not; everything must outlive the machine.
 * Criteria that are narrowed or resolved change the request. `none_exist`: the criteria of a conditional create, parsed and judged. `body`: of the write, judged by smart_body_judge before. `keep_max`: bytes of a
 * stored resource, or of the answer to a search, that may be kept.
 */
void smart_write_start(smart_write_t *write, base_arena_t *arena, const smart_grants_t *grants,
                       const smart_policy_t *policy, fhir_request_t *request,
                       fhir_query_t *none_exist, base_span_t body, size_t keep_max);

/* SMART_WANT_READ, SMART_SEND or SMART_REFUSE; the latter two are final. */
smart_step_t smart_write_next(smart_write_t *write);

#endif
