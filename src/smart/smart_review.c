#include "fhir/fhir_query.h"
#include "smart/smart_media.h"
#include "smart/smart_review_own.h"

#include <string.h>

#define EDITS_MAX  ((size_t) 16384)  /* that wait for an entry, or for the Bundle's type */
#define SKETCH_MAX ((size_t) 524288) /* of a resource that says its type late */

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

/* What the root may be to be walked into: only where all checks judge entries. */
static unsigned enter_of(const smart_check_t *check)
{
    switch (check->kind) {
    case SMART_CHECK_SEARCHSET:
    case SMART_CHECK_HISTORY:
    case SMART_CHECK_PAGE:
        return FHIR_ENTER_BUNDLE;
    case SMART_CHECK_OPERATION:
        return FHIR_ENTER_BUNDLE | FHIR_ENTER_PARAMETERS;
    default:
        return 0;
    }
}

static unsigned enter_of_root(const smart_review_t *review)
{
    unsigned enter = FHIR_ENTER_BUNDLE | FHIR_ENTER_PARAMETERS;
    size_t i;

    for (i = 0; i < review->_verdict->check_n; i++) {
        enter &= enter_of(&review->_verdict->check[i]);
    }
    return review->_outcome_only ? 0 : enter;
}

/* The grants by which anything may be judged; too many different ones: none of them holds anything. */
static void note_grants(smart_review_state_t *state, const smart_check_t *check)
{
    size_t i;

    for (i = 0; i < state->grants_n && state->grants[i] != check->grants; i++) {
    }
    if (i == state->grants_n && i < SMART_CHECKS_MAX && check->grants != NULL) {
        state->grants[state->grants_n++] = check->grants;
    }
}

static void note_checks(smart_review_state_t *state)
{
    const smart_verdict_t *verdict = state->review->_verdict;
    size_t i;

    for (i = 0; i < verdict->check_n; i++) {
        state->level[0].check[i] = &verdict->check[i];
        note_grants(state, &verdict->check[i]);
        state->counts = state->counts || verdict->check[i].counts;
    }
    state->level[0].check_n = verdict->check_n;
}

static smart_review_step_t start_stream(smart_review_t *review)
{
    smart_review_state_t *state = base_arena_alloc(review->_arena, sizeof(*state));

    review->_state = state;
    if (state == NULL) {
        return replace(review, BASE_NO_MEMORY);
    }
    state->review = review;
    state->hashes = base_arena_scratch(review->_arena, SMART_REVIEW_HASHES, sizeof(uint64_t));
    state->watch = base_arena_array(review->_arena, FHIR_TYPES_MAX, sizeof(void *));
    note_checks(state);
    if (state->hashes == NULL || state->watch == NULL ||
        (enter_of_root(review) != 0 && !smart_review_waiting_start(state))) {
        return replace(review, BASE_NO_MEMORY);
    }
    base_cut_init(&state->cut, review->_arena, EDITS_MAX);
    fhir_bundle_start(&state->bundle, enter_of_root(review), review->_policy->definitions,
                      smart_review_lens, state, review->_arena, state->hashes, SMART_REVIEW_HASHES,
                      SKETCH_MAX);
    return SMART_REVIEW_STREAM;
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
    return start_stream(review);
}

static void drop_header(smart_review_t *review, const char *name)
{
    smart_header_edit_t *edit = &review->header[review->header_n++];

    edit->name = name;
    edit->value = base_span_make(NULL, 0);
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
    if (enter_of_root(review) != 0) {
        /* of what it was before anything was cut out */
        drop_header(review, "etag");
        drop_header(review, "last-modified");
    }
    return start_stream(review);
}

