#include "smart/smart_decide_own.h"
#include "smart/smart_types.h"

#include <string.h>

typedef smart_decision_t decision_t;

static void allow(decision_t *d, const char *rule)
{
    d->verdict->reason = BASE_OK;
    d->verdict->rule = rule;
}

static void refuse(decision_t *d, base_reason_t reason, const char *rule)
{
    d->verdict->reason = reason;
    d->verdict->rule = rule;
}

/* L4: nothing granted for a letter that is needed. */
void smart_decision_missing(decision_t *d, unsigned letter)
{
    base_reason_t reason =
        smart_grants_missing(d->grants, letter, d->request->type, &d->verdict->missing);
    const char *rule = reason == BASE_TYPE_NOT_PATIENT_LEVEL                        ? "D8"
                       : reason == BASE_PATIENT_MISSING                             ? "A12"
                       : reason == BASE_USER_UNKNOWN || reason == BASE_USER_REFUSED ? "D13"
                       : reason == BASE_SCOPE_CONSTRAINED                           ? "A24"
                                                                                    : "B1";

    refuse(d, reason, rule);
}

smart_check_t *smart_decision_oblige(decision_t *d, unsigned obligations, smart_check_kind_t kind,
                                     const smart_cover_t *cover)
{
    smart_check_t *check = &d->verdict->check[d->verdict->check_n++];

    memset(check, 0, sizeof(*check));
    d->verdict->obligations |= obligations;
    check->kind = kind;
    check->cover = *cover;
    check->id = d->request->id;
    check->grants = d->grants;
    check->letters = cover->letter;
    return check;
}

static void note_parameters(smart_check_t *check, const smart_parameters_t *parameters)
{
    check->includes = parameters->includes;
    check->included = parameters->included;
    check->counts = parameters->counts;
    check->page = parameters->page;
}

/* False: refused. */
bool smart_decision_parameters(decision_t *d, smart_asking_t asking, const smart_cover_t *cover,
                               smart_parameters_t *parameters)
{
    smart_parameters_judge(d->grants, d->policy, &d->request->query, asking, d->request->type,
                           cover, parameters);
    if (parameters->reason != BASE_OK) {
        refuse(d, parameters->reason, parameters->rule);
        d->verdict->missing = parameters->missing;
        return false;
    }
    if (parameters->dropped) {
        d->verdict->obligations |= SMART_FILTER;
    }
    return true;
}

/* L20, L23: another page of a search that is not known. What is on it is judged by r or s, each entry by itself. */
void smart_decide_page(decision_t *d)
{
    smart_cover_t any = {0};

    if (!smart_grants_any(d->grants, SMART_R | SMART_S)) {
        smart_grants_missing_any(d->grants, SMART_S, &d->verdict->missing);
        refuse(d, BASE_SCOPE_MISSING, "L20");
        return;
    }
    if (!smart_grants_each(d->grants, SMART_R | SMART_S)) {
        any.letter = SMART_R | SMART_S;
        smart_decision_oblige(d, SMART_RESPONSE, SMART_CHECK_PAGE, &any);
    }
    allow(d, "L20");
}

/* B2 32. A server that does not know the page parameter would search all there is: whether a filter finds anything must not show. */
static void decide_base_page(decision_t *d)
{
    if (!smart_grants_each(d->grants, SMART_R | SMART_S) &&
        !smart_parameters_of_page(d->policy, &d->request->query)) {
        refuse(d, BASE_PARAMETER_REFUSED, "L20");
        return;
    }
    smart_decide_page(d);
}

/* D9: what lies at and below Patient/{another id} is refused by the request alone, whether it exists or not. */
bool smart_decision_names_other(const decision_t *d, const smart_cover_t *cover)
{
    return fhir_type_is(d->request->type, "Patient") && !cover->linked &&
           smart_cover_is_confined(cover) && !smart_cover_has_patient(cover, d->request->id);
}

