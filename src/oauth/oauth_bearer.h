/*
 * oauth_bearer: the credential of a request (RULES H2, RFC 6750 section 2.1).
 */

#ifndef OAUTH_BEARER_H
#define OAUTH_BEARER_H

#include "base/base_reason.h"
#include "base/base_span.h"

/*
 * Reads the access token out of the n values of Authorization headers. `max`: bytes a token may have.
 *
 * BASE_OK: *token points into the value. BASE_NO_CREDENTIALS: no header, or one of another scheme;
 * BASE_CREDENTIALS_REPEATED: more than one header, whatever they hold; BASE_CREDENTIALS_SYNTAX: "Bearer" not followed by exactly one space and a
 * token68; BASE_TOKEN_TOO_LARGE. *token is absent on failure.
 */
base_reason_t oauth_bearer_parse(const base_span_t *values, size_t n, size_t max,
                                 base_span_t *token);

#endif
