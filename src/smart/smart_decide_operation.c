/* Operations (B6, B7, L16): what each needs is said in the table of smart_operation and by the policy. */

#include "smart/smart_decide_own.h"

#include "fhir/fhir_reference.h"
#include "smart/smart_types.h"

#include <string.h>

typedef smart_decision_t decision_t;

static void allow(decision_t *d)
{
    d->verdict->reason = BASE_OK;
    d->verdict->rule = "B6";
}

static void refuse(decision_t *d, base_reason_t reason, const char *rule)
{
    d->verdict->reason = reason;
    d->verdict->rule = rule;
}

static void refuse_missing(decision_t *d, unsigned letter, const fhir_type_t *type)
{
    refuse(d, smart_grants_missing(d->grants, letter, type, &d->verdict->missing), "B6");
}

static bool is_true(const decision_t *d, unsigned letter, const fhir_type_t *type)
{
    smart_cover_t cover = smart_grants_cover(d->grants, letter, type);

    return smart_cover_is_true(&cover);
}

/* A true cover of each of the letters; of "*", on every type. */
static bool need_granted(const decision_t *d, const smart_operation_need_t *need)
{
    const fhir_type_t *type = d->request->type;
    unsigned at;

    if (need->type != NULL && strcmp(need->type, "*") == 0) {
        return smart_grants_all(d->grants, need->letters);
    }
    if (need->type != NULL) {
        type = fhir_type_find(d->policy->definitions, base_span_of(need->type));
    }
    for (at = 0; at < SMART_LETTERS; at++) {
        if ((need->letters & (1u << at)) != 0 && (type == NULL || !is_true(d, 1u << at, type))) {
            return false;
        }
    }
    return true;
}

/* The covers that an operation needs are true. */
static bool operation_granted(const decision_t *d, const smart_operation_t *row)
{
    unsigned at;
    size_t i;

    for (i = 0; i < row->need_n; i++) {
        if (!need_granted(d, &row->need[i])) {
            return false;
        }
    }
    for (at = 0; row->need_n == 0 && at < SMART_LETTERS; at++) {
        if ((row->letters & (1u << at)) != 0 && is_true(d, 1u << at, d->request->type)) {
            return true;
        }
    }
    return row->need_n > 0;
}

/* L23: what comes back is not pinned. */
static void check_answer(decision_t *d, const smart_operation_t *row)
{
    const fhir_type_t *open =
        row->open == NULL ? NULL : fhir_type_find(d->policy->definitions, base_span_of(row->open));
    smart_cover_t any = {0};
    smart_check_t *check;

    if (!smart_grants_each(d->grants, SMART_R | SMART_S)) {
        any.letter = SMART_R | SMART_S;
        check = smart_decision_oblige(d, SMART_RESPONSE, SMART_CHECK_OPERATION, &any);
        check->id = base_span_make(NULL, 0);
        if (open != NULL) {
            fhir_type_set_add(&check->open, open);
        }
    }
    allow(d);
}

/* Parameters of the body are judged as the query is, once they are there. */
static bool waits_for_parameters(decision_t *d)
{
    if (d->request->parameters_pending) {
        d->verdict->takes_parameters = true;
        d->verdict->obligations |= SMART_BODY;
        allow(d);
    }
    return d->request->parameters_pending;
}

/* A body goes as it came, so what would have to be edited in it is refused: what shapes the answer. */
static bool body_shapes_answer(const decision_t *d)
{
    static const char *const harmless[] = {"_since", "_count", "_type", "_lastUpdated"};
    const fhir_item_t *item;
    size_t at = 0, i;

    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        if (item->origin != FHIR_FROM_FORM || item->name.p[0] != '_') {
            continue;
        }
        for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
            if (base_span_is(item->name, harmless[i])) {
                break;
            }
        }
        if (i == sizeof(harmless) / sizeof(harmless[0])) {
            return true;
        }
    }
    return false;
}

/* What is granted without a constraint: scopes with one are no help here, and no harm (L25). */
static smart_cover_t plain_cover(const decision_t *d, unsigned letter)
{
    smart_cover_t cover = smart_grants_cover(d->grants, letter, d->request->type);

    cover._alternative_n = 0;
    return cover;
}

