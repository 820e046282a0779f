/*
 * smart_decide_own: what the deciders share. For smart_decide*.c alone.
 */

#ifndef SMART_DECIDE_OWN_H
#define SMART_DECIDE_OWN_H

#include "smart/smart_decide.h"
#include "smart/smart_parameters.h"

/* One decision in the making. */
typedef struct {
    const smart_grants_t *grants;
    const fhir_request_t *request;
    const smart_policy_t *policy;
    smart_verdict_t *verdict;
} smart_decision_t;

/* L4: nothing is granted for a letter that is needed. */
void smart_decision_missing(smart_decision_t *d, unsigned letter);

/* One more check of the answer, and the obligations that come with it. */
smart_check_t *smart_decision_oblige(smart_decision_t *d, unsigned obligations,
                                     smart_check_kind_t kind, const smart_cover_t *cover);

/* The parameters of the query. False: refused. */
bool smart_decision_parameters(smart_decision_t *d, smart_asking_t asking,
                               const smart_cover_t *cover, smart_parameters_t *parameters);

/* True when the path names a Patient who is none of the cover's (D9). */
bool smart_decision_names_other(const smart_decision_t *d, const smart_cover_t *cover);

/* What must be looked at before the request may go (smart_lookup). */
void smart_decision_look_first(smart_decision_t *d, unsigned lookup);

/* A search of a type, of a compartment or not. */
void smart_decide_search(smart_decision_t *d);

/* Another page of a search that is not known (L20, L23). */
void smart_decide_page(smart_decision_t *d);

/* Operations (B6, B7). */
void smart_decide_operation(smart_decision_t *d);

/* The kick-off of an export (B8). */
void smart_decide_export(smart_decision_t *d);

/* smart_decide_binary: where no cover reaches a Binary. False: no patient's grant has the letter on it, or the interaction is none of its own. */
bool smart_decide_binary_read(smart_decision_t *d);
bool smart_decide_binary_write(smart_decision_t *d, unsigned letter);

/* create, update, patch, delete, and their conditional forms. */
void smart_decide_write(smart_decision_t *d);

#endif
