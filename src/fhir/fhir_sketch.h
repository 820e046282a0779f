/*
 * fhir_sketch: a resource whose type is not known yet, kept as small as it can be, to be read once it is.
 *
 * Servers that store JSON by sorted names say resourceType last, behind megabytes of base64. A string longer than any that is compared
 * (FHIR_VALUE_MAX) is unknown whatever it says, so that many bytes of anything stand for it. `contained` is not looked into (RULES D12).
 */

#ifndef FHIR_SKETCH_H
#define FHIR_SKETCH_H

#include "fhir/fhir_resource.h"

/* Members that begin with an underscore are its own. Zeroed before the first use; its memory is kept from one resource to the next. */
typedef struct {
    fhir_text_t type_name; /* resourceType, once it came */
    bool skips;            /* `contained` is skipped: nobody else wants its events */
    base_arena_t *_arena;
    unsigned char *_p;
    size_t _n;
    size_t _size;
    size_t _max;
    size_t _string; /* where the string being read began */
    size_t _string_n;
    unsigned _depth;
    bool _comma;
    bool _in_token;
    bool _is_type; /* the string being read is resourceType */
    bool _long;    /* the string is longer than is kept */
    bool _failed;  /* no memory, or more than `max` bytes */
    unsigned char _name[16];
    size_t _name_n;
} fhir_sketch_t;

/* Begins a resource: at most `max` bytes are kept. */
void fhir_sketch_begin(fhir_sketch_t *sketch, base_arena_t *arena, size_t max);

/* Every event of it, from its '{' on. True: it is complete. */
bool fhir_sketch_take(fhir_sketch_t *sketch, base_json_t *json, base_json_event_t event);

/* A null, for the value of a member whose name was just taken. */
void fhir_sketch_null(fhir_sketch_t *sketch);

/* What was kept, as JSON; absent when it did not fit. Good until the next begin. */
base_span_t fhir_sketch_text(const fhir_sketch_t *sketch);

#endif
