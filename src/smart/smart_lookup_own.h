/*
 * smart_lookup_own: the inside of a lookup. For smart_lookup*.c alone.
 */

#ifndef SMART_LOOKUP_OWN_H
#define SMART_LOOKUP_OWN_H

#include "smart/smart_lookup.h"

#define SMART_LOOKUP_HASHES ((size_t) 2048)

enum {
    SMART_LOOKUP_NEXT,     /* the next want is to be looked at */
    SMART_LOOKUP_READ,     /* the instance came */
    SMART_LOOKUP_DELETED,  /* the newest versions of a deleted one came (D11) */
    SMART_LOOKUP_ABOUT,    /* a target of a Provenance came */
    SMART_LOOKUP_REFERRED, /* documents that refer to a Binary came (B11) */
    SMART_LOOKUP_RAW,      /* the Binary itself came */
    SMART_LOOKUP_OWNER,    /* what its security context names came */
    SMART_LOOKUP_DONE
};

smart_step_t smart_lookup_refuse(smart_lookup_t *lookup, base_reason_t reason, const char *rule);

const char *smart_lookup_rule(const smart_lookup_t *lookup);

/* Asks for the instance, and what `behind` it says ("/_history"), judged by the covers, after which `stage` goes on. */
smart_step_t smart_lookup_ask(smart_lookup_t *lookup, unsigned stage, const fhir_type_t *type,
                              base_span_t id, bool versions, const smart_cover_t *cover,
                              size_t cover_n, bool keep);

/* The want at hand is settled: covered, or not. */
smart_step_t smart_lookup_covered(smart_lookup_t *lookup);
smart_step_t smart_lookup_uncovered(smart_lookup_t *lookup);

/* True when what was read is this instance, and covered. */
bool smart_lookup_holds(const smart_lookup_t *lookup, const fhir_facts_t *facts, base_span_t id);

/* smart_lookup_plan: what the request names. */

/* BASE_OK: lookup->_want. */
base_reason_t smart_lookup_plan(smart_lookup_t *lookup, unsigned lookups);

/* smart_lookup_about: a Provenance by its targets (D6) */

smart_step_t smart_lookup_about(smart_lookup_t *lookup);
smart_step_t smart_lookup_about_read(smart_lookup_t *lookup);

/* smart_lookup_binary: a Binary by what refers to it, and by its security context (B11) */

smart_step_t smart_lookup_binary(smart_lookup_t *lookup);
smart_step_t smart_lookup_binary_read(smart_lookup_t *lookup);

#endif
