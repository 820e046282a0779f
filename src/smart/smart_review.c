#include "smart/smart_review_own.h"

#include <string.h>

smart_review_step_t smart_review_start(smart_review_t *review, base_arena_t *arena,
                                       const smart_verdict_t *verdict, const smart_policy_t *policy,
                                       const smart_head_t *head)
{
    memset(review, 0, sizeof(*review));
    review->_arena = arena;
    review->_verdict = verdict;
    review->_policy = policy;
    review->_head = *head;
    return smart_review_head(review);
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

static base_reason_t take_event(smart_review_state_t *state, fhir_bundle_event_t event)
{
    unsigned at = state->bundle.level_n - 1;
    base_reason_t reason = BASE_OK;

    switch (event) {
    case FHIR_BUNDLE_MEMBER:
        smart_review_member(state, at);
        break;
    case FHIR_BUNDLE_URL:
        smart_review_url(state);
        break;
    case FHIR_BUNDLE_ITEM:
        smart_review_item(state, at);
        break;
    case FHIR_BUNDLE_ITEM_END:
        smart_review_item_end(state, at);
        break;
    case FHIR_BUNDLE_ITEMS_END:
        smart_review_items_end(state, at);
        break;
    case FHIR_BUNDLE_CLOSE:
        reason = smart_review_close(state, at);
        break;
    case FHIR_BUNDLE_ERROR:
        return broken(state, state->bundle.reason);
    default:
        break;
    }
    if (state->cut.failed) {
        return BASE_ANSWER_TOO_LARGE;
    }
    if (state->no_memory) {
        return BASE_NO_MEMORY;
    }
    return state->reason != BASE_OK ? state->reason : reason;
}

/* Reads up to the next event; the bytes of an entry that may have to wait are kept. */
static void read_on(smart_review_state_t *state, base_span_t *in)
{
    base_span_t before = *in;
    fhir_bundle_event_t event = fhir_bundle_next(&state->bundle, in);

    state->seen += before.n - in->n;
    smart_review_waiting_bytes(state, base_span_sub(before, 0, before.n - in->n));
    if (event != FHIR_BUNDLE_MORE) {
        state->reason = take_event(state, event);
    }
}

/* What was written, but may not be shown, or cannot be read: the write stands, and its status and headers say so (B4, L15). */
static void withhold(smart_review_state_t *state)
{
    state->reason = BASE_OK;
    state->bodiless = true;
    state->review->bodiless = true;
    base_cut_init(&state->cut, state->review->_arena, 64);
    base_cut_drop(&state->cut, 0, state->seen);
}

static void pass_over(smart_review_state_t *state, base_span_t *in)
{
    base_cut_drop(&state->cut, state->seen, state->seen + in->n);
    state->seen += in->n;
    base_cut_release(&state->cut, state->seen);
    *in = base_span_sub(*in, in->n, in->n);
}

base_reason_t smart_review_feed(smart_review_t *review, base_span_t *in, base_splice_t *splice)
{
    smart_review_state_t *state = review->_state;

    while (state->reason == BASE_OK && base_cut_flush(&state->cut, splice) && in->n > 0) {
        if (state->bodiless) {
            pass_over(state, in);
        } else if (state->exports != NULL) {
            smart_review_export_feed(state, in);
        } else {
            read_on(state, in);
        }
        if (state->reason != BASE_OK && state->written) {
            withhold(state);
        }
    }
    if (state->cut.failed && state->reason == BASE_OK) {
        state->reason = BASE_ANSWER_TOO_LARGE;
    }
    review->reason = state->reason;
    return state->reason;
}

/* An error without a body says nothing, nor does a write. */
static base_reason_t finish(smart_review_state_t *state)
{
    base_span_t none = {NULL, 0};
    base_reason_t reason;

    if (state->bodiless || (state->seen == 0 && (state->review->_outcome_only || state->written))) {
        return BASE_OK;
    }
    if (state->exports != NULL) {
        return smart_review_export_end(state);
    }
    (void) fhir_bundle_next(&state->bundle, &none);
    reason = broken(state, fhir_bundle_finish(&state->bundle));
    return reason == BASE_OK && !state->root_closed ? BASE_ANSWER_BROKEN : reason;
}

/* RFC 9110 section 13.1.2: by the opaque part alone. Lists are of quoted tags, which hold no comma here or are no match. */
static bool tag_is_among(base_span_t tag, base_span_t list)
{
    base_span_t one;

    tag = base_span_starts(tag, "W/") ? base_span_sub(tag, 2, tag.n) : tag;
    while (list.p != NULL) {
        one = base_span_split(&list, ',');
        while (one.n > 0 && (one.p[0] == ' ' || one.p[0] == '\t')) {
            one = base_span_sub(one, 1, one.n);
        }
        while (one.n > 0 && (one.p[one.n - 1] == ' ' || one.p[one.n - 1] == '\t')) {
            one = base_span_sub(one, 0, one.n - 1);
        }
        one = base_span_starts(one, "W/") ? base_span_sub(one, 2, one.n) : one;
        if (base_span_is(one, "*") || (tag.n > 0 && base_span_eq(one, tag))) {
            return true;
        }
    }
    return false;
}

/* D9: the client has it already; said only of what it may see. */
static bool is_not_modified(const smart_review_state_t *state)
{
    const smart_review_t *review = state->review;
    const smart_check_t *check = state->level[0].check[0];

    if (check->kind != SMART_CHECK_INSTANCE || review->_head.status != 200 ||
        smart_review_is_outcome(&state->bundle.level[0].facts)) {
        return false;
    }
    if (check->if_none_match.p != NULL) {
        return tag_is_among(review->_head.etag, check->if_none_match);
    }
    return check->if_modified_since.n > 0 &&
           base_span_eq(check->if_modified_since, review->_head.last_modified);
}

static void end(smart_review_state_t *state)
{
    state->ended = true;
    state->reason = finish(state);
    if (state->reason != BASE_OK && state->written) {
        withhold(state);
    }
    if (state->reason == BASE_OK) {
        state->review->not_modified = !state->bodiless && is_not_modified(state);
        base_cut_release(&state->cut, state->seen);
    }
}

base_reason_t smart_review_end(smart_review_t *review, base_splice_t *splice)
{
    smart_review_state_t *state = review->_state;

    if (state->reason == BASE_OK && !state->ended) {
        end(state);
    }
    if (state->reason == BASE_OK) {
        (void) base_cut_flush(&state->cut, splice);
        state->reason = state->cut.failed ? BASE_ANSWER_TOO_LARGE : BASE_OK;
    }
    review->reason = state->reason;
    return state->reason;
}
