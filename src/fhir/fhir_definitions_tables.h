/*
 * fhir_definitions_tables: what the generated files define. For fhir_definitions.c alone.
 */

#ifndef FHIR_DEFINITIONS_TABLES_H
#define FHIR_DEFINITIONS_TABLES_H

#include "fhir/fhir_definitions.h"

extern const fhir_definitions_t fhir_definitions_r4;
extern const fhir_definitions_t fhir_definitions_r4b;
extern const fhir_definitions_t fhir_definitions_r5;

#endif
