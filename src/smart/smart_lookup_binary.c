/*
 * B11: a Binary is in no compartment. It may be read when a document that may be read refers to it, and its security context, where it has one, is
 * covered; it may be written when it says by its security context whose it is.
 *
 * The documents are searched before the Binary is asked for: what is foreign, what nobody refers to and what is not there are then the same
 * requests, and one answer.
 */

#include "smart/smart_lookup_own.h"

#include "fhir/fhir_bundle.h"
#include "smart/smart_media.h"
#include "smart/smart_narrowing.h"
#include "smart/smart_security.h"

#include <string.h>

#define SKETCH_MAX ((size_t) 65536)

/* What is under way. */
typedef struct smart_lookup_binary_s {
    const fhir_type_t *documents;
    smart_cover_t cover; /* r on them */
    fhir_lens_t *lens;   /* by which one that refers to the Binary is known */
    int refers;          /* its bit */
    bool again;          /* by the FHIR server's own base: the last search */
    size_t context_at;   /* of those that are written, the next */
    bool stored;         /* the context of the stored one is being judged */
    smart_cover_t owner; /* r on what a context names */
    base_span_t owner_id;
} binary_t;

static const smart_lookup_want_t *want(const smart_lookup_t *lookup)
{
    return &lookup->_want[lookup->_at];
}

static bool is_write(const smart_lookup_t *lookup)
{
    return want(lookup)->why == SMART_LOOKUP_CONTEXT;
}

static smart_step_t fail(smart_lookup_t *lookup, base_reason_t reason)
{
    return smart_lookup_refuse(lookup, reason, reason == BASE_NO_MEMORY ? "L26" : "B11");
}

static smart_step_t ask(smart_lookup_t *lookup, unsigned stage, base_span_t path, base_span_t query,
                        const fhir_type_t *known, size_t keep)
{
    lookup->read.path = path;
    lookup->read.query = query;
    lookup->read.into = &lookup->_stored;
    if (path.p == NULL ||
        !smart_stored_start(&lookup->_stored, lookup->_arena, lookup->_policy->definitions, NULL,
                            NULL, known, keep)) {
        return fail(lookup, BASE_NO_MEMORY);
    }
    lookup->_stage = stage;
    lookup->reads++;
    return SMART_WANT_READ;
}

/* The search for what refers to it. */

/* "Binary/b1", or "Binary/b1/_history/2" where that is what the request names. */
static base_span_t own_name(const smart_lookup_t *lookup)
{
    base_span_t path = lookup->_request->path;

    return base_span_sub(path, 1, path.n);
}

/* As a value of a parameter: what separates values is escaped. */
static size_t put(unsigned char *out, base_span_t text)
{
    size_t i, n = 0;

    for (i = 0; i < text.n; i++) {
        if (strchr(",|$\\", text.p[i]) != NULL && text.p[i] != '\0') {
            out[n++] = '\\';
        }
        out[n++] = text.p[i];
    }
    return n;
}

/* The names by which a document may refer to it: alone, and below each base. Absent: no memory. */
static base_span_t spellings(const smart_lookup_t *lookup, const base_span_t *bases, size_t bases_n,
                             bool alone)
{
    base_span_t name = own_name(lookup);
    size_t size = 2 * name.n + 2, n = 0, i;
    unsigned char *out;

    for (i = 0; i < bases_n; i++) {
        size += 2 * (bases[i].n + name.n) + 2;
    }
    out = base_arena_alloc(lookup->_arena, size);
    if (out == NULL) {
        return base_span_make(NULL, 0);
    }
    if (alone) {
        n += put(out, name);
    }
    for (i = 0; i < bases_n; i++) {
        if (n > 0) {
            out[n++] = ',';
        }
        n += put(out + n, bases[i]);
        out[n++] = '/';
        n += put(out + n, name);
    }
    return base_span_make(out, n);
}

