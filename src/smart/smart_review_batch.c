/* The answer of a batch or transaction: entries by index, none is removed (L15, B5). */

#include "smart/smart_answer.h"
#include "smart/smart_review_own.h"

#include <string.h>

bool smart_review_is_batch(const smart_review_state_t *state)
{
    const smart_review_level_t *level = &state->level[0];
    size_t i;

    for (i = 0; i < level->check_n && level->check[i]->kind == SMART_CHECK_ENTRIES; i++) {
    }
    return level->check_n > 0 && i == level->check_n;
}

/* The entry of the request; what it must be is said by each check. */
static const smart_entry_check_t *entry_of(const smart_review_state_t *state, size_t check)
{
    const smart_check_t *whole = state->level[0].check[check];

    return state->next < whole->entry_n ? &whole->entry[state->next] : NULL;
}

/* More or fewer than were sent: nobody knows which is which, and what was committed. */
static void mismatch(smart_review_state_t *state)
{
    state->review->mismatched = true;
    state->reason = BASE_ANSWER_UNEXPECTED;
}

static base_span_t write_entry(smart_review_state_t *state, base_reason_t reason,
                               const smart_missing_t *missing)
{
    size_t size = SMART_ANSWER_MAX + 128;
    unsigned char *memory = base_arena_scratch(state->review->_arena, size, 1);
    base_span_t text = {NULL, 0};
    base_writer_t w;

    if (memory != NULL) {
        base_writer_init(&w, memory, size);
        base_writer_text(&w, "{\"response\":{\"status\":\"");
        base_writer_uint(&w, base_reason_info(reason)->status);
        base_writer_text(&w, "\",\"outcome\":");
        smart_answer_outcome(reason, missing, &w);
        base_writer_text(&w, "}}");
        (void) base_writer_done(&w, &text);
    }
    state->no_memory = state->no_memory || text.p == NULL;
    return text;
}

/* An entry of ours. Where no scope is named, one text for each reason: missing, deleted and foreign are one (D9). */
static base_span_t own_entry(smart_review_state_t *state, base_reason_t reason,
                             const smart_missing_t *missing)
{
    base_span_t *text = &state->own_entry[reason];

    if (missing != NULL && missing->letter != 0) {
        return write_entry(state, reason, missing);
    }
    if (text->p == NULL) {
        *text = write_entry(state, reason, NULL);
    }
    return *text;
}

/* What was refused before the entry at hand, and not sent. */
static void insert_refused(smart_review_state_t *state, uint64_t at, bool comma_before)
{
    const smart_entry_check_t *entry;

    while ((entry = entry_of(state, 0)) != NULL && entry->refused != BASE_OK) {
        if (comma_before) {
            base_cut_insert(&state->cut, at, BASE_SPAN(","));
        }
        base_cut_insert(&state->cut, at, own_entry(state, entry->refused, &entry->missing));
        if (!comma_before) {
            base_cut_insert(&state->cut, at, BASE_SPAN(","));
        }
        state->next++;
    }
}

void smart_review_batch_item(smart_review_state_t *state)
{
    smart_review_level_t *inner = &state->level[1];
    const smart_entry_check_t *entry;
    size_t i;

    insert_refused(state, state->bundle.level[0].item.from, false);
    inner->check_n = 0;
    for (i = 0; i < state->level[0].check_n; i++) {
        entry = entry_of(state, i);
        if (entry == NULL || entry->refused != BASE_OK) {
            mismatch(state);
            return;
        }
        if (entry->check.kind != SMART_CHECK_NONE) {
            inner->check[inner->check_n++] = &entry->check;
        }
    }
    state->level[0].nested = BASE_ANSWER_UNEXPECTED;
    fhir_bundle_enter(&state->bundle, smart_review_enter(inner->check, inner->check_n));
}

static unsigned status_of(const fhir_item_place_t *item)
{
    uint64_t status = 0;
    base_span_t text = fhir_text_span(&item->status);

    return base_span_uint(base_span_sub(text, 0, 3), &status) ? (unsigned) status : 0;
}

