/*
 * smart_answer: what a refused client is told (RULES I, H2; RFC 6750 section 3). Never anything from outside, so nothing can be
 * reflected or leaked; the missing scope is the one thing that varies.
 */

#ifndef SMART_ANSWER_H
#define SMART_ANSWER_H

#include "base/base_writer.h"
#include "smart/smart_verdict.h"

/* Enough for both of them. */
#define SMART_ANSWER_MAX 1024

/* An OperationOutcome as JSON. `missing` (may be NULL) adds which scope would have helped, and which entry of a Bundle it was. */
void smart_answer_outcome(base_reason_t reason, const smart_missing_t *missing, base_writer_t *w);

/*
 * The value of WWW-Authenticate: `Bearer`, `Bearer error="insufficient_scope", scope="patient/Observation.s"`. Writes nothing and
 * returns false when the reason asks for no challenge (RFC 9110 section 11.6.1: 401 always has one).
 * `realm`: absent for none; characters that are not plain inside quotes are left out.
 */
bool smart_answer_challenge(base_reason_t reason, const smart_missing_t *missing, base_span_t realm,
                            base_writer_t *w);

#endif
