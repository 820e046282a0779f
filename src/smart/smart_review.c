#include "smart/smart_review.h"

#include "fhir/fhir_bundle.h"
#include "fhir/fhir_query.h"
#include "smart/smart_grants.h"
#include "smart/smart_media.h"

#include <string.h>

#define HASHES_MAX ((size_t) 4096)

#define RELEASED_MAX ((size_t) 2048) /* targets of Provenances; more are not known */

/* A resource of the answer that is covered, as a target. */
typedef struct {
    const fhir_type_t *type;
    base_span_t id;
} released_t;

/* One judging of a held body by one check. */
typedef struct {
    const smart_check_t *check;
    const fhir_definitions_t *definitions;
    uint64_t *hashes;
    base_arena_t *arena;
    const smart_watch_t **watch; /* by type, made when one is seen */
    bool no_memory;
    released_t *released; /* NULL: nobody asks */
    size_t released_n;
    bool confined; /* something is covered, but not by a true cover */
    bool history_own;
    size_t provenance_n; /* Provenances so far */
    size_t undecided_n;
    bool *undecided;            /* by position among the Provenances: to be judged by its targets */
    const fhir_lens_t *targets; /* of Provenances, on the second reading */
    const fhir_type_t *provenance; /* NULL: judged as any other type */
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
        if (review->_verdict->check[i].kind == SMART_CHECK_INSTANCE ||
            review->_verdict->check[i].id.p != NULL) {
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

/* What decides on resources of a type: by r and by s. */
static const smart_watch_t *watch_for(judging_t *judging, const fhir_type_t *type)
{
    const smart_watch_t **watch = &judging->watch[type->index];
    smart_cover_t cover[SMART_COVERS_MAX];

    if (*watch == NULL) {
        cover[0] = smart_grants_cover(judging->check->grants, SMART_R, type);
        cover[1] = smart_grants_cover(judging->check->grants, SMART_S, type);
        *watch = smart_cover_watch(cover, SMART_COVERS_MAX, judging->arena);
        judging->no_memory = judging->no_memory || *watch == NULL;
    }
    return *watch;
}

static const fhir_lens_t *lens_for(void *data, const fhir_type_t *type)
{
    judging_t *judging = data;
    const smart_watch_t *watch;

    if (judging->targets != NULL && type == judging->provenance) {
        return judging->targets;
    }
    watch = watch_for(judging, type);
    return watch == NULL ? NULL : smart_watch_lens(watch);
}

static bool holds(judging_t *judging, unsigned letters, const fhir_facts_t *facts)
{
    const smart_watch_t *watch = facts->type == NULL ? NULL : watch_for(judging, facts->type);
    bool held = watch != NULL && smart_watch_holds(watch, letters, facts);

    judging->confined = judging->confined || (held && !smart_watch_is_true(watch, letters));
    return held;
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
    if (holds(judging, SMART_R, &facts)) {
        return BASE_OK;
    }
    return policy->hide_existence ? BASE_NOT_FOUND : BASE_SCOPE_MISSING;
}

static bool mode_is(const fhir_bundle_entry_t *entry, const char *mode)
{
    return entry->mode.p != NULL && base_span_is(entry->mode, mode);
}

/* A Provenance of what is shown here may be shown (D6, L9). */
static void note_released(judging_t *judging, const fhir_facts_t *facts)
{
    released_t *released;

    if (judging->released == NULL || judging->released_n == RELEASED_MAX ||
        facts->type == judging->provenance || facts->id.n == 0) {
        return;
    }
    released = &judging->released[judging->released_n];
    released->type = facts->type;
    released->id = base_arena_copy(judging->arena, fhir_text_span(&facts->id));
    judging->released_n += released->id.p != NULL;
}

static bool is_expected(const smart_check_t *check, const fhir_facts_t *facts)
{
    return (check->cover.type == NULL || facts->type == check->cover.type) &&
           (check->id.p == NULL || check->kind != SMART_CHECK_HISTORY ||
            (!facts->id.unknown && base_span_eq(fhir_text_span(&facts->id), check->id)));
}

/* L3, L8: an included resource by s, or, where an _include asks for its type, by r. On a page nobody knows who asked for what (L20). */
static bool entry_holds(judging_t *judging, const fhir_bundle_entry_t *entry, bool included)
{
    const smart_check_t *check = judging->check;
    unsigned letters = SMART_S;

    if (entry->resource.to <= entry->resource.from || entry->facts.type == NULL) {
        return false;
    }
    if (!included || check->kind == SMART_CHECK_PAGE || check->kind == SMART_CHECK_OPERATION) {
        return is_expected(check, &entry->facts) && holds(judging, check->letters, &entry->facts);
    }
    if (fhir_type_set_has(&check->included, entry->facts.type)) {
        letters |= SMART_R;
    }
    return check->includes && holds(judging, letters, &entry->facts);
}

/* L8: entries without a mode are matches. What is not covered fails the whole: cutting entries comes later. */
static base_reason_t judge_entry(judging_t *judging, const fhir_bundle_entry_t *entry,
                                 uint64_t *matches)
{
    bool included = mode_is(entry, "include");
    bool provenance = judging->provenance != NULL && entry->facts.type == judging->provenance;
    size_t at = judging->provenance_n;

    judging->provenance_n += provenance;
    if (mode_is(entry, "outcome")) {
        return is_outcome(&entry->facts) ? BASE_OK : BASE_ANSWER_UNCOVERED;
    }
    if (entry->mode.p != NULL && !included && !mode_is(entry, "match")) {
        return BASE_ANSWER_UNCOVERED;
    }
    *matches += !included;
    if (entry_holds(judging, entry, included)) {
        note_released(judging, &entry->facts);
        return BASE_OK;
    }
    if (provenance && at < RELEASED_MAX) {
        judging->undecided[at] = true;
        judging->undecided_n++;
        return BASE_OK;
    }
    return BASE_ANSWER_UNCOVERED;
}

/* L6: the link says that the upstream applied what was appended. */
static bool link_is_narrowed(const judging_t *judging, base_span_t link)
{
    const smart_narrowing_t *narrowing = &judging->check->narrowing;
    size_t question = base_span_find(link, '?'), i;
    fhir_query_t query;

    if (link.p == NULL || question == link.n) {
        return false;
    }
    if (fhir_query_parse(base_span_sub(link, question + 1, link.n), base_span_make(NULL, 0),
                         judging->arena, &query) != BASE_OK) {
        return false;
    }
    for (i = 0; i < narrowing->n &&
                fhir_query_says(&query, narrowing->item[i].name, narrowing->item[i].value);
         i++) {
    }
    return i > 0 && i == narrowing->n && narrowing->sound;
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

    if (smart_cover_is_true(&judging->check->cover) || text.n == 0 ||
        (base_span_uint(text, &total) && total <= matches)) {
        return false;
    }
    return !link_is_narrowed(judging, bundle->link_self) &&
           !(matches > 0 && judging->check->narrowing.n > 0 && link_is_silent(bundle->link_self));
}

static bool type_fits(smart_check_kind_t kind, base_span_t type)
{
    return kind == SMART_CHECK_OPERATION ||
           (kind != SMART_CHECK_HISTORY && base_span_is(type, "searchset")) ||
           (kind != SMART_CHECK_SEARCHSET && base_span_is(type, "history"));
}

static base_reason_t judge_bundle_end(const judging_t *judging, const fhir_bundle_t *bundle,
                                      base_span_t body, uint64_t matches)
{
    if (!bundle->is_bundle) {
        return base_span_is(bundle->resource_type, "OperationOutcome") ? BASE_OK
                                                                       : BASE_ANSWER_UNEXPECTED;
    }
    if (!type_fits(judging->check->kind, bundle->type)) {
        return BASE_ANSWER_UNEXPECTED;
    }
    if (base_span_is(bundle->type, "history") && judging->confined && !judging->history_own) {
        return BASE_ANSWER_UNCOVERED;
    }
    return counts_blindly(judging, bundle, body, matches) ? BASE_NOT_NARROWABLE : BASE_OK;
}

/* Reads the Bundle's entries; *bundle is complete then. */
static base_reason_t judge_entries(judging_t *judging, base_span_t body, fhir_bundle_t *bundle,
                                   uint64_t *matches)
{
    fhir_bundle_event_t event;
    base_reason_t reason, uncovered = BASE_OK;

    fhir_bundle_open(bundle, body, judging->definitions, lens_for, judging, judging->arena,
                     judging->hashes, HASHES_MAX);
    while ((event = fhir_bundle_next(bundle)) == FHIR_BUNDLE_ENTRY) {
        reason = judge_entry(judging, &bundle->entry, matches);
        uncovered = uncovered == BASE_OK ? reason : uncovered;
    }
    if (event == FHIR_BUNDLE_ERROR) {
        return bundle->reason == BASE_ANSWER_UNEXPECTED ? BASE_ANSWER_UNEXPECTED
                                                        : broken(bundle->reason);
    }
    return judging->no_memory ? BASE_NO_MEMORY : uncovered;
}

static bool watch_targets(judging_t *judging, fhir_lens_t *lens, const fhir_type_t *type)
{
    static const fhir_path_t path = {"target[]", "Reference", NULL};
    const smart_base_t *base = smart_grants_base(judging->check->grants);
    base_span_t *ids = base_arena_array(judging->arena, judging->released_n, sizeof(*ids));
    size_t i, n = 0;

    for (i = 0; ids != NULL && i < judging->released_n; i++) {
        if (judging->released[i].type == type) {
            ids[n++] = judging->released[i].id;
        }
    }
    return ids != NULL && fhir_lens_watch_reference(lens, &path, base->urls, base->urls_n,
                                                    type->name, ids, n) >= 0;
}

/* A lens that sees whether a Provenance refers to anything that is released here. */
static fhir_lens_t *targets_lens(judging_t *judging)
{
    fhir_lens_t *lens = fhir_lens_new(judging->arena, judging->provenance);
    size_t i, j;

    for (i = 0; lens != NULL && i < judging->released_n; i++) {
        for (j = 0; j < i && judging->released[j].type != judging->released[i].type; j++) {
        }
        if (j == i && !watch_targets(judging, lens, judging->released[i].type)) {
            return NULL;
        }
    }
    return lens;
}

static bool refers_to_released(const fhir_facts_t *facts)
{
    unsigned bits = facts->lens == NULL ? 0 : fhir_lens_bits(facts->lens), bit;

    for (bit = 0; bit < bits; bit++) {
        if (fhir_facts_bit(facts, (int) bit) == FHIR_MET) {
            return true;
        }
    }
    return false;
}

/* L9: the second reading. Each that was left undecided must itself refer to what is released. */
static base_reason_t judge_provenances(judging_t *judging, base_span_t body)
{
    fhir_bundle_t bundle;
    fhir_bundle_event_t event;
    size_t at = 0;
    bool covered = true;

    judging->targets = targets_lens(judging);
    if (judging->targets == NULL) {
        return BASE_NO_MEMORY;
    }
    fhir_bundle_open(&bundle, body, judging->definitions, lens_for, judging, judging->arena,
                     judging->hashes, HASHES_MAX);
    while ((event = fhir_bundle_next(&bundle)) == FHIR_BUNDLE_ENTRY) {
        if (bundle.entry.facts.type != judging->provenance) {
            continue;
        }
        covered = covered && (at >= RELEASED_MAX || !judging->undecided[at] ||
                              refers_to_released(&bundle.entry.facts));
        at++;
    }
    if (event == FHIR_BUNDLE_ERROR) {
        return broken(bundle.reason);
    }
    return covered ? BASE_OK : BASE_ANSWER_UNCOVERED;
}

/* Provenance is judged by targets where its grant is a patient's, without a constraint (D6). */
static bool start_provenances(judging_t *judging)
{
    const fhir_type_t *type = fhir_type_find(judging->definitions, BASE_SPAN("Provenance"));
    smart_cover_t read, search;

    if (type == NULL || (!judging->check->includes && judging->check->kind != SMART_CHECK_PAGE &&
                         judging->check->kind != SMART_CHECK_OPERATION)) {
        return true;
    }
    read = smart_grants_cover(judging->check->grants, SMART_R, type);
    search = smart_grants_cover(judging->check->grants, SMART_S, type);
    if (read.confined_n == 0 && search.confined_n == 0) {
        return true;
    }
    judging->provenance = type;
    judging->released =
        base_arena_scratch(judging->arena, RELEASED_MAX, sizeof(*judging->released));
    judging->undecided =
        base_arena_array(judging->arena, RELEASED_MAX, sizeof(*judging->undecided));
    return judging->released != NULL && judging->undecided != NULL;
}

static base_reason_t judge_searchset(judging_t *judging, base_span_t body)
{
    fhir_bundle_t bundle;
    uint64_t matches = 0;
    base_reason_t reason;

    if (!start_provenances(judging)) {
        return BASE_NO_MEMORY;
    }
    reason = judge_entries(judging, body, &bundle, &matches);
    if (reason == BASE_OK) {
        reason = judge_bundle_end(judging, &bundle, body, matches);
    }
    return reason == BASE_OK && judging->undecided_n > 0 ? judge_provenances(judging, body)
                                                         : reason;
}

/* B6: Parameters hold resources under names that no lens looks at; with none of them they are values. */
static base_reason_t judge_parameters(judging_t *judging, base_span_t body)
{
    base_json_event_t event;
    base_json_t js;
    bool plain = true;

    base_json_init(&js, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, judging->hashes, HASHES_MAX);
    while ((event = base_json_next(&js, &body)) != BASE_JSON_ERROR && event != BASE_JSON_MORE) {
        /* a name that comes in parts has escapes: nobody spells `resource` so but to hide it */
        plain =
            plain && !(event == BASE_JSON_KEY && (!js.last || base_span_is(js.text, "resource")));
    }
    if (event == BASE_JSON_ERROR || base_json_finish(&js) != BASE_OK) {
        return BASE_ANSWER_BROKEN;
    }
    return plain ? BASE_OK : BASE_ANSWER_UNCOVERED;
}

static base_reason_t judge_operation(judging_t *judging, base_span_t body)
{
    fhir_facts_t facts;
    base_reason_t reason = read_resource(judging, body, &facts);

    if (reason != BASE_OK || is_outcome(&facts)) {
        return reason;
    }
    if (base_span_is(fhir_text_span(&facts.type_name), "Bundle")) {
        return judge_searchset(judging, body);
    }
    if (base_span_is(fhir_text_span(&facts.type_name), "Parameters")) {
        return judge_parameters(judging, body);
    }
    return holds(judging, judging->check->letters, &facts) ? BASE_OK : BASE_ANSWER_UNCOVERED;
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
    judging_t judging = {0};
    base_reason_t reason;

    judging.check = check;
    judging.definitions = review->_policy->definitions;
    judging.hashes = review->_hashes;
    judging.arena = review->_arena;
    judging.history_own = review->_policy->history_own;
    judging.watch = base_arena_array(review->_arena, FHIR_TYPES_MAX, sizeof(void *));
    if (judging.watch == NULL) {
        return BASE_NO_MEMORY;
    }
    if (review->_outcome_only) {
        reason = judge_outcome(&judging, body);
    } else {
        reason = check->kind == SMART_CHECK_INSTANCE
                     ? judge_instance(&judging, review->_policy, body)
                 : check->kind == SMART_CHECK_NONE      ? BASE_INTERNAL
                 : check->kind == SMART_CHECK_OPERATION ? judge_operation(&judging, body)
                                                        : judge_searchset(&judging, body);
    }
    return judging.no_memory ? BASE_NO_MEMORY : reason;
}

/* STREAM is not said yet. */
base_reason_t smart_review_feed(smart_review_t *review, base_span_t *in, base_splice_t *splice)
{
    (void) review;
    (void) in;
    (void) splice;
    return BASE_INTERNAL;
}

base_reason_t smart_review_end(smart_review_t *review, base_splice_t *splice)
{
    (void) review;
    (void) splice;
    return BASE_INTERNAL;
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
