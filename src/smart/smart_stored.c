#include "smart/smart_stored.h"

#include "fhir/fhir_request.h"
#include "fhir/fhir_sketch.h"
#include "smart/smart_media.h"

#include <string.h>

#define HASHES_MAX ((size_t) 2048)
#define KEPT_MIN   ((size_t) 16384)

/* What is larger than is kept, as it is written down. */
struct smart_abridged_s {
    base_json_t json;
    fhir_sketch_t sketch;
};

static bool fail(smart_stored_t *stored, base_reason_t reason)
{
    stored->state = SMART_STORED_FAILED;
    stored->reason = reason;
    return false;
}

bool smart_stored_start(smart_stored_t *stored, base_arena_t *arena,
                        const fhir_definitions_t *definitions, fhir_lens_lookup_pt lookup,
                        void *ctx, const fhir_type_t *known, size_t keep_max)
{
    if (stored->_resource == NULL) {
        stored->_resource = base_arena_alloc(arena, sizeof(*stored->_resource));
        stored->_hashes = base_arena_scratch(arena, HASHES_MAX, sizeof(*stored->_hashes));
    }
    if (stored->_resource == NULL || stored->_hashes == NULL) {
        return false;
    }
    stored->state = SMART_STORED_READING;
    stored->reason = BASE_OK;
    memset(&stored->facts, 0, sizeof(stored->facts));
    stored->version = stored->body = base_span_make(NULL, 0);
    stored->abridged = stored->too_large = false;
    stored->_arena = arena;
    stored->_definitions = definitions;
    stored->_lookup = lookup;
    stored->_ctx = ctx;
    stored->_known = known;
    stored->_kept_max = keep_max;
    stored->_n = 0;
    return true;
}

static const fhir_lens_t *no_lens(void *ctx, const fhir_type_t *type)
{
    (void) ctx;
    (void) type;
    return NULL;
}

