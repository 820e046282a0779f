#include "smart/smart_parameters_body.h"

#include "base/base_json.h"
#include "base/base_writer.h"

#include <string.h>

#define MEMBERS_MAX ((size_t) 2048)

typedef struct {
    base_json_t js;
    base_span_t in;
    unsigned char *text; /* room for all texts there can be, one at a time for a name and a value */
    size_t text_n;
    fhir_query_t *query;
    smart_parameters_place_t *place;
    bool typed;
    base_reason_t reason;
} reader_t;

/* One parameter. */
typedef struct {
    base_span_t name;
    base_span_t value;
} pair_t;

static bool fail(reader_t *r, base_reason_t reason)
{
    if (r->reason == BASE_OK) {
        r->reason = reason;
    }
    return false;
}

/* The next event of a body that is there as a whole. */
static base_json_event_t next(reader_t *r)
{
    base_json_event_t event = base_json_next(&r->js, &r->in);

    if (event == BASE_JSON_MORE) {
        (void) fail(r, base_json_finish(&r->js));
        (void) fail(r, BASE_JSON_TRUNCATED);
        return BASE_JSON_ERROR;
    }
    if (event == BASE_JSON_ERROR) {
        (void) fail(r, r->js.reason);
    }
    return event;
}

/* All parts of a key, string or number, of which the first is there. */
static bool gather(reader_t *r, base_span_t *text)
{
    unsigned char *from = r->text + r->text_n;

    for (;;) {
        if (r->js.text.n > 0) {
            memcpy(r->text + r->text_n, r->js.text.p, r->js.text.n);
            r->text_n += r->js.text.n;
        }
        if (r->js.last) {
            *text = base_span_make(from, (size_t) (r->text + r->text_n - from));
            return true;
        }
        if (next(r) == BASE_JSON_ERROR) {
            return false;
        }
    }
}

/* A Reference is what it refers to. */
static bool read_reference(reader_t *r, base_span_t *value)
{
    base_json_event_t event;
    base_span_t key;

    while ((event = next(r)) == BASE_JSON_KEY) {
        if (!gather(r, &key)) {
            return false;
        }
        if (!base_span_is(key, "reference")) {
            base_json_skip(&r->js);
        } else if (next(r) != BASE_JSON_STRING || !gather(r, value)) {
            return fail(r, BASE_BODY_TYPE);
        }
    }
    return event == BASE_JSON_OBJECT_END && value->p != NULL ? true : fail(r, BASE_BODY_TYPE);
}

static bool read_value(reader_t *r, base_span_t *value)
{
    if (value->p != NULL) {
        return fail(r, BASE_BODY_TYPE);
    }
    switch (next(r)) {
    case BASE_JSON_STRING:
    case BASE_JSON_NUMBER:
        return gather(r, value);
    case BASE_JSON_TRUE:
        *value = BASE_SPAN("true");
        return true;
    case BASE_JSON_FALSE:
        *value = BASE_SPAN("false");
        return true;
    case BASE_JSON_OBJECT:
        return read_reference(r, value);
    default:
        return fail(r, BASE_BODY_TYPE);
    }
}

static bool read_member(reader_t *r, base_span_t key, pair_t *pair)
{
    if (base_span_is(key, "name")) {
        return next(r) == BASE_JSON_STRING ? gather(r, &pair->name) : fail(r, BASE_BODY_TYPE);
    }
    /* what a query cannot say: judged as an empty value */
    if (base_span_is(key, "valueCoding") || base_span_is(key, "valueCodeableConcept")) {
        base_json_skip(&r->js);
        if (pair->value.p != NULL) {
            return fail(r, BASE_BODY_TYPE);
        }
        pair->value = BASE_SPAN("");
        return true;
    }
    if (base_span_starts(key, "value")) {
        return read_value(r, &pair->value);
    }
    if (base_span_is(key, "id") || base_span_is(key, "extension")) {
        base_json_skip(&r->js);
        return true;
    }
    return fail(r, BASE_BODY_TYPE);
}

static bool add(reader_t *r, const pair_t *pair)
{
    base_reason_t reason = BASE_QUERY_TOO_LARGE;

    if (pair->name.n == 0 || pair->value.p == NULL) {
        return fail(r, BASE_BODY_TYPE);
    }
    if (r->query->n < FHIR_QUERY_ITEMS_MAX) {
        reason = fhir_query_append(r->query, FHIR_FROM_FORM, pair->name, pair->value);
    }
    return reason == BASE_OK ? true : fail(r, reason);
}

