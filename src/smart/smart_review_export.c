#include "base/base_writer.h"
#include "smart/smart_lines.h"
#include "smart/smart_manifest.h"
#include "smart/smart_media.h"
#include "smart/smart_review_own.h"

#include <string.h>

#define EDITS_MAX ((size_t) 65536) /* of a manifest, which waits as a whole: two for each URL */

struct smart_review_export_s {
    smart_lines_t lines;
    smart_manifest_t manifest;
    bool is_file;
    bool ended;    /* the manifest's last brace came */
    bool requires; /* requiresAccessToken, as it came */
    bool said;     /* it did */
    uint64_t requires_from;
    uint64_t requires_to;
    size_t sealed;
    size_t elsewhere; /* URLs that lead to another server */
};

typedef struct smart_review_export_s export_t;

static const smart_check_t *check_of(const smart_review_t *review)
{
    return &review->_verdict->check[0];
}

bool smart_review_is_export(const smart_review_t *review)
{
    smart_check_kind_t kind = check_of(review)->kind;

    return kind == SMART_CHECK_KICKOFF || kind == SMART_CHECK_JOB || kind == SMART_CHECK_CANCEL ||
           kind == SMART_CHECK_FILE;
}

/* What follows a base. */
static base_span_t below(base_span_t url, base_span_t base)
{
    return smart_review_is_below(url, base) ? base_span_sub(url, base.n, url.n)
                                            : base_span_make(NULL, 0);
}

/* Of "http://fhir:8080/r4", "/r4". */
static base_span_t path_of(base_span_t url)
{
    size_t i, slashes = 0;

    for (i = 0; i < url.n && slashes < 3; i++) {
        slashes += url.p[i] == '/';
    }
    return slashes == 3 ? base_span_sub(url, i - 1, url.n) : base_span_sub(url, url.n, url.n);
}

static base_span_t target_of_path(const smart_review_t *review, base_span_t url)
{
    const smart_link_bases_t *bases = &review->_head.bases;
    base_span_t path = path_of(bases->upstream), target = {NULL, 0};

    if (bases->upstream.n > 0 && (path.n == 0 || smart_review_is_below(url, path))) {
        return base_span_sub(url, path.n, url.n);
    }
    if (bases->path.p != NULL) {
        target = bases->path.n == 0 ? url : below(url, bases->path);
    }
    return target;
}

base_span_t smart_review_target(const smart_review_t *review, const smart_check_t *check,
                                base_span_t url)
{
    const smart_base_t *own = smart_grants_base(check->grants);
    base_span_t target;
    size_t i;

    if (smart_review_is_path(url)) {
        return target_of_path(review, url);
    }
    target = below(url, review->_head.bases.upstream);
    if (target.p == NULL) {
        target = below(url, review->_head.bases.public_url);
    }
    for (i = 0; i < own->urls_n && target.p == NULL; i++) {
        target = below(url, own->urls[i]);
    }
    return target;
}

base_span_t smart_review_seal(const smart_review_t *review, const smart_check_t *check,
                              smart_link_kind_t kind, smart_file_t file, base_span_t target)
{
    static const int64_t life[SMART_LINK_KINDS] = {[SMART_LINK_JOB] = SMART_LINK_JOB_LIFE,
                                                   [SMART_LINK_FILE] = SMART_LINK_FILE_LIFE,
                                                   [SMART_LINK_PAGE] = SMART_LINK_PAGE_LIFE};
    const smart_base_t *own = smart_grants_base(check->grants);
    smart_link_t link = *check->link;

    link.kind = kind;
    link.file = file;
    link.target = target;
    link.expires = check->sealer->now + life[kind];
    return smart_link_seal(&link, check->sealer, review->_policy->definitions,
                           smart_link_base(check->sealer, own->urls, own->urls_n), review->_arena);
}

/* B9: where the job's status is. What else the answer says is not looked at, and goes. */
static smart_review_step_t start_kickoff(smart_review_t *review)
{
    base_span_t target, link;

    if (review->_head.status != 202) {
        return smart_review_replace(review, BASE_ANSWER_STATUS);
    }
    target = smart_review_target(review, check_of(review), review->_head.content_location);
    if (target.p == NULL || !smart_link_target_is_plain(target)) {
        return smart_review_replace(review, BASE_ANSWER_UNEXPECTED);
    }
    link = smart_review_seal(review, check_of(review), SMART_LINK_JOB, SMART_FILE_OUTPUT, target);
    if (link.p == NULL) {
        return smart_review_replace(review, BASE_NO_MEMORY);
    }
    smart_review_edit_header(review, "content-location", link);
    smart_review_edit_header(review, "location", base_span_make(NULL, 0));
    return smart_review_stream(review, true);
}

