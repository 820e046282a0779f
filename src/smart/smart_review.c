#include "smart/smart_review.h"

#include "fhir/fhir_bundle.h"
#include "fhir/fhir_query.h"
#include "smart/smart_media.h"

#include <string.h>

#define HASHES_MAX ((size_t) 4096)

/* One judging of a held body by one check. */
typedef struct {
    const smart_check_t *check;
    const fhir_definitions_t *definitions;
    fhir_lens_t *lens;
    uint64_t *hashes;
    base_arena_t *arena;
} judging_t;

static smart_review_step_t replace(smart_review_t *review, base_reason_t reason)
{
    review->reason = reason;
    return SMART_REVIEW_REPLACE;
}

static bool is_instance_check(const smart_review_t *review)
{
    size_t i;

    for (i = 0; i < review->_verdict->check_n; i++) {
        if (review->_verdict->check[i].kind == SMART_CHECK_INSTANCE) {
            return true;
        }
    }
    return false;
}

/* L10: never followed; where it leads was not judged. 304 comes back only for conditional requests, which are the client's own here. */
static bool is_redirect(unsigned status)
{
    return status >= 300 && status < 400 && status != 304;
}

/* L10: the status of an error passes, its body if it is an OperationOutcome. Missing and deleted are answered as foreign (D9). */
static smart_review_step_t start_error(smart_review_t *review, const smart_head_t *head)
{
    if ((head->status == 404 || head->status == 410) && is_instance_check(review)) {
        return replace(review, BASE_NOT_FOUND);
    }
    review->_outcome_only = true;
    review->status = head->status;
    if (head->content_encoded ||
        (head->content_type.p != NULL && !smart_media_is_json(head->content_type))) {
        return replace(review, BASE_ANSWER_UNEXPECTED);
    }
    return SMART_REVIEW_HOLD;
}

static smart_review_step_t start_check(smart_review_t *review, const smart_head_t *head)
{
    if (head->status >= 400 && head->status < 600) {
        return start_error(review, head);
    }
    if (head->status < 200 || head->status > 299 || head->status == 206) {
        return replace(review, BASE_ANSWER_STATUS);
    }
    if (head->content_encoded) {
        return replace(review, BASE_ANSWER_ENCODED);
    }
    if (!smart_media_is_json(head->content_type) ||
        smart_media_other_version(head->content_type, review->_policy->definitions)) {
        return replace(review, BASE_ANSWER_NOT_JSON);
    }
    return SMART_REVIEW_HOLD;
}

smart_review_step_t smart_review_start(smart_review_t *review, base_arena_t *arena,
                                       const smart_verdict_t *verdict, const smart_policy_t *policy,
                                       const smart_head_t *head)
{
    memset(review, 0, sizeof(*review));
    review->_arena = arena;
    review->_verdict = verdict;
    review->_policy = policy;
    if (verdict->reason != BASE_OK) {
        return replace(review, verdict->reason);
    }
    if (verdict->is_public) {
        return SMART_REVIEW_PASS;
    }
    if (head->status == 101 || is_redirect(head->status)) {
        return replace(review, BASE_ANSWER_STATUS);
    }
    if (!smart_verdict_obliges(verdict, SMART_RESPONSE)) {
        return SMART_REVIEW_PASS;
    }
    return verdict->check_n == 0 ? replace(review, BASE_INTERNAL) : start_check(review, head);
}

static const fhir_lens_t *lens_for(void *data, const fhir_type_t *type)
{
    const judging_t *judging = data;

    return type == judging->check->cover.type ? judging->lens : NULL;
}

static bool is_outcome(const fhir_facts_t *facts)
{
    return base_span_is(fhir_text_span(&facts->type_name), "OperationOutcome");
}

/* How a body that is no JSON, or not readable, is answered. */
static base_reason_t broken(base_reason_t reason)
{
    return reason == BASE_NO_MEMORY ? BASE_NO_MEMORY : BASE_ANSWER_BROKEN;
}

static base_reason_t read_resource(judging_t *judging, base_span_t body, fhir_facts_t *facts)
{
    base_reason_t reason = fhir_resource_read(body, judging->definitions, lens_for, judging,
                                              judging->hashes, HASHES_MAX, facts);

    return reason == BASE_OK ? BASE_OK : broken(reason);
}

/* L10, D9: the answer is what the URL names, and covered; else as if it did not exist. */
static base_reason_t judge_instance(judging_t *judging, const smart_policy_t *policy,
                                    base_span_t body)
{
    const smart_check_t *check = judging->check;
    fhir_facts_t facts;
    base_reason_t reason = read_resource(judging, body, &facts);

    if (reason != BASE_OK) {
        return reason;
    }
    if (is_outcome(&facts)) {
        return BASE_OK;
    }
    if (facts.type != check->cover.type || facts.id.unknown ||
        !base_span_eq(fhir_text_span(&facts.id), check->id)) {
        return BASE_ANSWER_UNEXPECTED;
    }
    if (smart_cover_holds(&check->cover, &facts)) {
        return BASE_OK;
    }
    return policy->hide_existence ? BASE_NOT_FOUND : BASE_SCOPE_MISSING;
}

