#include "smart/smart_decide.h"

#include "fhir/fhir_reference.h"

#include <string.h>

/* One decision in the making. */
typedef struct {
    const smart_grants_t *grants;
    const fhir_request_t *request;
    const smart_policy_t *policy;
    smart_verdict_t *verdict;
} decision_t;

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
static void refuse_missing(decision_t *d, unsigned letter)
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

static void oblige(decision_t *d, unsigned obligations, smart_check_kind_t kind,
                   const smart_cover_t *cover)
{
    smart_check_t *check = &d->verdict->check[d->verdict->check_n++];

    d->verdict->obligations |= obligations;
    check->kind = kind;
    check->cover = *cover;
    check->id = d->request->id;
    check->grants = d->grants;
}

/* _format and _pretty change no permission (B14). */
static bool is_presentation(const fhir_item_t *item)
{
    return base_span_is(item->code, "_format") || base_span_is(item->code, "_pretty");
}

/* The type's own parameters; of those common to all types only these two. */
static bool is_filter(const fhir_request_t *request, const fhir_definitions_t *definitions,
                      base_span_t code)
{
    if (base_span_is(code, "_id") || base_span_is(code, "_lastUpdated")) {
        return true;
    }
    return code.n > 0 && code.p[0] != '_' &&
           fhir_parameter_find(definitions, request->type, code) != NULL;
}

/* _sort=-date,_id: by the type's own parameters, none of them a chain (C6 applies to order as well as to matches). */
static bool is_sort(const fhir_request_t *request, const fhir_definitions_t *definitions,
                    base_span_t value)
{
    base_span_t key;

    while (value.p != NULL) {
        key = base_span_split(&value, ',');
        if (key.n > 0 && key.p[0] == '-') {
            key = base_span_sub(key, 1, key.n);
        }
        if (!is_filter(request, definitions, key)) {
            return false;
        }
    }
    return true;
}

static bool is_count(base_span_t value)
{
    uint64_t count;

    return base_span_uint(value, &count);
}

/* The allow-list. `filters`: search parameters too. */
static bool is_allowed(const decision_t *d, const fhir_item_t *item, bool filters)
{
    if (item->modifier.p != NULL || item->chained || item->value.p == NULL) {
        return false;
    }
    if (is_presentation(item)) {
        return true;
    }
    if (!filters) {
        return false;
    }
    if (base_span_is(item->code, "_count")) {
        return is_count(item->value);
    }
    if (base_span_is(item->code, "_sort")) {
        return is_sort(d->request, d->policy->definitions, item->value);
    }
    return is_filter(d->request, d->policy->definitions, item->code);
}

static bool parameters_allowed(decision_t *d, bool filters)
{
    const fhir_item_t *item;
    size_t at = 0;

    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        if (!is_allowed(d, item, filters)) {
            refuse(d, BASE_PARAMETER_REFUSED, "C1");
            return false;
        }
    }
    return true;
}

/* D9: what lies at and below Patient/{another id} is refused by the request alone, whether it exists or not. */
static bool names_other_patient(const decision_t *d, const smart_cover_t *cover)
{
    return strcmp(d->request->type->name, "Patient") == 0 && !cover->linked &&
           smart_cover_is_confined(cover) && !smart_cover_has_patient(cover, d->request->id);
}

static void decide_instance(decision_t *d)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_R, d->request->type);

    if (smart_cover_is_empty(&cover)) {
        refuse_missing(d, SMART_R);
        return;
    }
    if (!parameters_allowed(d, false)) {
        return;
    }
    if (smart_cover_is_true(&cover)) {
        allow(d, "L2");
        return;
    }
    if (names_other_patient(d, &cover)) {
        refuse(d, BASE_OTHER_PATIENT, "D9");
        return;
    }
    if (d->request->row->interaction != FHIR_READ) {
        refuse(d, BASE_PATIENT_INTERACTION, "D11");
        return;
    }
    oblige(d, SMART_RESPONSE, SMART_CHECK_INSTANCE, &cover);
    allow(d, "D9");
}

/* True when a bare id can only be a Patient's: FHIR's `patient` parameters list Group as well, and yet read Patients alone. */
static bool takes_patients_only(const fhir_parameter_t *parameter)
{
    unsigned i;

    for (i = 0; parameter != NULL && i < parameter->paths.n; i++) {
        if (parameter->paths.rows[i].target == NULL ||
            strcmp(parameter->paths.rows[i].target, "Patient") != 0) {
            break;
        }
    }
    return parameter != NULL &&
           (strcmp(parameter->name, "patient") == 0 || (i > 0 && i == parameter->paths.n));
}

/* True when one alternative of a subject-type parameter names a Patient other than those of the cover (C15, C18). */
static bool alternative_is_other(const smart_cover_t *cover, const fhir_parameter_t *parameter,
                                 base_span_t value)
{
    static const base_span_t patient = BASE_SPAN_LIT("Patient");
    fhir_reference_t reference;

    fhir_reference_parse(value, &reference);
    if (reference.kind == FHIR_REFERENCE_BARE) {
        return (strcmp(cover->type->name, "Patient") == 0 || takes_patients_only(parameter)) &&
               !smart_cover_has_patient(cover, reference.id);
    }
    return base_span_eq(reference.type, patient) &&
           fhir_reference_is_own(&reference, cover->base->urls, cover->base->urls_n) &&
           !smart_cover_has_patient(cover, reference.id);
}

