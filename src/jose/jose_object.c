#include "jose/jose_object.h"

#include <string.h>

#include "base/base_json.h"

typedef struct {
    base_json_t js;
    base_span_t in;   /* what the scanner has not seen yet */
    base_span_t json; /* all of it */
    base_arena_t *arena;
    unsigned char
        *scratch; /* json.n bytes: decoding never lengthens, so all strings fit together */
    size_t scratch_n;
} reader_t;

/* What to report for an event that cannot stand here. */
static base_reason_t unexpected(const reader_t *reader, base_json_event_t event)
{
    if (event == BASE_JSON_ERROR) {
        return reader->js.reason;
    }
    return event == BASE_JSON_MORE ? BASE_JSON_TRUNCATED : BASE_JSON_SYNTAX;
}

static base_json_event_t next(reader_t *reader)
{
    return base_json_next(&reader->js, &reader->in);
}

static bool is_in_document(const reader_t *reader)
{
    const unsigned char *p = reader->js.text.p;

    return p != NULL && p >= reader->json.p && p <= reader->json.p + reader->json.n;
}

static base_reason_t append(reader_t *reader)
{
    base_span_t part = reader->js.text;

    if (reader->scratch == NULL) {
        reader->scratch = base_arena_alloc(reader->arena, reader->json.n);
        if (reader->scratch == NULL) {
            return BASE_NO_MEMORY;
        }
    }
    if (part.n > reader->json.n - reader->scratch_n) {
        return BASE_INTERNAL;
    }
    if (part.n != 0) {
        memcpy(reader->scratch + reader->scratch_n, part.p, part.n);
        reader->scratch_n += part.n;
    }
    return BASE_OK;
}

/*
 * The whole of a STRING or NUMBER whose first part was just taken; copied only when it has
 * escapes.
 */
static base_reason_t read_text(reader_t *reader, base_span_t *text)
{
    size_t from = reader->scratch_n;
    base_reason_t reason;
    base_json_event_t event;

    if (reader->js.last && is_in_document(reader)) {
        *text = reader->js.text;
        return BASE_OK;
    }
    for (;;) {
        reason = append(reader);
        if (reason != BASE_OK || reader->js.last) {
            break;
        }
        event = next(reader);
        if (event != BASE_JSON_STRING && event != BASE_JSON_NUMBER) {
            return unexpected(reader, event);
        }
    }
    if (reason == BASE_OK) {
        *text = base_span_make(reader->scratch + from, reader->scratch_n - from);
    }
    return reason;
}

/* Reads a member's name to its end and finds its row; NULL for a name that nobody asked for. */
static base_reason_t read_name(reader_t *reader, jose_member_t *members, size_t n,
                               jose_member_t **member)
{
    unsigned char name[JOSE_OBJECT_NAME_MAX];
    size_t name_n = 0;
    bool fits = true;
    base_json_event_t event;

    *member = NULL;
    for (;;) {
        fits = fits && reader->js.text.n <= sizeof(name) - name_n;
        if (fits && reader->js.text.n != 0) {
            memcpy(name + name_n, reader->js.text.p, reader->js.text.n);
            name_n += reader->js.text.n;
        }
        if (reader->js.last) {
            break;
        }
        event = next(reader);
        if (event != BASE_JSON_KEY) {
            return unexpected(reader, event);
        }
    }
    for (size_t i = 0; fits && i < n; i++) {
        if (base_span_is(base_span_make(name, name_n), members[i].name)) {
            *member = &members[i];
        }
    }
    return BASE_OK;
}

