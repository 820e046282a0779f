#include "fhir/fhir_links.h"

#include <string.h>

/* Members that are collected. */
static const struct {
    const char *name;
    fhir_link_kind_t kind;
} names[] = {{"reference", FHIR_LINK_REFERENCE}, {"url", FHIR_LINK_URL}};

#define NAME_MAX 16

typedef struct {
    base_json_t json;
    base_span_t in;
    base_arena_t *arena;
    size_t max;
    size_t room;
    fhir_links_t *links;
    base_reason_t reason;
    unsigned char name[NAME_MAX];
    size_t name_n; /* more than fit: none of ours */
    bool wanted;   /* the value of the member just named */
    fhir_link_kind_t kind;
} reading_t;

static bool pull(reading_t *r, base_json_event_t *event)
{
    *event = base_json_next(&r->json, &r->in);
    if (*event == BASE_JSON_ERROR) {
        r->reason = r->json.reason;
    }
    return *event != BASE_JSON_ERROR && *event != BASE_JSON_MORE;
}

/* A name that does not fit is none of ours; its value is looked into all the same. */
static void take_name(reading_t *r)
{
    base_span_t part = r->json.text;

    if (part.n > NAME_MAX || r->name_n + part.n > NAME_MAX) {
        r->name_n = NAME_MAX + 1;
    } else if (part.n > 0) {
        memcpy(r->name + r->name_n, part.p, part.n);
        r->name_n += part.n;
    }
    if (!r->json.last) {
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r->name_n <= NAME_MAX; i++) {
        if (base_span_is_nocase(base_span_make(r->name, r->name_n), names[i].name)) {
            r->wanted = true;
            r->kind = names[i].kind;
        }
    }
    r->name_n = 0;
}

/* Room for one link more; what was outgrown stays in the arena. */
static bool make_room(reading_t *r)
{
    fhir_links_t *links = r->links;
    size_t room = r->room == 0 ? 16 : 2 * r->room;
    fhir_link_t *rows;

    if (links->n == r->max) {
        r->reason = BASE_BODY_TOO_LARGE;
        return false;
    }
    if (links->n < r->room) {
        return true;
    }
    rows = base_arena_array(r->arena, room, sizeof(fhir_link_t));
    if (rows == NULL) {
        r->reason = BASE_NO_MEMORY;
        return false;
    }
    if (links->n > 0) {
        memcpy(rows, links->rows, links->n * sizeof(fhir_link_t));
    }
    links->rows = rows;
    r->room = room;
    return true;
}

/* The parts of a string with escapes; it cannot grow beyond what is left of the body. */
static bool take_parts(reading_t *r, base_span_t *text)
{
    base_json_event_t event;
    unsigned char *out = base_arena_alloc(r->arena, r->json.text.n + r->in.n);
    size_t n = 0;

    if (out == NULL) {
        r->reason = BASE_NO_MEMORY;
        return false;
    }
    for (;;) {
        if (r->json.text.n > 0) {
            memcpy(out + n, r->json.text.p, r->json.text.n);
            n += r->json.text.n;
        }
        if (r->json.last) {
            *text = base_span_make(out, n);
            return true;
        }
        if (!pull(r, &event)) {
            return false;
        }
    }
}

static bool take_link(reading_t *r)
{
    fhir_link_t link = {.kind = r->kind};
    base_span_t text = r->json.text;

    link.range.from = (size_t) r->json.start;
    if ((!r->json.last && !take_parts(r, &text)) || !make_room(r)) {
        return false;
    }
    link.range.to = (size_t) base_json_offset(&r->json);
    fhir_reference_parse(text, &link.reference);
    r->links->rows[r->links->n++] = link;
    if (link.kind == FHIR_LINK_REFERENCE && link.reference.kind == FHIR_REFERENCE_CONDITIONAL) {
        r->links->n_conditional++;
    }
    return true;
}

static void read_all(reading_t *r)
{
    base_json_event_t event;

    while (pull(r, &event)) {
        if (event == BASE_JSON_KEY) {
            take_name(r);
            continue;
        }
        if (event == BASE_JSON_STRING && r->wanted) {
            if (!take_link(r)) {
                return;
            }
        } else if (event == BASE_JSON_STRING && !r->json.last) {
            base_json_skip(&r->json);
        }
        r->wanted = false;
    }
}

base_reason_t fhir_links_read(base_span_t body, size_t max, base_arena_t *arena, uint64_t *hashes,
                              size_t hashes_max, fhir_links_t *links)
{
    reading_t r;
    base_reason_t reason;

    memset(&r, 0, sizeof(r));
    memset(links, 0, sizeof(*links));
    r.in = body;
    r.arena = arena;
    r.max = max;
    r.links = links;
    base_json_init(&r.json, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, hashes_max);
    read_all(&r);
    if (r.reason != BASE_OK) {
        return r.reason;
    }
    reason = base_json_finish(&r.json);
    return reason;
}
