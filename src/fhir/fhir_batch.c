#include "fhir/fhir_batch.h"

#include "fhir/fhir_walk.h"

#include <string.h>

#define LINKS_MAX 4096

typedef struct {
    base_span_t body;
    size_t max;
    const fhir_definitions_t *defs;
    fhir_lens_lookup_pt lookup;
    void *ctx;
    base_arena_t *arena;
    uint64_t *hashes; /* the half that the walk does not use */
    size_t hashes_max;
    size_t room;
    base_span_t resource_type;
    fhir_batch_t *batch;
    fhir_batch_entry_t *entry;
    fhir_resource_t resource;
} reading_t;

static bool read_text(fhir_walk_t *walk, base_json_event_t event, fhir_member_t *member)
{
    return fhir_walk_string(walk, event, &member->text, &member->range);
}

#define READER(name, field)                                                                        \
    static bool name(void *ctx, fhir_walk_t *walk, base_json_event_t event)                        \
    {                                                                                              \
        return read_text(walk, event, &((reading_t *) ctx)->entry->field);                         \
    }

READER(read_full_url, full_url)
READER(read_method, method)
READER(read_url, url)
READER(read_if_none_exist, if_none_exist)
READER(read_if_match, if_match)
READER(read_if_none_match, if_none_match)
READER(read_if_modified_since, if_modified_since)

static bool read_request(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    static const fhir_walk_member_t members[] = {{"method", read_method},
                                                 {"url", read_url},
                                                 {"ifNoneExist", read_if_none_exist},
                                                 {"ifMatch", read_if_match},
                                                 {"ifNoneMatch", read_if_none_match},
                                                 {"ifModifiedSince", read_if_modified_since}};
    fhir_batch_entry_t *entry = ((reading_t *) ctx)->entry;
    size_t n = 0;

    entry->request.from = fhir_walk_from(walk);
    if (!fhir_walk_object(walk, event, members, sizeof(members) / sizeof(members[0]), ctx, &n)) {
        return false;
    }
    entry->request.to = fhir_walk_to(walk);
    entry->request_is_empty = n == 0;
    return true;
}

/* Once more by itself, now that its type is known. */
static bool read_late(reading_t *r, fhir_walk_t *walk)
{
    fhir_range_t range = r->entry->resource;

    fhir_resource_start(&r->resource, r->defs, r->lookup, r->ctx, r->entry->facts.type, r->hashes,
                        r->hashes_max);
    (void) fhir_resource_feed(&r->resource, base_span_sub(r->body, range.from, range.to));
    return fhir_resource_end(&r->resource, &r->entry->facts) == BASE_OK
               ? true
               : fhir_walk_fail(walk, r->resource._reason);
}

/* Where the links are, seen from the whole body. */
static bool read_links(reading_t *r, fhir_walk_t *walk)
{
    fhir_range_t range = r->entry->resource;
    fhir_links_t *links = &r->entry->links;
    base_reason_t reason = fhir_links_read(base_span_sub(r->body, range.from, range.to), LINKS_MAX,
                                           r->arena, r->hashes, r->hashes_max, links);

    if (reason != BASE_OK) {
        return fhir_walk_fail(walk, reason);
    }
    for (size_t i = 0; i < links->n; i++) {
        links->rows[i].range.from += range.from;
        links->rows[i].range.to += range.from;
    }
    return true;
}

static bool read_resource(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    reading_t *r = ctx;
    fhir_batch_entry_t *entry = r->entry;

    if (!fhir_walk_is(walk, event, BASE_JSON_OBJECT)) {
        return false;
    }
    entry->resource.from = fhir_walk_from(walk);
    fhir_resource_begin(&r->resource, &walk->json, r->defs, r->lookup, r->ctx, NULL);
    while (!fhir_resource_take(&r->resource, event)) {
        if (!fhir_walk_pull(walk, &event)) {
            return false;
        }
    }
    entry->resource.to = fhir_walk_to(walk);
    if (fhir_resource_facts(&r->resource, &entry->facts) != BASE_OK) {
        return fhir_walk_fail(walk, walk->shape);
    }
    return (!entry->facts.type_late || read_late(r, walk)) && read_links(r, walk);
}

