/*
 * smart_write_own: the inside of a write. For smart_write*.c alone.
 */

#ifndef SMART_WRITE_OWN_H
#define SMART_WRITE_OWN_H

#include "fhir/fhir_reference.h"
#include "smart/smart_write.h"

#define SMART_WRITE_HASHES ((size_t) 2048)

enum {
    SMART_WRITE_BEGIN,
    SMART_WRITE_SEARCHED, /* the answer to the criteria came */
    SMART_WRITE_READ,     /* the stored resource came */
    SMART_WRITE_TARGET,   /* a target of a Provenance came */
    SMART_WRITE_RAW,      /* a Binary that a document refers to came */
    SMART_WRITE_OWNER,    /* what its security context names came */
    SMART_WRITE_DONE
};

smart_step_t smart_write_refuse(smart_write_t *write, base_reason_t reason, const char *rule);
smart_step_t smart_write_send(smart_write_t *write);

/* The same when nothing is left to be looked at. */
smart_step_t smart_write_sent(smart_write_t *write);

/* A PUT, by id or by criteria. */
bool smart_write_is_update(const smart_write_t *write);

/* Asks for a read, after which `stage` goes on. `known`: the type that must come back. */
smart_step_t smart_write_ask(smart_write_t *write, unsigned stage, smart_read_t read,
                             fhir_lens_lookup_pt lookup, void *ctx, const fhir_type_t *known,
                             bool keep);

/* Asks for the instance that the request names. */
smart_step_t smart_write_ask_instance(smart_write_t *write);

/* The request names nothing that is there, or nothing that is covered: an update creates it. */
smart_step_t smart_write_create(smart_write_t *write);

/* The whole JSON of `resource`, by `lookup`. */
base_reason_t smart_write_facts(const smart_write_t *write, base_span_t resource,
                                fhir_lens_lookup_pt lookup, void *ctx, fhir_facts_t *facts);

/* smart_write_search: conditional forms (L13) */

/* Criteria of update, patch and delete: narrowed, and asked for. */
smart_step_t smart_write_search(smart_write_t *write);
smart_step_t smart_write_searched(smart_write_t *write);

/* Of a conditional create: narrowed. BASE_OK: write->none_exist. */
base_reason_t smart_write_narrow_none_exist(smart_write_t *write);

/* True when the kept resource is covered by s, and is what the criteria found. */
bool smart_write_still_found(const smart_write_t *write);

/* smart_write_target: what a Provenance is about (D6) */

smart_step_t smart_write_targets(smart_write_t *write);
smart_step_t smart_write_target_read(smart_write_t *write);

/* smart_write_raw: what a document refers to (B11) */

/* A document with a URL that it had not before: BASE_OK: nobody takes it for a Binary's, or it is one that is looked at before the document is sent. */
base_reason_t smart_write_note_raw(smart_write_t *write, const fhir_reference_t *reference);

/* What was noted is looked at; then the write is sent. */
smart_step_t smart_write_raws(smart_write_t *write);
smart_step_t smart_write_raw_read(smart_write_t *write);

#endif
