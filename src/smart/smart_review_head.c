#include "smart/smart_media.h"
#include "smart/smart_review_own.h"

#include <string.h>

#define EDITS_MAX  ((size_t) 16384)  /* that wait for an entry, or for the Bundle's type */
#define SKETCH_MAX ((size_t) 524288) /* of a resource that says its type late */

smart_review_step_t smart_review_replace(smart_review_t *review, base_reason_t reason)
{
    review->reason = reason;
    return SMART_REVIEW_REPLACE;
}

/* Edits of the head. */

void smart_review_edit_header(smart_review_t *review, const char *name, base_span_t value)
{
    if (review->header_n < SMART_REVIEW_HEADERS_MAX) {
        review->header[review->header_n].name = name;
        review->header[review->header_n].value = value;
        review->header_n++;
    }
}

bool smart_review_is_below(base_span_t url, base_span_t base)
{
    return base.n > 0 && url.n >= base.n && memcmp(url.p, base.p, base.n) == 0 &&
           (url.n == base.n || url.p[base.n] == '/' || url.p[base.n] == '?' ||
            url.p[base.n] == '#');
}

bool smart_review_is_upstream(const smart_review_t *review, base_span_t url)
{
    const smart_link_bases_t *bases = &review->_head.bases;

    return url.p != NULL && bases->public_url.n > 0 &&
           !base_span_eq(bases->upstream, bases->public_url) &&
           smart_review_is_below(url, bases->upstream);
}

bool smart_review_is_path(base_span_t url)
{
    return url.n > 0 && url.p[0] == '/' && (url.n == 1 || (url.p[1] != '/' && url.p[1] != '\\'));
}

/* By the location's own path, which nginx's proxy_redirect writes. */
static bool is_below_path(const smart_review_t *review, base_span_t url)
{
    base_span_t path = review->_head.bases.path;

    return path.p != NULL && smart_review_is_path(url) &&
           (path.n == 0 || smart_review_is_below(url, path));
}

static base_span_t rebase(const smart_review_t *review, base_span_t to, base_span_t rest)
{
    unsigned char *text = base_arena_scratch(review->_arena, to.n + rest.n + 1, 1);

    if (text == NULL) {
        return base_span_make(NULL, 0);
    }
    memcpy(text, to.p, to.n);
    if (rest.n > 0) {
        memcpy(text + to.n, rest.p, rest.n);
    }
    return base_span_make(text, to.n + rest.n);
}

base_span_t smart_review_public(const smart_review_t *review, base_span_t url)
{
    const smart_link_bases_t *bases = &review->_head.bases;

    return rebase(review, bases->public_url, base_span_sub(url, bases->upstream.n, url.n));
}

static void publish(smart_review_t *review, const char *name, base_span_t url)
{
    const smart_link_bases_t *bases = &review->_head.bases;

    if (smart_review_is_upstream(review, url)) {
        smart_review_edit_header(review, name, smart_review_public(review, url));
    } else if (bases->public_url.n > 0 && is_below_path(review, url)) {
        smart_review_edit_header(
            review, name,
            rebase(review, bases->public_url, base_span_sub(url, bases->path.n, url.n)));
    }
}

/* A configured URL hardly ever has what JSON escapes. */
static bool is_plain(base_span_t url)
{
    size_t i;

    for (i = 0;
         i < url.n && url.p[i] > 0x20 && url.p[i] < 0x7f && url.p[i] != '"' && url.p[i] != '\\';
         i++) {
    }
    return i == url.n;
}

/* Whether clients may be sent there (L10): below the base, by either of its names, or by its path alone. */
static bool leads_home(const smart_review_t *review, base_span_t url)
{
    const smart_link_bases_t *bases = &review->_head.bases;
    base_span_t path = bases->public_url;
    size_t i, slashes = 0;

    if (smart_review_is_below(url, bases->upstream) ||
        smart_review_is_below(url, bases->public_url) || is_below_path(review, url)) {
        return true;
    }
    for (i = 0; i < path.n; i++) {
        slashes += path.p[i] == '/';
        if (slashes == 3) {
            break;
        }
    }
    return slashes == 3 && smart_review_is_below(url, base_span_sub(path, i, path.n));
}

