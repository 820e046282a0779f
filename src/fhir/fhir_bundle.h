/*
 * fhir_bundle: a Bundle, entry by entry, with the byte offsets that cutting needs.
 *
 * This form takes the whole body in one span. Members may come in any order: what is said of the
 * Bundle itself is complete at END only.
 */

#ifndef FHIR_BUNDLE_H
#define FHIR_BUNDLE_H

#include "fhir/fhir_links.h"
#include "fhir/fhir_resource.h"

typedef enum {
    FHIR_BUNDLE_ENTRY, /* bundle->entry is filled */
    FHIR_BUNDLE_END,   /* the whole was read; look at bundle->is_bundle first */
    FHIR_BUNDLE_ERROR  /* bundle->reason: BASE_JSON_*, BASE_NO_MEMORY, or BASE_ANSWER_UNEXPECTED for
                          a member of the wrong shape */
} fhir_bundle_event_t;

typedef struct {
    fhir_range_t whole;    /* the entry's object */
    fhir_range_t resource; /* the value of entry.resource */
    fhir_facts_t facts;    /* of the resource; zeroed without one */
    base_span_t full_url;  /* decoded, in the arena or the body; absent when missing */
    base_span_t mode;      /* search.mode */
} fhir_bundle_entry_t;

typedef struct {
    fhir_bundle_entry_t entry;
    base_reason_t reason;

    /* complete at FHIR_BUNDLE_END */
    bool is_bundle; /* resourceType is Bundle: else entries seen on the way mean nothing */
    base_span_t resource_type;
    base_span_t type; /* "searchset" */
    base_span_t
        link_self; /* url of the one link whose relation is self; absent when there are several */
    fhir_range_t total;   /* the number */
    fhir_range_t links;   /* the value of link */
    fhir_range_t entries; /* the value of entry */

    base_json_t _json;
    fhir_resource_t _resource;
    base_span_t _body;
    base_span_t _in;
    const fhir_definitions_t *_defs;
    fhir_lens_lookup_pt _lookup;
    void *_ctx;
    base_arena_t *_arena;
    uint64_t *_hashes;
    size_t _hashes_max;
    base_span_t _relation;
    base_span_t _url;
    unsigned _state;
    unsigned char _name[FHIR_TEXT_MAX];
} fhir_bundle_t;

/* Begins with a body; it, the arena and the hashes (half of them are used for late types) must
 * outlive the bundle. */
void fhir_bundle_open(fhir_bundle_t *bundle, base_span_t body, const fhir_definitions_t *defs,
                      fhir_lens_lookup_pt lookup, void *ctx, base_arena_t *arena, uint64_t *hashes,
                      size_t hashes_max);

/* The next entry, or the end. */
fhir_bundle_event_t fhir_bundle_next(fhir_bundle_t *bundle);

#endif
