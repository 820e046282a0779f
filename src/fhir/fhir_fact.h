/*
 * fhir_fact: what is known of a question about a resource.
 */

#ifndef FHIR_FACT_H
#define FHIR_FACT_H

/* Three values: unknown never permits. */
typedef enum { FHIR_NOT_MET, FHIR_MET, FHIR_UNKNOWN } fhir_fact_t;

#endif