/* One element; anything but a string, or one string too many, leaves the member without items. */
static base_reason_t read_item(reader_t *reader, base_json_event_t event, base_span_t *items,
                               jose_member_t *member)
{
    base_span_t text;
    base_reason_t reason;

    switch (event) {
    case BASE_JSON_STRING:
        reason = read_text(reader, &text);
        if (reason == BASE_OK && member->items_n < JOSE_OBJECT_ITEMS_MAX) {
            items[member->items_n++] = text;
            return BASE_OK;
        }
        member->kind = JOSE_VALUE_OTHER;
        return reason;
    case BASE_JSON_NUMBER:
        member->kind = JOSE_VALUE_OTHER;
        return read_text(reader, &text);
    case BASE_JSON_OBJECT:
    case BASE_JSON_ARRAY:
        base_json_skip(&reader->js);
        member->kind = JOSE_VALUE_OTHER;
        return BASE_OK;
    case BASE_JSON_TRUE:
    case BASE_JSON_FALSE:
    case BASE_JSON_NULL:
        member->kind = JOSE_VALUE_OTHER;
        return BASE_OK;
    default:
        return unexpected(reader, event);
    }
}

static base_reason_t read_items(reader_t *reader, jose_member_t *member)
{
    base_span_t *items = base_arena_array(reader->arena, JOSE_OBJECT_ITEMS_MAX, sizeof(*items));
    base_reason_t reason;
    base_json_event_t event;

    if (items == NULL) {
        return BASE_NO_MEMORY;
    }
    member->kind = JOSE_VALUE_STRINGS;
    for (;;) {
        event = next(reader);
        if (event == BASE_JSON_ARRAY_END) {
            break;
        }
        reason = read_item(reader, event, items, member);
        if (reason != BASE_OK) {
            return reason;
        }
    }
    if (member->kind == JOSE_VALUE_STRINGS) {
        member->items = items;
    } else {
        member->items_n = 0;
    }
    return BASE_OK;
}

static base_reason_t read_value(reader_t *reader, jose_member_t *member)
{
    base_json_event_t event = next(reader);

    switch (event) {
    case BASE_JSON_STRING:
        member->kind = JOSE_VALUE_STRING;
        return read_text(reader, &member->text);
    case BASE_JSON_NUMBER:
        member->kind = JOSE_VALUE_NUMBER;
        return read_text(reader, &member->text);
    case BASE_JSON_ARRAY:
        return read_items(reader, member);
    case BASE_JSON_OBJECT:
        base_json_skip(&reader->js);
        member->kind = JOSE_VALUE_OTHER;
        return BASE_OK;
    case BASE_JSON_TRUE:
        member->kind = JOSE_VALUE_TRUE;
        return BASE_OK;
    case BASE_JSON_FALSE:
        member->kind = JOSE_VALUE_FALSE;
        return BASE_OK;
    case BASE_JSON_NULL:
        member->kind = JOSE_VALUE_OTHER;
        return BASE_OK;
    default:
        return unexpected(reader, event);
    }
}

static base_reason_t read_members(reader_t *reader, jose_member_t *members, size_t n)
{
    jose_member_t *member;
    base_reason_t reason;
    base_json_event_t event;

    while ((event = next(reader)) == BASE_JSON_KEY) {
        reason = read_name(reader, members, n, &member);
        if (reason != BASE_OK) {
            return reason;
        }
        if (member == NULL) {
            base_json_skip(&reader->js);
            continue;
        }
        reason = read_value(reader, member);
        if (reason != BASE_OK) {
            return reason;
        }
    }
    return event == BASE_JSON_OBJECT_END ? BASE_OK : unexpected(reader, event);
}

base_reason_t jose_object_read(base_span_t json, jose_member_t *members, size_t n,
                               base_arena_t *arena)
{
    uint64_t hashes[JOSE_OBJECT_MEMBERS_MAX];
    reader_t reader = {.in = json, .json = json, .arena = arena};
    base_reason_t reason;
    base_json_event_t event;

    base_json_init(&reader.js, BASE_JSON_STRICT, JOSE_OBJECT_DEPTH_MAX, hashes,
                   JOSE_OBJECT_MEMBERS_MAX);
    event = next(&reader);
    if (event != BASE_JSON_OBJECT) {
        return unexpected(&reader, event);
    }
    reason = read_members(&reader, members, n);
    if (reason != BASE_OK) {
        return reason;
    }
    event = next(&reader);
    if (event != BASE_JSON_MORE) {
        return unexpected(&reader, event);
    }
    return base_json_finish(&reader.js);
}
