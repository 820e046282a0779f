/*
 * smart_stored: what a read before judging brought (D10, L13): one stored resource, read as its bytes come, or the kept answer to a search.
 */

#ifndef SMART_STORED_H
#define SMART_STORED_H

#include "base/base_arena.h"
#include "fhir/fhir_resource.h"

typedef enum {
    SMART_STORED_READING,
    SMART_STORED_FOUND,   /* 2xx, whole, JSON */
    SMART_STORED_MISSING, /* 404 */
    SMART_STORED_GONE,    /* 410 */
    SMART_STORED_FAILED   /* reason says why; nothing may be concluded */
} smart_stored_state_t;

/* What the head of the answer to a read says. Spans must live until the end. */
typedef struct {
    unsigned status;
    base_span_t content_type;
    base_span_t etag; /* absent: none */
    bool content_encoded;
    base_span_t
        base; /* what was asked, as the FHIR server knows it: scheme, host and path prefix (L0); absent: not known */
} smart_read_head_t;

/* Members that begin with an underscore are its own. */
typedef struct smart_stored_s {
    smart_stored_state_t state;
    base_reason_t reason; /* FAILED */
    fhir_facts_t facts;   /* FOUND: by the lens of the lookup */
    base_span_t
        version;      /* FOUND: as If-Match says it, by ETag, else meta.versionId; absent: none */
    base_span_t body; /* FOUND and kept: all of it */
    bool
        abridged; /* `body` is without its long strings, which nothing is compared with (fhir_sketch): it was larger than is kept */
    bool too_large;   /* even so: `body` is absent */
    base_span_t base; /* what reads were sent to so far; absent: not known */
    base_arena_t *_arena;
    const fhir_definitions_t *_definitions;
    fhir_lens_lookup_pt _lookup;
    void *_ctx;
    const fhir_type_t *_known;
    fhir_resource_t *_resource;
    uint64_t *_hashes;
    unsigned char *_kept;
    size_t _kept_size;
    size_t _kept_max;
    size_t _n; /* bytes so far */
    struct smart_abridged_s *_abridged;
} smart_stored_t;

/*
 * Begins a read. `lookup`: the lens for the resource's type (NULL: none). `known`: the type that must come back (NULL: any). `keep_max` > 0: the body is kept, up to so many bytes. *stored is
 * zeroed before its first use and may be used again, which keeps its tables; facts, version and body of the earlier read are then gone.
 * False: no memory.
 */
bool smart_stored_start(smart_stored_t *stored, base_arena_t *arena,
                        const fhir_definitions_t *definitions, fhir_lens_lookup_pt lookup,
                        void *ctx, const fhir_type_t *known, size_t keep_max);

/*
 * The head; the bytes, cut anywhere. False: no more is needed. A status of 401 or 403 is BASE_PREREAD_REFUSED (F10: our fault, not the client's), any other
 * than 2xx, 404 and 410 BASE_PREREAD_FAILED,
 * as is what is not plain JSON or broken. What is larger than keep_max is abridged, and read to its end though even
 * that is too large: whose it is says whether this may show.
 */
bool smart_stored_head(smart_stored_t *stored, const smart_read_head_t *head);
bool smart_stored_feed(smart_stored_t *stored, base_span_t bytes);

/*
 * The same for a resource that lies there, and that somebody else reads strictly: without its long strings, in the arena; up to `max` bytes. Absent:
 * larger, or no memory.
 */
base_span_t smart_stored_abridge(base_span_t resource, base_arena_t *arena, size_t max);

/* The end: BASE_OK: it came whole; else why not. The state is final then. */
void smart_stored_end(smart_stored_t *stored, base_reason_t reason);

#endif