/* RFC 9110 section 8.8.3: what is no entity tag could be no precondition. */
static bool is_entity_tag(base_span_t text)
{
    size_t i, from = base_span_starts(text, "W/") ? 2 : 0;

    if (text.n < from + 2 || text.p[from] != '"' || text.p[text.n - 1] != '"') {
        return false;
    }
    for (i = from + 1; i < text.n - 1; i++) {
        if (text.p[i] <= 0x20 || text.p[i] == '"' || text.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

bool smart_stored_head(smart_stored_t *stored, const smart_read_head_t *head)
{
    base_span_t none = {NULL, 0};

    if (stored->state != SMART_STORED_READING) {
        return false;
    }
    if (head->base.n > 0 && !base_span_eq(stored->base, head->base)) {
        stored->base = base_arena_copy(stored->_arena, head->base);
    }
    if (head->status == 404 || head->status == 410) {
        stored->state = head->status == 404 ? SMART_STORED_MISSING : SMART_STORED_GONE;
        return false;
    }
    if (head->status == 401 || head->status == 403) {
        return fail(stored, BASE_PREREAD_REFUSED);
    }
    if (head->status < 200 || head->status > 299 || head->status == 206 || head->content_encoded ||
        !smart_media_is_json(head->content_type) ||
        smart_media_other_version(head->content_type, stored->_definitions)) {
        return fail(stored, BASE_PREREAD_FAILED);
    }
    stored->version =
        is_entity_tag(head->etag) ? base_arena_copy(stored->_arena, head->etag) : none;
    if (is_entity_tag(head->etag) && stored->version.p == NULL) {
        return fail(stored, BASE_NO_MEMORY);
    }
    fhir_resource_start(stored->_resource, stored->_definitions,
                        stored->_lookup == NULL ? no_lens : stored->_lookup, stored->_ctx,
                        stored->_known, stored->_hashes, HASHES_MAX);
    return true;
}

static void abridged_start(struct smart_abridged_s *abridged, base_arena_t *arena, size_t max)
{
    base_json_init(&abridged->json, 0, BASE_JSON_DEPTH_MAX, NULL, 0);
    fhir_sketch_begin(&abridged->sketch, arena, max);
}

/* False: it is broken. */
static bool abridged_feed(struct smart_abridged_s *abridged, base_span_t bytes)
{
    base_json_event_t event;

    while ((event = base_json_next(&abridged->json, &bytes)) != BASE_JSON_MORE) {
        if (event == BASE_JSON_ERROR) {
            return false;
        }
        (void) fhir_sketch_take(&abridged->sketch, &abridged->json, event);
    }
    return true;
}

base_span_t smart_stored_abridge(base_span_t resource, base_arena_t *arena, size_t max)
{
    struct smart_abridged_s *abridged = base_arena_alloc(arena, sizeof(*abridged));
    base_span_t none = {NULL, 0};

    if (abridged == NULL) {
        return none;
    }
    abridged_start(abridged, arena, max);
    return abridged_feed(abridged, resource) ? fhir_sketch_text(&abridged->sketch) : none;
}

/* It gets larger than is kept: what is there is written down anew. */
static bool abridge(smart_stored_t *stored)
{
    if (stored->_abridged == NULL) {
        stored->_abridged = base_arena_alloc(stored->_arena, sizeof(*stored->_abridged));
    }
    if (stored->_abridged == NULL) {
        return fail(stored, BASE_NO_MEMORY);
    }
    stored->abridged = true;
    abridged_start(stored->_abridged, stored->_arena, stored->_kept_max);
    return abridged_feed(stored->_abridged, base_span_make(stored->_kept, stored->_n)) ||
           fail(stored, BASE_PREREAD_FAILED);
}

/* Grows by doubling; what was outgrown stays in the arena until it goes. */
static bool keep(smart_stored_t *stored, base_span_t bytes)
{
    size_t size = stored->_kept_size < KEPT_MIN ? KEPT_MIN : stored->_kept_size;
    unsigned char *grown;

    if (!stored->abridged && bytes.n > stored->_kept_max - stored->_n && !abridge(stored)) {
        return false;
    }
    if (stored->abridged) {
        return abridged_feed(stored->_abridged, bytes) || fail(stored, BASE_PREREAD_FAILED);
    }
    while (size < stored->_n + bytes.n) {
        size *= 2;
    }
    if (size > stored->_kept_size || stored->_kept == NULL) {
        grown = base_arena_scratch(stored->_arena, size, 1);
        if (grown == NULL) {
            return fail(stored, BASE_NO_MEMORY);
        }
        if (stored->_kept != NULL && stored->_n > 0) {
            memcpy(grown, stored->_kept, stored->_n);
        }
        stored->_kept = grown;
        stored->_kept_size = size;
    }
    memcpy(stored->_kept + stored->_n, bytes.p, bytes.n);
    return true;
}

bool smart_stored_feed(smart_stored_t *stored, base_span_t bytes)
{
    base_reason_t reason;

    if (stored->state != SMART_STORED_READING || bytes.n == 0) {
        return stored->state == SMART_STORED_READING;
    }
    if (stored->_kept_max > 0 && !keep(stored, bytes)) {
        return false;
    }
    stored->_n += bytes.n;
    reason = fhir_resource_feed(stored->_resource, bytes);
    if (reason != BASE_OK) {
        return fail(stored, reason == BASE_NO_MEMORY ? reason : BASE_PREREAD_FAILED);
    }
    return true;
}

/* L13: its ETag, else meta.versionId. */
static bool note_version(smart_stored_t *stored)
{
    base_span_t id = fhir_text_span(&stored->facts.version_id);
    unsigned char *tag;

    if (stored->version.n > 0 || id.n == 0 || stored->facts.version_id.unknown ||
        !fhir_id_is_valid(id)) {
        return true;
    }
    tag = base_arena_alloc(stored->_arena, id.n + 4);
    if (tag == NULL) {
        return false;
    }
    memcpy(tag, "W/\"", 3);
    memcpy(tag + 3, id.p, id.n);
    tag[id.n + 3] = '"';
    stored->version = base_span_make(tag, id.n + 4);
    return true;
}

void smart_stored_end(smart_stored_t *stored, base_reason_t reason)
{
    if (stored->state != SMART_STORED_READING) {
        return;
    }
    if (reason == BASE_OK) {
        reason = fhir_resource_end(stored->_resource, &stored->facts);
        reason = reason == BASE_OK || reason == BASE_NO_MEMORY ? reason : BASE_PREREAD_FAILED;
    }
    if (reason == BASE_OK && !note_version(stored)) {
        reason = BASE_NO_MEMORY;
    }
    if (reason != BASE_OK) {
        (void) fail(stored, reason);
        return;
    }
    if (stored->_kept_max > 0) {
        stored->body = stored->abridged ? fhir_sketch_text(&stored->_abridged->sketch)
                                        : base_span_make(stored->_kept, stored->_n);
        stored->too_large = stored->body.p == NULL;
    }
    stored->state = SMART_STORED_FOUND;
}