/* What a document must hold: one of these, as the URL of what is attached. */
static base_reason_t watch(smart_lookup_t *lookup, base_span_t value)
{
    binary_t *binary = lookup->_binary;
    const smart_base_t *base = smart_grants_base(lookup->_grants);
    const fhir_parameter_t *location =
        fhir_parameter_find(lookup->_policy->definitions, binary->documents, BASE_SPAN("location"));
    const fhir_test_t *test;

    if (location == NULL ||
        fhir_test_compile(location, base_span_make(NULL, 0), value, base->urls, base->urls_n,
                          lookup->_arena, &test) != FHIR_TEST_OK) {
        return BASE_NOT_FOUND;
    }
    binary->lens = fhir_lens_new(lookup->_arena, binary->documents);
    binary->refers =
        binary->lens == NULL ? FHIR_LENS_FAILED : fhir_lens_watch_test(binary->lens, test);
    return binary->refers == FHIR_LENS_FAILED ? BASE_NO_MEMORY : BASE_OK;
}

/* The patient and what the grants demand are said, too: a server answers the sooner. */
static base_reason_t write_query(smart_lookup_t *lookup, base_span_t value, base_span_t *out)
{
    base_span_t none = {NULL, 0};
    smart_narrowing_t narrowing = {0};
    fhir_query_t query;
    base_reason_t reason = fhir_query_parse(none, none, lookup->_arena, &query);
    size_t i;

    if (!smart_cover_is_true(&lookup->_binary->cover) &&
        !smart_narrowing_make(&lookup->_binary->cover, lookup->_policy->definitions, NULL,
                              lookup->_arena, &narrowing)) {
        return BASE_NO_MEMORY;
    }
    for (i = 0; reason == BASE_OK && i < narrowing.n; i++) {
        reason = smart_narrowing_append(&narrowing.item[i], &query, FHIR_FROM_URL);
    }
    if (reason == BASE_OK) {
        reason = fhir_query_append(&query, FHIR_FROM_URL, BASE_SPAN("location"), value);
    }
    return reason == BASE_OK ? fhir_query_write(&query, FHIR_FROM_URL, lookup->_arena, out)
                             : reason;
}

static smart_step_t search(smart_lookup_t *lookup, const base_span_t *bases, size_t bases_n,
                           bool alone)
{
    base_span_t value = spellings(lookup, bases, bases_n, alone), query;
    base_reason_t reason = value.p == NULL ? BASE_NO_MEMORY : watch(lookup, value);

    if (reason == BASE_OK) {
        reason = write_query(lookup, value, &query);
    }
    lookup->_watch = smart_cover_watch(&lookup->_binary->cover, 1, lookup->_arena);
    if (reason != BASE_OK || lookup->_watch == NULL) {
        return fail(lookup, reason == BASE_OK ? BASE_NO_MEMORY : reason);
    }
    return ask(lookup, SMART_LOOKUP_REFERRED, BASE_SPAN("/DocumentReference"), query, NULL,
               lookup->_keep_max);
}

static const fhir_lens_t *refers_lens(void *ctx, const fhir_type_t *type)
{
    const binary_t *binary = ctx;

    return type == binary->documents ? binary->lens : NULL;
}

/* A document that may be read, and that refers to it by just this name. */
static bool refers(smart_lookup_t *lookup, const fhir_item_place_t *item, uint64_t *hashes)
{
    const binary_t *binary = lookup->_binary;
    fhir_facts_t facts;
    size_t i;

    if (item->wrong || !item->has_resource || item->facts.type != binary->documents ||
        !smart_watch_holds(lookup->_watch, SMART_R, &item->facts)) {
        return false;
    }
    for (i = 0; i < item->member_n && item->member[i].id != FHIR_MEMBER_RESOURCE; i++) {
    }
    return i < item->member_n &&
           fhir_resource_read(base_span_sub(lookup->_stored.body, (size_t) item->member[i].value,
                                            (size_t) item->member[i].to),
                              lookup->_policy->definitions, refers_lens, lookup->_binary, hashes,
                              SMART_LOOKUP_HASHES, &facts) == BASE_OK &&
           fhir_facts_bit(&facts, binary->refers) == FHIR_MET;
}

