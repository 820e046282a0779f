/*
 * base_reason: the one closed list of everything that can be wrong.
 *
 * Answers, challenges, logs, variables, metrics and documentation are driven by this table. A function that can fail returns
 * base_reason_t; 0 is BASE_OK. Adding a reason is adding a row.
 *
 * Columns: constant, name (as $smart_reason and the log have it), HTTP status, OperationOutcome issue type (RULES I2, I3),
 * RFC 6750 error ("" for none: a bare challenge on 401, no challenge otherwise), fault, the text a client sees.
 *
 * fault: CLIENT the request or token; SERVICE ours or the issuer's (temporary: 503 carries Retry-After);
 *        UPSTREAM the FHIR server's answer; CONFIG the operator's configuration; NONE nothing is wrong.
 */

#ifndef BASE_REASON_H
#define BASE_REASON_H

#include "base/base_span.h"

/* clang-format off */
#define BASE_REASONS(X) \
    X(BASE_OK,                     "ok",                     200, "informational", "", NONE, "All is well.") \
    /* credentials (RULES H2) */ \
    X(BASE_NO_CREDENTIALS,         "no_credentials",         401, "login",   "", CLIENT, "A bearer access token is required.") \
    X(BASE_CREDENTIALS_SYNTAX,     "credentials_syntax",     400, "invalid", "invalid_request", CLIENT, "The Authorization header is not a well-formed bearer credential.") \
    X(BASE_CREDENTIALS_REPEATED,   "credentials_repeated",   400, "invalid", "invalid_request", CLIENT, "More than one access token was sent.") \
    X(BASE_CREDENTIALS_IN_QUERY,   "credentials_in_query",   400, "invalid", "invalid_request", CLIENT, "Access tokens are not accepted in the query or a form.") \
    X(BASE_TOKEN_TOO_LARGE,        "token_too_large",        400, "invalid", "invalid_request", CLIENT, "The access token is too large.") \
    /* token (RULES H3-H5, H10) */ \
    X(BASE_TOKEN_MALFORMED,        "token_malformed",        401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_OPAQUE,           "token_opaque",           401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_HEADER,           "token_header",           401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_ALGORITHM,        "token_algorithm",        401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_TYPE,             "token_type",             401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_KEY_UNKNOWN,      "token_key_unknown",      401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_SIGNATURE,        "token_signature",        401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_CLAIMS,           "token_claims",           401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_ISSUER,           "token_issuer",           401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_AUDIENCE,         "token_audience",         401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_EXPIRED,          "token_expired",          401, "expired", "invalid_token", CLIENT, "The access token has expired.") \
    X(BASE_TOKEN_NOT_YET_VALID,    "token_not_yet_valid",    401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_TOO_OLD,          "token_too_old",          401, "expired", "invalid_token", CLIENT, "The access token has expired.") \
    X(BASE_TOKEN_KIND,             "token_kind",             401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_TOKEN_BOUND,            "token_bound",            401, "login",   "invalid_token", CLIENT, "The access token is bound to a key that cannot be proven here.") \
    X(BASE_TOKEN_SCOPES,           "token_scopes",           401, "login",   "invalid_token", CLIENT, "The access token carries too many scopes.") \
    X(BASE_TOKEN_INACTIVE,         "token_inactive",         401, "login",   "invalid_token", CLIENT, "The access token is not valid.") \
    X(BASE_REQUIRE_401,            "require_401",            401, "login",   "invalid_token", CLIENT, "The access token does not meet a requirement of this service.") \
    X(BASE_REQUIRE_403,            "require_403",            403, "forbidden", "insufficient_scope", CLIENT, "The access token does not meet a requirement of this service.") \
    /* our own state */ \
    X(BASE_KEYS_UNAVAILABLE,       "keys_unavailable",       503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_INTROSPECTION_FAILED,   "introspection_failed",   503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_TOO_MANY_WAITING,       "too_many_waiting",       503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_VERIFY_BUDGET,          "verify_budget",          503, "throttled", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_ISSUER_UNKNOWN,         "issuer_unknown",         503, "transient", "", CONFIG, "This service is not configured for the request.") \
    X(BASE_NO_MEMORY,              "no_memory",              503, "transient", "", SERVICE, "The request cannot be served at the moment.") \
    X(BASE_INTERNAL,               "internal",               500, "exception", "", SERVICE, "The request could not be processed.") \
    X(BASE_NOT_AS_JUDGED,          "not_as_judged",          500, "exception", "", CONFIG, "The request could not be processed.") \
    /* documents of the issuer */ \
    X(BASE_DOCUMENT_SYNTAX,        "document_syntax",        503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_DOCUMENT_TOO_LARGE,     "document_too_large",     503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_DOCUMENT_ISSUER,        "document_issuer",        503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_DOCUMENT_NO_JWKS,       "document_no_jwks",       503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_DOCUMENT_URL,           "document_url",           503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    X(BASE_DOCUMENT_NO_KEYS,       "document_no_keys",       503, "transient", "", SERVICE, "Access tokens cannot be verified at the moment.") \
    /* JSON (RFC 8259 and threats section 2); who reads it maps these to a reason of its own */ \
    X(BASE_JSON_SYNTAX,            "json_syntax",            400, "structure", "", CLIENT, "The JSON is not well-formed.") \
    X(BASE_JSON_ENCODING,          "json_encoding",          400, "structure", "", CLIENT, "The JSON is not valid UTF-8.") \
    X(BASE_JSON_DEPTH,             "json_depth",             400, "structure", "", CLIENT, "The JSON is nested too deeply.") \
    X(BASE_JSON_NAME,              "json_name",              400, "structure", "", CLIENT, "The JSON has a member with a name that FHIR does not have.") \
    X(BASE_JSON_DUPLICATE,         "json_duplicate",         400, "structure", "", CLIENT, "The JSON has a member twice in one object.") \
    X(BASE_JSON_MEMBERS,           "json_members",           400, "structure", "", CLIENT, "The JSON has too many members in one object.") \
    X(BASE_JSON_TRUNCATED,         "json_truncated",         400, "structure", "", CLIENT, "The JSON is incomplete.") \
    /* the request as such (RULES B0, B2, B7, B14, C1, L11, L26) */ \
    X(BASE_PATH_ENCODED,           "path_encoded",           400, "invalid",   "", CLIENT, "The path must not contain percent-encoded characters.") \
    X(BASE_PATH_SYNTAX,            "path_syntax",            400, "invalid",   "", CLIENT, "The path is not a FHIR path.") \
    X(BASE_NOT_BELOW_BASE,         "not_below_base",         404, "not-found", "", CLIENT, "There is no FHIR endpoint at this path.") \
    X(BASE_TYPE_UNKNOWN,           "type_unknown",           404, "not-supported", "", CLIENT, "The resource type is not known.") \
    X(BASE_WELL_KNOWN_SPELLING,    "well_known_spelling",    404, "not-found", "", CLIENT, "The document is at .well-known/smart-configuration.") \
    X(BASE_METHOD_NOT_ALLOWED,     "method_not_allowed",     405, "not-supported", "", CLIENT, "The method is not supported here.") \
    X(BASE_QUERY_SYNTAX,           "query_syntax",           400, "invalid",   "", CLIENT, "The query is not well-formed.") \
    X(BASE_QUERY_TOO_LARGE,        "query_too_large",        400, "too-long",  "", CLIENT, "The request has too many or too long parameters.") \
    X(BASE_BODY_UNEXPECTED,        "body_unexpected",        400, "invalid",   "", CLIENT, "This request must not have a body.") \
    X(BASE_BODY_TOO_LARGE,         "body_too_large",         413, "too-long",  "", CLIENT, "The request body is too large.") \
    X(BASE_BODY_TYPE,              "body_type",              400, "invalid",   "", CLIENT, "The body is not a resource of the type and id that the path names.") \
    X(BASE_BUNDLE_REPEATED,        "bundle_repeated",        400, "invalid",   "", CLIENT, "The bundle writes one resource more than once.") \
    X(BASE_CONTENT_TYPE,           "content_type",           415, "not-supported", "", CLIENT, "The content type is not supported here.") \
    X(BASE_NOT_ACCEPTABLE,         "not_acceptable",         406, "not-supported", "", CLIENT, "Only JSON in the FHIR version of this service is offered.") \
    X(BASE_VERSION_UNSUPPORTED,    "version_unsupported",    415, "not-supported", "", CLIENT, "The FHIR version is not supported here.") \
    X(BASE_UPGRADE_REFUSED,        "upgrade_refused",        400, "not-supported", "", CLIENT, "Protocol upgrades are not supported here.") \
    /* decisions (RULES A-F, L) */ \
    X(BASE_SCOPE_MISSING,          "scope_missing",          403, "forbidden", "insufficient_scope", CLIENT, "The access token's scopes do not cover this request.") \
    X(BASE_PATIENT_MISSING,        "patient_missing",        403, "forbidden", "insufficient_scope", CLIENT, "The access token has no patient in context.") \
    X(BASE_USER_UNKNOWN,           "user_unknown",           403, "forbidden", "insufficient_scope", CLIENT, "The access token does not say who the user is.") \
    X(BASE_USER_REFUSED,           "user_refused",           403, "forbidden", "insufficient_scope", CLIENT, "The access token's user scopes are not honoured for this kind of user.") \
    X(BASE_SCOPE_CONSTRAINED,      "scope_constrained",      403, "forbidden", "insufficient_scope", CLIENT, "The access token's scopes are constrained in a way that is not enforced here.") \
    X(BASE_OTHER_PATIENT,          "other_patient",          403, "forbidden", "insufficient_scope", CLIENT, "The request names a patient who is not the patient in context.") \
    X(BASE_TYPE_NOT_PATIENT_LEVEL, "type_not_patient_level", 403, "forbidden", "insufficient_scope", CLIENT, "This resource type cannot be reached with patient-level scopes.") \
    X(BASE_PATIENT_WRITE,          "patient_write",          403, "forbidden", "insufficient_scope", CLIENT, "This cannot be written with patient-level scopes.") \
    X(BASE_PATIENT_INTERACTION,    "patient_interaction",    403, "forbidden", "insufficient_scope", CLIENT, "This interaction is not supported with patient-level scopes.") \
    X(BASE_CONDITIONAL_REFERENCE,  "conditional_reference",  403, "forbidden", "insufficient_scope", CLIENT, "The body refers to a resource by a search that the access token's scopes do not cover.") \
    X(BASE_BODY_UNCOVERED,         "body_uncovered",         403, "forbidden", "insufficient_scope", CLIENT, "The resource to be written is not covered by the access token's scopes.") \
    X(BASE_NOT_NARROWABLE,         "not_narrowable",         403, "forbidden", "insufficient_scope", CLIENT, "The request cannot be confined to what the access token covers.") \
    X(BASE_PARAMETER_REFUSED,      "parameter_refused",      403, "not-supported", "", CLIENT, "A parameter of the request is not supported here.") \
    X(BASE_PARAMETER_REACH,        "parameter_reach",        403, "forbidden", "insufficient_scope", CLIENT, "A parameter of the request reaches resources that the access token does not cover.") \
    X(BASE_PARAMETER_UNKNOWN,      "parameter_unknown",      400, "not-supported", "", CLIENT, "A parameter that begins with an underscore is not known here.") \
    X(BASE_INTERACTION_REFUSED,    "interaction_refused",    403, "not-supported", "", CLIENT, "This interaction is not supported here.") \
    X(BASE_OPERATION_REFUSED,      "operation_refused",      403, "not-supported", "", CLIENT, "This operation is not supported here.") \
    X(BASE_EXPORT_UNBOUND,         "export_unbound",         403, "forbidden", "insufficient_scope", CLIENT, "The access token does not say which client it was issued to, so no export can be bound to it.") \
    X(BASE_NOT_FOUND,              "not_found",              404, "not-found", "", CLIENT, "The resource does not exist or is not accessible.") \
    /* writes and reads before judging (RULES D10, F10, L13) */ \
    X(BASE_PREREAD_REFUSED,        "preread_refused",        502, "processing", "", UPSTREAM, "The FHIR server did not let the stored resource be read.") \
    X(BASE_PREREAD_FAILED,         "preread_failed",         502, "processing", "", UPSTREAM, "The stored resource could not be read.") \
    X(BASE_PREREAD_TOO_MANY,       "preread_too_many",       413, "too-costly", "", CLIENT, "The request asks for too many stored resources to be looked at.") \
    X(BASE_PREREAD_TIMEOUT,        "preread_timeout",        504, "timeout",    "", UPSTREAM, "The FHIR server did not say in time what is stored.") \
    X(BASE_STORED_TOO_LARGE,       "stored_too_large",       413, "too-costly", "", CLIENT, "What is stored is too large to be looked at before it is changed.") \
    X(BASE_UNVERSIONED,            "unversioned",            409, "conflict",   "", CLIENT, "The stored resource has no version, so the write cannot be checked safely.") \
    X(BASE_PRECONDITION,           "precondition",           412, "conflict",   "", CLIENT, "The stored resource is not the version that the request expects.") \
    X(BASE_CONFLICT,               "conflict",               409, "conflict",   "", CLIENT, "The stored resource changed meanwhile; try again.") \
    X(BASE_MULTIPLE_MATCHES,       "multiple_matches",       412, "multiple-matches", "", CLIENT, "The criteria match more than one resource.") \
    X(BASE_PATCH_INAPPLICABLE,     "patch_inapplicable",     422, "processing", "", CLIENT, "The patch cannot be applied to the stored resource.") \
    X(BASE_PATCH_KIND,             "patch_kind",             403, "not-supported", "", CLIENT, "Only JSON Patch can be checked here.") \
    /* the answer (RULES D9, L6, L10) */ \
    X(BASE_ANSWER_NOT_JSON,        "answer_not_json",        502, "processing", "", UPSTREAM, "The FHIR server's answer cannot be checked.") \
    X(BASE_ANSWER_BROKEN,          "answer_broken",          502, "processing", "", UPSTREAM, "The FHIR server's answer cannot be checked.") \
    X(BASE_ANSWER_TRUNCATED,       "answer_truncated",       502, "processing", "", UPSTREAM, "The FHIR server's answer cannot be checked.") \
    X(BASE_ANSWER_TOO_LARGE,       "answer_too_large",       502, "processing", "", UPSTREAM, "The FHIR server's answer cannot be checked.") \
    X(BASE_ANSWER_ENCODED,         "answer_encoded",         502, "processing", "", UPSTREAM, "The FHIR server's answer cannot be checked.") \
    X(BASE_ANSWER_STATUS,          "answer_status",          502, "processing", "", UPSTREAM, "The FHIR server's answer cannot be checked.") \
    X(BASE_ANSWER_UNEXPECTED,      "answer_unexpected",      502, "processing", "", UPSTREAM, "The FHIR server's answer is not what was asked for.") \
    X(BASE_ANSWER_UNCOVERED,       "answer_uncovered",       502, "processing", "", UPSTREAM, "The FHIR server's answer holds more than the access token covers.") \
    X(BASE_UPSTREAM_UNAVAILABLE,   "upstream_unavailable",   502, "transient",  "", UPSTREAM, "The FHIR server cannot be reached.")
/* clang-format on */

#define BASE_REASON_ENUM(id, name, status, issue, error, fault, text) id,
typedef enum { BASE_REASONS(BASE_REASON_ENUM) BASE_REASON_COUNT } base_reason_t;
#undef BASE_REASON_ENUM

typedef enum {
    BASE_FAULT_NONE,
    BASE_FAULT_CLIENT,
    BASE_FAULT_SERVICE,
    BASE_FAULT_UPSTREAM,
    BASE_FAULT_CONFIG
} base_fault_t;

typedef struct {
    const char *name;
    unsigned status;
    const char *issue; /* OperationOutcome.issue.code */
    const char *error; /* RFC 6750 section 3.1, "" for none */
    base_fault_t fault;
    const char *text; /* what a client is told; never holds anything from outside */
} base_reason_info_t;

/* The row of a reason; an out-of-range value gives BASE_INTERNAL's row. Never NULL. */
const base_reason_info_t *base_reason_info(base_reason_t reason);

#endif
