/*
 * smart_policy: what is decided where the standards leave a choice (CONFIG smart_policy). One constant object, made at configuration.
 *
 * One list of entries is read by nginx, smartctl and the documentation: smart_policy_entries.
 */

#ifndef SMART_POLICY_H
#define SMART_POLICY_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "fhir/fhir_definitions.h"

typedef enum { SMART_MEMBERSHIP_FORMAL, SMART_MEMBERSHIP_STRICT } smart_membership_t;

typedef struct {
    const fhir_definitions_t *definitions; /* of fhir_version */
    smart_membership_t membership;         /* D4; reads only */
    bool user_patient_pass;                /* D13 */
    bool user_unknown_pass;                /* D13 */
    bool user_context_confine;             /* L22 */
    bool group_allow;                      /* D5 */
    bool linked_patients_allow;            /* D3 */
    bool hide_existence;                   /* D9 */
    bool shared_set;                       /* shared_types was written */
    fhir_type_set_t shared_add;            /* D8 */
    fhir_type_set_t shared_remove;
    uint64_t seen; /* entries written so far, to refuse repeats */
} smart_policy_t;

/* One entry of the language. `values`: the choices as CONFIG writes them; `supported`: false for an entry whose behaviour does not exist yet. */
typedef struct {
    const char *name;
    const char *values;
    const char *preset; /* the default */
    const char *text;   /* what it decides, with its rule */
    bool supported;
} smart_policy_entry_t;

/* CONFIG's defaults. */
void smart_policy_default(smart_policy_t *policy);

/*
 * Applies one entry: argv[0] is its name, the rest its values. False for an unknown name, an unsupported entry, a wrong value, a
 * repeat: `error` (of `size` bytes, NUL terminated) then says what is wrong and what to write instead. `fhir_version` may come in any
 * order relative to the others; smart_policy_finish checks what depends on it.
 */
bool smart_policy_set(smart_policy_t *policy, const base_span_t *argv, size_t argc,
                      base_arena_t *arena, char *error, size_t size);

/* After the last entry of a block. False with `error` when entries contradict each other or the FHIR version. */
bool smart_policy_finish(smart_policy_t *policy, char *error, size_t size);

/* The list, *n entries, in CONFIG's order. */
const smart_policy_entry_t *smart_policy_entries(size_t *n);

/* True when the type is readable and searchable by type scope alone under patient/ (D8). `named`: by a scope that names it. */
bool smart_policy_shared(const smart_policy_t *policy, fhir_type_t type, bool named);

#endif