/* Room for one entry more; what was outgrown stays in the arena. */
static bool make_room(reading_t *r, fhir_walk_t *walk)
{
    fhir_batch_t *batch = r->batch;
    size_t room = r->room == 0 ? 8 : 2 * r->room;
    fhir_batch_entry_t *rows;

    if (batch->n == r->max) {
        return fhir_walk_fail(walk, BASE_BODY_TOO_LARGE);
    }
    if (batch->n < r->room) {
        return true;
    }
    rows = base_arena_array(r->arena, room, sizeof(fhir_batch_entry_t));
    if (rows == NULL) {
        return fhir_walk_fail(walk, BASE_NO_MEMORY);
    }
    if (batch->n > 0) {
        memcpy(rows, batch->rows, batch->n * sizeof(fhir_batch_entry_t));
    }
    batch->rows = rows;
    r->room = room;
    return true;
}

static bool read_entry(reading_t *r, fhir_walk_t *walk, base_json_event_t event)
{
    static const fhir_walk_member_t members[] = {
        {"fullUrl", read_full_url}, {"resource", read_resource}, {"request", read_request}};

    if (!make_room(r, walk)) {
        return false;
    }
    r->entry = &r->batch->rows[r->batch->n];
    r->entry->whole.from = fhir_walk_from(walk);
    if (!fhir_walk_object(walk, event, members, sizeof(members) / sizeof(members[0]), r, NULL)) {
        return false;
    }
    r->entry->whole.to = fhir_walk_to(walk);
    r->batch->n++;
    return true;
}

static bool read_entries(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    reading_t *r = ctx;

    if (!fhir_walk_is(walk, event, BASE_JSON_ARRAY)) {
        return false;
    }
    r->batch->entries.from = fhir_walk_from(walk);
    while (fhir_walk_pull(walk, &event) && event != BASE_JSON_ARRAY_END) {
        if (!read_entry(r, walk, event)) {
            return false;
        }
    }
    r->batch->entries.to = fhir_walk_to(walk);
    return walk->reason == BASE_OK;
}

static bool read_type(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((reading_t *) ctx)->batch->type, &range);
}

static bool read_type_name(void *ctx, fhir_walk_t *walk, base_json_event_t event)
{
    fhir_range_t range;

    return fhir_walk_string(walk, event, &((reading_t *) ctx)->resource_type, &range);
}

static void read_body(reading_t *r, fhir_walk_t *walk)
{
    static const fhir_walk_member_t members[] = {
        {"resourceType", read_type_name}, {"type", read_type}, {"entry", read_entries}};
    base_json_event_t event;

    if (fhir_walk_pull(walk, &event) &&
        fhir_walk_object(walk, event, members, sizeof(members) / sizeof(members[0]), r, NULL) &&
        fhir_walk_end(walk) && !base_span_is(r->resource_type, "Bundle")) {
        (void) fhir_walk_fail(walk, BASE_BODY_TYPE);
    }
}

base_reason_t fhir_batch_read(base_span_t body, size_t max, const fhir_definitions_t *defs,
                              fhir_lens_lookup_pt lookup, void *ctx, base_arena_t *arena,
                              uint64_t *hashes, size_t hashes_max, fhir_batch_t *batch)
{
    size_t half = hashes_max / 2;
    reading_t *r = base_arena_alloc(arena, sizeof(*r));
    fhir_walk_t walk;

    memset(batch, 0, sizeof(*batch));
    if (r == NULL) {
        return BASE_NO_MEMORY;
    }
    r->body = body;
    r->max = max;
    r->defs = defs;
    r->lookup = lookup;
    r->ctx = ctx;
    r->arena = arena;
    r->hashes = hashes + half;
    r->hashes_max = half;
    r->batch = batch;
    fhir_walk_start(&walk, body, BASE_BODY_TYPE, arena, hashes, half);
    read_body(r, &walk);
    if (walk.reason != BASE_OK) {
        memset(batch, 0, sizeof(*batch));
    } else if (base_span_is(batch->type, "batch")) {
        batch->kind = FHIR_BATCH_BATCH;
    } else if (base_span_is(batch->type, "transaction")) {
        batch->kind = FHIR_BATCH_TRANSACTION;
    }
    return walk.reason;
}