static smart_review_step_t start_bodiless(smart_review_t *review)
{
    smart_review_edit_header(review, "content-location", base_span_make(NULL, 0));
    smart_review_edit_header(review, "location", base_span_make(NULL, 0));
    return smart_review_stream(review, true);
}

/* A body that is looked into. */
static smart_review_step_t start_body(smart_review_t *review, bool is_file)
{
    const smart_check_t *check = check_of(review);
    smart_review_step_t step;
    smart_review_state_t *state;

    smart_review_edit_header(review, "etag", base_span_make(NULL, 0));
    smart_review_edit_header(review, "last-modified", base_span_make(NULL, 0));
    smart_review_edit_header(review, "content-location", base_span_make(NULL, 0));
    smart_review_edit_header(review, "location", base_span_make(NULL, 0));
    step = smart_review_stream(review, false);
    state = review->_state;
    if (step != SMART_REVIEW_STREAM) {
        return step;
    }
    state->exports = base_arena_alloc(review->_arena, sizeof(*state->exports));
    if (state->exports == NULL) {
        return smart_review_replace(review, BASE_NO_MEMORY);
    }
    state->exports->is_file = is_file;
    if (is_file) {
        smart_lines_start(&state->exports->lines, &state->cut, review->_policy->definitions,
                          &check->types, check->link->file, state->hashes, SMART_REVIEW_HASHES);
    } else {
        base_cut_init(&state->cut, review->_arena, EDITS_MAX);
        smart_manifest_start(&state->exports->manifest, state->hashes, SMART_REVIEW_HASHES);
    }
    return step;
}

static smart_review_step_t start_job(smart_review_t *review)
{
    if (review->_head.status == 202) {
        return start_bodiless(review);
    }
    if (review->_head.status != 200) {
        return smart_review_replace(review, BASE_ANSWER_STATUS);
    }
    if (review->_head.content_encoded) {
        return smart_review_replace(review, BASE_ANSWER_ENCODED);
    }
    return smart_media_is_json(review->_head.content_type)
               ? start_body(review, false)
               : smart_review_replace(review, BASE_ANSWER_NOT_JSON);
}

/* Lines that are no JSON are found out when they come; one resource would be taken for a line, and be missed. */
static smart_review_step_t start_file(smart_review_t *review)
{
    if (review->_head.status != 200) {
        return smart_review_replace(review, BASE_ANSWER_STATUS);
    }
    if (review->_head.content_encoded) {
        return smart_review_replace(review, BASE_ANSWER_ENCODED);
    }
    return smart_media_is_json(review->_head.content_type)
               ? smart_review_replace(review, BASE_ANSWER_UNEXPECTED)
               : start_body(review, true);
}

/* Judged again after an internal redirect it is another request, or the same. */
static bool is_one(const smart_review_t *review)
{
    const smart_verdict_t *verdict = review->_verdict;
    size_t i;

    for (i = 1; i < verdict->check_n; i++) {
        if (verdict->check[i].kind != verdict->check[0].kind ||
            memcmp(&verdict->check[i].types, &verdict->check[0].types, sizeof(fhir_type_set_t)) !=
                0) {
            return false;
        }
    }
    return verdict->check[0].link != NULL && verdict->check[0].sealer != NULL;
}

smart_review_step_t smart_review_export_start(smart_review_t *review)
{
    if (!is_one(review)) {
        return smart_review_replace(review, BASE_INTERNAL);
    }
    switch (check_of(review)->kind) {
    case SMART_CHECK_KICKOFF:
        return start_kickoff(review);
    case SMART_CHECK_JOB:
        return start_job(review);
    case SMART_CHECK_CANCEL:
        return review->_head.status > 199 && review->_head.status < 300
                   ? start_bodiless(review)
                   : smart_review_replace(review, BASE_ANSWER_STATUS);
    default:
        return start_file(review);
    }
}

/* The manifest. */

static void replace_text(smart_review_state_t *state, uint64_t from, uint64_t to, base_span_t url)
{
    unsigned char *memory = base_arena_scratch(state->review->_arena, 6 * url.n + 2, 1);
    base_writer_t w;
    base_span_t text;

    base_writer_init(&w, memory, memory == NULL || url.p == NULL ? 0 : 6 * url.n + 2);
    base_writer_string(&w, url);
    if (!base_writer_done(&w, &text)) {
        state->no_memory = true;
        return;
    }
    base_cut_insert(&state->cut, from, text);
    base_cut_drop(&state->cut, from, to);
}

