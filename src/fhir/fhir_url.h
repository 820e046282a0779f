/*
 * fhir_url: a URL of an answer that must be kept for a while (fullUrl, request.url); what a URL may be taken for.
 */

#ifndef FHIR_URL_H
#define FHIR_URL_H

#include "base/base_span.h"

#define FHIR_URL_MAX ((size_t) 1024)

/* An URL of up to FHIR_URL_MAX bytes. */
typedef struct {
    bool said;
    bool unknown; /* no string, or longer */
    size_t n;
    unsigned char bytes[FHIR_URL_MAX];
} fhir_url_t;

/* None was said. */
void fhir_url_begin(fhir_url_t *url);

/* What was said; `too_long`: not all of it is at hand. */
void fhir_url_set(fhir_url_t *url, base_span_t text, bool too_long);

/*
 * Whether anybody might take the text for a URL, or a part of one, of something of that type, however it is spelt: escapes of escapes, any
 * case, blanks and control characters inside, backslashes, any base, a fragment or a query behind. `type` in lower case. Texts of more
 * than FHIR_URL_MAX bytes are, and those with escapes of escapes of escapes of escapes of escapes: they are not looked into.
 */
bool fhir_url_may_name(base_span_t text, const char *type);

/* Absent where nothing was said, or too much. */
base_span_t fhir_url_span(const fhir_url_t *url);

#endif
