#include "smart/smart_body.h"

#include "base/base_json.h"
#include "smart/smart_media.h"

#include <string.h>

#define MEMBERS_MAX ((size_t) 2048)
#define TEXT_MAX    ((size_t) 128) /* of what is compared */

typedef enum { OTHER_KEY, KEY_TYPE, KEY_ID, KEY_REFERENCE } body_key_t;

/* One string or key, as far as it fits; and, however long it is, the segment that its first '?' ends, which servers take for a type. */
typedef struct {
    unsigned char bytes[TEXT_MAX];
    size_t n;
    bool cut;
    bool question; /* a '?' was seen */
    unsigned char segment[TEXT_MAX];
    size_t segment_n; /* more than fit: no type is that long */
} text_t;

typedef struct {
    const smart_grants_t *grants;
    const fhir_request_t *request;
    const fhir_definitions_t *definitions;
    bool is_patch;
    bool of_any_type; /* of an operation: a resource, or Parameters */
    base_json_t js;
    base_span_t in;
    body_key_t key;
    bool typed;
    bool named;
} reader_t;

static void segment_add(text_t *text, base_span_t part)
{
    size_t i;

    for (i = 0; i < part.n && !text->question; i++) {
        if (part.p[i] == '?') {
            text->question = true;
        } else if (part.p[i] == '/') {
            text->segment_n = 0;
        } else if (text->segment_n < TEXT_MAX) {
            text->segment[text->segment_n++] = part.p[i];
        } else {
            text->segment_n = TEXT_MAX + 1;
        }
    }
}

static void text_add(text_t *text, base_span_t part)
{
    size_t n = part.n < TEXT_MAX - text->n ? part.n : TEXT_MAX - text->n;

    segment_add(text, part);
    text->cut = text->cut || n < part.n;
    if (n > 0) {
        memcpy(text->bytes + text->n, part.p, n);
        text->n += n;
    }
}

/* Gathers the parts of a key or string. */
static base_reason_t gather(reader_t *r, text_t *text)
{
    base_json_event_t event;

    text->n = text->segment_n = 0;
    text->cut = text->question = false;
    for (;;) {
        text_add(text, r->js.text);
        if (r->js.last) {
            return BASE_OK;
        }
        event = base_json_next(&r->js, &r->in);
        if (event == BASE_JSON_ERROR) {
            return r->js.reason;
        }
        if (event == BASE_JSON_MORE) {
            return BASE_JSON_TRUNCATED;
        }
    }
}

static base_span_t text_span(const text_t *text)
{
    return base_span_make(text->bytes, text->n);
}

/* The type whose search the text is: what precedes '?', below a base or not; NULL when it is none of this version. */
static const fhir_type_t *searched_type(const reader_t *r, const text_t *text)
{
    return text->segment_n > TEXT_MAX
               ? NULL
               : fhir_type_find(r->definitions, base_span_make(text->segment, text->segment_n));
}

/* B5. In a reference every '?' counts; in any other text, which a patch could move there, only what begins as a search of a known type does. */
static base_reason_t judge_search(reader_t *r, const text_t *text)
{
    const fhir_type_t *type;
    smart_cover_t cover;

    if (!text->question) {
        return BASE_OK;
    }
    type = searched_type(r, text);
    if (type == NULL) {
        return r->key == KEY_REFERENCE ? BASE_CONDITIONAL_REFERENCE : BASE_OK;
    }
    cover = smart_grants_cover(r->grants, SMART_S, type);
    return smart_cover_is_true(&cover) ? BASE_OK : BASE_CONDITIONAL_REFERENCE;
}

static base_reason_t judge_string(reader_t *r)
{
    text_t text;
    base_reason_t reason = gather(r, &text);

    if (reason != BASE_OK) {
        return reason;
    }
    if (r->key == KEY_TYPE && r->request->type != NULL) {
        r->typed = !text.cut && base_span_is(text_span(&text), r->request->type->name);
    } else if (r->key == KEY_ID) {
        r->named = !text.cut && base_span_eq(text_span(&text), r->request->id);
    }
    return judge_search(r, &text);
}

/* A reader that folds case would take these for the members that are judged (threats section 7). */
static bool is_misspelt(base_span_t key)
{
    return base_span_is_nocase(key, "resourceType") || base_span_is_nocase(key, "id");
}