/* On an instance of the patient, by a grant without a constraint; it is read first, and what comes back is judged. */
static void decide_of_patient(decision_t *d, const smart_operation_t *row, unsigned letter)
{
    smart_cover_t plain = plain_cover(d, letter);

    if (d->request->level != FHIR_LEVEL_INSTANCE || smart_cover_is_empty(&plain)) {
        refuse(d, BASE_PATIENT_INTERACTION, "B6");
    } else if (smart_decision_names_other(d, &plain)) {
        refuse(d, BASE_OTHER_PATIENT, "B6");
    } else {
        smart_decision_look_first(d,
                                  letter == SMART_U ? SMART_LOOKUP_CHANGED : SMART_LOOKUP_OPERATED);
        check_answer(d, row);
    }
}

/* By POST only what validates: against a resource, so against no Parameters that say a mode. */
static void decide_reading(decision_t *d, const smart_operation_t *row, unsigned letter)
{
    bool posts = d->request->method == FHIR_POST, validates = row->kind == SMART_OPERATION_VALIDATE;
    size_t at = 0;

    if (letter != SMART_R || (posts && !validates) ||
        (validates && fhir_query_find(&d->request->query, BASE_SPAN("mode"), &at) != NULL)) {
        refuse(d, BASE_PATIENT_INTERACTION, "B6");
        return;
    }
    decide_of_patient(d, row, letter);
    if (posts && d->verdict->reason == BASE_OK) {
        d->verdict->body_is_resource = true;
        d->verdict->obligations |= SMART_BODY;
    }
}

static void decide_by_scopes(decision_t *d, const smart_operation_t *row)
{
    unsigned letter = row->letters & (~row->letters + 1);
    smart_cover_t cover;

    if (operation_granted(d, row)) {
        check_answer(d, row);
    } else if (d->request->type == NULL || row->need_n > 0) {
        refuse(d, BASE_SCOPE_MISSING, "B6");
    } else {
        cover = smart_grants_cover(d->grants, letter, d->request->type);
        if (smart_cover_is_empty(&cover)) {
            refuse_missing(d, letter, d->request->type);
        } else {
            decide_reading(d, row, letter);
        }
    }
}

/* Whatever any valid token may see. */
static void decide_for_any(decision_t *d, const smart_operation_t *row)
{
    check_answer(d, row);
}

/* L16: types of the answer that are granted, unless all are. */
static bool everything_types(const decision_t *d, fhir_type_set_t *types)
{
    const fhir_definitions_t *definitions = d->policy->definitions;
    fhir_type_set_t listed;
    unsigned i;

    memset(types, 0, sizeof(*types));
    if (!smart_types_listed(d->request, definitions, &listed)) {
        return false;
    }
    for (i = 0; i < definitions->n_types; i++) {
        const fhir_type_t *type = &definitions->types[i];
        smart_cover_t read = smart_grants_cover(d->grants, SMART_R, type);
        smart_cover_t search = smart_grants_cover(d->grants, SMART_S, type);

        if (fhir_type_set_has(&listed, type) &&
            (!smart_cover_is_empty(&read) || !smart_cover_is_empty(&search))) {
            fhir_type_set_add(types, type);
        }
    }
    return true;
}

/* L16: each entry is judged; in a URL _type becomes what is granted, in a body it stays as it came. */
static void narrow_everything(decision_t *d)
{
    fhir_type_set_t all = fhir_type_set_all(d->policy->definitions);
    smart_check_t *check = &d->verdict->check[0];

    if (!everything_types(d, &check->types) || body_shapes_answer(d)) {
        refuse(d, BASE_OPERATION_REFUSED, "L16");
    } else if (fhir_type_set_is_empty(&check->types)) {
        refuse(d, BASE_SCOPE_MISSING, "L16");
    } else if (d->request->method != FHIR_POST && memcmp(&check->types, &all, sizeof(all)) != 0 &&
               !smart_grants_wildcard(d->grants, SMART_R | SMART_S)) {
        d->verdict->obligations |= SMART_NARROW;
    }
}

