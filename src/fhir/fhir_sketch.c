#include "fhir/fhir_sketch.h"

#include <string.h>

#define FIRST_ROOM ((size_t) 16384)

void fhir_sketch_begin(fhir_sketch_t *sketch, base_arena_t *arena, size_t max)
{
    unsigned char *kept = sketch->_p;
    size_t size = sketch->_size;

    memset(sketch, 0, sizeof(*sketch));
    sketch->_arena = arena;
    sketch->_p = kept;
    sketch->_size = size;
    sketch->_max = max;
}

static bool make_room(fhir_sketch_t *sketch, size_t n)
{
    size_t size = sketch->_size == 0 ? FIRST_ROOM : sketch->_size;
    unsigned char *bigger;

    if (sketch->_failed) {
        return false;
    }
    if (n <= sketch->_size - sketch->_n) {
        return true;
    }
    while (size < sketch->_max && size - sketch->_n < n) {
        size *= 2;
    }
    size = size > sketch->_max ? sketch->_max : size;
    bigger = size < sketch->_n || size - sketch->_n < n
                 ? NULL
                 : base_arena_scratch(sketch->_arena, size, 1);
    if (bigger == NULL) {
        sketch->_failed = true;
        return false;
    }
    if (sketch->_n > 0) {
        memcpy(bigger, sketch->_p, sketch->_n);
    }
    sketch->_p = bigger;
    sketch->_size = size;
    return true;
}

static void add(fhir_sketch_t *sketch, base_span_t bytes)
{
    if (bytes.n > 0 && make_room(sketch, bytes.n)) {
        memcpy(sketch->_p + sketch->_n, bytes.p, bytes.n);
        sketch->_n += bytes.n;
    }
}

static void add_byte(fhir_sketch_t *sketch, unsigned char c)
{
    add(sketch, base_span_make(&c, 1));
}

static void add_escaped(fhir_sketch_t *sketch, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char unit[6] = {
        '\\', 'u', '0', '0', (unsigned char) hex[c >> 4], (unsigned char) hex[c & 15]};

    add(sketch, base_span_make(unit, sizeof(unit)));
}

#define ESCAPED_MAX                                                                                \
    4 /* bytes that the scanner makes of an escape; a longer part stands in the input as it is */

/* Decoded bytes, written so that they are read as they are. */
static void add_text(fhir_sketch_t *sketch, base_span_t text)
{
    size_t from = 0, i;

    if (text.n > ESCAPED_MAX) {
        add(sketch, text);
        return;
    }

    for (i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] == '"' || text.p[i] == '\\') {
            add(sketch, base_span_sub(text, from, i));
            add_escaped(sketch, text.p[i]);
            from = i + 1;
        }
    }
    add(sketch, base_span_sub(text, from, text.n));
}

static void begin_value(fhir_sketch_t *sketch)
{
    if (sketch->_comma) {
        add_byte(sketch, ',');
    }
    sketch->_comma = false;
}

/* Whatever it says, nobody compares it. */
static void give_up(fhir_sketch_t *sketch)
{
    sketch->_long = true;
    sketch->_n = sketch->_string;
    if (make_room(sketch, FHIR_VALUE_MAX + 1)) {
        memset(sketch->_p + sketch->_n, 'x', FHIR_VALUE_MAX + 1);
        sketch->_n += FHIR_VALUE_MAX + 1;
    }
}

/* A string or name that came in one part stands in the input as it is: nothing in it needs an escape. */
static void add_whole(fhir_sketch_t *sketch, base_span_t text, bool name)
{
    unsigned char *p;

    if (!make_room(sketch, text.n + 4)) {
        return;
    }
    p = sketch->_p + sketch->_n;
    if (sketch->_comma) {
        *p++ = ',';
    }
    *p++ = '"';
    if (text.n > 0) {
        memcpy(p, text.p, text.n);
        p += text.n;
    }
    *p++ = '"';
    if (name) {
        *p++ = ':';
    }
    sketch->_n = (size_t) (p - sketch->_p);
    sketch->_comma = !name;
}

