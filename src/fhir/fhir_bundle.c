#include "fhir/fhir_bundle.h"

#include <string.h>

enum { IN_BUNDLE, IN_ENTRIES, AT_END, AT_ERROR };

/* Members that are read, by their place. */
typedef bool (*read_pt)(fhir_bundle_t *bundle, base_json_event_t event);

typedef struct {
    const char *name;
    read_pt
        read; /* its value, of which the first event is handed in; false: bundle->reason says why */
} member_t;

static bool fail(fhir_bundle_t *bundle, base_reason_t reason)
{
    if (bundle->reason == BASE_OK) {
        bundle->reason = reason != BASE_OK ? reason : BASE_JSON_TRUNCATED;
    }
    bundle->_state = AT_ERROR;
    return false;
}

/* The next event; the whole body is there, so its end is an error. */
static bool pull(fhir_bundle_t *bundle, base_json_event_t *event)
{
    *event = base_json_next(&bundle->_json, &bundle->_in);
    if (*event == BASE_JSON_MORE) {
        return fail(bundle, base_json_finish(&bundle->_json));
    }
    return *event == BASE_JSON_ERROR ? fail(bundle, bundle->_json.reason) : true;
}

static bool skip_value(fhir_bundle_t *bundle, base_json_event_t event)
{
    (void) event;
    base_json_skip(&bundle->_json);
    return true;
}

static bool is(fhir_bundle_t *bundle, base_json_event_t event, base_json_event_t wanted)
{
    return event == wanted ? true : fail(bundle, BASE_ANSWER_UNEXPECTED);
}

/* The rest of a string that has escapes, into the arena. */
static bool read_parts(fhir_bundle_t *bundle, base_span_t *text)
{
    unsigned char *out = NULL;
    size_t room = 0;
    size_t n = 0;
    base_json_event_t event;

    for (;;) {
        base_span_t part = bundle->_json.text;

        if (part.n > room - n || out == NULL) {
            unsigned char *bigger = base_arena_alloc(bundle->_arena, 2 * (n + part.n) + 64);

            if (bigger == NULL) {
                return fail(bundle, BASE_NO_MEMORY);
            }
            if (n > 0) {
                memcpy(bigger, out, n);
            }
            room = 2 * (n + part.n) + 64;
            out = bigger;
        }
        if (part.n > 0) {
            memcpy(out + n, part.p, part.n);
            n += part.n;
        }
        if (bundle->_json.last) {
            *text = base_span_make(out, n);
            return true;
        }
        if (!pull(bundle, &event)) {
            return false;
        }
    }
}

static bool read_string(fhir_bundle_t *bundle, base_json_event_t event, base_span_t *text)
{
    if (!is(bundle, event, BASE_JSON_STRING)) {
        return false;
    }
    if (bundle->_json.last) {
        *text = bundle->_json.text;
        return true;
    }
    return read_parts(bundle, text);
}

/* The name of the member whose key has begun; a name that is too long is none of ours. */
static bool read_name(fhir_bundle_t *bundle, base_span_t *name)
{
    base_json_event_t event;
    size_t n = 0;

    *name = bundle->_json.text;
    if (bundle->_json.last) {
        return true;
    }
    for (;;) {
        base_span_t part = bundle->_json.text;

        if (n + part.n > sizeof(bundle->_name)) {
            n = sizeof(bundle->_name) + 1;
        } else if (part.n > 0) {
            memcpy(bundle->_name + n, part.p, part.n);
            n += part.n;
        }
        if (bundle->_json.last) {
            *name = base_span_make(bundle->_name, n > sizeof(bundle->_name) ? 0 : n);
            return true;
        }
        if (!pull(bundle, &event)) {
            return false;
        }
    }
}

static bool read_member(fhir_bundle_t *bundle, const member_t *members, size_t n)
{
    base_span_t name;
    base_json_event_t event;

    if (!read_name(bundle, &name)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (base_span_is(name, members[i].name)) {
            return pull(bundle, &event) && members[i].read(bundle, event);
        }
    }
    return skip_value(bundle, BASE_JSON_KEY);
}

