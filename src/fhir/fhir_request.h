/*
 * fhir_request: one shape for an HTTP request and for a Bundle entry.
 *
 * The path is read by a positive grammar (RULES B0): what does not fit is refused, nothing is
 * repaired. What was read is what fhir_request_write gives, so what is sent upstream is what was
 * judged.
 */

#ifndef FHIR_REQUEST_H
#define FHIR_REQUEST_H

#include "fhir/fhir_compartment.h"
#include "fhir/fhir_interaction.h"
#include "fhir/fhir_query.h"

#define FHIR_ID_MAX 64

/* What arrived. Spans belong to the caller and must outlive the request; absent where nothing was
 * said. */
typedef struct {
    base_span_t method;        /* "GET" */
    base_span_t path;          /* raw bytes below the base: "" or "/Patient/1" */
    base_span_t query;         /* raw bytes behind '?'; absent without '?' */
    base_span_t form;          /* raw body of a _search; absent until it was read */
    base_span_t content_type;  /* raw header value */
    base_span_t if_none_exist; /* raw header value */
    base_span_t if_match;      /* raw header value */
    base_span_t if_none_match; /* raw header value */
    bool has_body;             /* a body was announced (length other than 0, or chunked) */
} fhir_message_t;

typedef enum {
    FHIR_LEVEL_SYSTEM,
    FHIR_LEVEL_TYPE,
    FHIR_LEVEL_INSTANCE,
    FHIR_LEVEL_VERSION
} fhir_level_t;

typedef struct {
    fhir_method_t method; /* as sent: FHIR_HEAD stays FHIR_HEAD */
    bool head;            /* HEAD: judged as GET (RULES row 28) */
    fhir_shape_t shape;
    const fhir_interaction_row_t *row; /* never NULL after BASE_OK */
    const fhir_type_t *type; /* of the resources concerned; NULL at system level and for C/id/[*] */
    base_span_t id;
    base_span_t vid;
    base_span_t operation; /* without '$' */
    fhir_level_t
        level; /* system, type, instance or version; for operations the level of the call */
    const fhir_type_t *compartment; /* C of C/id/T; NULL otherwise */
    base_span_t compartment_id;
    base_span_t seal_kind; /* "job", "file", "page" */
    base_span_t seal;
    bool conditional;  /* PUT, PATCH, DELETE by criteria, or If-None-Exist */
    bool form_pending; /* a _search whose form is not read yet: parse again with it */
    bool
        parameters_pending; /* an operation by POST, whose body is not looked at here: Parameters in it are not part of the query */
    fhir_query_t query;
    base_span_t path; /* as it goes upstream: the raw path, a leading %24 of a segment as '$' */
    fhir_message_t message;
} fhir_request_t;

/*
 * Reads a message. On BASE_OK *req is complete, whether or not row->decided. Else:
 * BASE_PATH_ENCODED, BASE_PATH_SYNTAX, BASE_TYPE_UNKNOWN, BASE_WELL_KNOWN_SPELLING,
 * BASE_METHOD_NOT_ALLOWED (the method is unknown, or none of RULES B2 at such a path),
 * BASE_INTERACTION_REFUSED (no such path in FHIR, or not in this version), BASE_BODY_UNEXPECTED (a
 * body with GET, HEAD, DELETE, OPTIONS; RULES L11), BASE_CONTENT_TYPE (a _search that is no form),
 * BASE_QUERY_SYNTAX, BASE_QUERY_TOO_LARGE, BASE_CREDENTIALS_IN_QUERY, BASE_NO_MEMORY; of *req only
 * what was read so far is set.
 */
base_reason_t fhir_request_parse(const fhir_definitions_t *defs, const fhir_message_t *message,
                                 base_arena_t *arena, fhir_request_t *req);

/* Path, query (absent: no '?') and form (absent: none) exactly as they go upstream, edits of
 * req->query included. */
base_reason_t fhir_request_write(const fhir_request_t *req, base_arena_t *arena, base_span_t *path,
                                 base_span_t *query, base_span_t *form);

/* The path of an instance, "/Type/id", and what stands behind it ("/_history", ""), in the arena; absent: no memory. */
base_span_t fhir_request_path(base_arena_t *arena, const fhir_type_t *type, base_span_t id,
                              const char *behind);

/* True for [A-Za-z0-9\-.]{1,64} other than "." and ".." (R4 datatypes.html#id). */
bool fhir_id_is_valid(base_span_t id);

/* True for exactly application/x-www-form-urlencoded, charset=utf-8 allowed (RULES L11). */
bool fhir_content_type_is_form(base_span_t value);

#endif
