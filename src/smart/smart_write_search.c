/* Conditional forms (L13): criteria are narrowed, asked for at the edge, and what they find is filtered before it is counted. */

#include "smart/smart_write_own.h"

#include "fhir/fhir_bundle.h"

#include <string.h>

#define SKETCH_MAX ((size_t) 65536)

/* N, as far as the criteria do not say it. */
static base_reason_t narrow(smart_write_t *write, fhir_query_t *query)
{
    base_reason_t reason = BASE_OK;
    size_t i;

    if (!smart_narrowing_make(&write->_search, write->_policy->definitions, query, write->_arena,
                              &write->_narrowing)) {
        return BASE_NO_MEMORY;
    }
    for (i = 0; reason == BASE_OK && i < write->_narrowing.n; i++) {
        reason = smart_narrowing_append(&write->_narrowing.item[i], query, FHIR_FROM_URL);
    }
    return reason;
}

base_reason_t smart_write_narrow_none_exist(smart_write_t *write)
{
    base_reason_t reason;

    if (smart_cover_is_true(&write->_search)) {
        return BASE_OK;
    }
    reason = narrow(write, write->_none_exist);
    if (reason == BASE_OK && !write->_narrowing.sound) {
        reason = BASE_NOT_NARROWABLE;
    }
    return reason == BASE_OK ? fhir_query_write(write->_none_exist, FHIR_FROM_URL, write->_arena,
                                                &write->none_exist)
                             : reason;
}

smart_step_t smart_write_search(smart_write_t *write)
{
    smart_read_t read = {.path = write->_request->path};
    base_reason_t reason = narrow(write, &write->_request->query);

    if (reason == BASE_OK) {
        reason =
            fhir_query_write(&write->_request->query, FHIR_FROM_URL, write->_arena, &read.query);
    }
    return reason == BASE_OK
               ? smart_write_ask(write, SMART_WRITE_SEARCHED, read, NULL, NULL, NULL, true)
               : smart_write_refuse(write, reason, "L13");
}

typedef struct {
    const smart_write_t *write;
    const smart_watch_t *watch;
    size_t n;
    fhir_text_t id;
    fhir_text_t version;
    bool more;  /* there is another page */
    bool wrong; /* an entry that nobody can read */
} hits_t;

static void note_entry(hits_t *hits, const fhir_item_place_t *item)
{
    const fhir_facts_t *facts = &item->facts;
    bool other = base_span_is(fhir_text_span(&item->mode), "include") ||
                 base_span_is(fhir_text_span(&item->mode), "outcome");

    if (item->wrong || item->mode.unknown || facts->id.unknown) {
        hits->wrong = true;
    } else if (!other && item->has_resource && facts->id.n > 0 &&
               facts->type == hits->write->_request->type &&
               smart_watch_holds(hits->watch, SMART_S, facts)) {
        hits->n++;
        hits->id = facts->id;
        hits->version = facts->version_id;
    }
}

static base_reason_t read_hits(smart_write_t *write, hits_t *hits)
{
    uint64_t *hashes = base_arena_table(write->_arena, SMART_WRITE_HASHES, sizeof(*hashes));
    fhir_bundle_t *bundle = base_arena_alloc(write->_arena, sizeof(*bundle));
    base_span_t in = write->_stored.body;
    fhir_bundle_event_t event;

    hits->watch = smart_cover_watch(&write->_search, 1, write->_arena);
    if (hashes == NULL || bundle == NULL || hits->watch == NULL) {
        return BASE_NO_MEMORY;
    }
    fhir_bundle_start(bundle, FHIR_ENTER_BUNDLE, write->_policy->definitions, smart_watch_lookup,
                      (void *) hits->watch, write->_arena, hashes, SMART_WRITE_HASHES, SKETCH_MAX);
    while ((event = fhir_bundle_next(bundle, &in)) != FHIR_BUNDLE_MORE) {
        if (event == FHIR_BUNDLE_ERROR) {
            return bundle->reason == BASE_NO_MEMORY ? BASE_NO_MEMORY : BASE_PREREAD_FAILED;
        }
        if (event == FHIR_BUNDLE_ITEM_END && bundle->level_n == 1) {
            note_entry(hits, &bundle->level[0].item);
        }
    }
    hits->more = bundle->level[0].has_next;
    return fhir_bundle_finish(bundle) == BASE_OK && !hits->wrong &&
                   base_span_is(fhir_text_span(&bundle->level[0].type_name), "Bundle")
               ? BASE_OK
               : BASE_PREREAD_FAILED;
}