static void take_string(fhir_sketch_t *sketch, const base_json_t *json)
{
    if (!sketch->_in_token && json->last && json->text.n <= FHIR_VALUE_MAX && !sketch->_is_type) {
        add_whole(sketch, json->text, false);
        return;
    }
    if (!sketch->_in_token) {
        begin_value(sketch);
        add_byte(sketch, '"');
        sketch->_string = sketch->_n;
        sketch->_string_n = 0;
        sketch->_long = false;
    }
    sketch->_in_token = !json->last;
    if (sketch->_is_type) {
        fhir_text_add(&sketch->type_name, json->text);
    }
    sketch->_string_n = sketch->_long ? sketch->_string_n : sketch->_string_n + json->text.n;
    if (!sketch->_long && sketch->_string_n > FHIR_VALUE_MAX) {
        give_up(sketch);
    } else if (!sketch->_long) {
        add_text(sketch, json->text);
    }
    if (json->last) {
        add_byte(sketch, '"');
        sketch->_comma = true;
    }
}

static void take_number(fhir_sketch_t *sketch, const base_json_t *json)
{
    if (!sketch->_in_token) {
        begin_value(sketch);
    }
    sketch->_in_token = !json->last;
    add(sketch, json->text);
    sketch->_comma = json->last;
}

static void keep_name(fhir_sketch_t *sketch, base_span_t part)
{
    if (part.n > sizeof(sketch->_name) - sketch->_name_n) {
        sketch->_name_n = sizeof(sketch->_name);
    } else if (part.n > 0) {
        memcpy(sketch->_name + sketch->_name_n, part.p, part.n);
        sketch->_name_n += part.n;
    }
}

static void name_done(fhir_sketch_t *sketch, base_json_t *json, base_span_t name)
{
    sketch->_is_type = sketch->_depth == 1 && base_span_is(name, "resourceType");
    if (sketch->skips && sketch->_depth == 1 && base_span_is(name, "contained")) {
        base_json_skip(json);
        fhir_sketch_null(sketch);
    }
}

static void take_key(fhir_sketch_t *sketch, base_json_t *json)
{
    if (!sketch->_in_token && json->last) {
        add_whole(sketch, json->text, true);
        name_done(sketch, json, json->text);
        return;
    }
    if (!sketch->_in_token) {
        begin_value(sketch);
        add_byte(sketch, '"');
        sketch->_name_n = 0;
    }
    sketch->_in_token = !json->last;
    keep_name(sketch, json->text);
    add_text(sketch, json->text);
    if (json->last) {
        add(sketch, BASE_SPAN("\":"));
        name_done(sketch, json, base_span_make(sketch->_name, sketch->_name_n));
    }
}

void fhir_sketch_null(fhir_sketch_t *sketch)
{
    begin_value(sketch);
    add(sketch, BASE_SPAN("null"));
    sketch->_comma = true;
}

static void take_open(fhir_sketch_t *sketch, unsigned char bracket)
{
    begin_value(sketch);
    add_byte(sketch, bracket);
    sketch->_depth++;
    sketch->_is_type = false;
}

static bool take_close(fhir_sketch_t *sketch, unsigned char bracket)
{
    add_byte(sketch, bracket);
    sketch->_comma = true;
    return --sketch->_depth == 0;
}

bool fhir_sketch_take(fhir_sketch_t *sketch, base_json_t *json, base_json_event_t event)
{
    switch (event) {
    case BASE_JSON_OBJECT:
    case BASE_JSON_ARRAY:
        take_open(sketch, event == BASE_JSON_OBJECT ? '{' : '[');
        return false;
    case BASE_JSON_OBJECT_END:
    case BASE_JSON_ARRAY_END:
        return take_close(sketch, event == BASE_JSON_OBJECT_END ? '}' : ']');
    case BASE_JSON_KEY:
        take_key(sketch, json);
        return false;
    case BASE_JSON_STRING:
        take_string(sketch, json);
        return false;
    case BASE_JSON_NUMBER:
        take_number(sketch, json);
        return false;
    default:
        begin_value(sketch);
        add(sketch, event == BASE_JSON_NULL   ? BASE_SPAN("null")
                    : event == BASE_JSON_TRUE ? BASE_SPAN("true")
                                              : BASE_SPAN("false"));
        sketch->_comma = true;
        return false;
    }
}

base_span_t fhir_sketch_text(const fhir_sketch_t *sketch)
{
    return sketch->_failed ? base_span_make(NULL, 0) : base_span_make(sketch->_p, sketch->_n);
}
