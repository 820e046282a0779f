/*
 * smart_explain: a verdict in words, for smartctl and the log. Holds no patient id and nothing of the query's values.
 */

#ifndef SMART_EXPLAIN_H
#define SMART_EXPLAIN_H

#include "base/base_writer.h"
#include "smart/smart_grants.h"
#include "smart/smart_verdict.h"

/* One line: "refused scope_missing (B1): search-type Observation needs patient/Observation.s". No newline. */
void smart_explain_line(const smart_verdict_t *verdict, base_writer_t *w);

/*
 * The policy entry whose absence refused an operation (B6): "operation nonsense type Observation <Type>.<letters>". Which scopes it should
 * need is the operator's to say. False, and nothing written, where it is not that.
 */
bool smart_explain_entry(const smart_missing_t *missing, base_writer_t *w);

/*
 * The void scopes of the principal and why each grants nothing (L24), `; `-separated, at most `max` of them:
 * "patient/Foo.rs names a type unknown to this FHIR version". Scopes are quoted as far as they are plain. Nothing when all are good.
 */
void smart_explain_void(const smart_grants_t *grants, size_t max, base_writer_t *w);

/*
 * After a refusal for a scope: the scopes that were considered and why each did not do, `; `-separated, at most `max` of them:
 * "patient/Observation.r does not grant s; patient/Foo.rs names a type unknown to this FHIR version". Nothing otherwise.
 */
void smart_explain_scopes(const smart_grants_t *grants, const smart_verdict_t *verdict, size_t max,
                          base_writer_t *w);

/* The obligations by name: "NARROW RESPONSE". Nothing when there are none. */
void smart_explain_obligations(unsigned obligations, base_writer_t *w);

#endif
