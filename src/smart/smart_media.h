/*
 * smart_media: media types, as far as judging needs them (RULES B14): is it JSON, is JSON admitted, is it our FHIR version.
 */

#ifndef SMART_MEDIA_H
#define SMART_MEDIA_H

#include "fhir/fhir_definitions.h"

/* True for a Content-Type of JSON (application/fhir+json, application/json, application/json+fhir) in UTF-8. */
bool smart_media_is_json(base_span_t content_type);

/* True for what servers read as a resource of FHIR's: application/fhir+json, +xml, +turtle and their older names, parameters aside. */
bool smart_media_is_fhir(base_span_t content_type);

/* True for application/json-patch+json alone, parameters aside. */
bool smart_media_is_json_patch(base_span_t content_type);

/* True when an Accept header (absent: anything goes) admits JSON. */
bool smart_media_admits_json(base_span_t accept);

/* True for a value of _format that means JSON; a '+' that was decoded to a space is understood. */
bool smart_media_format_is_json(base_span_t value);

/* True when a fhirVersion parameter anywhere in the text names another version than `definitions`. Repeats all count. */
bool smart_media_other_version(base_span_t text, const fhir_definitions_t *definitions);

/* True when a Prefer list holds handling=strict (R4 http.html#prefer). */
bool smart_media_prefers_strict(base_span_t preferences);

/* True when one element of a Prefer list holds respond-async (RFC 7240). */
bool smart_media_prefers_async(base_span_t preference);

/* True when one element of a Prefer list says what a write returns (R4 http.html#ops). */
bool smart_media_prefers_return(base_span_t preference);

#endif
