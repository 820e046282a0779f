/*
 * smart_parameters: what the parameters of a query reach, and whether the grants cover it (RULES C1-C18, L7, L10).
 */

#ifndef SMART_PARAMETERS_H
#define SMART_PARAMETERS_H

#include "fhir/fhir_request.h"
#include "fhir/fhir_use.h"
#include "smart/smart_grants.h"

/* Where the parameters stand. */
typedef enum {
    SMART_ASK_SEARCH,   /* of a type or, with type NULL, of the system */
    SMART_ASK_READ,     /* of an instance or a version */
    SMART_ASK_HISTORY,  /* at any level */
    SMART_ASK_CRITERIA, /* of a conditional form: what selects, and nothing else */
    SMART_ASK_PLAIN     /* of a write: presentation alone */
} smart_asking_t;

typedef struct {
    base_reason_t reason; /* BASE_OK: all of them may be forwarded, as edited */
    const char *rule;
    smart_missing_t missing;
    bool page;     /* one is a page parameter: the request is a page (L20) */
    bool includes; /* at least one include is forwarded */
    bool dropped;  /* at least one is not (C2) */
    bool counts;   /* _summary=count or _count=0: nothing but a number comes back */
    bool
        other_patient; /* of a search: one names a patient whom the cover is not confined to (C15, C18) */
    bool lists;        /* a _list or _in names an instance that must be looked at first (C9) */
    fhir_type_set_t included; /* types that forwarded _includes name */
} smart_parameters_t;

/*
 * Judges all parameters. `cover`: of the interaction's letter on the type (NULL at system level); where it is not true, the answer is checked.
 */
void smart_parameters_judge(const smart_grants_t *grants, const smart_policy_t *policy,
                            const fhir_query_t *query, smart_asking_t asking,
                            const fhir_type_t *type, const smart_cover_t *cover,
                            smart_parameters_t *out);

/* True for what asks for a page: built in, or by the policy's page_parameter (C16). */
bool smart_parameters_is_page(const smart_policy_t *policy, base_span_t name);

/*
 * C9: the instances that an item lists, one by one: `*value` begins as the item's value and is moved on. False: no more, or
 * `reference` is not of the kind that can be looked at. `_list` takes ids, `_in` of R5 takes CareTeam/1, Group/1, List/1.
 */
bool smart_parameters_listed(const smart_policy_t *policy, const fhir_item_t *item,
                             base_span_t *value, const fhir_type_t **type, base_span_t *id);

/* True when the query says nothing but which page, its includes and its shape: no filter (L20). */
bool smart_parameters_of_page(const smart_policy_t *policy, const fhir_query_t *query);

/* Takes ungranted includes out of the query (C2): what smart_parameters_judge called dropped. */
void smart_parameters_filter(const smart_grants_t *grants, const smart_policy_t *policy,
                             const fhir_type_t *type, fhir_query_t *query);

/*
 * L7, before an answer is checked: _summary=true and =text go; to _elements what the lens looks at is added, and it goes where included
 * resources are judged as well. BASE_OK or BASE_NO_MEMORY.
 */
base_reason_t smart_parameters_open(const fhir_lens_t *lens, bool includes, base_arena_t *arena,
                                    fhir_query_t *query);

#endif
