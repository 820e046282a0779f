/*
 * fhir_links: all references anywhere in a resource, contained resources and Bundles inside
 * included (RULES B5, B11). Names in any case: some servers do not tell them apart.
 */

#ifndef FHIR_LINKS_H
#define FHIR_LINKS_H

#include "base/base_arena.h"
#include "base/base_json.h"
#include "fhir/fhir_reference.h"

/* A stretch of the body: from its first byte up to behind its last. Both 0: not there. */
typedef struct {
    size_t from;
    size_t to;
} fhir_range_t;

typedef enum {
    FHIR_LINK_REFERENCE, /* a string member "reference" */
    FHIR_LINK_URL        /* a string member "url": Attachment.url, and other URLs */
} fhir_link_kind_t;

typedef struct {
    fhir_link_kind_t kind;
    fhir_range_t range;         /* the JSON string, its quotes included */
    fhir_reference_t reference; /* of the decoded text, which lies in the body or in the arena */
} fhir_link_t;

typedef struct {
    fhir_link_t *rows; /* in the order of the body */
    size_t n;
    size_t n_conditional; /* references with '?' */
} fhir_links_t;

/*
 * Reads the whole resource. `max`: more links are BASE_BODY_TOO_LARGE. Also BASE_JSON_*,
 * BASE_NO_MEMORY. The body must outlive the links. `hashes` as base_json_init has it.
 */
base_reason_t fhir_links_read(base_span_t body, size_t max, base_arena_t *arena, uint64_t *hashes,
                              size_t hashes_max, fhir_links_t *links);

#endif
