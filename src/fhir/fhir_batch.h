/*
 * fhir_batch: a batch or transaction Bundle as it is sent, entry by entry (RULES B5, L15): what
 * each asks, and where in the body it says so, for later edits.
 */

#ifndef FHIR_BATCH_H
#define FHIR_BATCH_H

#include "fhir/fhir_bundle.h"
#include "fhir/fhir_links.h"
#include "fhir/fhir_request.h"

#define FHIR_BATCH_ENTRIES 500 /* what to say for `max` when nobody said otherwise */

/*
 * A short string of entry.request and where its JSON string stands, quotes included; both empty
 * without it.
 */
typedef struct {
    base_span_t text; /* decoded, in the body or the arena */
    fhir_range_t range;
} fhir_member_t;

typedef struct {
    fhir_range_t whole; /* the entry's object */
    fhir_range_t
        request; /* the value of entry.request; members can be inserted right behind its '{' */
    fhir_range_t
        resource; /* the value of entry.resource; members can be inserted right behind its '{' */
    fhir_member_t full_url;
    fhir_member_t method;
    fhir_member_t url;
    fhir_member_t if_none_exist;
    fhir_member_t if_match;
    fhir_member_t if_none_match;
    fhir_member_t if_modified_since;
    fhir_facts_t facts;    /* of the resource; zeroed without one */
    fhir_links_t links;    /* of the resource */
    bool request_is_empty; /* request has no member: an insertion needs no comma */
} fhir_batch_entry_t;

typedef enum { FHIR_BATCH_OTHER, FHIR_BATCH_BATCH, FHIR_BATCH_TRANSACTION } fhir_batch_kind_t;

typedef struct {
    fhir_batch_kind_t kind; /* OTHER: not a Bundle, or a Bundle of another type (`type`) */
    base_span_t type;       /* Bundle.type; absent without */
    fhir_range_t entries;   /* the value of Bundle.entry */
    fhir_batch_entry_t *rows;
    size_t n;
} fhir_batch_t;

/*
 * Reads a body. `lookup` gives the lens for an entry's resource, by its type. BASE_BODY_TOO_LARGE:
 * more than `max` entries (500 by default) or 4096 links in one entry; BASE_BODY_TYPE: no Bundle,
 * or a member of the wrong shape; BASE_JSON_*, BASE_NO_MEMORY. Body, arena and whatever the lenses
 * hold must outlive *batch; the hashes are free afterwards.
 */
base_reason_t fhir_batch_read(base_span_t body, size_t max, const fhir_definitions_t *defs,
                              fhir_lens_lookup_pt lookup, void *ctx, base_arena_t *arena,
                              uint64_t *hashes, size_t hashes_max, fhir_batch_t *batch);

/*
 * The entry as a request of its own (RULES B5). One leading '/' and own-base absolute URLs (`bases`
 * without trailing slash) are taken as relative. Reasons as fhir_request_parse has them, and:
 * BASE_PATH_SYNTAX for "//", an absolute URL elsewhere, a fragment, a missing method or url;
 * BASE_INTERACTION_REFUSED for the base itself (no nesting) and for OPTIONS; BASE_BODY_UNEXPECTED
 * for a resource with GET, HEAD, DELETE or a _search; BASE_BODY_TYPE for POST, PUT, PATCH without a
 * resource where they need one, and for POST, PUT of another type or id than the url has.
 */
base_reason_t fhir_batch_request(const fhir_definitions_t *defs, const fhir_batch_entry_t *entry,
                                 const base_span_t *bases, size_t n_bases, base_arena_t *arena,
                                 fhir_request_t *req);

#endif