/* The members of the object that has begun. */
static bool read_object(fhir_bundle_t *bundle, const member_t *members, size_t n)
{
    base_json_event_t event;

    while (pull(bundle, &event)) {
        if (event == BASE_JSON_OBJECT_END) {
            return true;
        }
        if (!read_member(bundle, members, n)) {
            return false;
        }
    }
    return false;
}

#define READ_OBJECT(bundle, members)                                                               \
    read_object((bundle), (members), sizeof(members) / sizeof((members)[0]))

/* Offset of the first byte of the value whose first event came, and the one behind what was read.
 */
static size_t value_from(const fhir_bundle_t *bundle)
{
    return (size_t) bundle->_json.start;
}

static size_t value_to(const fhir_bundle_t *bundle)
{
    return (size_t) base_json_offset(&bundle->_json);
}

static bool read_full_url(fhir_bundle_t *bundle, base_json_event_t event)
{
    return read_string(bundle, event, &bundle->entry.full_url);
}

static bool read_mode(fhir_bundle_t *bundle, base_json_event_t event)
{
    return read_string(bundle, event, &bundle->entry.mode);
}

static bool read_search(fhir_bundle_t *bundle, base_json_event_t event)
{
    static const member_t members[] = {{"mode", read_mode}};

    return is(bundle, event, BASE_JSON_OBJECT) && READ_OBJECT(bundle, members);
}

/* Once more by itself, now that its type is known. */
static bool read_late(fhir_bundle_t *bundle, fhir_facts_t *facts)
{
    fhir_range_t range = bundle->entry.resource;
    fhir_resource_t *res = &bundle->_resource;
    const fhir_type_t *type = facts->type;
    size_t half = bundle->_hashes_max / 2;

    fhir_resource_start(res, bundle->_defs, bundle->_lookup, bundle->_ctx, type,
                        bundle->_hashes + half, half);
    (void) fhir_resource_feed(res, base_span_sub(bundle->_body, range.from, range.to));
    return fhir_resource_end(res, facts) == BASE_OK ? true : fail(bundle, res->_reason);
}

static bool read_resource(fhir_bundle_t *bundle, base_json_event_t event)
{
    fhir_bundle_entry_t *entry = &bundle->entry;
    fhir_resource_t *res = &bundle->_resource;

    if (!is(bundle, event, BASE_JSON_OBJECT)) {
        return false;
    }
    entry->resource.from = value_from(bundle);
    fhir_resource_begin(res, &bundle->_json, bundle->_defs, bundle->_lookup, bundle->_ctx, NULL);
    while (!fhir_resource_take(res, event)) {
        if (!pull(bundle, &event)) {
            return false;
        }
    }
    entry->resource.to = value_to(bundle);
    if (fhir_resource_facts(res, &entry->facts) != BASE_OK) {
        return fail(bundle, res->_reason);
    }
    return entry->facts.type_late ? read_late(bundle, &entry->facts) : true;
}

static bool read_entry(fhir_bundle_t *bundle)
{
    static const member_t members[] = {
        {"fullUrl", read_full_url}, {"resource", read_resource}, {"search", read_search}};

    memset(&bundle->entry, 0, sizeof(bundle->entry));
    bundle->entry.whole.from = value_from(bundle);
    if (!READ_OBJECT(bundle, members)) {
        return false;
    }
    bundle->entry.whole.to = value_to(bundle);
    return true;
}

static bool read_type_name(fhir_bundle_t *bundle, base_json_event_t event)
{
    if (!read_string(bundle, event, &bundle->resource_type)) {
        return false;
    }
    bundle->is_bundle = base_span_is(bundle->resource_type, "Bundle");
    return true;
}

static bool read_type(fhir_bundle_t *bundle, base_json_event_t event)
{
    return read_string(bundle, event, &bundle->type);
}

static bool read_total(fhir_bundle_t *bundle, base_json_event_t event)
{
    if (!is(bundle, event, BASE_JSON_NUMBER)) {
        return false;
    }
    bundle->total.from = value_from(bundle);
    while (!bundle->_json.last) {
        if (!pull(bundle, &event)) {
            return false;
        }
    }
    bundle->total.to = value_to(bundle);
    return true;
}

