/*
 * oauth_metadata: what an issuer says about itself (RULES G2, G6, G7).
 */

#ifndef OAUTH_METADATA_H
#define OAUTH_METADATA_H

#include "base/base_arena.h"
#include "base/base_reason.h"
#include "oauth/oauth_url.h"

typedef enum {
    OAUTH_METADATA_OIDC,  /* OpenID Connect Discovery 1.0 */
    OAUTH_METADATA_OAUTH, /* RFC 8414 */
    OAUTH_METADATA_SMART  /* .well-known/smart-configuration */
} oauth_metadata_kind_t;

/* Absent spans for what the document does not say. In the arena, NUL terminated behind n. */
typedef struct {
    base_span_t jwks_uri;
    base_span_t introspection_endpoint;
} oauth_endpoints_t;

/*
 * The address of the document. `from`: the issuer, or the FHIR base for OAUTH_METADATA_SMART. OpenID and SMART append to the path, RFC 8414 inserts
 * between host and path. In the arena, NUL terminated; absent when `from` is no http(s) URL or without memory.
 */
base_span_t oauth_metadata_address(oauth_metadata_kind_t kind, base_span_t from,
                                   base_arena_t *arena);

/*
 * Reads a document. Its `issuer` must be exactly `issuer`; only a SMART document may lack it. BASE_DOCUMENT_SYNTAX, BASE_DOCUMENT_ISSUER,
 * BASE_DOCUMENT_URL (an endpoint that is not an absolute, plain http(s) URL), BASE_NO_MEMORY. A missing jwks_uri is no failure here.
 */
base_reason_t oauth_metadata_read(oauth_metadata_kind_t kind, base_span_t issuer, base_span_t json,
                                  base_arena_t *arena, oauth_endpoints_t *endpoints);

#endif