/* L10: never followed. 304 comes back only for conditional requests, which are the client's own here. */
static bool is_redirect(const smart_review_t *review)
{
    return review->_head.status >= 300 && review->_head.status < 400 && review->_head.status != 304;
}

/* L10: where it leads the client is judged again. */
static bool is_redirect_home(const smart_review_t *review)
{
    return is_redirect(review) && leads_home(review, review->_head.location);
}

/* What comes back. */

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

static bool all_are(const smart_review_t *review, smart_check_kind_t kind)
{
    size_t i;

    for (i = 0; i < review->_verdict->check_n && review->_verdict->check[i].kind == kind; i++) {
    }
    return i == review->_verdict->check_n;
}

/* L13: the precondition was ours alone, so somebody else was faster. */
static bool is_lost_race(const smart_review_t *review)
{
    size_t i;

    for (i = 0; review->_head.status == 412 && i < review->_verdict->check_n; i++) {
        if (review->_verdict->check[i].pinned) {
            return true;
        }
    }
    return false;
}

unsigned smart_review_enter(const smart_check_t *const *check, size_t check_n)
{
    static const unsigned enter[] = {
        [SMART_CHECK_SEARCHSET] = FHIR_ENTER_BUNDLE,
        [SMART_CHECK_HISTORY] = FHIR_ENTER_BUNDLE,
        [SMART_CHECK_PAGE] = FHIR_ENTER_BUNDLE,
        [SMART_CHECK_OPERATION] = FHIR_ENTER_BUNDLE | FHIR_ENTER_PARAMETERS,
        [SMART_CHECK_ENTRIES] = FHIR_ENTER_BUNDLE,
    };
    unsigned all = check_n == 0 ? 0 : FHIR_ENTER_BUNDLE | FHIR_ENTER_PARAMETERS;
    size_t i;

    for (i = 0; i < check_n; i++) {
        all &= check[i]->kind < sizeof(enter) / sizeof(enter[0]) ? enter[check[i]->kind] : 0;
    }
    return all;
}

/* Too many different grants: those beyond hold nothing. */
void smart_review_grants(smart_review_state_t *state, const smart_check_t *check)
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
    size_t i, entry;

    for (i = 0; i < verdict->check_n; i++) {
        state->level[0].check[i] = &verdict->check[i];
        smart_review_grants(state, &verdict->check[i]);
        state->counts = state->counts || verdict->check[i].counts;
        state->complete = verdict->check[i].complete && (i == 0 || state->complete);
        for (entry = 0; entry < verdict->check[i].entry_n; entry++) {
            smart_review_grants(state, &verdict->check[i].entry[entry].check);
        }
    }
    state->level[0].check_n = verdict->check_n;
    state->home = smart_review_is_batch(state) ? 1 : 0;
}

static bool is_whole(const smart_review_t *review)
{
    return all_are(review, SMART_CHECK_INSTANCE) || all_are(review, SMART_CHECK_WRITTEN);
}

smart_review_step_t smart_review_stream(smart_review_t *review, bool bodiless)
{
    smart_review_state_t *state = base_arena_scratch(review->_arena, 1, sizeof(*state));
    unsigned enter;

    review->_state = state;
    if (state == NULL) {
        return smart_review_replace(review, BASE_NO_MEMORY);
    }
    memset(state, 0, offsetof(smart_review_state_t, bundle));
    state->review = review;
    state->bodiless = review->bodiless = bodiless;
    review->whole = review->_outcome_only || is_whole(review);
    state->plain_public_url = is_plain(review->_head.bases.public_url);
    base_cut_init(&state->cut, review->_arena, EDITS_MAX);
    state->hashes = base_arena_scratch(review->_arena, SMART_REVIEW_HASHES, sizeof(uint64_t));
    state->watch = base_arena_array(review->_arena, FHIR_TYPES_MAX, sizeof(void *));
    note_checks(state);
    enter = review->_outcome_only
                ? 0
                : smart_review_enter(state->level[0].check, state->level[0].check_n);
    if (state->hashes == NULL || state->watch == NULL ||
        (enter != 0 && !smart_review_waiting_start(state))) {
        return smart_review_replace(review, BASE_NO_MEMORY);
    }
    state->written = !review->_outcome_only && all_are(review, SMART_CHECK_WRITTEN);
    fhir_bundle_start(&state->bundle, enter, review->_policy->definitions, smart_review_lens, state,
                      review->_arena, state->hashes, SMART_REVIEW_HASHES, SKETCH_MAX);
    return SMART_REVIEW_STREAM;
}