smart_review_step_t smart_review_start(smart_review_t *review, base_arena_t *arena,
                                       const smart_verdict_t *verdict, const smart_policy_t *policy,
                                       const smart_head_t *head)
{
    memset(review, 0, sizeof(*review));
    review->_arena = arena;
    review->_verdict = verdict;
    review->_policy = policy;
    review->_head = *head;
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

/* How a body that is no JSON, or not readable, is answered. */
static base_reason_t broken(const smart_review_state_t *state, base_reason_t reason)
{
    if (state->review->_outcome_only && reason != BASE_OK && reason != BASE_NO_MEMORY) {
        return BASE_ANSWER_UNEXPECTED;
    }
    switch (reason) {
    case BASE_OK:
    case BASE_NO_MEMORY:
    case BASE_ANSWER_UNEXPECTED:
    case BASE_ANSWER_TOO_LARGE:
        return reason;
    default:
        return BASE_ANSWER_BROKEN;
    }
}

/* The rules of a single resource. */

/* L10, D9: the answer is what the URL names, and covered; else as if it did not exist. */
static base_reason_t judge_instance(smart_review_state_t *state, const smart_check_t *check,
                                    const fhir_facts_t *facts)
{
    if (facts->type == NULL || facts->type != check->cover.type || facts->id.unknown ||
        !base_span_eq(fhir_text_span(&facts->id), check->id)) {
        return BASE_ANSWER_UNEXPECTED;
    }
    if (smart_review_holds(state, check, SMART_R, facts)) {
        return BASE_OK;
    }
    return state->review->_policy->hide_existence ? BASE_NOT_FOUND : BASE_SCOPE_MISSING;
}

static base_reason_t judge_single_by(smart_review_state_t *state, const smart_check_t *check,
                                     const fhir_facts_t *facts)
{
    switch (check->kind) {
    case SMART_CHECK_INSTANCE:
        return judge_instance(state, check, facts);
    case SMART_CHECK_OPERATION:
        return smart_review_holds(state, check, check->letters, facts) ? BASE_OK
                                                                       : BASE_ANSWER_UNCOVERED;
    case SMART_CHECK_SEARCHSET:
    case SMART_CHECK_HISTORY:
    case SMART_CHECK_PAGE:
        return BASE_ANSWER_UNEXPECTED;
    default:
        return BASE_INTERNAL;
    }
}

/* The root is no Bundle that was walked. */
static base_reason_t judge_single(smart_review_state_t *state)
{
    const fhir_facts_t *facts = &state->bundle.level[0].facts;
    const smart_verdict_t *verdict = state->review->_verdict;
    base_reason_t reason = BASE_OK;
    size_t i;

    if (smart_review_is_outcome(facts)) {
        return BASE_OK;
    }
    if (state->review->_outcome_only) {
        return BASE_ANSWER_UNEXPECTED;
    }
    for (i = 0; i < verdict->check_n && reason == BASE_OK; i++) {
        reason = judge_single_by(state, &verdict->check[i], facts);
    }
    return reason;
}

/* The rules of a Bundle. */

static bool type_fits(const smart_check_t *check, base_span_t type)
{
    return check->kind == SMART_CHECK_OPERATION ||
           (check->kind != SMART_CHECK_HISTORY && base_span_is(type, "searchset")) ||
           (check->kind != SMART_CHECK_SEARCHSET && base_span_is(type, "history"));
}

/* L6: the link says that the upstream applied what was appended. */
static bool link_is_narrowed(const smart_review_state_t *state, const smart_check_t *check)
{
    const smart_narrowing_t *narrowing = &check->narrowing;
    base_span_t link = state->bundle.level[0].link_self;
    size_t question = base_span_find(link, '?'), i = 0;
    fhir_query_t query;

    if (smart_cover_is_true(&check->cover)) {
        return true;
    }
    if (!narrowing->sound || narrowing->n == 0 || link.p == NULL || question == link.n ||
        fhir_query_parse(base_span_sub(link, question + 1, link.n), base_span_make(NULL, 0),
                         state->review->_arena, &query) != BASE_OK) {
        return false;
    }
    while (i < narrowing->n &&
           fhir_query_says(&query, narrowing->item[i].name, narrowing->item[i].value)) {
        i++;
    }
    return i == narrowing->n;
}

/* L6: a total counts what is shown, and nothing else. */
static bool total_is_true(const smart_review_state_t *state)
{
    const smart_verdict_t *verdict = state->review->_verdict;
    size_t i;

    if (state->match_removed) {
        return false;
    }
    for (i = 0; i < verdict->check_n; i++) {
        if (verdict->check[i].kind != SMART_CHECK_SEARCHSET ||
            !link_is_narrowed(state, &verdict->check[i])) {
            return false;
        }
    }
    return true;
}

/* Where the total was taken out, it comes back behind all other members, or not at all. */
static base_reason_t settle_total(smart_review_state_t *state)
{
    const fhir_text_t *total = &state->level[0].total;
    unsigned char *text;

    if (total->n == 0) {
        return BASE_OK;
    }
    if (!total_is_true(state)) {
        return state->counts ? BASE_NOT_NARROWABLE : BASE_OK;
    }
    text = base_arena_alloc(state->review->_arena, FHIR_TEXT_MAX + 16);
    if (text == NULL) {
        return BASE_NO_MEMORY;
    }
    memcpy(text, ",\"total\":", 9);
    memcpy(text + 9, total->bytes, total->n);
    base_cut_insert(&state->cut, base_cut_end(&state->level[0].members, 0),
                    base_span_make(text, 9u + total->n));
    return BASE_OK;
}

/* The member that is complete, of a Bundle or of what may be one: a total goes, and what FHIR does not know. */
static void settle_member(smart_review_state_t *state, unsigned at,
                          const fhir_bundle_member_t *member)
{
    smart_review_level_t *level = &state->level[at];

    if (member->id == FHIR_MEMBER_TOTAL && !member->wrong) {
        level->total = state->bundle.level[at].total;
    }
    if (member->id == FHIR_MEMBER_OTHER || member->id == FHIR_MEMBER_TOTAL || member->wrong) {
        base_cut_item(&state->cut, &level->members, member->from, member->to);
    } else {
        base_cut_keep(&level->members, member->to);
    }
}

/* True when the root is known to be a Bundle that may be released entry by entry. */
static bool may_release(smart_review_state_t *state)
{
    const fhir_bundle_level_t *root = &state->bundle.level[0];
    size_t i;

    if (!root->is_container || state->counts || state->reason != BASE_OK) {
        return false;
    }
    if (base_span_is(fhir_text_span(&root->type_name), "Parameters")) {
        return true;
    }
    if (root->type.n == 0) {
        return false;
    }
    for (i = 0; i < state->level[0].check_n; i++) {
        if (!type_fits(state->level[0].check[i], fhir_text_span(&root->type))) {
            state->reason = BASE_ANSWER_UNEXPECTED;
            return false;
        }
    }
    return true;
}

static void release(smart_review_state_t *state, uint64_t upto)
{
    if (may_release(state)) {
        base_cut_release(&state->cut, upto);
    }
}

static void take_member(smart_review_state_t *state, unsigned at)
{
    const fhir_bundle_level_t *level = &state->bundle.level[at];

    if (level->has_before) {
        settle_member(state, at, &level->before);
        if (at == 0) {
            release(state, level->before.to);
        }
    } else {
        memset(&state->level[at].members, 0, sizeof(state->level[at].members));
        memset(&state->level[at].items, 0, sizeof(state->level[at].items));
        memset(&state->level[at].total, 0, sizeof(state->level[at].total));
        state->level[at].removed = 0;
    }
    base_cut_begin(&state->cut, &state->level[at].members, level->member.from);
}

/* A Bundle inside of an entry is filtered where nobody said what comes back; where matches are resources, it is one of them. */
static unsigned enter_of_item(const smart_review_state_t *state, unsigned at)
{
    const smart_review_level_t *level = &state->level[at];
    unsigned enter = FHIR_ENTER_BUNDLE;
    size_t i;

    for (i = 0; i < level->check_n; i++) {
        if (level->check[i]->kind != SMART_CHECK_OPERATION &&
            level->check[i]->kind != SMART_CHECK_PAGE) {
            enter = 0;
        }
    }
    return enter;
}

static void take_item(smart_review_state_t *state, unsigned at)
{
    smart_review_level_t *level = &state->level[at];

    base_cut_begin(&state->cut, &level->items, state->bundle.level[at].item.from);
    level->nested_fits = false;
    level->resource_foreign = false;
    if (at + 1 < FHIR_BUNDLE_LEVELS) {
        memcpy(state->level[at + 1].check, level->check, sizeof(level->check));
        state->level[at + 1].check_n = level->check_n;
        fhir_bundle_enter(&state->bundle, enter_of_item(state, at));
    }
    if (at == 0) {
        smart_review_waiting_begin(state);
    }
}

static void drop_item(smart_review_state_t *state, unsigned at)
{
    const fhir_item_place_t *item = &state->bundle.level[at].item;
    const smart_check_t *check;
    size_t i;

    base_cut_item(&state->cut, &state->level[at].items, item->from, item->to);
    state->level[at].removed++;
    if (at != 0 || !smart_review_is_match(item)) {
        return;
    }
    state->match_removed = true;
    for (i = 0; i < state->level[0].check_n; i++) {
        check = state->level[0].check[i];
        if (check->kind == SMART_CHECK_SEARCHSET && check->narrowing.sound &&
            check->narrowing.n > 0) {
            state->review->narrowing_ignored = true;
        }
    }
}

static bool is_parameter(const smart_review_state_t *state, unsigned at)
{
    return state->bundle.level[at].member.id == FHIR_MEMBER_PARAMETER;
}

static smart_entry_fate_t fate_of_item(smart_review_state_t *state, unsigned at)
{
    const fhir_item_place_t *item = &state->bundle.level[at].item;
    const smart_review_level_t *level = &state->level[at];

    if (!is_parameter(state, at)) {
        return smart_review_entry(state, at);
    }
    return item->wrong || level->resource_foreign || (item->has_container && !level->nested_fits)
               ? SMART_ENTRY_DROPPED
               : SMART_ENTRY_KEPT;
}

static void end_item(smart_review_state_t *state, unsigned at)
{
    const fhir_item_place_t *item = &state->bundle.level[at].item;
    smart_entry_fate_t fate = fate_of_item(state, at);

    if (fate == SMART_ENTRY_KEPT) {
        base_cut_keep(&state->level[at].items, item->to);
    } else {
        drop_item(state, at);
    }
    if (at != 0) {
        return;
    }
    if (fate == SMART_ENTRY_UNDECIDED) {
        smart_review_waiting_keep(state);
    } else {
        smart_review_waiting_seen(state, fate == SMART_ENTRY_KEPT);
    }
    state->waiting.capturing = false;
    state->review->removed = state->level[0].removed;
    release(state, item->to);
}

static void end_items(smart_review_state_t *state, unsigned at)
{
    if (at == 0) {
        smart_review_waiting_end(state);
        state->review->removed = state->level[0].removed;
    }
}

/* Bundles that servers make for an answer. Any other was stored as a resource, and its parts are nobody's to take out. */
static bool is_made_for_answers(base_span_t type)
{
    return base_span_is(type, "searchset") || base_span_is(type, "history");
}

static bool all_hold(smart_review_state_t *state, unsigned at, const fhir_facts_t *facts)
{
    const smart_review_level_t *level = &state->level[at];
    size_t i;

    for (i = 0; i < level->check_n; i++) {
        if (!smart_review_holds(state, level->check[i], level->check[i]->letters, facts)) {
            return false;
        }
    }
    return level->check_n > 0;
}

/* A resource inside is complete. What was thought to be a Bundle and is none keeps its bytes. */
static void close_inner(smart_review_state_t *state, unsigned at)
{
    const fhir_bundle_level_t *level = &state->bundle.level[at];
    smart_review_level_t *outer = &state->level[at - 1];

    if (level->is_container) {
        settle_member(state, at, &level->before);
        outer->nested_fits = is_made_for_answers(fhir_text_span(&level->type));
        outer->removed += state->level[at].removed;
        return;
    }
    base_cut_back(&state->cut, level->from);
    if (is_parameter(state, at - 1) && !smart_review_is_outcome(&level->facts) &&
        !all_hold(state, at - 1, &level->facts)) {
        outer->resource_foreign = true;
    }
}

/* L20: what was kept before the Bundle said that it is a history would have to be covered twice. */
static base_reason_t close_bundle(smart_review_state_t *state)
{
    const fhir_bundle_level_t *root = &state->bundle.level[0];
    base_reason_t reason;

    settle_member(state, 0, &root->before);
    reason = settle_total(state);
    if (reason != BASE_OK) {
        return reason;
    }
    if (state->confined && base_span_is(fhir_text_span(&root->type), "history")) {
        return BASE_ANSWER_UNCOVERED;
    }
    state->counts = false;
    return may_release(state)         ? BASE_OK
           : state->reason != BASE_OK ? state->reason
                                      : BASE_ANSWER_UNEXPECTED;
}

static base_reason_t close_root(smart_review_state_t *state)
{
    state->root_closed = true;
    if (state->bundle.level[0].is_container) {
        return close_bundle(state);
    }
    base_cut_back(&state->cut, 0);
    state->review->removed = 0;
    state->review->narrowing_ignored = false;
    return judge_single(state);
}

static base_reason_t take_event(smart_review_state_t *state, fhir_bundle_event_t event)
{
    unsigned at = state->bundle.level_n - 1;

    switch (event) {
    case FHIR_BUNDLE_MEMBER:
        take_member(state, at);
        break;
    case FHIR_BUNDLE_ITEM:
        take_item(state, at);
        break;
    case FHIR_BUNDLE_ITEM_END:
        end_item(state, at);
        break;
    case FHIR_BUNDLE_ITEMS_END:
        end_items(state, at);
        break;
    case FHIR_BUNDLE_CLOSE:
        if (at == 0) {
            return close_root(state);
        }
        close_inner(state, at);
        break;
    case FHIR_BUNDLE_ERROR:
        return broken(state, state->bundle.reason);
    default:
        break;
    }
    if (state->cut.failed) {
        return BASE_ANSWER_TOO_LARGE;
    }
    return state->no_memory ? BASE_NO_MEMORY : state->reason;
}

/* Reads up to the next event; the bytes of an entry that may have to wait are kept. */
static base_reason_t read_on(smart_review_state_t *state, base_span_t *in)
{
    base_span_t before = *in;
    fhir_bundle_event_t event = fhir_bundle_next(&state->bundle, in);

    state->seen += before.n - in->n;
    smart_review_waiting_bytes(state, base_span_sub(before, 0, before.n - in->n));
    return event == FHIR_BUNDLE_MORE ? state->reason : take_event(state, event);
}

base_reason_t smart_review_feed(smart_review_t *review, base_span_t *in, base_splice_t *splice)
{
    smart_review_state_t *state = review->_state;

    while (state->reason == BASE_OK && base_cut_flush(&state->cut, splice) && in->n > 0) {
        state->reason = read_on(state, in);
    }
    review->reason = state->reason;
    return state->reason;
}

/* An error without a body says nothing. */
static base_reason_t finish(smart_review_state_t *state)
{
    base_span_t none = {NULL, 0};
    base_reason_t reason;

    if (state->seen == 0 && state->review->_outcome_only) {
        return BASE_OK;
    }
    (void) fhir_bundle_next(&state->bundle, &none);
    reason = broken(state, fhir_bundle_finish(&state->bundle));
    return reason == BASE_OK && !state->root_closed ? BASE_ANSWER_BROKEN : reason;
}

base_reason_t smart_review_end(smart_review_t *review, base_splice_t *splice)
{
    smart_review_state_t *state = review->_state;

    if (state->reason == BASE_OK && !state->ended) {
        state->reason = finish(state);
        state->ended = true;
        base_cut_release(&state->cut, state->seen);
    }
    if (state->reason == BASE_OK) {
        (void) base_cut_flush(&state->cut, splice);
        state->reason = state->cut.failed ? BASE_ANSWER_TOO_LARGE : BASE_OK;
    }
    review->reason = state->reason;
    return state->reason;
}
