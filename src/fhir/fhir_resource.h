/*
 * fhir_resource: reads one resource as bytes arrive, cut anywhere, and says what is true of it.
 * Nothing is kept but the facts.
 *
 * Duplicate members are refused in every object. Contained resources are not looked into (RULES
 * D12).
 */

#ifndef FHIR_RESOURCE_H
#define FHIR_RESOURCE_H

#include "base/base_json.h"
#include "fhir/fhir_fact.h"
#include "fhir/fhir_lens.h"
#include "fhir/fhir_match.h"

#define FHIR_TEXT_MAX 64

/* A short string of a resource. `unknown`: it was there but is no string, or longer than fits; n is
 * then 0. */
typedef struct {
    unsigned char bytes[FHIR_TEXT_MAX];
    unsigned char n;
    bool unknown;
} fhir_text_t;

typedef struct {
    const fhir_type_t *type; /* by resourceType; NULL: missing or not of this version */
    fhir_text_t type_name;   /* as written */
    fhir_text_t id;
    fhir_text_t version_id; /* meta.versionId */
    bool type_late;     /* resourceType came too late: all bits unknown; read again with `known` */
    bool contained;     /* it has a member of that name */
    bool type_conflict; /* resourceType is not `known`: all bits unknown */
    const fhir_lens_t *lens; /* that gave the bits; NULL: none */
    uint64_t _met;
    uint64_t _not;
    uint64_t _unknown;
} fhir_facts_t;

/*
 * The fact of a bit that fhir_lens_watch_* gave for facts->lens. A value of the wrong shape on the
 * way (an array where FHIR has an object, or the reverse; null; a reference that is no string)
 * makes it UNKNOWN, whatever else matched.
 */
fhir_fact_t fhir_facts_bit(const fhir_facts_t *facts, int bit);

/* The bytes of a short string; absent when there was none. */
base_span_t fhir_text_span(const fhir_text_t *text);

/* Adds a part of it. */
void fhir_text_add(fhir_text_t *text, base_span_t part);

/* The lens for a type, or NULL when nothing is to be looked for in it. */
typedef const fhir_lens_t *(*fhir_lens_lookup_pt)(void *ctx, const fhir_type_t *type);

/* One open object or array on the way to a watched element. */
typedef struct {
    uint64_t bits; /* of the lens: their paths lead here */
    unsigned char step;
    bool array;
    bool meta; /* the resource's own meta */
} fhir_frame_t;

#define FHIR_FRAMES_MAX (2 * FHIR_LENS_STEPS + 2)
#define FHIR_VALUE_MAX  2048 /* bytes of a string that is compared; a longer one is unknown */

/* Reading state, about 6 KB; its members are the reader's own. */
typedef struct {
    base_json_t *_json;
    base_json_t _own;
    const fhir_definitions_t *_defs;
    fhir_lens_lookup_pt _lookup;
    void *_ctx;
    const fhir_type_t *_known;
    fhir_facts_t _facts;
    base_reason_t _reason;
    bool _fold;     /* names that differ by case alone are refused where a path goes */
    bool _in_value; /* a string or number came, but not its last part */
    bool _done;
    bool _typed;       /* resourceType was read */
    bool _other_first; /* a member that may be watched came before it */
    bool _id_first;    /* so did the id */
    fhir_frame_t _frames[FHIR_FRAMES_MAX];
    unsigned _frames_n;
    uint64_t _next;     /* bits of the member whose value comes next */
    unsigned _slot;     /* what else that member is */
    uint64_t _filters;  /* bits that choose by the member whose value comes next */
    uint64_t _strings;  /* bits that compare the string or number being read */
    uint64_t _choosing; /* bits that choose by it */
    fhir_text_t *_text; /* where the string being read is also kept, or NULL */
    size_t _key_n; /* bytes of the name that is being read in parts; more than fit: a name nobody
                      watches */
    size_t _value_n;
    unsigned char _key[FHIR_TEXT_MAX];
    unsigned char _value[FHIR_VALUE_MAX];
    fhir_match_t _matches[FHIR_LENS_BITS]; /* each begun when its object is */
} fhir_resource_t;

/*
 * Begins a document. `known`: the type, when it is known beforehand (second reading, or the type
 * asked for), else NULL. `hashes`: room for the members of all open objects together (owned by the
 * caller; 2048 is ample).
 */
void fhir_resource_start(fhir_resource_t *res, const fhir_definitions_t *defs,
                         fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known,
                         uint64_t *hashes, size_t hashes_max);

/* The same for bytes that a strict scanner has accepted before: no member is there twice, and none is looked for. */
void fhir_resource_start_again(fhir_resource_t *res, const fhir_definitions_t *defs,
                               fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known);

/* Takes the next bytes. After a failure every later call says the same. */
base_reason_t fhir_resource_feed(fhir_resource_t *res, base_span_t bytes);

/* Ends the document: BASE_OK and the facts, or a BASE_JSON_* reason (no whole JSON object, depth,
 * duplicates ...). */
base_reason_t fhir_resource_end(fhir_resource_t *res, fhir_facts_t *facts);

/*
 * The same inside a document that somebody else pulls from `json` (fhir_bundle): begin before the
 * resource's first event, then take every event from it on until take() says true: the resource is
 * complete, or in error. What json->reason says is the caller's.
 */
void fhir_resource_begin(fhir_resource_t *res, base_json_t *json, const fhir_definitions_t *defs,
                         fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known);
bool fhir_resource_take(fhir_resource_t *res, base_json_event_t event);

/* The same where its '{' and its first member were read already, and that was resourceType. */
void fhir_resource_begin_typed(fhir_resource_t *res, base_json_t *json,
                               const fhir_definitions_t *defs, fhir_lens_lookup_pt lookup,
                               void *ctx, const fhir_text_t *type_name);

/* After take() said true: BASE_OK and the facts, or BASE_JSON_SYNTAX when it was no object. */
base_reason_t fhir_resource_facts(fhir_resource_t *res, fhir_facts_t *facts);

/* start, feed and end in one, read again by itself when the type comes late: facts->type_late is
 * then false. */
base_reason_t fhir_resource_read(base_span_t bytes, const fhir_definitions_t *defs,
                                 fhir_lens_lookup_pt lookup, void *ctx, uint64_t *hashes,
                                 size_t hashes_max, fhir_facts_t *facts);

#endif