static void decide_everything(decision_t *d, const smart_operation_t *row)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_R, d->request->type);
    smart_cover_t plain = cover;

    if (smart_cover_is_empty(&cover)) {
        smart_decision_missing(d, SMART_R);
        return;
    }
    if (smart_decision_names_other(d, &cover)) {
        refuse(d, BASE_OTHER_PATIENT, "B6");
        return;
    }
    if (!smart_grants_each(d->grants, SMART_R | SMART_S) && waits_for_parameters(d)) {
        return;
    }
    plain._alternative_n = 0;
    if (!smart_cover_is_true(&cover) && (!fhir_type_is(d->request->type, "Patient") ||
                                         !smart_cover_has_patient(&plain, d->request->id))) {
        smart_decision_look_first(d, SMART_LOOKUP_INSTANCE);
    }
    check_answer(d, row);
    if (d->verdict->check_n > 0) {
        narrow_everything(d);
    }
}

/* US Core: on-demand=true makes documents. */
static bool makes_documents(const decision_t *d)
{
    const fhir_item_t *item;
    size_t at = 0;

    while (base_span_is(d->request->operation, "docref") &&
           (item = fhir_query_find(&d->request->query, BASE_SPAN("on-demand"), &at)) != NULL) {
        if (!base_span_is(item->value, "false")) {
            return true;
        }
    }
    return false;
}

/* In a body nothing can be appended, nor taken out: matches are judged one by one, and not counted. */
static void judge_body_search(decision_t *d)
{
    smart_verdict_t *verdict = d->verdict;

    if (body_shapes_answer(d)) {
        refuse(d, BASE_PARAMETER_REFUSED, "B6");
    } else if (verdict->check_n > 0 && verdict->check[0].counts) {
        refuse(d, BASE_NOT_NARROWABLE, "L6");
    } else {
        verdict->obligations &= ~SMART_NARROW;
    }
}

/* A search in other words. */
static void decide_as_search(decision_t *d, const smart_operation_t *row)
{
    const fhir_type_t *type = d->request->type;
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, type);
    bool searches = smart_cover_is_true(&cover);
    bool creates = is_true(d, SMART_C, type) || !base_span_is(d->request->operation, "docref");

    if (!smart_cover_is_empty(&cover) && !(searches && creates) && waits_for_parameters(d)) {
        return;
    }
    if (!creates && makes_documents(d)) {
        refuse_missing(d, SMART_C, type);
        return;
    }
    smart_decide_search(d);
    if (d->verdict->reason != BASE_OK) {
        return;
    }
    if (d->request->method == FHIR_POST && !searches) {
        judge_body_search(d);
    }
    if (row->kind == SMART_OPERATION_FIND && d->verdict->check_n > 0) {
        d->verdict->check[0].kind = SMART_CHECK_OPERATION;
    }
}

/* Of the subject nothing is appended: the client says it, as one patient of the cover. */
static bool says_subject(const decision_t *d, const smart_cover_t *cover)
{
    fhir_reference_t reference;
    const fhir_item_t *item;
    size_t at = 0, n = 0;

    while ((item = fhir_query_find(&d->request->query, BASE_SPAN("subject"), &at)) != NULL) {
        fhir_reference_parse(item->value, &reference);
        if (item->modifier.p != NULL || item->chained || item->value.p == NULL ||
            !smart_cover_has_patient(cover, reference.id) ||
            (reference.kind != FHIR_REFERENCE_BARE &&
             (!base_span_is(reference.type, "Patient") || reference.vid.p != NULL ||
              !fhir_reference_is_own(&reference, cover->base->urls, cover->base->urls_n)))) {
            return false;
        }
        n++;
    }
    return n == 1;
}

/* Numbers about many Observations: of all, or of the own patient's by a grant without a constraint. */
static void decide_stats(decision_t *d, const smart_operation_t *row)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, d->request->type);
    smart_cover_t plain = plain_cover(d, SMART_S);
    smart_parameters_t parameters;

    if (smart_cover_is_true(&cover)) {
        check_answer(d, row);
    } else if (smart_cover_is_empty(&cover)) {
        refuse_missing(d, SMART_S, d->request->type);
    } else if (smart_cover_is_empty(&plain)) {
        refuse(d, BASE_PATIENT_INTERACTION, "B6");
    } else if (waits_for_parameters(d)) {
        return;
    } else if (smart_decision_parameters(d, SMART_ASK_SEARCH, &plain, &parameters)) {
        if (parameters.other_patient) {
            refuse(d, BASE_OTHER_PATIENT, "C15");
        } else if (!says_subject(d, &plain) || parameters.includes || parameters.dropped ||
                   parameters.page || parameters.lists || body_shapes_answer(d)) {
            refuse(d, BASE_PATIENT_INTERACTION, "B6");
        } else {
            check_answer(d, row);
        }
    }
}