/* BASE_OK: *found is known. */
static base_reason_t find(smart_lookup_t *lookup, bool *found)
{
    uint64_t *hashes = base_arena_alloc(lookup->_arena, SMART_LOOKUP_HASHES * sizeof(*hashes));
    uint64_t *inner = base_arena_table(lookup->_arena, SMART_LOOKUP_HASHES, sizeof(*inner));
    fhir_bundle_t *bundle = base_arena_alloc(lookup->_arena, sizeof(*bundle));
    base_span_t in = lookup->_stored.body;
    fhir_bundle_event_t event;

    *found = false;
    if (hashes == NULL || inner == NULL || bundle == NULL) {
        return BASE_NO_MEMORY;
    }
    fhir_bundle_start(bundle, FHIR_ENTER_BUNDLE, lookup->_policy->definitions, smart_watch_lookup,
                      (void *) lookup->_watch, lookup->_arena, hashes, SMART_LOOKUP_HASHES,
                      SKETCH_MAX);
    while ((event = fhir_bundle_next(bundle, &in)) != FHIR_BUNDLE_MORE) {
        if (event == FHIR_BUNDLE_ERROR) {
            return bundle->reason == BASE_NO_MEMORY ? BASE_NO_MEMORY : BASE_PREREAD_FAILED;
        }
        *found = *found || (event == FHIR_BUNDLE_ITEM_END && bundle->level_n == 1 &&
                            refers(lookup, &bundle->level[0].item, inner));
    }
    return fhir_bundle_finish(bundle) == BASE_OK &&
                   base_span_is(fhir_text_span(&bundle->level[0].type_name), "Bundle")
               ? BASE_OK
               : BASE_PREREAD_FAILED;
}

/* The base that the FHIR server itself goes by, unless it was asked by it already. */
static bool has_other_base(const smart_lookup_t *lookup)
{
    const smart_base_t *base = smart_grants_base(lookup->_grants);
    size_t i;

    for (i = 0; i < base->urls_n; i++) {
        if (base_span_eq(base->urls[i], lookup->_stored.base)) {
            return false;
        }
    }
    return lookup->_stored.base.n > 0 && !lookup->_binary->again;
}

static smart_step_t referred(smart_lookup_t *lookup)
{
    base_reason_t reason = BASE_OK;
    bool found = false;

    if (lookup->_stored.state == SMART_STORED_FOUND) {
        reason = lookup->_stored.too_large ? BASE_PREREAD_FAILED : find(lookup, &found);
    }
    if (reason != BASE_OK) {
        return fail(lookup, reason);
    }
    if (found) {
        return ask(lookup, SMART_LOOKUP_RAW, lookup->_request->path, base_span_make(NULL, 0),
                   lookup->_policy->raw, SMART_SECURITY_RAW_MAX);
    }
    if (has_other_base(lookup)) {
        lookup->_binary->again = true;
        return search(lookup, &lookup->_stored.base, 1, false);
    }
    return smart_lookup_uncovered(lookup);
}

/* Security contexts. */

void smart_lookup_context(smart_lookup_t *lookup, base_span_t header, base_span_t body)
{
    lookup->_context[0] = header;
    if (body.n > 0 && lookup->_want_n > 0 && is_write(lookup) &&
        smart_media_is_fhir(lookup->_request->message.content_type)) {
        lookup->_context_odd =
            smart_security_read(body, lookup->_arena, &lookup->_context[1]) != BASE_OK;
    }
}

static smart_step_t uncovered(smart_lookup_t *lookup)
{
    return is_write(lookup) ? fail(lookup, BASE_BODY_UNCOVERED) : smart_lookup_uncovered(lookup);
}

static smart_step_t next_context(smart_lookup_t *lookup);

/* Of what is written all contexts are covered: what it replaces is looked at. */
static smart_step_t ask_stored(smart_lookup_t *lookup)
{
    lookup->_binary->stored = true;
    return ask(lookup, SMART_LOOKUP_RAW, lookup->_request->path, base_span_make(NULL, 0),
               lookup->_policy->raw, SMART_SECURITY_RAW_MAX);
}

/* A context is covered. */
static smart_step_t go_on(smart_lookup_t *lookup)
{
    if (is_write(lookup) && !lookup->_binary->stored) {
        return next_context(lookup);
    }
    return smart_lookup_covered(lookup);
}

static smart_step_t take_context(smart_lookup_t *lookup, base_span_t text)
{
    switch (smart_security_judge(lookup->_grants, lookup->_policy, text, lookup->_stored.base,
                                 lookup->_arena, &lookup->_binary->owner,
                                 &lookup->_binary->owner_id)) {
    case SMART_TARGET_COVERED:
        return go_on(lookup);
    case SMART_TARGET_TO_READ:
        return smart_lookup_ask(lookup, SMART_LOOKUP_OWNER, lookup->_binary->owner.type,
                                lookup->_binary->owner_id, false, &lookup->_binary->owner, 1,
                                false);
    default:
        return uncovered(lookup);
    }
}

