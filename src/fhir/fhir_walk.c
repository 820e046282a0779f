#include "fhir/fhir_walk.h"

#include <string.h>

void fhir_walk_start(fhir_walk_t *walk, base_span_t body, base_reason_t shape, base_arena_t *arena,
                     uint64_t *hashes, size_t hashes_max)
{
    memset(walk, 0, sizeof(*walk));
    walk->in = body;
    walk->shape = shape;
    walk->arena = arena;
    base_json_init(&walk->json, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, hashes_max);
}

bool fhir_walk_fail(fhir_walk_t *walk, base_reason_t reason)
{
    if (walk->reason == BASE_OK) {
        walk->reason = reason != BASE_OK ? reason : BASE_JSON_TRUNCATED;
    }
    return false;
}

bool fhir_walk_pull(fhir_walk_t *walk, base_json_event_t *event)
{
    *event = base_json_next(&walk->json, &walk->in);
    if (*event == BASE_JSON_MORE) {
        return fhir_walk_fail(walk, base_json_finish(&walk->json));
    }
    return *event == BASE_JSON_ERROR ? fhir_walk_fail(walk, walk->json.reason) : true;
}

bool fhir_walk_is(fhir_walk_t *walk, base_json_event_t event, base_json_event_t wanted)
{
    return event == wanted ? true : fhir_walk_fail(walk, walk->shape);
}

size_t fhir_walk_from(const fhir_walk_t *walk)
{
    return (size_t) walk->json.start;
}

size_t fhir_walk_to(const fhir_walk_t *walk)
{
    return (size_t) base_json_offset(&walk->json);
}

/* The name of the member whose key has begun, empty when it is too long. */
static bool read_name(fhir_walk_t *walk, base_span_t *name)
{
    base_json_event_t event;
    size_t n = 0;

    *name = walk->json.text;
    if (walk->json.last) {
        return true;
    }
    for (;;) {
        base_span_t part = walk->json.text;

        if (part.n > FHIR_WALK_NAME - n) {
            /* The rest of the name and its value; what comes next is another member. */
            base_json_skip(&walk->json);
            *name = base_span_make(NULL, 0);
            return true;
        }
        if (part.n > 0) {
            memcpy(walk->name + n, part.p, part.n);
            n += part.n;
        }
        if (walk->json.last) {
            *name = base_span_make(walk->name, n);
            return true;
        }
        if (!fhir_walk_pull(walk, &event)) {
            return false;
        }
    }
}

static bool read_member(fhir_walk_t *walk, const fhir_walk_member_t *members, size_t n, void *ctx)
{
    base_span_t name;
    base_json_event_t event;

    if (!read_name(walk, &name)) {
        return false;
    }
    for (size_t i = 0; i < n && name.n > 0; i++) {
        if (base_span_is(name, members[i].name)) {
            return fhir_walk_pull(walk, &event) && members[i].read(ctx, walk, event);
        }
    }
    base_json_skip(&walk->json);
    return true;
}

bool fhir_walk_object(fhir_walk_t *walk, base_json_event_t event, const fhir_walk_member_t *members,
                      size_t n_members, void *ctx, size_t *n)
{
    size_t count = 0;

    if (!fhir_walk_is(walk, event, BASE_JSON_OBJECT)) {
        return false;
    }
    while (fhir_walk_pull(walk, &event)) {
        if (event == BASE_JSON_OBJECT_END) {
            if (n != NULL) {
                *n = count;
            }
            return true;
        }
        if (!read_member(walk, members, n_members, ctx)) {
            return false;
        }
        count++;
    }
    return false;
}

/* The parts of a string with escapes; decoded it is no longer than what is left of the body. */
static bool read_parts(fhir_walk_t *walk, base_span_t *text)
{
    base_json_event_t event;
    unsigned char *out = NULL;
    size_t room = 0;
    size_t n = 0;

    for (;;) {
        base_span_t part = walk->json.text;

        if (out == NULL || part.n > room - n) {
            unsigned char *bigger = base_arena_alloc(walk->arena, 2 * (n + part.n) + 64);

            if (bigger == NULL) {
                return fhir_walk_fail(walk, BASE_NO_MEMORY);
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
        if (walk->json.last) {
            *text = base_span_make(out, n);
            return true;
        }
        if (!fhir_walk_pull(walk, &event)) {
            return false;
        }
    }
}

bool fhir_walk_string(fhir_walk_t *walk, base_json_event_t event, base_span_t *text,
                      fhir_range_t *range)
{
    if (!fhir_walk_is(walk, event, BASE_JSON_STRING)) {
        return false;
    }
    range->from = fhir_walk_from(walk);
    *text = walk->json.text;
    if (!walk->json.last && !read_parts(walk, text)) {
        return false;
    }
    range->to = fhir_walk_to(walk);
    return true;
}

bool fhir_walk_end(fhir_walk_t *walk)
{
    base_json_event_t event = base_json_next(&walk->json, &walk->in);

    if (event == BASE_JSON_ERROR) {
        return fhir_walk_fail(walk, walk->json.reason);
    }
    return walk->reason == BASE_OK;
}