/* The part below the base, with one '/' before it; absent when it is none (RULES B5). */
static base_span_t below_base(base_span_t url, const base_span_t *bases, size_t n,
                              base_arena_t *arena, bool *memory)
{
    const base_span_t none = {NULL, 0};
    unsigned char *path;

    *memory = true;
    for (size_t i = 0; i < n; i++) {
        if (bases[i].n > 0 && url.n > bases[i].n && url.p[bases[i].n] == '/' &&
            base_span_eq(base_span_sub(url, 0, bases[i].n), bases[i])) {
            url = base_span_sub(url, bases[i].n, url.n);
            break;
        }
    }
    if (url.n > 0 && url.p[0] == '/') {
        return url;
    }
    path = base_arena_alloc(arena, url.n + 1);
    *memory = path != NULL;
    if (path == NULL) {
        return none;
    }
    path[0] = '/';
    if (url.n > 0) {
        memcpy(path + 1, url.p, url.n);
    }
    return base_span_make(path, url.n + 1);
}

static base_reason_t read_target(const fhir_batch_entry_t *entry, const base_span_t *bases,
                                 size_t n, base_arena_t *arena, fhir_message_t *message)
{
    base_span_t url = entry->url.text;
    base_span_t whole;
    size_t question;
    bool memory;

    if (url.n == 0 || entry->method.text.n == 0 || base_span_find(url, '#') < url.n) {
        return BASE_PATH_SYNTAX;
    }
    whole = below_base(url, bases, n, arena, &memory);
    if (!memory) {
        return BASE_NO_MEMORY;
    }
    question = base_span_find(whole, '?');
    message->path = base_span_sub(whole, 0, question);
    if (question < whole.n) {
        message->query = base_span_sub(whole, question + 1, whole.n);
    }
    /* "//" is another authority, "http:" another server: neither is of the path's alphabet. */
    return base_span_starts(whole, "//") ? BASE_PATH_SYNTAX : BASE_OK;
}

static bool is_form_shape(fhir_shape_t shape)
{
    return shape == FHIR_SHAPE_SEARCH_TYPE || shape == FHIR_SHAPE_SEARCH_SYSTEM ||
           shape == FHIR_SHAPE_COMPARTMENT_SEARCH || shape == FHIR_SHAPE_COMPARTMENT_ALL_SEARCH;
}

/* What a create or update carries is what its url says. */
static base_reason_t check_resource(const fhir_batch_entry_t *entry, const fhir_request_t *req)
{
    const fhir_facts_t *facts = &entry->facts;

    switch (req->row->interaction) {
    case FHIR_CREATE:
    case FHIR_CREATE_CONDITIONAL:
    case FHIR_UPDATE_CONDITIONAL:
        return facts->type != NULL && facts->type == req->type ? BASE_OK : BASE_BODY_TYPE;
    case FHIR_UPDATE:
        return facts->type != NULL && facts->type == req->type &&
                       base_span_eq(fhir_text_span(&facts->id), req->id)
                   ? BASE_OK
                   : BASE_BODY_TYPE;
    case FHIR_PATCH:
    case FHIR_PATCH_CONDITIONAL:
        return base_span_is(fhir_text_span(&facts->type_name), "Parameters") ||
                       base_span_is(fhir_text_span(&facts->type_name), "Binary")
                   ? BASE_OK
                   : BASE_BODY_TYPE;
    default:
        return BASE_OK;
    }
}

base_reason_t fhir_batch_request(const fhir_definitions_t *defs, const fhir_batch_entry_t *entry,
                                 const base_span_t *bases, size_t n_bases, base_arena_t *arena,
                                 fhir_request_t *req)
{
    fhir_message_t message;
    base_reason_t reason;

    memset(&message, 0, sizeof(message));
    memset(req, 0, sizeof(*req));
    message.method = entry->method.text;
    message.if_none_exist = entry->if_none_exist.text;
    message.if_match = entry->if_match.text;
    message.if_none_match = entry->if_none_match.text;
    message.has_body = entry->resource.to > 0;
    /* An entry has no form: what a _search says is in its url. */
    message.content_type = BASE_SPAN("application/x-www-form-urlencoded");
    reason = read_target(entry, bases, n_bases, arena, &message);
    if (reason == BASE_OK) {
        reason = fhir_request_parse(defs, &message, arena, req);
    }
    if (reason != BASE_OK) {
        return reason;
    }
    req->message.content_type = base_span_make(NULL, 0);
    if (req->shape == FHIR_SHAPE_BASE || req->method == FHIR_OPTIONS) {
        return BASE_INTERACTION_REFUSED;
    }
    if (is_form_shape(req->shape) && message.has_body) {
        return BASE_BODY_UNEXPECTED;
    }
    return check_resource(entry, req);
}
