#include "smart/smart_decide_own.h"

#include "fhir/fhir_compartment.h"
#include "fhir/fhir_use.h"

#include <string.h>

/* Parameters of a kick-off that reach nothing by themselves (B8); _type and _typeFilter are judged. */
static const char *const known[] = {
    "_type",
    "_typeFilter",
    "_since",
    "_until",
    "patient",
    "includeAssociatedData",
    "organizeOutputBy",
    "allowPartialManifests",
    "_format",
    "_pretty",
    "_elements",
    "_outputFormat",
};

static void refuse(smart_decision_t *d, base_reason_t reason)
{
    d->verdict->reason = reason;
    d->verdict->rule = "B8";
}

/* B8: system/ scopes alone count, so it is one of them that is missing. */
static void refuse_scope(smart_decision_t *d, base_span_t type, unsigned letters)
{
    d->verdict->missing.context = SMART_SYSTEM;
    d->verdict->missing.type = type;
    d->verdict->missing.letter = letters;
    refuse(d, BASE_SCOPE_MISSING);
}

/* `$export`, `Patient/$export`, `Group/id/$export`. HEAD would start a job whose answer it does not see. */
static bool is_kickoff(const fhir_request_t *request)
{
    if (request->head || request->level == FHIR_LEVEL_SYSTEM) {
        return !request->head;
    }
    return strcmp(request->type->name, "Patient") == 0
               ? request->level == FHIR_LEVEL_TYPE
               : strcmp(request->type->name, "Group") == 0 && request->level == FHIR_LEVEL_INSTANCE;
}

/* The route itself: Patients are exported, and of a Group those who are in it. */
static bool route_granted(smart_decision_t *d, const fhir_type_set_t *exportable)
{
    base_span_t name = BASE_SPAN("Patient");

    if (d->request->level == FHIR_LEVEL_SYSTEM) {
        return true;
    }
    if (d->request->level == FHIR_LEVEL_INSTANCE && !d->policy->export_group_ignore &&
        !smart_grants_system_reads(d->grants, d->request->type)) {
        refuse_scope(d, base_span_of(d->request->type->name), SMART_R);
        return false;
    }
    if (!fhir_type_set_has(exportable, fhir_type_find(d->policy->definitions, name))) {
        refuse_scope(d, name, SMART_R | SMART_S);
        return false;
    }
    return true;
}

/* C1: what nobody knows might be anything; a plain name without an underscore is a server's own, and only shrinks what comes. */
static bool parameters_known(smart_decision_t *d)
{
    const fhir_item_t *item;
    size_t at = 0, i;

    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (base_span_is(item->name, known[i])) {
                break;
            }
        }
        if (i < sizeof(known) / sizeof(known[0])) {
            continue;
        }
        if (item->chained || item->modifier.p != NULL) {
            refuse(d, BASE_PARAMETER_REFUSED);
            return false;
        }
        if (item->name.p[0] == '_') {
            refuse(d, BASE_PARAMETER_UNKNOWN);
            return false;
        }
    }
    return true;
}

/* The union of what is listed; *any: something is. */
static bool read_listed(smart_decision_t *d, fhir_type_set_t *listed, bool *any)
{
    const fhir_item_t *item;
    fhir_type_set_t more;
    size_t at = 0, i;

    *any = false;
    while ((item = fhir_query_find(&d->request->query, BASE_SPAN("_type"), &at)) != NULL) {
        if (!fhir_use_types(d->policy->definitions, item->value, &more)) {
            refuse(d, BASE_PARAMETER_REFUSED);
            return false;
        }
        for (i = 0; i < FHIR_TYPES_MAX / 64; i++) {
            listed->w[i] |= more.w[i];
        }
        *any = true;
    }
    return true;
}

/* B8: each type that is asked for must be granted. */
static bool listed_granted(smart_decision_t *d, const fhir_type_set_t *listed,
                           const fhir_type_set_t *exportable)
{
    const fhir_definitions_t *definitions = d->policy->definitions;
    unsigned i;

    for (i = 0; i < definitions->n_types; i++) {
        if (fhir_type_set_has(listed, &definitions->types[i]) &&
            !fhir_type_set_has(exportable, &definitions->types[i])) {
            refuse_scope(d, base_span_of(definitions->types[i].name), SMART_R | SMART_S);
            return false;
        }
    }
    return true;
}

/* B8: of what is granted, what this level can export; never Group itself, for which some servers refuse the whole. */
static fhir_type_set_t level_types(const smart_decision_t *d, const fhir_type_set_t *exportable)
{
    const fhir_definitions_t *definitions = d->policy->definitions;
    fhir_type_set_t types = {{0}};
    const fhir_type_t *type;
    unsigned i;

    for (i = 0; i < definitions->n_types; i++) {
        type = &definitions->types[i];
        if (fhir_type_set_has(exportable, type) && strcmp(type->name, "Group") != 0 &&
            (d->request->level == FHIR_LEVEL_SYSTEM || strcmp(type->name, "Patient") == 0 ||
             fhir_compartment_has(FHIR_COMPARTMENT_PATIENT, type))) {
            fhir_type_set_add(&types, type);
        }
    }
    return types;
}

/* What the job may hold; *said: the client says so itself, or nothing needs to be said. */
static bool job_types(smart_decision_t *d, const fhir_type_set_t *exportable,
                      fhir_type_set_t *types, bool *said)
{
    fhir_type_set_t all = fhir_type_set_all(d->policy->definitions);

    if (!read_listed(d, types, said)) {
        return false;
    }
    if (*said) {
        return listed_granted(d, types, exportable);
    }
    *said = memcmp(exportable, &all, sizeof(all)) == 0;
    *types = *said ? all : level_types(d, exportable);
    if (fhir_type_set_is_empty(types)) {
        refuse_scope(d, BASE_SPAN("*"), SMART_R | SMART_S);
        return false;
    }
    return true;
}

void smart_decide_export(smart_decision_t *d)
{
    const smart_operation_t *row =
        smart_operation_find(d->policy->operations, d->policy->operations_n, d->request);
    fhir_type_set_t exportable = smart_grants_exportable(d->grants), types = {{0}};
    smart_cover_t any = {0};
    smart_check_t *check;
    bool said;

    if (row != NULL || !is_kickoff(d->request)) {
        /* an entry can only deny it */
        refuse(d, BASE_OPERATION_REFUSED);
        return;
    }
    if (!route_granted(d, &exportable) || !parameters_known(d) ||
        !job_types(d, &exportable, &types, &said)) {
        return;
    }
    if (smart_principal_claims(smart_grants_principal(d->grants))->client_id.n == 0) {
        refuse(d, BASE_EXPORT_UNBOUND);
        return;
    }
    if (d->request->parameters_pending) {
        d->verdict->takes_parameters = true;
        d->verdict->obligations |= SMART_BODY;
        d->verdict->reason = BASE_OK;
        d->verdict->rule = "B8";
        return;
    }
    check = smart_decision_oblige(d, SMART_RESPONSE | SMART_SEAL, SMART_CHECK_KICKOFF, &any);
    check->id = base_span_make(NULL, 0);
    check->types = types;
    d->verdict->obligations |= said ? 0 : SMART_NARROW;
    d->verdict->reason = BASE_OK;
    d->verdict->rule = "B8";
}
