/*
 * smart_claims: what a verified token says, read through the issuer's claim map.
 *
 * The input is the JSON object that somebody else has proven genuine: the payload of a verified JWT or the answer
 * of an introspection. Nothing here knows which. Values are kept as they were written; nothing is coerced: a claim of another shape
 * than expected is void, as if absent, and a void patient claim leaves the token without a patient (RULES A13, F7, F8).
 */

#ifndef SMART_CLAIMS_H
#define SMART_CLAIMS_H

#include "base/base_arena.h"
#include "base/base_reason.h"

/* What a claim map can rename: constant, name in `claim <name> <pointer>`, which is also its default place. */
#define SMART_CLAIM_NAMES(X)                                                                       \
    X(SMART_CLAIM_PATIENT, "patient")                                                              \
    X(SMART_CLAIM_ENCOUNTER, "encounter")                                                          \
    X(SMART_CLAIM_FHIR_USER, "fhirUser")                                                           \
    X(SMART_CLAIM_FHIR_CONTEXT, "fhirContext")                                                     \
    X(SMART_CLAIM_INTENT, "intent")                                                                \
    X(SMART_CLAIM_TENANT, "tenant")                                                                \
    X(SMART_CLAIM_NEED_PATIENT_BANNER, "need_patient_banner")                                      \
    X(SMART_CLAIM_SMART_STYLE_URL, "smart_style_url")                                              \
    X(SMART_CLAIM_CLIENT_ID, "client_id")                                                          \
    X(SMART_CLAIM_SUBJECT, "subject")

#define SMART_CLAIM_ENUM(id, name) id,
typedef enum { SMART_CLAIM_NAMES(SMART_CLAIM_ENUM) SMART_CLAIM_COUNT } smart_claim_t;
#undef SMART_CLAIM_ENUM

#define SMART_CLAIM_SEGMENTS   8  /* of one pointer */
#define SMART_CLAIM_SCOPES_MAX 8  /* scope_claim pointers of one issuer */
#define SMART_PATIENTS_MAX     16 /* patients of one token with `patients many`; more: void */
#define SMART_SCOPES_MAX       256
#define SMART_WILDCARDS_MAX    32 /* constrained scopes of type '*': each is one for each type */
#define SMART_EXTRAS_MAX       64 /* top-level string and number claims kept for variables */

/* Where a claim is found: the member names from the payload's top down. n = 0: nowhere. */
typedef struct {
    base_span_t segment[SMART_CLAIM_SEGMENTS];
    size_t n;
} smart_claim_pointer_t;

/*
 * What a value that is no SMART scope stands for (CONFIG scope_map): a scope-token of that exact spelling, or, with `client`, a client of that id (service
 * accounts have no scopes). Never implicit.
 */
typedef struct {
    base_span_t value;
    bool client;
    const base_span_t *scope;
    size_t scope_n;
} smart_scope_map_t;

/* An issuer's claim map (CONFIG smart_issuer). Built once at configuration, constant afterwards; its spans live as long as it. */
typedef struct {
    smart_claim_pointer_t claim[SMART_CLAIM_COUNT];
    smart_claim_pointer_t scope[SMART_CLAIM_SCOPES_MAX]; /* all of them are read and united (F7) */
    size_t scope_n;
    base_span_t scope_prefix; /* taken off the front of each scope; absent: none (A15, A16) */
    base_span_t
        scope_separator; /* each of these characters may stand for '/'; absent: none (A16) */
    bool patients_many;  /* `patients many` (A13) */
    const smart_scope_map_t *scope_map; /* NULL: none */
    size_t scope_map_n;
} smart_claim_map_t;

/*
 * The defaults: each claim under its SMART name at the top level (`subject` under `sub`), scopes under `scope` and `scp`, one patient.
 * While `client_id` is at its default place and the token lacks it, `azp` counts as the client id (OpenID Connect Core section 2).
 */
void smart_claim_map_default(smart_claim_map_t *map);

/* The row of `claim <name>`, or SMART_CLAIM_COUNT for an unknown name. */
smart_claim_t smart_claim_of(base_span_t name);

/* The name of a row, as CONFIG spells it. */
const char *smart_claim_name(smart_claim_t claim);

/*
 * Reads a place: a JSON pointer (RFC 6901) when it begins with '/', else the name of a top-level member.
 * Array positions are not supported. False for a bad escape, an empty text, or more than SMART_CLAIM_SEGMENTS segments. What
 * needs memory (unescaped segments) is taken from the arena, which must live as long as the map.
 */
bool smart_claim_pointer_set(smart_claim_pointer_t *pointer, base_span_t text, base_arena_t *arena);

typedef struct {
    base_span_t name;
    base_span_t value; /* decoded string, or the number as written */
} smart_extra_t;

typedef enum { SMART_BANNER_UNSAID, SMART_BANNER_NEEDED, SMART_BANNER_NOT_NEEDED } smart_banner_t;

/* What was read. Absent claims are absent spans. All memory is the arena's. */
typedef struct {
    base_span_t issuer;   /* iss */
    base_span_t token_id; /* jti */
    base_span_t subject;
    base_span_t client_id;
    base_span_t patient[SMART_PATIENTS_MAX]; /* raw: `123`, `Patient/123` or a URL */
    size_t patient_n;
    bool patient_void; /* there was a patient claim, but of a shape that names nobody */
    base_span_t encounter;
    base_span_t fhir_user;
    bool fhir_user_void;      /* likewise: somebody was named, though not legibly */
    base_span_t fhir_context; /* the JSON array exactly as it was written */
    base_span_t details; /* authorization_details (F4): the JSON array exactly as it was written */
    bool details_void;   /* it was there, and was no array */
    base_span_t intent;
    base_span_t tenant;
    base_span_t smart_style_url;
    smart_banner_t need_patient_banner;
    const base_span_t *scope; /* scope texts, each to be split on spaces */
    size_t scope_n;
    bool scope_found; /* any of the scope claims was there */
    const smart_extra_t *extra;
    size_t extra_n;
} smart_claims_t;

/*
 * Reads a payload in one strict pass. BASE_TOKEN_CLAIMS when it is not one well-formed JSON object (duplicate members at any level
 * included), BASE_TOKEN_SCOPES when a scope array is longer than SMART_SCOPES_MAX, BASE_NO_MEMORY.
 */
base_reason_t smart_claims_read(const smart_claim_map_t *map, base_span_t payload,
                                base_arena_t *arena, smart_claims_t *claims);

/* The top-level string or number claim of that name ($smart_claim_<name>), or the absent span. */
base_span_t smart_claims_extra(const smart_claims_t *claims, base_span_t name);

#endif
