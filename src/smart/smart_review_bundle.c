#include "base/base_writer.h"
#include "fhir/fhir_query.h"
#include "smart/smart_review_own.h"

#include <string.h>

/* Where it comes from, and whether it is one that was asked for. */

static bool type_fits(const smart_check_t *check, base_span_t type)
{
    switch (check->kind) {
    case SMART_CHECK_ENTRIES:
        return base_span_is(type, check->transaction ? "transaction-response" : "batch-response");
    case SMART_CHECK_OPERATION:
        return type.n > 0;
    case SMART_CHECK_SEARCHSET:
        return base_span_is(type, "searchset");
    case SMART_CHECK_HISTORY:
        return base_span_is(type, "history");
    default:
        return base_span_is(type, "searchset") || base_span_is(type, "history");
    }
}

static bool is_parameters(const fhir_bundle_level_t *level)
{
    return base_span_is(fhir_text_span(&level->type_name), "Parameters");
}

/* What is inside of a Bundle was made for the answer, too. Any other was stored as a resource, and its parts are nobody's to take out. */
static bool bundle_fits(const smart_review_state_t *state, unsigned at)
{
    const fhir_bundle_level_t *level = &state->bundle.level[at];
    base_span_t type = fhir_text_span(&level->type);
    size_t i;

    if (is_parameters(level) || state->complete) {
        return true;
    }
    for (i = 0; i < state->level[at].check_n; i++) {
        if (!type_fits(state->level[at].check[i], type)) {
            return false;
        }
    }
    return at <= state->home || base_span_is(type, "searchset") || base_span_is(type, "history");
}