/* What must be looked at before the request may go (smart_lookup). */
void smart_decision_look_first(decision_t *d, unsigned lookup)
{
    d->verdict->obligations |= SMART_PREREAD;
    d->verdict->lookups |= lookup;
}

/* D6: a Provenance by its targets, where a patient's grant has no constraint. */
static bool is_by_targets(const decision_t *d, const smart_cover_t *cover)
{
    return fhir_type_is(d->request->type, "Provenance") && cover->confined_n > 0;
}

/* D11: versions by their own body; with `both` the current one is read first, and must be covered as well. */
static void decide_confined_instance(decision_t *d, const smart_cover_t *cover,
                                     const smart_parameters_t *parameters)
{
    fhir_interaction_t interaction = d->request->row->interaction;

    if (smart_decision_names_other(d, cover)) {
        refuse(d, BASE_OTHER_PATIENT, "D9");
        return;
    }
    if (interaction == FHIR_HISTORY_INSTANCE && parameters->counts) {
        refuse(d, BASE_NOT_NARROWABLE, "C13");
        return;
    }
    if (interaction != FHIR_READ && !d->policy->history_own) {
        smart_decision_look_first(d, SMART_LOOKUP_CURRENT);
    } else if (interaction == FHIR_READ && is_by_targets(d, cover)) {
        smart_decision_look_first(d, SMART_LOOKUP_PROVENANCE);
    }
    smart_decision_oblige(
        d, SMART_RESPONSE,
        interaction == FHIR_HISTORY_INSTANCE ? SMART_CHECK_HISTORY : SMART_CHECK_INSTANCE, cover);
    allow(d, interaction == FHIR_READ ? "D9" : "D11");
}

static void decide_instance(decision_t *d)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_R, d->request->type);
    smart_parameters_t parameters;

    if (smart_cover_is_empty(&cover)) {
        if (smart_decide_binary_read(d)) {
            return;
        }
        smart_decision_missing(d, SMART_R);
        return;
    }
    if (!smart_decision_parameters(d,
                                   d->request->row->interaction == FHIR_HISTORY_INSTANCE
                                       ? SMART_ASK_HISTORY
                                       : SMART_ASK_READ,
                                   &cover, &parameters)) {
        return;
    }
    if (!smart_cover_is_true(&cover)) {
        decide_confined_instance(d, &cover, &parameters);
    } else if (parameters.page) {
        smart_decide_page(d);
    } else {
        allow(d, "L2");
    }
}

/* L9: a Provenance is searched by its targets once these were read. */
static bool searches_by_target(const decision_t *d)
{
    size_t at = 0;

    return fhir_type_is(d->request->type, "Provenance") &&
           fhir_query_find(&d->request->query, BASE_SPAN("target"), &at) != NULL;
}

/* L9: nothing is appended, so nothing can be counted; each match must have one of the targets, or be the patient's itself. */
static void decide_by_target(decision_t *d, const smart_cover_t *cover,
                             const smart_parameters_t *parameters)
{
    if (cover->confined_n == 0) {
        refuse(d, BASE_PARAMETER_REFUSED, "L9");
        return;
    }
    if (parameters->counts) {
        refuse(d, BASE_NOT_NARROWABLE, "L9");
        return;
    }
    smart_decision_look_first(d, SMART_LOOKUP_TARGETS);
    note_parameters(smart_decision_oblige(d, SMART_RESPONSE, SMART_CHECK_SEARCHSET, cover),
                    parameters);
    allow(d, "L9");
}