static bool item_is_other(const decision_t *d, const smart_cover_t *cover, const fhir_item_t *item)
{
    const fhir_parameter_t *parameter =
        fhir_parameter_find(d->policy->definitions, d->request->type, item->code);
    base_span_t rest = item->value, part;
    bool subject = smart_cover_is_subject(cover->type, item->code);

    while (subject && rest.p != NULL) {
        part = fhir_query_split(&rest);
        if (alternative_is_other(cover, parameter, part)) {
            return true;
        }
    }
    return false;
}

static bool searches_other_patient(const decision_t *d, const smart_cover_t *cover)
{
    const fhir_item_t *item;
    size_t at = 0;

    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        if (item_is_other(d, cover, item)) {
            return true;
        }
    }
    return false;
}

/* L9: a Provenance is searched by its targets only once these can be read beforehand. */
static bool searches_by_target(const decision_t *d)
{
    size_t at = 0;

    return strcmp(d->request->type->name, "Provenance") == 0 &&
           fhir_query_find(&d->request->query, BASE_SPAN("target"), &at) != NULL;
}

static void decide_search(decision_t *d)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, d->request->type);

    if (smart_cover_is_empty(&cover)) {
        refuse_missing(d, SMART_S);
        return;
    }
    if (!parameters_allowed(d, true)) {
        return;
    }
    if (smart_cover_is_true(&cover)) {
        allow(d, "L2");
        return;
    }
    if (smart_cover_is_confined(&cover) && searches_other_patient(d, &cover)) {
        refuse(d, BASE_OTHER_PATIENT, "C15");
        return;
    }
    if (searches_by_target(d)) {
        refuse(d, BASE_PARAMETER_REFUSED, "L9");
        return;
    }
    if (smart_cover_is_confined(&cover) && smart_cover_parameter(d->request->type) == NULL) {
        refuse(d, BASE_NOT_NARROWABLE, "C19");
        return;
    }
    oblige(d, SMART_NARROW | SMART_RESPONSE, SMART_CHECK_SEARCHSET, &cover);
    allow(d, "L5");
}

static unsigned write_letter(fhir_interaction_t interaction)
{
    if (interaction == FHIR_CREATE) {
        return SMART_C;
    }
    return interaction == FHIR_DELETE ? SMART_D : SMART_U;
}

/* A Subscription exports what will be written in future; its criteria are not judged yet (B13). */
static bool exports_future(const decision_t *d)
{
    return strcmp(d->request->type->name, "Subscription") == 0 &&
           d->request->row->interaction != FHIR_DELETE;
}

static void decide_write(decision_t *d)
{
    fhir_interaction_t interaction = d->request->row->interaction;
    unsigned letter = write_letter(interaction);
    smart_cover_t cover = smart_grants_cover(d->grants, letter, d->request->type);
    smart_cover_t read = smart_grants_cover(d->grants, SMART_R, d->request->type);

    if (smart_cover_is_empty(&cover)) {
        refuse_missing(d, letter);
        return;
    }
    if (!smart_cover_is_true(&cover)) {
        refuse(d, smart_cover_is_confined(&cover) ? BASE_PATIENT_WRITE : BASE_SCOPE_CONSTRAINED,
               smart_cover_is_confined(&cover) ? "D10" : "E5");
        return;
    }
    if (!smart_cover_is_true(&read)) {
        (void) smart_grants_missing(d->grants, SMART_R, d->request->type, &d->verdict->missing);
        refuse(d, BASE_WRITE_WITHOUT_READ, "B4");
        return;
    }
    if (exports_future(d)) {
        refuse(d, BASE_INTERACTION_REFUSED, "B13");
        return;
    }
    if (!parameters_allowed(d, false)) {
        return;
    }
    if (interaction != FHIR_DELETE && !smart_grants_all(d->grants, letter | SMART_S)) {
        d->verdict->obligations |= SMART_BODY;
    }
    allow(d, "L2");
}

bool smart_decide_is_public(const fhir_request_t *request)
{
    fhir_interaction_t interaction = request->row->interaction;

    return interaction == FHIR_CAPABILITIES || interaction == FHIR_SMART_CONFIGURATION ||
           interaction == FHIR_PREFLIGHT;
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
        if (is_reserved(item)) {
            refuse(d, BASE_PARAMETER_REFUSED, "L20");
            return;
        }
    }
    allow(d, d->verdict->is_preflight ? "B10" : "B2");
}

static const struct {
    fhir_interaction_t interaction;
    void (*decide)(decision_t *d);
} deciders[] = {
    {FHIR_READ, decide_instance},      {FHIR_VREAD, decide_instance},
    {FHIR_SEARCH_TYPE, decide_search}, {FHIR_HISTORY_INSTANCE, decide_instance},
    {FHIR_CREATE, decide_write},       {FHIR_UPDATE, decide_write},
    {FHIR_PATCH, decide_write},        {FHIR_DELETE, decide_write},
};

static void decide_protected(decision_t *d)
{
    fhir_interaction_t interaction = d->request->row->interaction;
    size_t i;

    if (d->grants == NULL) {
        refuse(d, BASE_NO_CREDENTIALS, "H2");
        return;
    }
    if (interaction == FHIR_OPERATION) {
        refuse(d, BASE_OPERATION_REFUSED, "B6");
        return;
    }
    for (i = 0; i < sizeof(deciders) / sizeof(deciders[0]); i++) {
        if (deciders[i].interaction == interaction && d->request->row->decided) {
            deciders[i].decide(d);
            return;
        }
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
        verdict->type = base_span_of(request->type->name);
    }
    if (smart_decide_is_public(request)) {
        decide_public(&d);
    } else {
        decide_protected(&d);
    }
}
