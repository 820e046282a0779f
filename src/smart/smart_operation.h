/*
 * smart_operation: which scopes an operation needs (RULES B6, B7, B12, B13). SMART defines none; this table and the policy entry
 * `operation` do. What has no row is refused.
 */

#ifndef SMART_OPERATION_H
#define SMART_OPERATION_H

#include "base/base_arena.h"
#include "fhir/fhir_request.h"
#include "smart/smart_verdict.h"

typedef enum {
    SMART_OPERATION_DENIED,
    SMART_OPERATION_SCOPES, /* true covers of `letters` on the type, any of them, or of `need`; r also on the patient's own instance */
    SMART_OPERATION_VALIDATE, /* the same, and the own instance against the body */
    SMART_OPERATION_ANY,      /* any valid token (B6) */
    SMART_OPERATION_SEARCH,   /* decided as a search of the type: $lastn, $docref */
    SMART_OPERATION_FIND,     /* as a search that brings a resource: $find */
    SMART_OPERATION_STATS, /* s; by a patient's grant what says the own subject, unless there is a constraint */
    SMART_OPERATION_PAGE,       /* s, and each entry on its own merit (L20) */
    SMART_OPERATION_EVERYTHING, /* r on the instance, r or s on what comes back (L16) */
    SMART_OPERATION_DOCUMENT,   /* as SCOPES, and persist=true needs c on Bundle */
    SMART_OPERATION_CREATE, /* as SCOPES; under a check the body is judged as that of a create */
    SMART_OPERATION_META    /* u on the instance, and no constraint on what it writes */
} smart_operation_kind_t;

#define SMART_OPERATION_NEEDS 8

/* One scope that an operation of the policy needs. */
typedef struct {
    const char *type; /* NULL: the type of the request; "*": every type */
    unsigned letters; /* all of them */
} smart_operation_need_t;

typedef struct {
    const char *name;
    unsigned levels;   /* bits 1 << fhir_level_t */
    const char *types; /* separated by spaces; NULL: any */
    unsigned methods;
    smart_operation_kind_t kind;
    unsigned letters; /* any of them, on the type */
    smart_operation_need_t need[SMART_OPERATION_NEEDS];
    size_t need_n;    /* 0: `letters` says it */
    const char *open; /* a type that the answer shows whoever may call it; NULL: none */
} smart_operation_t;

/* The row that fits the request: first of `more` (the policy's), then of the defaults; NULL: none. */
const smart_operation_t *smart_operation_find(const smart_operation_t *more, size_t n,
                                              const fhir_request_t *request);

/*
 * There is no row: says which entry would be one. Nothing where the name is more than letters, digits and "-_.", or over 64 bytes, since clients
 * are told it.
 */
void smart_operation_missing(const fhir_request_t *request, smart_missing_t *missing);

/*
 * Reads an entry: `<name> [system|type|instance] [<Type> ...] [get|post] <scopes> | deny`. A scope is <Type>.<letters>, `T` standing for the
 * type of the request and `*` for every type: "T.r", "Observation.rs". Without a method: both, or
 * POST alone when a letter of them writes (B7). False with `error` when it is none.
 */
bool smart_operation_read(const base_span_t *argv, size_t argc, base_arena_t *arena,
                          smart_operation_t *operation, char *error, size_t size);

#endif