/* The rest of what a search included: another page, each entry on its own merit. */
static void decide_page_of_search(decision_t *d, const smart_operation_t *row)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, d->request->type);

    (void) row;
    if (smart_cover_is_empty(&cover)) {
        smart_decision_missing(d, SMART_S);
    } else {
        smart_decide_page(d);
    }
}

/* By POST. What is submitted or validated is a resource like that of a create, and under a check judged so (D10, E5). */
static void decide_as_create(decision_t *d, const smart_operation_t *row)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_C, d->request->type);

    if (operation_granted(d, row)) {
        check_answer(d, row);
        if (!smart_grants_all(d->grants, SMART_S)) {
            d->verdict->obligations |= SMART_BODY;
        }
    } else if (smart_cover_is_empty(&cover)) {
        refuse_missing(d, SMART_C, d->request->type);
    } else {
        check_answer(d, row);
        d->verdict->body_is_resource = d->verdict->submits = true;
        d->verdict->obligations |= SMART_BODY;
    }
}

/* What may be updated without a constraint may be labelled: an update could do the same. */
static void decide_meta(decision_t *d, const smart_operation_t *row)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_U, d->request->type);

    if (smart_cover_is_empty(&cover)) {
        refuse_missing(d, SMART_U, d->request->type);
    } else if (smart_cover_is_true(&cover)) {
        check_answer(d, row);
    } else {
        decide_of_patient(d, row, SMART_U);
    }
}

/* A document that is kept is a new Bundle. */
static void decide_document(decision_t *d, const smart_operation_t *row)
{
    const fhir_type_t *bundle = fhir_type_find(d->policy->definitions, BASE_SPAN("Bundle"));
    const fhir_item_t *item;
    size_t at = 0;

    if (d->request->method == FHIR_POST && !is_true(d, SMART_C, bundle) &&
        waits_for_parameters(d)) {
        return;
    }
    while ((item = fhir_query_find(&d->request->query, BASE_SPAN("persist"), &at)) != NULL) {
        if (!base_span_is(item->value, "false") && !is_true(d, SMART_C, bundle)) {
            refuse_missing(d, SMART_C, bundle);
            return;
        }
    }
    decide_by_scopes(d, row);
}

static void decide_denied(decision_t *d, const smart_operation_t *row)
{
    (void) row;
    refuse(d, BASE_OPERATION_REFUSED, "B6");
}

static void (*const deciders[])(decision_t *d, const smart_operation_t *row) = {
    [SMART_OPERATION_DENIED] = decide_denied,
    [SMART_OPERATION_SCOPES] = decide_by_scopes,
    [SMART_OPERATION_VALIDATE] = decide_by_scopes,
    [SMART_OPERATION_ANY] = decide_for_any,
    [SMART_OPERATION_SEARCH] = decide_as_search,
    [SMART_OPERATION_FIND] = decide_as_search,
    [SMART_OPERATION_STATS] = decide_stats,
    [SMART_OPERATION_PAGE] = decide_page_of_search,
    [SMART_OPERATION_EVERYTHING] = decide_everything,
    [SMART_OPERATION_DOCUMENT] = decide_document,
    [SMART_OPERATION_CREATE] = decide_as_create,
    [SMART_OPERATION_META] = decide_meta,
};

void smart_decide_operation(decision_t *d)
{
    const smart_operation_t *row =
        smart_operation_find(d->policy->operations, d->policy->operations_n, d->request);

    if (base_span_is(d->request->operation, "export")) {
        smart_decide_export(d);
    } else if (row == NULL) {
        refuse(d, BASE_OPERATION_REFUSED, "B6");
        smart_operation_missing(d->request, &d->verdict->missing);
    } else {
        deciders[row->kind](d, row);
    }
}