/* L10: the status of an error passes, its body if it is an OperationOutcome. Missing and deleted are answered as foreign (D9). */
static smart_review_step_t start_error(smart_review_t *review)
{
    const smart_head_t *head = &review->_head;

    if ((head->status == 404 || head->status == 410) && is_instance_check(review)) {
        return smart_review_replace(review, BASE_NOT_FOUND);
    }
    if (is_lost_race(review)) {
        return smart_review_replace(review, BASE_CONFLICT);
    }
    review->_outcome_only = true;
    review->status = head->status;
    if (head->content_encoded ||
        (head->content_type.p != NULL && !smart_media_is_json(head->content_type))) {
        return smart_review_replace(review, BASE_ANSWER_UNEXPECTED);
    }
    return smart_review_stream(review, false);
}

/* What is wrong with an answer before its body is looked at. */
static base_reason_t unreadable(const smart_review_t *review)
{
    const smart_head_t *head = &review->_head;

    if (head->status < 200 || head->status > 299 || head->status == 206) {
        return BASE_ANSWER_STATUS;
    }
    if (head->content_encoded) {
        return BASE_ANSWER_ENCODED;
    }
    if (!smart_media_is_json(head->content_type) ||
        smart_media_other_version(head->content_type, review->_policy->definitions)) {
        return BASE_ANSWER_NOT_JSON;
    }
    return BASE_OK;
}

/* There is nothing to take out, and, in an error or what is no JSON, no link to seal. */
static bool all_are_complete(const smart_review_t *review)
{
    size_t i;

    for (i = 0; i < review->_verdict->check_n && review->_verdict->check[i].complete; i++) {
    }
    return i == review->_verdict->check_n;
}

static smart_review_step_t start_unchecked(smart_review_t *review)
{
    if (is_redirect(review) && !is_redirect_home(review)) {
        return smart_review_replace(review, BASE_ANSWER_STATUS);
    }
    publish(review, "location", review->_head.location);
    publish(review, "content-location", review->_head.content_location);
    return SMART_REVIEW_PASS;
}

static smart_review_step_t start_check(smart_review_t *review)
{
    base_reason_t reason = unreadable(review);

    if (all_are_complete(review) && reason != BASE_OK) {
        return start_unchecked(review);
    }
    if (review->_head.status >= 400 && review->_head.status < 600) {
        return start_error(review);
    }
    if (smart_review_is_export(review)) {
        return smart_review_export_start(review);
    }
    if (is_redirect(review) && (is_instance_check(review) || !is_redirect_home(review))) {
        return smart_review_replace(review, BASE_ANSWER_STATUS);
    }
    publish(review, "location", review->_head.location);
    publish(review, "content-location", review->_head.content_location);
    if (is_redirect(review)) {
        return smart_review_stream(review, true);
    }
    if (reason != BASE_OK && reason != BASE_ANSWER_STATUS && all_are(review, SMART_CHECK_WRITTEN)) {
        return smart_review_stream(review, true);
    }
    if (reason != BASE_OK) {
        return smart_review_replace(review, reason);
    }
    if (!is_whole(review)) {
        /* of what it was before anything was cut out */
        smart_review_edit_header(review, "etag", base_span_make(NULL, 0));
        smart_review_edit_header(review, "last-modified", base_span_make(NULL, 0));
    }
    return smart_review_stream(review, false);
}

smart_review_step_t smart_review_head(smart_review_t *review)
{
    const smart_verdict_t *verdict = review->_verdict;

    if (verdict->reason != BASE_OK) {
        return smart_review_replace(review, verdict->reason);
    }
    if (verdict->is_public) {
        return SMART_REVIEW_PASS;
    }
    if (review->_head.status == 101) {
        return smart_review_replace(review, BASE_ANSWER_STATUS);
    }
    if (!smart_verdict_obliges(verdict, SMART_RESPONSE)) {
        return start_unchecked(review);
    }
    return verdict->check_n == 0 ? smart_review_replace(review, BASE_INTERNAL)
                                 : start_check(review);
}