static bool is_resource_foreign(const fhir_item_place_t *item)
{
    return item->has_container || (item->has_resource && !smart_review_is_outcome(&item->facts));
}

static base_reason_t judge_by(smart_review_state_t *state, const smart_check_t *check,
                              const fhir_item_place_t *item)
{
    if (item->has_container) {
        return state->level[0].nested;
    }
    if (item->has_resource) {
        return smart_review_single(state, check, &item->facts);
    }
    return check->kind == SMART_CHECK_WRITTEN ? BASE_OK : BASE_ANSWER_UNEXPECTED;
}

static bool is_of_instance(const smart_review_level_t *inner)
{
    size_t i;

    for (i = 0; i < inner->check_n; i++) {
        if (inner->check[i]->kind == SMART_CHECK_INSTANCE || inner->check[i]->id.p != NULL) {
            return true;
        }
    }
    return false;
}

/* L13: the precondition was ours alone, so somebody else was faster. */
static bool is_lost_race(const smart_review_level_t *inner, unsigned status)
{
    size_t i;

    for (i = 0; status == 412 && i < inner->check_n; i++) {
        if (inner->check[i]->pinned) {
            return true;
        }
    }
    return false;
}

/* BASE_OK: it stays, without its resource where *strip. Else it is answered by us (L10, L15). */
static base_reason_t judge(smart_review_state_t *state, const fhir_item_place_t *item, bool *strip)
{
    const smart_review_level_t *inner = &state->level[1];
    unsigned status = status_of(item);
    base_reason_t reason = BASE_OK;
    size_t i;

    *strip = false;
    if (item->wrong) {
        return BASE_ANSWER_UNEXPECTED;
    }
    if (is_lost_race(inner, status)) {
        return BASE_CONFLICT;
    }
    if (status >= 400 && status < 600) {
        *strip = is_resource_foreign(item);
        return (status == 404 || status == 410) && is_of_instance(inner) ? BASE_NOT_FOUND : BASE_OK;
    }
    if (status < 200 || status > 299) {
        return BASE_ANSWER_STATUS;
    }
    for (i = 0; i < inner->check_n && reason == BASE_OK; i++) {
        reason = judge_by(state, inner->check[i], item);
    }
    return reason;
}

/* response.outcome that is none. */
static void replace_outcome(smart_review_state_t *state, const fhir_item_place_t *item)
{
    base_span_t text = BASE_SPAN("{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
                                 "\"information\",\"code\":\"suppressed\"}]}");

    base_cut_insert(&state->cut, item->outcome_from, text);
    base_cut_drop(&state->cut, item->outcome_from, item->outcome_to);
}

void smart_review_batch_item_end(smart_review_state_t *state)
{
    const fhir_item_place_t *item = &state->bundle.level[0].item;
    const smart_entry_check_t *entry = entry_of(state, 0);
    base_reason_t reason;
    bool strip;

    base_cut_keep(&state->level[0].items, item->to);
    state->next++;
    if (state->level[1].check_n == 0 || entry == NULL) {
        return;
    }
    reason = judge(state, item, &strip);
    if (reason != BASE_OK && (!entry->write || item->wrong || reason == BASE_CONFLICT)) {
        base_cut_insert(&state->cut, item->from, own_entry(state, reason, NULL));
        base_cut_drop(&state->cut, item->from, item->to);
        state->level[0].removed++;
        return;
    }
    strip = strip || reason != BASE_OK;
    state->level[0].removed += strip;
    if (item->other_outcome) {
        replace_outcome(state, item);
    }
    smart_review_cut_members(state, item, strip);
}

void smart_review_batch_end(smart_review_state_t *state)
{
    const base_cut_list_t *items = &state->level[0].items;

    if (items->kept) {
        insert_refused(state, base_cut_end(items, 0), true);
    }
    if (state->next != state->level[0].check[0]->entry_n) {
        mismatch(state);
    }
}
