/* Writes: what the request alone says (B2 rows 3-8, 15, 16; B4, B13, D10). smart_write carries it through. */

#include "smart/smart_decide_own.h"
#include "smart/smart_media.h"
#include "smart/smart_write.h"

#include <string.h>

static void refuse(smart_decision_t *d, base_reason_t reason, const char *rule)
{
    d->verdict->reason = reason;
    d->verdict->rule = rule;
}

static const smart_write_kind_t *kind_of(const smart_decision_t *d)
{
    return smart_write_kind(d->request->row->interaction);
}

/* D5, D6, D10: what patient-level scopes read, but never write. */
static void refuse_letter(smart_decision_t *d, unsigned letter)
{
    smart_decision_missing(d, letter);
    if (d->verdict->reason == BASE_TYPE_NOT_PATIENT_LEVEL &&
        fhir_type_set_has(&d->policy->members, d->request->type)) {
        refuse(d, BASE_PATIENT_WRITE, fhir_type_is(d->request->type, "Patient") ? "D10" : "D6");
    }
}

/* B2 8: criteria that choose nothing choose everything. */
static bool has_criterion(const smart_decision_t *d)
{
    const fhir_item_t *item;
    fhir_use_t use;
    size_t at = 0;

    while ((item = fhir_query_next(&d->request->query, &at)) != NULL) {
        fhir_use_read(d->policy->definitions, d->request->type, item, &use);
        if (use.kind != FHIR_USE_RESULT) {
            return true;
        }
    }
    return false;
}

/* L3: what selects is a search. Criteria of an If-None-Exist header are judged by smart_judge, which has memory to read them. */
static bool criteria_judged(smart_decision_t *d)
{
    smart_cover_t cover = smart_grants_cover(d->grants, SMART_S, d->request->type);
    smart_parameters_t parameters;

    if (!d->request->conditional) {
        return smart_decision_parameters(d, SMART_ASK_PLAIN, &cover, &parameters);
    }
    if (smart_cover_is_empty(&cover)) {
        smart_decision_missing(d, SMART_S);
        return false;
    }
    if (d->request->row->interaction == FHIR_CREATE_CONDITIONAL) {
        return smart_decision_parameters(d, SMART_ASK_PLAIN, &cover, &parameters);
    }
    if (!has_criterion(d)) {
        refuse(d, BASE_PARAMETER_REFUSED, "L13");
        return false;
    }
    return smart_decision_parameters(d, SMART_ASK_CRITERIA, &cover, &parameters);
}

/* B13: a Subscription exports what will be written in future. What it selects is in its body, and a patch would have to be applied to know it. */
static bool exports_future(const smart_decision_t *d)
{
    return fhir_type_is(d->request->type, "Subscription") && kind_of(d)->has_body;
}

/* D10: of the patches only JSON's can be applied and judged. Anything else that no server reads as a patch is a matter of its content type. */
static bool is_patch_of_other_kind(const smart_decision_t *d)
{
    base_span_t media = d->request->message.content_type;

    return kind_of(d)->is_patch && !smart_media_is_json_patch(media) &&
           base_span_find(media, ',') == media.n;
}

/* B4: without r no representation; where r depends on the resource, what comes back is looked at. */
static void check_answer(smart_decision_t *d, bool judged)
{
    smart_cover_t read = smart_grants_cover(d->grants, SMART_R, d->request->type);
    smart_check_t *check;

    if (smart_cover_is_true(&read) && !judged) {
        return;
    }
    check = smart_decision_oblige(d, SMART_RESPONSE, SMART_CHECK_WRITTEN, &read);
    check->letters = SMART_R;
    if (smart_cover_is_empty(&read)) {
        d->verdict->obligations |= SMART_MINIMAL;
    }
}

/* The cover is not true, or what the criteria find must be looked at. */
static void decide_checked(smart_decision_t *d, const smart_cover_t *cover, bool searches)
{
    const smart_write_kind_t *kind = kind_of(d);

    if (smart_decision_names_other(d, cover) && d->request->id.p != NULL) {
        refuse(d, BASE_OTHER_PATIENT, "D9");
        return;
    }
    if (is_patch_of_other_kind(d)) {
        refuse(d, BASE_PATCH_KIND, "D10");
        return;
    }
    check_answer(d, kind->reads);
    d->verdict->obligations |= (kind->has_body ? SMART_BODY : 0) |
                               (kind->reads ? SMART_PREREAD : 0) | (searches ? SMART_NARROW : 0);
    d->verdict->reason = BASE_OK;
    d->verdict->rule = smart_cover_is_true(cover)          ? "L13"
                       : smart_cover_is_constrained(cover) ? "E5"
                                                           : "D10";
}

void smart_decide_write(smart_decision_t *d)
{
    const smart_write_kind_t *kind = kind_of(d);
    unsigned letter = kind->letter;
    smart_cover_t cover = smart_grants_cover(d->grants, letter, d->request->type);
    smart_cover_t search = smart_grants_cover(d->grants, SMART_S, d->request->type);
    bool searches = d->request->conditional && !smart_cover_is_true(&search);

    if (smart_cover_is_empty(&cover)) {
        if (!smart_decide_binary_write(d, letter)) {
            refuse_letter(d, letter);
        } else if (d->verdict->reason == BASE_OK) {
            check_answer(d, true);
        }
        return;
    }
    if (exports_future(d) && kind->is_patch) {
        refuse(d, BASE_INTERACTION_REFUSED, "B13");
        return;
    }
    if (!criteria_judged(d)) {
        return;
    }
    if (!smart_cover_is_true(&cover) || searches) {
        decide_checked(d, &cover, searches);
        return;
    }
    check_answer(d, false);
    if (kind->has_body && (exports_future(d) || !smart_grants_all(d->grants, letter | SMART_S))) {
        d->verdict->obligations |= SMART_BODY;
    }
    d->verdict->reason = BASE_OK;
    d->verdict->rule = "L2";
}