/* The request becomes one for the instance. */
static base_reason_t name_instance(smart_write_t *write, const fhir_text_t *id)
{
    fhir_request_t *request = write->_request;
    base_span_t path = fhir_request_path(write->_arena, request->type, fhir_text_span(id), "");
    fhir_item_t *item;
    size_t at = 0;

    if (path.p == NULL) {
        return BASE_NO_MEMORY;
    }
    request->path = path;
    request->id = base_span_sub(path, path.n - id->n, path.n);
    while ((item = fhir_query_next(&request->query, &at)) != NULL) {
        fhir_query_remove(&request->query, item);
    }
    return fhir_id_is_valid(request->id) ? BASE_OK : BASE_PREREAD_FAILED;
}

static smart_step_t go_to(smart_write_t *write, const fhir_text_t *id)
{
    base_reason_t reason = name_instance(write, id);

    return reason == BASE_OK ? smart_write_ask_instance(write)
                             : smart_write_refuse(write, reason, "L13");
}

/* None: an update creates. With an id of the client's own it must be known that there is none such (R4 http.html#cond-update). */
static smart_step_t none(smart_write_t *write)
{
    if (smart_write_is_update(write) && !write->_policy->update_create_off) {
        if (!write->_narrowing.sound) {
            return smart_write_refuse(write, BASE_NOT_NARROWABLE, "L13");
        }
        if (write->_body_id.n > 0 && write->_after != 0) {
            write->_unfound = true;
            return go_to(write, &write->_body_id);
        }
    }
    return smart_write_create(write);
}

static smart_step_t one(smart_write_t *write, const hits_t *hits)
{
    if (smart_write_is_update(write) && write->_body_id.n > 0 &&
        !base_span_eq(fhir_text_span(&write->_body_id), fhir_text_span(&hits->id))) {
        return smart_write_refuse(write, BASE_BODY_TYPE, "L13");
    }
    write->_hit = hits->id;
    write->_hit_version = hits->version;
    return go_to(write, &write->_hit);
}

smart_step_t smart_write_searched(smart_write_t *write)
{
    hits_t hits = {.write = write};
    base_reason_t reason = write->_stored.state == SMART_STORED_FOUND    ? BASE_OK
                           : write->_stored.state == SMART_STORED_FAILED ? write->_stored.reason
                                                                         : BASE_PREREAD_FAILED;

    if (reason == BASE_OK) {
        reason = write->_stored.too_large ? BASE_STORED_TOO_LARGE : read_hits(write, &hits);
    }
    if (reason != BASE_OK) {
        return smart_write_refuse(write, reason, "L13");
    }
    if (hits.n > 1) {
        return smart_write_refuse(write, BASE_MULTIPLE_MATCHES, "L13");
    }
    if (hits.more) {
        return smart_write_refuse(write, BASE_NOT_NARROWABLE, "L13");
    }
    return hits.n == 0 ? none(write) : one(write, &hits);
}

/* L3: s on what was found, by any grant. What changed since the search may not be what the criteria mean. */
bool smart_write_still_found(const smart_write_t *write)
{
    hits_t hits = {.write = write};
    fhir_facts_t facts;

    hits.watch = smart_cover_watch(&write->_search, 1, write->_arena);
    if (hits.watch == NULL || smart_write_facts(write, write->_stored.body, smart_watch_lookup,
                                                (void *) hits.watch, &facts) != BASE_OK) {
        return false;
    }
    return smart_watch_holds(hits.watch, SMART_S, &facts) &&
           (write->_hit_version.n == 0 ||
            base_span_eq(fhir_text_span(&write->_hit_version), fhir_text_span(&facts.version_id)));
}