static bool read_relation(fhir_bundle_t *bundle, base_json_event_t event)
{
    return read_string(bundle, event, &bundle->_relation);
}

static bool read_url(fhir_bundle_t *bundle, base_json_event_t event)
{
    return read_string(bundle, event, &bundle->_url);
}

static bool read_links(fhir_bundle_t *bundle, base_json_event_t event)
{
    static const member_t members[] = {{"relation", read_relation}, {"url", read_url}};
    unsigned selves = 0;

    if (!is(bundle, event, BASE_JSON_ARRAY)) {
        return false;
    }
    bundle->links.from = value_from(bundle);
    while (pull(bundle, &event) && event != BASE_JSON_ARRAY_END) {
        bundle->_relation = bundle->_url = base_span_make(NULL, 0);
        if (!is(bundle, event, BASE_JSON_OBJECT) || !READ_OBJECT(bundle, members)) {
            return false;
        }
        if (base_span_is(bundle->_relation, "self")) {
            bundle->link_self = selves++ == 0 ? bundle->_url : base_span_make(NULL, 0);
        }
    }
    bundle->links.to = value_to(bundle);
    return bundle->_state != AT_ERROR;
}

static bool begin_entries(fhir_bundle_t *bundle, base_json_event_t event)
{
    if (!is(bundle, event, BASE_JSON_ARRAY)) {
        return false;
    }
    bundle->entries.from = value_from(bundle);
    bundle->_state = IN_ENTRIES;
    return true;
}

/* One step of the Bundle's own members. False at the end and after a failure. */
static bool step_bundle(fhir_bundle_t *bundle)
{
    static const member_t members[] = {{"resourceType", read_type_name},
                                       {"type", read_type},
                                       {"total", read_total},
                                       {"link", read_links},
                                       {"entry", begin_entries}};
    bool other = bundle->resource_type.p != NULL && !bundle->is_bundle;
    base_json_event_t event;

    if (!pull(bundle, &event)) {
        return false;
    }
    if (event == BASE_JSON_KEY) {
        /* Of another resource nothing is looked at. */
        return read_member(bundle, members, other ? 0 : sizeof(members) / sizeof(members[0]));
    }
    bundle->_state = AT_END;
    event = base_json_next(&bundle->_json, &bundle->_in);
    if (event == BASE_JSON_ERROR) {
        return fail(bundle, bundle->_json.reason);
    }
    return false;
}

/* True when an entry was read; else at the end of the array, or after a failure. */
static bool step_entries(fhir_bundle_t *bundle)
{
    base_json_event_t event;

    if (!pull(bundle, &event)) {
        return false;
    }
    if (event == BASE_JSON_ARRAY_END) {
        bundle->entries.to = value_to(bundle);
        bundle->_state = IN_BUNDLE;
        return false;
    }
    return is(bundle, event, BASE_JSON_OBJECT) && read_entry(bundle);
}

void fhir_bundle_open(fhir_bundle_t *bundle, base_span_t body, const fhir_definitions_t *defs,
                      fhir_lens_lookup_pt lookup, void *ctx, base_arena_t *arena, uint64_t *hashes,
                      size_t hashes_max)
{
    base_json_event_t event;

    memset(bundle, 0, sizeof(*bundle));
    bundle->_body = body;
    bundle->_in = body;
    bundle->_defs = defs;
    bundle->_lookup = lookup;
    bundle->_ctx = ctx;
    bundle->_arena = arena;
    bundle->_hashes = hashes;
    bundle->_hashes_max = hashes_max;
    base_json_init(&bundle->_json, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, hashes_max / 2);
    if (pull(bundle, &event)) {
        (void) is(bundle, event, BASE_JSON_OBJECT);
    }
}

fhir_bundle_event_t fhir_bundle_next(fhir_bundle_t *bundle)
{
    while (bundle->_state == IN_BUNDLE || bundle->_state == IN_ENTRIES) {
        if (bundle->_state == IN_BUNDLE) {
            (void) step_bundle(bundle);
        } else if (step_entries(bundle)) {
            return FHIR_BUNDLE_ENTRY;
        }
    }
    return bundle->_state == AT_END ? FHIR_BUNDLE_END : FHIR_BUNDLE_ERROR;
}