/* B11: without any, the scope alone must do. */
static smart_step_t next_context(smart_lookup_t *lookup)
{
    binary_t *binary = lookup->_binary;
    base_span_t text;

    while (binary->context_at < 2) {
        text = lookup->_context[binary->context_at++];
        if (text.p != NULL) {
            return take_context(lookup, text);
        }
    }
    if (lookup->_context[0].p == NULL && lookup->_context[1].p == NULL &&
        lookup->_policy->binary != SMART_BINARY_SCOPE) {
        return uncovered(lookup);
    }
    return lookup->_request->row->interaction == FHIR_UPDATE ? ask_stored(lookup)
                                                             : smart_lookup_covered(lookup);
}

/* B11, B2 row 3: what is not there is created. */
static smart_step_t create(smart_lookup_t *lookup)
{
    if (lookup->_policy->update_create_off) {
        return fail(lookup, BASE_NOT_FOUND);
    }
    if (lookup->_request->message.if_match.p != NULL) {
        return fail(lookup, BASE_PRECONDITION);
    }
    lookup->must_be_new = true;
    return smart_lookup_covered(lookup);
}

/* L13: pinned to what was judged. */
static smart_step_t replace(smart_lookup_t *lookup, base_span_t context)
{
    if (lookup->_stored.version.p == NULL && !lookup->_policy->unversioned_allow) {
        return fail(lookup, BASE_UNVERSIONED);
    }
    lookup->if_match = lookup->_stored.version;
    return take_context(lookup, context);
}

/* The Binary came, without its data. */
static smart_step_t raw(smart_lookup_t *lookup)
{
    const fhir_facts_t *facts = &lookup->_stored.facts;
    base_span_t context = {NULL, 0};

    if (lookup->_stored.state != SMART_STORED_FOUND) {
        return is_write(lookup) ? create(lookup) : smart_lookup_uncovered(lookup);
    }
    if (facts->type != lookup->_policy->raw || facts->id.unknown ||
        !base_span_eq(fhir_text_span(&facts->id), lookup->_request->id) ||
        lookup->_stored.too_large) {
        return fail(lookup, BASE_PREREAD_FAILED);
    }
    if (smart_security_read(lookup->_stored.body, lookup->_arena, &context) != BASE_OK) {
        return uncovered(lookup);
    }
    if (is_write(lookup)) {
        return context.p == NULL ? uncovered(lookup) : replace(lookup, context);
    }
    return context.p == NULL ? smart_lookup_covered(lookup) : take_context(lookup, context);
}

static smart_step_t owner(smart_lookup_t *lookup)
{
    return lookup->_stored.state == SMART_STORED_FOUND &&
                   smart_lookup_holds(lookup, &lookup->_stored.facts, lookup->_binary->owner_id)
               ? go_on(lookup)
               : uncovered(lookup);
}

smart_step_t smart_lookup_binary(smart_lookup_t *lookup)
{
    const smart_base_t *base = smart_grants_base(lookup->_grants);
    binary_t *binary = base_arena_alloc(lookup->_arena, sizeof(*binary));

    lookup->_binary = binary;
    if (binary == NULL) {
        return fail(lookup, BASE_NO_MEMORY);
    }
    if (is_write(lookup)) {
        return lookup->_context_odd ? uncovered(lookup) : next_context(lookup);
    }
    binary->documents =
        fhir_type_find(lookup->_policy->definitions, BASE_SPAN("DocumentReference"));
    binary->cover = smart_grants_cover(lookup->_grants, SMART_R, binary->documents);
    return smart_cover_is_empty(&binary->cover) ? smart_lookup_uncovered(lookup)
                                                : search(lookup, base->urls, base->urls_n, true);
}

smart_step_t smart_lookup_binary_read(smart_lookup_t *lookup)
{
    switch (lookup->_stage) {
    case SMART_LOOKUP_REFERRED:
        return referred(lookup);
    case SMART_LOOKUP_RAW:
        return raw(lookup);
    default:
        return owner(lookup);
    }
}