/* A search that is to be narrowed. */
static void decide_narrowed(decision_t *d, const smart_cover_t *cover,
                            const smart_parameters_t *parameters)
{
    if (parameters->other_patient) {
        refuse(d, BASE_OTHER_PATIENT, "C15");
        return;
    }
    if (searches_by_target(d)) {
        decide_by_target(d, cover, parameters);
        return;
    }
    if (smart_cover_parameter(d->request->type) == NULL && smart_cover_is_confined(cover)) {
        refuse(d, BASE_NOT_NARROWABLE, "C19");
        return;
    }
    note_parameters(
        smart_decision_oblige(d, SMART_NARROW | SMART_RESPONSE, SMART_CHECK_SEARCHSET, cover),
        parameters);
    allow(d, "L5");
}

/* D7: the own patient's compartment, or that of an encounter, which is read first; those of others disclose more. */
static bool compartment_is_own(decision_t *d, const smart_cover_t *cover)
{
    if (d->request->compartment == NULL || !smart_cover_is_confined(cover)) {
        return true;
    }
    if (fhir_type_is(d->request->compartment, "Encounter")) {
        smart_decision_look_first(d, SMART_LOOKUP_COMPARTMENT);
        return true;
    }
    if (!fhir_type_is(d->request->compartment, "Patient")) {
        refuse(d, BASE_PATIENT_INTERACTION, "D7");
        return false;
    }
    if (!smart_cover_has_patient(cover, d->request->compartment_id)) {
        refuse(d, BASE_OTHER_PATIENT, "D7");
        return false;
    }
    return true;
}

void smart_decide_search(decision_t *d)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, d->request->type);
    smart_parameters_t parameters;

    if (smart_cover_is_empty(&cover)) {
        smart_decision_missing(d, SMART_S);
        return;
    }
    if (!compartment_is_own(d, &cover) ||
        !smart_decision_parameters(d, SMART_ASK_SEARCH, &cover, &parameters)) {
        return;
    }
    if (parameters.lists) {
        smart_decision_look_first(d, SMART_LOOKUP_LISTS);
    }
    if (!smart_cover_is_true(&cover)) {
        decide_narrowed(d, &cover, &parameters);
    } else if (parameters.page) {
        smart_decide_page(d);
    } else {
        if (parameters.includes && !smart_grants_all(d->grants, SMART_S)) {
            note_parameters(smart_decision_oblige(d, SMART_RESPONSE, SMART_CHECK_SEARCHSET, &cover),
                            &parameters);
        }
        allow(d, "L2");
    }
}

/* B2 13: it cannot be narrowed. */
static void decide_type_history(decision_t *d)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, d->request->type);
    smart_parameters_t parameters;

    if (smart_cover_is_empty(&cover)) {
        smart_decision_missing(d, SMART_S);
    } else if (!smart_decision_parameters(d, SMART_ASK_HISTORY, &cover, &parameters)) {
        return;
    } else if (!smart_cover_is_true(&cover)) {
        refuse(d, BASE_PATIENT_INTERACTION, "B2");
    } else if (parameters.page) {
        smart_decide_page(d);
    } else {
        allow(d, "L2");
    }
}

/* L17, C11, D7: _type becomes what is granted, unless everything is. */
static void decide_types(decision_t *d, const smart_parameters_t *parameters)
{
    smart_cover_t any = {0};
    smart_check_t *check;
    fhir_type_set_t listed, types;

    if (!smart_types_listed(d->request, d->policy->definitions, &listed)) {
        refuse(d, BASE_PARAMETER_REFUSED, "C11");
        return;
    }
    types = smart_types_searchable(d->grants, d->request, d->policy->definitions, &listed);
    if (fhir_type_set_is_empty(&types)) {
        smart_grants_missing_any(d->grants, SMART_S, &d->verdict->missing);
        refuse(d, BASE_SCOPE_MISSING, "L17");
        return;
    }
    any.letter = SMART_S;
    check = smart_decision_oblige(d, SMART_NARROW | SMART_RESPONSE,
                                  d->request->row->interaction == FHIR_HISTORY_SYSTEM
                                      ? SMART_CHECK_HISTORY
                                      : SMART_CHECK_SEARCHSET,
                                  &any);
    check->types = types;
    note_parameters(check, parameters);
    allow(d, "L17");
}