static base_reason_t read_key(reader_t *r)
{
    text_t text;
    base_reason_t reason = gather(r, &text);
    bool top = base_json_depth(&r->js) == 1;

    r->key = OTHER_KEY;
    if (top && base_span_is(text_span(&text), "resourceType")) {
        r->key = KEY_TYPE;
    } else if (top && base_span_is(text_span(&text), "id")) {
        r->key = KEY_ID;
    } else if (top && is_misspelt(text_span(&text))) {
        return BASE_BODY_TYPE;
    } else if (base_span_is(text_span(&text), "reference")) {
        r->key = KEY_REFERENCE;
    }
    return reason;
}

static base_reason_t read_event(reader_t *r, base_json_event_t event)
{
    if (event == BASE_JSON_KEY) {
        return read_key(r);
    }
    if (event == BASE_JSON_STRING) {
        return judge_string(r);
    }
    if (event == BASE_JSON_ARRAY && base_json_depth(&r->js) == 1 && !r->is_patch) {
        return BASE_BODY_TYPE;
    }
    if (event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY) {
        r->key = OTHER_KEY;
    }
    return BASE_OK;
}

static base_reason_t read_all(reader_t *r)
{
    base_json_event_t event;
    base_reason_t reason;

    for (;;) {
        event = base_json_next(&r->js, &r->in);
        if (event == BASE_JSON_ERROR) {
            return r->js.reason;
        }
        if (event == BASE_JSON_MORE) {
            return base_json_finish(&r->js);
        }
        reason = read_event(r, event);
        if (reason != BASE_OK) {
            return reason;
        }
    }
}

static bool is_raw_binary(const fhir_request_t *request)
{
    return fhir_type_is(request->type, "Binary") &&
           !smart_media_is_fhir(request->message.content_type);
}

/* One strict pass over all of it. `named`: the id must be the request's. */
static base_reason_t judge_json(reader_t *r, bool named, base_arena_t *arena)
{
    uint64_t *hashes = base_arena_table(arena, MEMBERS_MAX, sizeof(*hashes));
    base_reason_t reason;

    if (hashes == NULL) {
        return BASE_NO_MEMORY;
    }
    base_json_init(&r->js, BASE_JSON_STRICT | BASE_JSON_FOLD, BASE_JSON_DEPTH_MAX, hashes,
                   MEMBERS_MAX);
    reason = read_all(r);
    if (reason != BASE_OK || r->is_patch || r->of_any_type) {
        return reason;
    }
    return r->typed && (r->named || !named) ? BASE_OK : BASE_BODY_TYPE;
}

base_reason_t smart_body_judge(const smart_grants_t *grants, const fhir_request_t *request,
                               const fhir_definitions_t *definitions, base_span_t body,
                               base_arena_t *arena)
{
    reader_t r = {0};
    base_span_t media = request->message.content_type;

    r.grants = grants;
    r.request = request;
    r.definitions = definitions;
    r.in = body;
    r.of_any_type = request->row->interaction == FHIR_OPERATION;
    r.is_patch = request->row->interaction == FHIR_PATCH ||
                 request->row->interaction == FHIR_PATCH_CONDITIONAL;
    if (base_span_find(media, ',') < media.n) {
        /* Said twice: which one counts is the server's choice. */
        return BASE_CONTENT_TYPE;
    }
    if (r.of_any_type && body.n == 0) {
        return BASE_OK;
    }
    if (!r.of_any_type && is_raw_binary(request) && !r.is_patch) {
        return BASE_OK;
    }
    if (!smart_media_is_json(media) && !(r.is_patch && smart_media_is_json_patch(media))) {
        return BASE_CONTENT_TYPE;
    }
    return judge_json(&r, request->row->interaction == FHIR_UPDATE, arena);
}

base_reason_t smart_body_judge_update(const smart_grants_t *grants, const fhir_request_t *request,
                                      const fhir_definitions_t *definitions, base_span_t body,
                                      base_arena_t *arena)
{
    reader_t r = {0};

    r.grants = grants;
    r.request = request;
    r.definitions = definitions;
    r.in = body;
    return judge_json(&r, true, arena);
}