static bool read_parameter(reader_t *r)
{
    pair_t pair = {{NULL, 0}, {NULL, 0}};
    base_json_event_t event;
    base_span_t key;

    r->text_n = 0;
    while ((event = next(r)) == BASE_JSON_KEY) {
        if (!gather(r, &key) || !read_member(r, key, &pair)) {
            return false;
        }
    }
    if (event != BASE_JSON_OBJECT_END || !add(r, &pair)) {
        return fail(r, BASE_BODY_TYPE);
    }
    r->place->at = (size_t) base_json_offset(&r->js);
    r->place->before = ",";
    return true;
}

static bool read_parameters(reader_t *r)
{
    base_json_event_t event;

    if (next(r) != BASE_JSON_ARRAY) {
        return fail(r, BASE_BODY_TYPE);
    }
    *r->place = (smart_parameters_place_t){(size_t) base_json_offset(&r->js), "", ""};
    while ((event = next(r)) == BASE_JSON_OBJECT) {
        if (!read_parameter(r)) {
            return false;
        }
    }
    return event == BASE_JSON_ARRAY_END ? true : fail(r, BASE_BODY_TYPE);
}

static bool read_top(reader_t *r, base_span_t key)
{
    base_span_t type;

    if (base_span_is(key, "resourceType")) {
        r->typed =
            next(r) == BASE_JSON_STRING && gather(r, &type) && base_span_is(type, "Parameters");
        return r->typed ? true : fail(r, BASE_BODY_TYPE);
    }
    if (base_span_is(key, "parameter")) {
        return read_parameters(r);
    }
    if (base_span_is(key, "id") || base_span_is(key, "meta")) {
        base_json_skip(&r->js);
        return true;
    }
    return fail(r, BASE_BODY_TYPE);
}

static bool read_all(reader_t *r)
{
    base_json_event_t event;
    base_span_t key;

    if (next(r) != BASE_JSON_OBJECT) {
        return fail(r, BASE_BODY_TYPE);
    }
    while ((event = next(r)) == BASE_JSON_KEY) {
        if (!gather(r, &key) || !read_top(r, key)) {
            return false;
        }
    }
    if (event != BASE_JSON_OBJECT_END || !r->typed) {
        return fail(r, BASE_BODY_TYPE);
    }
    if (r->place->before == NULL) {
        *r->place = (smart_parameters_place_t){(size_t) base_json_offset(&r->js) - 1,
                                               ",\"parameter\":[", "]"};
    }
    event = base_json_next(&r->js, &r->in);
    if (event != BASE_JSON_MORE) {
        return fail(r, r->js.reason);
    }
    return fail(r, base_json_finish(&r->js));
}

base_reason_t smart_parameters_body_read(base_span_t body, base_arena_t *arena, fhir_query_t *query,
                                         smart_parameters_place_t *place)
{
    reader_t *r = base_arena_alloc(arena, sizeof(*r));
    uint64_t *hashes = base_arena_array(arena, MEMBERS_MAX, sizeof(*hashes));

    *place = (smart_parameters_place_t){0, NULL, NULL};
    if (r == NULL || hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    r->text = base_arena_alloc(arena, body.n + 1);
    r->in = body;
    r->query = query;
    r->place = place;
    if (r->text == NULL) {
        return BASE_NO_MEMORY;
    }
    base_json_init(&r->js, BASE_JSON_STRICT | BASE_JSON_FOLD, BASE_JSON_DEPTH_MAX, hashes,
                   MEMBERS_MAX);
    (void) read_all(r);
    return r->reason;
}

base_span_t smart_parameters_body_add(base_span_t body, const smart_parameters_place_t *place,
                                      const char *name, base_span_t value, base_arena_t *arena)
{
    size_t size = body.n + value.n + strlen(name) + 128;
    unsigned char *memory = base_arena_alloc(arena, size);
    base_span_t out = {NULL, 0};
    base_writer_t w;

    if (memory == NULL) {
        return out;
    }
    base_writer_init(&w, memory, size);
    base_writer_raw(&w, base_span_sub(body, 0, place->at));
    base_writer_text(&w, place->before);
    base_writer_text(&w, "{\"name\":\"");
    base_writer_text(&w, name);
    base_writer_text(&w, "\",\"valueString\":\"");
    base_writer_raw(&w, value);
    base_writer_text(&w, "\"}");
    base_writer_text(&w, place->behind);
    base_writer_raw(&w, base_span_sub(body, place->at, body.n));
    (void) base_writer_done(&w, &out);
    return out;
}