/* D7: no parameter is common to all types, so each entry is judged, and nothing is counted. */
static void decide_own_compartment(decision_t *d, const smart_parameters_t *parameters)
{
    smart_cover_t any = {0};
    fhir_type_set_t listed, types;
    bool other, wildcard = smart_grants_wildcard(d->grants, SMART_S);
    smart_check_t *check;

    if (!smart_types_listed(d->request, d->policy->definitions, &listed)) {
        refuse(d, BASE_PARAMETER_REFUSED, "C11");
        return;
    }
    if (fhir_type_is(d->request->compartment, "Encounter")) {
        smart_decision_look_first(d, SMART_LOOKUP_COMPARTMENT);
    }
    types = smart_types_own(d->grants, d->request, d->policy->definitions, &listed, &other);
    if (fhir_type_set_is_empty(&types)) {
        refuse(d, other ? BASE_OTHER_PATIENT : BASE_SCOPE_MISSING, "D7");
        return;
    }
    if (parameters->counts) {
        refuse(d, BASE_NOT_NARROWABLE, "L6");
        return;
    }
    any.letter = SMART_S;
    check = smart_decision_oblige(d, wildcard ? SMART_RESPONSE : SMART_NARROW | SMART_RESPONSE,
                                  SMART_CHECK_SEARCHSET, &any);
    check->types = types;
    note_parameters(check, parameters);
    allow(d, "D7");
}

static bool is_own_kind(const decision_t *d)
{
    return d->request->compartment != NULL && (fhir_type_is(d->request->compartment, "Patient") ||
                                               fhir_type_is(d->request->compartment, "Encounter"));
}

static void decide_system(decision_t *d)
{
    smart_parameters_t parameters;

    if (!smart_grants_any(d->grants, SMART_S)) {
        smart_grants_missing_any(d->grants, SMART_S, &d->verdict->missing);
        refuse(d, BASE_SCOPE_MISSING, "L17");
    } else if (!smart_decision_parameters(d,
                                          d->request->row->interaction == FHIR_HISTORY_SYSTEM
                                              ? SMART_ASK_HISTORY
                                              : SMART_ASK_SEARCH,
                                          NULL, &parameters)) {
        return;
    } else if (smart_grants_all(d->grants, SMART_S)) {
        allow(d, "L2");
    } else if (smart_grants_are_confined(d->grants) && is_own_kind(d)) {
        decide_own_compartment(d, &parameters);
    } else if (smart_grants_are_confined(d->grants)) {
        refuse(d, BASE_PATIENT_INTERACTION, d->request->compartment == NULL ? "L17" : "D7");
    } else {
        decide_types(d, &parameters);
    }
}

__attribute__((noinline)) static bool is_public_path(const fhir_request_t *request,
                                                     const smart_policy_t *policy)
{
    base_span_t path = request->path;
    size_t i;

    if (path.p == NULL || path.n == 0 ||
        (request->method != FHIR_GET && request->method != FHIR_HEAD)) {
        return false;
    }
    path = base_span_sub(path, 1, path.n);
    for (i = 0; i < policy->public_paths_n; i++) {
        if (base_span_eq(policy->public_paths[i], path)) {
            return true;
        }
    }
    return false;
}

bool smart_decide_is_public(const fhir_request_t *request, const smart_policy_t *policy)
{
    fhir_interaction_t interaction = request->row->interaction;

    return interaction == FHIR_CAPABILITIES || interaction == FHIR_SMART_CONFIGURATION ||
           interaction == FHIR_PREFLIGHT ||
           (policy->public_paths_n > 0 && is_public_path(request, policy));
}

/*
 * What a server might heed wherever it stands: another page of somebody's search (L20), another method. Of the parameters that FHIR or a
 * server reserves, a CapabilityStatement knows only these.
 */
