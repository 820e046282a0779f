/*
 * fhir_url: a URL of an answer that must be kept for a while: fullUrl, request.url.
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

/* Absent where nothing was said, or too much. */
base_span_t fhir_url_span(const fhir_url_t *url);

#endif
