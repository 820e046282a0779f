/*
 * fhir_fold: text without regard to case and diacritics (R4 search.html#string).
 *
 * Latin, Greek, Cyrillic and Armenian letters lose their case and their marks, one letter staying
 * one letter, and combining marks count for nothing; any other character is only like itself. So
 * two texts may be found different that a collation would call alike, never the reverse.
 */

#ifndef FHIR_FOLD_H
#define FHIR_FOLD_H

#include "base/base_span.h"

/* True when `text` begins with `prefix`, both folded. Both are UTF-8. */
bool fhir_fold_starts(base_span_t text, base_span_t prefix);

/* True when no character of it counts: everything begins with it. */
bool fhir_fold_is_empty(base_span_t text);

#endif