static bool is_reserved(const fhir_item_t *item)
{
    static const char *const harmless[] = {"_format", "_pretty", "_summary", "_elements"};
    size_t i;

    for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (base_span_is(item->name, harmless[i])) {
            return false;
        }
    }
    return (item->code.n > 0 && item->code.p[0] == '_') || fhir_query_is_page(item->code);
}

static void decide_public(decision_t *d)
{
    const fhir_item_t *item;
    size_t at = 0;

    d->verdict->is_public = true;
    d->verdict->is_preflight = d->request->row->interaction == FHIR_PREFLIGHT;
    while (!d->verdict->is_preflight && (item = fhir_query_next(&d->request->query, &at)) != NULL) {
        if (is_reserved(item) || smart_parameters_is_page(d->policy, item->code) || item->chained) {
            refuse(d, BASE_PARAMETER_REFUSED, "L20");
            return;
        }
    }
    allow(d, d->verdict->is_preflight ? "B10" : "B2");
}

/* B5: no scope of its own; each entry is decided by itself, once the body is there. */
static void decide_batch(smart_decision_t *d)
{
    const fhir_item_t *item;
    size_t at = 0;

    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        if (!base_span_is(item->name, "_format") && !base_span_is(item->name, "_pretty")) {
            refuse(d, BASE_PARAMETER_REFUSED, "B5");
            return;
        }
    }
    d->verdict->obligations |= SMART_BODY;
    allow(d, "B5");
}

/* What has no row is refused. */
static void (*const deciders[])(decision_t *d) = {
    [FHIR_BATCH] = decide_batch,
    [FHIR_READ] = decide_instance,
    [FHIR_VREAD] = decide_instance,
    [FHIR_HISTORY_INSTANCE] = decide_instance,
    [FHIR_HISTORY_TYPE] = decide_type_history,
    [FHIR_HISTORY_SYSTEM] = decide_system,
    [FHIR_SEARCH_TYPE] = smart_decide_search,
    [FHIR_SEARCH_COMPARTMENT] = smart_decide_search,
    [FHIR_SEARCH_COMPARTMENT_ALL] = decide_system,
    [FHIR_SEARCH_SYSTEM] = decide_system,
    [FHIR_PAGE] = decide_base_page,
    [FHIR_CREATE] = smart_decide_write,
    [FHIR_CREATE_CONDITIONAL] = smart_decide_write,
    [FHIR_UPDATE] = smart_decide_write,
    [FHIR_UPDATE_CONDITIONAL] = smart_decide_write,
    [FHIR_PATCH] = smart_decide_write,
    [FHIR_PATCH_CONDITIONAL] = smart_decide_write,
    [FHIR_DELETE] = smart_decide_write,
    [FHIR_DELETE_CONDITIONAL] = smart_decide_write,
};

static void decide_protected(decision_t *d)
{
    unsigned interaction = (unsigned) d->request->row->interaction;

    if (d->grants == NULL) {
        refuse(d, BASE_NO_CREDENTIALS, "H2");
        return;
    }
    if (interaction == FHIR_OPERATION) {
        smart_decide_operation(d);
        return;
    }
    if (interaction < sizeof(deciders) / sizeof(deciders[0]) && deciders[interaction] != NULL &&
        d->request->row->decided) {
        deciders[interaction](d);
        return;
    }
    refuse(d, BASE_INTERACTION_REFUSED, "B2");
}

void smart_decide(const smart_grants_t *grants, const fhir_request_t *request,
                  const smart_policy_t *policy, smart_verdict_t *verdict)
{
    decision_t d = {grants, request, policy, verdict};

    smart_verdict_init(verdict);
    verdict->interaction = request->row->name;
    if (request->type != NULL) {
        verdict->type = base_span_make(request->type->name, request->type->name_n);
    }
    if (smart_decide_is_public(request, policy)) {
        decide_public(&d);
    } else {
        decide_protected(&d);
    }
}