/* L8: entries without a mode are matches; nothing was included. What is not covered fails the whole: cutting entries comes later. */
static base_reason_t judge_entry(const smart_check_t *check, const fhir_bundle_entry_t *entry,
                                 uint64_t *matches)
{
    if (entry->mode.p != NULL && base_span_is(entry->mode, "outcome")) {
        return is_outcome(&entry->facts) ? BASE_OK : BASE_ANSWER_UNCOVERED;
    }
    if (entry->mode.p != NULL && !base_span_is(entry->mode, "match")) {
        return BASE_ANSWER_UNCOVERED;
    }
    (*matches)++;
    return entry->resource.to > entry->resource.from &&
                   smart_cover_holds(&check->cover, &entry->facts)
               ? BASE_OK
               : BASE_ANSWER_UNCOVERED;
}

/* L6: the link says that the upstream applied what was appended. */
static bool link_is_narrowed(const judging_t *judging, base_span_t link)
{
    size_t question = base_span_find(link, '?');
    fhir_query_t query;

    if (link.p == NULL || question == link.n) {
        return false;
    }
    return fhir_query_parse(base_span_sub(link, question + 1, link.n), base_span_make(NULL, 0),
                            judging->arena, &query) == BASE_OK &&
           fhir_query_says(&query, judging->check->narrowing_name, judging->check->narrowing_value);
}

/* HAPI's self link after a POST: no parameters, whatever was applied. */
static bool link_is_silent(base_span_t link)
{
    return link.p != NULL && base_span_find(link, '?') == link.n;
}

/*
 * L6: a total beyond the matches at hand counts what is not shown, and only the link says that all of it is covered. Where the link leaves
 * that open, matches that are all covered do.
 */
static bool counts_blindly(const judging_t *judging, const fhir_bundle_t *bundle, base_span_t body,
                           uint64_t matches)
{
    base_span_t text = base_span_sub(body, bundle->total.from, bundle->total.to);
    uint64_t total;

    if (text.n == 0 || (base_span_uint(text, &total) && total <= matches)) {
        return false;
    }
    return !link_is_narrowed(judging, bundle->link_self) &&
           !(matches > 0 && link_is_silent(bundle->link_self));
}

static base_reason_t judge_bundle_end(const judging_t *judging, const fhir_bundle_t *bundle,
                                      base_span_t body, uint64_t matches)
{
    if (!bundle->is_bundle) {
        return base_span_is(bundle->resource_type, "OperationOutcome") ? BASE_OK
                                                                       : BASE_ANSWER_UNEXPECTED;
    }
    if (!base_span_is(bundle->type, "searchset")) {
        return BASE_ANSWER_UNEXPECTED;
    }
    return counts_blindly(judging, bundle, body, matches) ? BASE_NOT_NARROWABLE : BASE_OK;
}

static base_reason_t judge_searchset(judging_t *judging, base_span_t body)
{
    fhir_bundle_t bundle;
    fhir_bundle_event_t event;
    base_reason_t reason = BASE_OK, uncovered = BASE_OK;
    uint64_t matches = 0;

    fhir_bundle_open(&bundle, body, judging->definitions, lens_for, judging, judging->arena,
                     judging->hashes, HASHES_MAX);
    while ((event = fhir_bundle_next(&bundle)) == FHIR_BUNDLE_ENTRY) {
        reason = judge_entry(judging->check, &bundle.entry, &matches);
        uncovered = uncovered == BASE_OK ? reason : uncovered;
    }
    if (event == FHIR_BUNDLE_ERROR) {
        return bundle.reason == BASE_ANSWER_UNEXPECTED ? BASE_ANSWER_UNEXPECTED
                                                       : broken(bundle.reason);
    }
    return uncovered != BASE_OK ? uncovered : judge_bundle_end(judging, &bundle, body, matches);
}

static base_reason_t judge_outcome(judging_t *judging, base_span_t body)
{
    fhir_facts_t facts;

    if (body.n == 0) {
        return BASE_OK;
    }
    return read_resource(judging, body, &facts) == BASE_OK && is_outcome(&facts)
               ? BASE_OK
               : BASE_ANSWER_UNEXPECTED;
}

static base_reason_t judge_by(smart_review_t *review, const smart_check_t *check, base_span_t body)
{
    judging_t judging = {check, review->_policy->definitions, NULL, review->_hashes,
                         review->_arena};
    bool ok;

    if (review->_outcome_only) {
        return judge_outcome(&judging, body);
    }
    judging.lens = smart_cover_watch(&check->cover, review->_arena, &ok);
    if (!ok) {
        return BASE_NO_MEMORY;
    }
    switch (check->kind) {
    case SMART_CHECK_INSTANCE:
        return judge_instance(&judging, review->_policy, body);
    case SMART_CHECK_SEARCHSET:
        return judge_searchset(&judging, body);
    default:
        return BASE_INTERNAL;
    }
}

/* Every check must hold: a verdict that was joined has those of all locations that judged. */
base_reason_t smart_review_body(smart_review_t *review, base_span_t body)
{
    base_reason_t reason;
    size_t i;

    review->_hashes = base_arena_scratch(review->_arena, HASHES_MAX, sizeof(*review->_hashes));
    if (review->_hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    for (i = 0; i < review->_verdict->check_n; i++) {
        reason = judge_by(review, &review->_verdict->check[i], body);
        if (reason != BASE_OK) {
            return reason;
        }
    }
    return BASE_OK;
}