static void take_url(smart_review_state_t *state, const smart_manifest_t *manifest)
{
    static const struct {
        smart_link_kind_t kind;
        smart_file_t file;
    } what[] = {
        [SMART_MANIFEST_OUTPUT] = {SMART_LINK_FILE, SMART_FILE_OUTPUT},
        [SMART_MANIFEST_DELETED] = {SMART_LINK_FILE, SMART_FILE_DELETED},
        [SMART_MANIFEST_FAILED] = {SMART_LINK_FILE, SMART_FILE_ERROR},
        [SMART_MANIFEST_LINK] = {SMART_LINK_JOB, SMART_FILE_OUTPUT},
    };
    base_span_t target =
        smart_review_target(state->review, check_of(state->review), manifest->text);

    if (target.p == NULL) {
        state->exports->elsewhere++;
    } else if (!smart_link_target_is_plain(target)) {
        state->reason = BASE_ANSWER_UNEXPECTED;
    } else {
        state->exports->sealed++;
        replace_text(state, manifest->from, manifest->to,
                     smart_review_seal(state->review, check_of(state->review),
                                       what[manifest->list].kind, what[manifest->list].file,
                                       target));
    }
}

/* What the client asked for, as clients call it. */
static void take_asked(smart_review_state_t *state, const smart_manifest_t *manifest)
{
    if (smart_review_is_upstream(state->review, manifest->text)) {
        replace_text(state, manifest->from, manifest->to,
                     smart_review_public(state->review, manifest->text));
    }
}

/*
 * B9: our links need a token. Where others do as well, who would check it there? And where some do and some do not, the client sends it to
 * all of them.
 */
static void take_end(smart_review_state_t *state, const smart_manifest_t *manifest)
{
    const export_t *ex = state->exports;

    if (ex->elsewhere > 0 && (ex->sealed > 0 || !ex->said || ex->requires)) {
        state->reason = BASE_ANSWER_UNEXPECTED;
    } else if (ex->sealed > 0 && !ex->said) {
        base_cut_insert(&state->cut, manifest->from, BASE_SPAN(",\"requiresAccessToken\":true"));
    } else if (ex->sealed > 0 && !ex->requires) {
        base_cut_insert(&state->cut, ex->requires_from, BASE_SPAN("true"));
        base_cut_drop(&state->cut, ex->requires_from, ex->requires_to);
    }
    state->exports->ended = true;
}

static void take_manifest(smart_review_state_t *state, smart_manifest_event_t event)
{
    export_t *ex = state->exports;

    switch (event) {
    case SMART_MANIFEST_URL:
        take_url(state, &ex->manifest);
        break;
    case SMART_MANIFEST_ASKED:
        take_asked(state, &ex->manifest);
        break;
    case SMART_MANIFEST_TOKEN:
        ex->said = true;
        ex->requires = ex->manifest.requires;
        ex->requires_from = ex->manifest.from;
        ex->requires_to = ex->manifest.to;
        break;
    case SMART_MANIFEST_END:
        take_end(state, &ex->manifest);
        break;
    case SMART_MANIFEST_ERROR:
        state->reason = BASE_ANSWER_BROKEN;
        break;
    default:
        break;
    }
    if (state->reason == BASE_OK && state->no_memory) {
        state->reason = BASE_NO_MEMORY;
    }
}

void smart_review_export_feed(smart_review_state_t *state, base_span_t *in)
{
    size_t before = in->n;

    if (state->exports->is_file) {
        state->reason = smart_lines_feed(&state->exports->lines, in);
        state->review->removed = state->exports->lines.removed;
    } else {
        take_manifest(state, smart_manifest_next(&state->exports->manifest, in));
    }
    state->seen += before - in->n;
}

base_reason_t smart_review_export_end(smart_review_state_t *state)
{
    base_reason_t reason = BASE_OK;

    if (!state->exports->is_file) {
        return state->exports->ended && smart_manifest_finish(&state->exports->manifest)
                   ? BASE_OK
                   : BASE_ANSWER_BROKEN;
    }
    reason = smart_lines_end(&state->exports->lines);
    state->review->removed = state->exports->lines.removed;
    return reason;
}