/* L6: the link says that the upstream applied what was appended. */
static bool link_is_narrowed(const smart_review_state_t *state, unsigned at,
                             const smart_check_t *check)
{
    const smart_narrowing_t *narrowing = &check->narrowing;
    base_span_t link = state->bundle.level[at].link_self;
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
static bool total_is_true(const smart_review_state_t *state, unsigned at)
{
    const smart_review_level_t *level = &state->level[at];
    size_t i;

    if (state->review->_head.narrowing_ignored) {
        return false;
    }
    for (i = 0; i < level->check_n && !level->match_removed; i++) {
        if (level->check[i]->kind != SMART_CHECK_SEARCHSET ||
            !link_is_narrowed(state, at, level->check[i])) {
            return false;
        }
    }
    return !level->match_removed && level->check_n > 0;
}

static bool asks_for_a_count(const smart_review_level_t *level)
{
    size_t i;

    for (i = 0; i < level->check_n && !level->check[i]->counts; i++) {
    }
    return i < level->check_n;
}

/* Where the total was taken out, it comes back behind all other members, or not at all. */
static base_reason_t settle_total(smart_review_state_t *state, unsigned at)
{
    smart_review_level_t *level = &state->level[at];
    unsigned char *text;

    if (level->total.n == 0) {
        return BASE_OK;
    }
    if (!total_is_true(state, at)) {
        return asks_for_a_count(level) ? BASE_NOT_NARROWABLE : BASE_OK;
    }
    text = base_arena_alloc(state->review->_arena, FHIR_TEXT_MAX + 16);
    if (text == NULL) {
        return BASE_NO_MEMORY;
    }
    memcpy(text, ",\"total\":", 9);
    memcpy(text + 9, level->total.bytes, level->total.n);
    base_cut_insert(&state->cut, base_cut_end(&level->members, 0),
                    base_span_make(text, 9u + level->total.n));
    return BASE_OK;
}

/* The member that is complete, of a Bundle or of what may be one: a total goes, and what FHIR does not know. */
static void settle_member(smart_review_state_t *state, unsigned at,
                          const fhir_bundle_member_t *member)
{
    smart_review_level_t *level = &state->level[at];

    if (state->complete) {
        base_cut_keep(&level->members, member->to);
        return;
    }
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

    if (!root->is_container || state->counts || state->reason != BASE_OK ||
        (root->type.n == 0 && !is_parameters(root))) {
        return false;
    }
    if (!bundle_fits(state, 0)) {
        state->reason = BASE_ANSWER_UNEXPECTED;
    }
    return state->reason == BASE_OK;
}

static void release(smart_review_state_t *state, uint64_t upto)
{
    if (may_release(state)) {
        base_cut_release(&state->cut, upto);
    }
}

/* Members. */

static void begin_bundle(smart_review_state_t *state, unsigned at)
{
    smart_review_level_t *level = &state->level[at];

    memset(&level->members, 0, sizeof(*level) - offsetof(smart_review_level_t, members));
    if (at == state->home) {
        smart_review_waiting_bundle(state);
    }
}

void smart_review_member(smart_review_state_t *state, unsigned at)
{
    const fhir_bundle_level_t *level = &state->bundle.level[at];

    if (!level->has_before) {
        begin_bundle(state, at);
    } else {
        settle_member(state, at, &level->before);
        if (at == 0) {
            release(state, level->before.to);
        }
    }
    base_cut_begin(&state->cut, &state->level[at].members, level->member.from);
}

static base_span_t quoted(smart_review_state_t *state, base_span_t text)
{
    size_t size = 6 * text.n + 16;
    unsigned char *memory = base_arena_scratch(state->review->_arena, size, 1);
    base_span_t out = {NULL, 0};
    base_writer_t w;

    if (memory != NULL) {
        base_writer_init(&w, memory, size);
        base_writer_string(&w, text);
        (void) base_writer_done(&w, &out);
    }
    state->no_memory = state->no_memory || out.p == NULL;
    return out;
}

/*
 * C16, L21: where it leads is not told, and nobody else gets there by it. False: it is none of ours, or cannot be sealed. Links of a Bundle inside are
 * somebody's data: a seal would make a request of them.
 */
static bool seal_page(smart_review_state_t *state, const fhir_url_place_t *url)
{
    const smart_review_level_t *level = &state->level[0];
    const smart_check_t *check = level->check_n > 0 ? level->check[0] : NULL;
    base_span_t target;

    if (state->bundle.level_n > 1 || !url->leads_on || url->text.p == NULL || check == NULL ||
        check->link == NULL) {
        return false;
    }
    target = smart_review_target(state->review, check, url->text);
    if (target.p == NULL || !smart_link_target_is_plain(target)) {
        return false;
    }
    base_cut_insert(&state->cut, url->from,
                    quoted(state, smart_review_seal(state->review, check, SMART_LINK_PAGE,
                                                    SMART_FILE_OUTPUT, target)));
    base_cut_drop(&state->cut, url->from, url->to);
    return true;
}

/* A link below the upstream's base carries the public one (L0, L10): its first bytes, or with escapes all of it. */
void smart_review_url(smart_review_state_t *state)
{
    const smart_link_bases_t *bases = &state->review->_head.bases;
    const fhir_url_place_t *url = &state->bundle.url;
    uint64_t from = url->from + 1;

    if (seal_page(state, url) || !smart_review_is_upstream(state->review, url->text)) {
        return;
    }
    if (state->plain_public_url && url->to - url->from == url->text.n + 2) {
        base_cut_insert(&state->cut, from, bases->public_url);
        base_cut_drop(&state->cut, from, from + bases->upstream.n);
        return;
    }
    base_cut_insert(&state->cut, url->from,
                    quoted(state, smart_review_public(state->review, url->text)));
    base_cut_drop(&state->cut, url->from, url->to);
}

/* Items. */

/* A Bundle inside of an entry is filtered where nobody said what comes back; where matches are resources, it is one of them. */
static unsigned enter_of_item(const smart_review_level_t *level)
{
    size_t i;

    for (i = 0; i < level->check_n; i++) {
        if (level->check[i]->kind != SMART_CHECK_OPERATION &&
            level->check[i]->kind != SMART_CHECK_PAGE) {
            return 0;
        }
    }
    return FHIR_ENTER_BUNDLE;
}

void smart_review_item(smart_review_state_t *state, unsigned at)
{
    smart_review_level_t *level = &state->level[at];

    base_cut_begin(&state->cut, &level->items, state->bundle.level[at].item.from);
    if (at < state->home) {
        smart_review_batch_item(state);
        return;
    }
    level->nested = BASE_ANSWER_UNCOVERED;
    level->resource_foreign = false;
    if (at + 1 < FHIR_BUNDLE_LEVELS) {
        memcpy(state->level[at + 1].check, level->check, sizeof(level->check));
        state->level[at + 1].check_n = level->check_n;
        fhir_bundle_enter(&state->bundle, state->complete ? 0 : enter_of_item(level));
    }
    if (at == state->home) {
        smart_review_waiting_begin(state);
    }
}

static void drop_item(smart_review_state_t *state, unsigned at)
{
    const fhir_item_place_t *item = &state->bundle.level[at].item;
    smart_review_level_t *level = &state->level[at];
    size_t i;

    base_cut_item(&state->cut, &level->items, item->from, item->to);
    level->removed++;
    if (!smart_review_is_match(item)) {
        return;
    }
    level->match_removed = true;
    for (i = 0; i < level->check_n; i++) {
        level->narrowing_ignored =
            level->narrowing_ignored ||
            (level->check[i]->kind == SMART_CHECK_SEARCHSET && level->check[i]->narrowing.sound &&
             level->check[i]->narrowing.n > 0);
    }
}

static bool is_dropped_member(const fhir_bundle_member_t *member, bool resource)
{
    return member->id == FHIR_MEMBER_OTHER || (resource && member->id == FHIR_MEMBER_RESOURCE);
}

void smart_review_cut_members(smart_review_state_t *state, const fhir_item_place_t *item,
                              bool resource)
{
    base_cut_list_t list = {0};
    size_t i;

    if (!resource && !item->other_member) {
        return;
    }
    for (i = 0; i < item->member_n; i++) {
        base_cut_begin(&state->cut, &list, item->member[i].from);
        if (is_dropped_member(&item->member[i], resource)) {
            base_cut_item(&state->cut, &list, item->member[i].from, item->member[i].to);
        } else {
            base_cut_keep(&list, item->member[i].to);
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

    if (state->complete) {
        return SMART_ENTRY_KEPT;
    }
    if (!is_parameter(state, at)) {
        return smart_review_entry(state, at);
    }
    return item->wrong || level->resource_foreign ||
                   (item->has_container && level->nested != BASE_OK)
               ? SMART_ENTRY_DROPPED
               : SMART_ENTRY_KEPT;
}

static void end_item(smart_review_state_t *state, unsigned at)
{
    const fhir_item_place_t *item = &state->bundle.level[at].item;
    smart_entry_fate_t fate = fate_of_item(state, at);

    if (fate != SMART_ENTRY_DROPPED && !state->complete) {
        smart_review_cut_members(state, item, false);
    }
    if (at == state->home && fate == SMART_ENTRY_UNDECIDED) {
        smart_review_waiting_keep(state);
    }
    if (fate == SMART_ENTRY_KEPT) {
        base_cut_keep(&state->level[at].items, item->to);
    } else {
        drop_item(state, at);
    }
    if (at != state->home) {
        return;
    }
    if (fate != SMART_ENTRY_UNDECIDED) {
        smart_review_waiting_seen(state, fate == SMART_ENTRY_KEPT);
    }
    state->waiting.capturing = false;
}

void smart_review_item_end(smart_review_state_t *state, unsigned at)
{
    if (at < state->home) {
        smart_review_batch_item_end(state);
    } else {
        end_item(state, at);
    }
    if (at == 0) {
        state->review->removed = state->level[0].removed;
        state->review->narrowing_ignored = state->level[0].narrowing_ignored;
        release(state, state->bundle.level[0].item.to);
    }
}

/* I4: that something was withheld, where the policy says so. */
static void say_suppressed(smart_review_state_t *state, unsigned at)
{
    smart_review_level_t *level = &state->level[at];
    uint64_t end = base_cut_end(&level->items, state->bundle.level[at].items_open);

    if (!state->review->_policy->suppressed_outcome || !level->match_removed ||
        is_parameter(state, at) ||
        base_span_is(fhir_text_span(&state->bundle.level[at].type), "history")) {
        return;
    }
    if (level->items.kept) {
        base_cut_insert(&state->cut, end, BASE_SPAN(","));
    }
    base_cut_insert(
        &state->cut, end,
        BASE_SPAN("{\"resource\":{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
                  "\"information\",\"code\":\"suppressed\",\"details\":{\"text\":\"Some matches "
                  "are not covered by the access token.\"}}]},\"search\":{\"mode\":\"outcome\"}}"));
    level->items.kept = true;
}

void smart_review_items_end(smart_review_state_t *state, unsigned at)
{
    if (at < state->home) {
        smart_review_batch_end(state);
        return;
    }
    if (at == state->home) {
        smart_review_waiting_end(state);
    }
    say_suppressed(state, at);
    if (at == 0) {
        state->review->removed = state->level[0].removed;
    }
}

/* The end of a resource. */

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

/* L6, L20: what is known of a Bundle only when it is complete. */
static base_reason_t settle_bundle(smart_review_state_t *state, unsigned at)
{
    const fhir_bundle_level_t *level = &state->bundle.level[at];
    base_reason_t reason;

    settle_member(state, at, &level->before);
    if (!bundle_fits(state, at)) {
        return BASE_ANSWER_UNEXPECTED;
    }
    reason = settle_total(state, at);
    if (reason != BASE_OK) {
        return reason;
    }
    return state->level[at].confined && base_span_is(fhir_text_span(&level->type), "history")
               ? BASE_ANSWER_UNCOVERED
               : BASE_OK;
}

/* A resource inside is complete. What was thought to be a Bundle and is none keeps its bytes. */
static void close_inner(smart_review_state_t *state, unsigned at)
{
    const fhir_bundle_level_t *level = &state->bundle.level[at];
    smart_review_level_t *outer = &state->level[at - 1];

    if (level->is_container) {
        outer->nested = settle_bundle(state, at);
        outer->removed += state->level[at].removed;
        outer->narrowing_ignored = outer->narrowing_ignored || state->level[at].narrowing_ignored;
        return;
    }
    base_cut_back(&state->cut, level->from);
    if (at > state->home && is_parameter(state, at - 1) &&
        !smart_review_is_outcome(&level->facts) && !all_hold(state, at - 1, &level->facts)) {
        outer->resource_foreign = true;
    }
}

static base_reason_t close_bundle(smart_review_state_t *state)
{
    base_reason_t reason = settle_bundle(state, 0);

    if (reason == BASE_OK && smart_review_is_batch(state) &&
        state->bundle.level[0].items_open == 0) {
        smart_review_batch_end(state);
    }
    return reason == BASE_OK ? state->reason : reason;
}

/* The root is no Bundle that was walked. */
static base_reason_t close_single(smart_review_state_t *state)
{
    const fhir_facts_t *facts = &state->bundle.level[0].facts;
    base_reason_t reason = BASE_OK;
    size_t i;

    base_cut_back(&state->cut, 0);
    state->review->removed = 0;
    state->review->narrowing_ignored = false;
    if (state->review->_outcome_only) {
        return smart_review_is_outcome(facts) ? BASE_OK : BASE_ANSWER_UNEXPECTED;
    }
    for (i = 0; i < state->level[0].check_n && reason == BASE_OK && !state->complete; i++) {
        reason = smart_review_single(state, state->level[0].check[i], facts);
    }
    return reason;
}

base_reason_t smart_review_close(smart_review_state_t *state, unsigned at)
{
    if (at > 0) {
        close_inner(state, at);
        return state->reason;
    }
    state->root_closed = true;
    return state->bundle.level[0].is_container ? close_bundle(state) : close_single(state);
}
