/*
 * smart_policy: what is decided where the standards leave a choice (CONFIG smart_policy). One constant object, made at configuration.
 *
 * One list of entries is read by nginx, smartctl and the documentation: smart_policy_entry.
 */

#ifndef SMART_POLICY_H
#define SMART_POLICY_H

#include "base/base_arena.h"
#include "fhir/fhir_definitions.h"
#include "smart/smart_operation.h"
#include "smart/smart_scope.h"

/* What makes a Binary readable under patient/ (B11). */
typedef enum { SMART_BINARY_REFERENCED, SMART_BINARY_DENY, SMART_BINARY_SCOPE } smart_binary_t;

typedef struct {
    const fhir_definitions_t *definitions; /* of fhir_version, with `search_parameter` (C1) */
    bool membership_strict;                /* D4; reads only */
    bool user_patient_pass;                /* D13 */
    bool user_unknown_pass;                /* D13 */
    bool user_context_confine;             /* L22 */
    bool group_allow;                      /* D5 */
    bool linked_patients_allow;            /* D3 */
    bool hide_existence;                   /* D9 */
    bool history_own;                      /* D11 */
    bool include_refuse;                   /* C2 */
    smart_binary_t binary;                 /* B11 */
    bool batch_refuse;                     /* B5 */
    bool suppressed_outcome;               /* I4 */
    bool update_create_off;                /* B2 row 3 */
    bool unversioned_allow;                /* L13 */
    bool export_group_ignore;              /* B8 */
    const base_span_t *page_parameters;    /* beyond the built-in ones (C1) */
    size_t page_parameters_n;
    const smart_scope_t *ceiling; /* every token is cut down to these; none: as it is */
    size_t ceiling_n;
    const base_span_t *public_paths; /* below the base, without slashes around */
    size_t public_paths_n;
    const smart_operation_t *operations; /* beside the defaults of smart_operation */
    size_t operations_n;

    /* made by smart_policy_finish */
    fhir_type_set_t shared;         /* by type scope alone under patient/ (D8) */
    fhir_type_set_t shared_unnamed; /* of them, those that '*' shares as well (D5) */
    const fhir_type_t *raw;         /* Binary, which has rules of its own (B11) */
    fhir_type_set_t members;        /* judged by the compartment under patient/ */
    fhir_type_set_t reached
        [SMART_LETTERS]; /* of them, those that a patient's grant reaches with the letter (D5, D6, D10) */

    const fhir_addition_t *_additions; /* `search_parameter`, in the order written */
    size_t _additions_n;
    const base_span_t *_shared_types; /* as written */
    size_t _shared_types_n;
    uint64_t _seen; /* entries written so far, to refuse repeats */
} smart_policy_t;

/* One entry of the language. */
typedef struct {
    const char *name;
    const char *values; /* the choices as CONFIG writes them */
    const char *preset; /* the default */
    const char *text;   /* what it decides, with its rule */
} smart_policy_entry_t;

/* CONFIG's defaults, finished. */
void smart_policy_default(smart_policy_t *policy);

/*
 * Applies one entry: argv[0] is its name, the rest its values. False for an unknown name, a wrong value, a
 * repeat, no memory: `error` (of `size` bytes, NUL terminated) then says what is wrong and what to write instead. Entries may come in any
 * order; smart_policy_finish checks what depends on others. What must last is copied to the arena, which lives as long as the policy.
 */
bool smart_policy_set(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                      base_arena_t *arena, char *error, size_t size);

/* Which entry of a block: the nth of that name, from 0. A literal of the list, or NULL: none in particular. */
typedef struct {
    const char *entry;
    size_t nth;
} smart_policy_place_t;

/*
 * After the last entry of a block. False with `error` when an entry does not fit the FHIR version or may not be, or memory is short; `*wrong`
 * (may be NULL) then says which. The arena is that of smart_policy_set. May be called again after more entries.
 */
bool smart_policy_finish(smart_policy_t *policy, base_arena_t *arena, smart_policy_place_t *wrong,
                         char *error, size_t size);

/* The list, in CONFIG's order: the entry at position 0, 1 ...; NULL behind the last. */
const smart_policy_entry_t *smart_policy_entry(size_t at);

#endif
