#include "smart/smart_lines.h"

#include "fhir/fhir_reference.h"

#include <string.h>

enum { AT_LINE, AT_ROOT, AT_ENTRIES, AT_ENTRY, AT_REQUEST };

enum {
    NAME_NONE,
    NAME_TYPE_NAME,
    NAME_TYPE,
    NAME_CONTAINED,
    NAME_ENTRY,
    NAME_REQUEST,
    NAME_METHOD,
    NAME_URL
};

/* What is looked at. */
static const struct {
    unsigned place;
    const char *key;
    unsigned name;
} members[] = {
    {AT_ROOT, "resourceType", NAME_TYPE_NAME},
    {AT_ROOT, "type", NAME_TYPE},
    {AT_ROOT, "contained", NAME_CONTAINED},
    {AT_ROOT, "entry", NAME_ENTRY},
    {AT_ENTRY, "request", NAME_REQUEST},
    {AT_REQUEST, "method", NAME_METHOD},
    {AT_REQUEST, "url", NAME_URL},
};

static void begin_line(smart_lines_t *lines)
{
    lines->_line = lines->_at;
    lines->_blank = true;
    lines->_wrong = lines->_contained = false;
    lines->_place = AT_LINE;
    lines->_name = NAME_NONE;
    lines->_key_n = 0;
    memset(&lines->_type_name, 0, sizeof(lines->_type_name));
    memset(&lines->_type, 0, sizeof(lines->_type));
    memset(&lines->_entries, 0, sizeof(lines->_entries));
    base_json_init(&lines->_json, 0, BASE_JSON_DEPTH_MAX, lines->_hashes, lines->_hashes_n);
}

void smart_lines_start(smart_lines_t *lines, base_cut_t *cut, const fhir_definitions_t *definitions,
                       const fhir_type_set_t *types, smart_file_t file, uint64_t *hashes,
                       size_t hashes_n)
{
    lines->reason = BASE_OK;
    lines->removed = 0;
    lines->_cut = cut;
    lines->_definitions = definitions;
    lines->_types = *types;
    lines->_file = file;
    lines->_hashes = hashes;
    lines->_hashes_n = hashes_n;
    lines->_at = 0;
    begin_line(lines);
}

static unsigned name_of(const smart_lines_t *lines)
{
    base_span_t key = base_span_make(lines->_key, lines->_key_n);
    size_t i;

    for (i = 0; lines->_key_n <= sizeof(lines->_key) && i < sizeof(members) / sizeof(members[0]);
         i++) {
        if (members[i].place == lines->_place && base_span_is(key, members[i].key)) {
            return members[i].name;
        }
    }
    return NAME_NONE;
}

/* Other resources have members of these names, of other shapes. */
static bool is_of_bundle(unsigned name)
{
    return name == NAME_TYPE || name == NAME_ENTRY;
}

/* Of an entry nothing but its request belongs into such a file: a resource would be shown past all scopes. */
static void take_key(smart_lines_t *lines)
{
    base_span_t part = lines->_json.text;

    if (part.n > sizeof(lines->_key) - lines->_key_n) {
        lines->_key_n = sizeof(lines->_key) + 1;
        base_json_skip(&lines->_json);
        lines->_name = NAME_NONE;
    } else {
        memcpy(lines->_key + lines->_key_n, part.p, part.n);
        lines->_key_n += part.n;
        if (!lines->_json.last) {
            return;
        }
        lines->_name = name_of(lines);
    }
    lines->_key_n = 0;
    lines->_contained = lines->_contained || lines->_name == NAME_CONTAINED;
    lines->_entry_wrong =
        lines->_entry_wrong || (lines->_place == AT_ENTRY && lines->_name == NAME_NONE);
    if (lines->_name == NAME_NONE || lines->_name == NAME_CONTAINED ||
        (is_of_bundle(lines->_name) && lines->_file != SMART_FILE_DELETED)) {
        base_json_skip(&lines->_json);
    }
}

static void add_url(smart_lines_t *lines, base_span_t part)
{
    if (part.n > sizeof(lines->_url) - lines->_url_n) {
        lines->_url_n = sizeof(lines->_url) + 1;
        base_json_skip(&lines->_json);
        return;
    }
    memcpy(lines->_url + lines->_url_n, part.p, part.n);
    lines->_url_n += part.n;
}

/* A value that is not of the shape that FHIR gives it. */
static void take_other(smart_lines_t *lines)
{
    if (lines->_place == AT_ENTRY || lines->_place == AT_REQUEST) {
        lines->_entry_wrong = true;
    } else {
        lines->_wrong = true;
    }
    base_json_skip(&lines->_json);
}

static void take_string(smart_lines_t *lines)
{
    switch (lines->_name) {
    case NAME_TYPE_NAME:
        fhir_text_add(&lines->_type_name, lines->_json.text);
        break;
    case NAME_TYPE:
        fhir_text_add(&lines->_type, lines->_json.text);
        break;
    case NAME_METHOD:
        fhir_text_add(&lines->_method, lines->_json.text);
        break;
    case NAME_URL:
        add_url(lines, lines->_json.text);
        break;
    default:
        take_other(lines);
    }
}

static void take_object(smart_lines_t *lines)
{
    base_json_watch(&lines->_json);
    if (lines->_place == AT_LINE) {
        lines->_place = AT_ROOT;
    } else if (lines->_place == AT_ENTRIES) {
        lines->_place = AT_ENTRY;
        lines->_entry = lines->_line + lines->_json.start;
        lines->_entry_wrong = false;
        lines->_url_n = 0;
        memset(&lines->_method, 0, sizeof(lines->_method));
        base_cut_begin(lines->_cut, &lines->_entries, lines->_entry);
    } else if (lines->_name == NAME_REQUEST) {
        lines->_place = AT_REQUEST;
    } else {
        take_other(lines);
    }
    lines->_name = NAME_NONE;
}

static void take_array(smart_lines_t *lines)
{
    if (lines->_place == AT_ROOT && lines->_name == NAME_ENTRY) {
        lines->_place = AT_ENTRIES;
    } else {
        take_other(lines);
    }
    lines->_name = NAME_NONE;
}

static bool is_granted(const smart_lines_t *lines, base_span_t type_name)
{
    const fhir_type_t *type = fhir_type_find(lines->_definitions, type_name);

    return type != NULL && fhir_type_set_has(&lines->_types, type);
}

/* BDI: that a resource was deleted, by its URL. */
static bool is_granted_deletion(const smart_lines_t *lines)
{
    fhir_reference_t reference;

    if (lines->_entry_wrong || lines->_url_n > sizeof(lines->_url) ||
        !base_span_is(fhir_text_span(&lines->_method), "DELETE")) {
        return false;
    }
    fhir_reference_parse(base_span_make(lines->_url, lines->_url_n), &reference);
    return (reference.kind == FHIR_REFERENCE_RELATIVE ||
            reference.kind == FHIR_REFERENCE_ABSOLUTE) &&
           is_granted(lines, reference.type);
}

static void end_entry(smart_lines_t *lines)
{
    uint64_t to = lines->_line + base_json_offset(&lines->_json);

    if (is_granted_deletion(lines)) {
        base_cut_keep(&lines->_entries, to);
    } else {
        base_cut_item(lines->_cut, &lines->_entries, lines->_entry, to);
        lines->removed++;
    }
}

static void take_end(smart_lines_t *lines)
{
    if (lines->_place == AT_ENTRY) {
        end_entry(lines);
    }
    lines->_place--;
}

static void take(smart_lines_t *lines, base_json_event_t event)
{
    switch (event) {
    case BASE_JSON_KEY:
        take_key(lines);
        break;
    case BASE_JSON_STRING:
        take_string(lines);
        break;
    case BASE_JSON_OBJECT:
        take_object(lines);
        break;
    case BASE_JSON_ARRAY:
        take_array(lines);
        break;
    case BASE_JSON_OBJECT_END:
        take_end(lines);
        break;
    case BASE_JSON_ARRAY_END:
        lines->_place = AT_ROOT;
        break;
    default:
        take_other(lines);
    }
}

/* What is in the line is what such a file holds, and granted. */
static bool line_stays(const smart_lines_t *lines)
{
    base_span_t type_name = fhir_text_span(&lines->_type_name);

    if (lines->_wrong) {
        return false;
    }
    switch (lines->_file) {
    case SMART_FILE_OUTPUT:
        return is_granted(lines, type_name);
    case SMART_FILE_DELETED:
        return base_span_is(type_name, "Bundle") && !lines->_contained &&
               base_span_is(fhir_text_span(&lines->_type), "transaction") && lines->_entries.kept;
    default:
        return base_span_is(type_name, "OperationOutcome") && !lines->_contained;
    }
}

static void end_line(smart_lines_t *lines)
{
    if (!lines->_blank && base_json_finish(&lines->_json) != BASE_OK) {
        lines->reason = BASE_ANSWER_BROKEN;
        return;
    }
    if (!lines->_blank && !line_stays(lines)) {
        base_cut_drop(lines->_cut, lines->_line, lines->_at);
        lines->removed++;
    }
    base_cut_release(lines->_cut, lines->_at);
    begin_line(lines);
}

static bool is_blank(base_span_t text)
{
    size_t i;

    for (i = 0; i < text.n && (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\r'); i++) {
    }
    return i == text.n;
}

static void read_line(smart_lines_t *lines, base_span_t text)
{
    base_json_event_t event;

    lines->_blank = lines->_blank && is_blank(text);
    while ((event = base_json_next(&lines->_json, &text)) != BASE_JSON_MORE) {
        if (event == BASE_JSON_ERROR || (lines->_place == AT_LINE && event != BASE_JSON_OBJECT)) {
            lines->reason = BASE_ANSWER_BROKEN;
            return;
        }
        take(lines, event);
    }
}

base_reason_t smart_lines_feed(smart_lines_t *lines, base_span_t *in)
{
    size_t n = base_span_find(*in, '\n');

    if (lines->reason != BASE_OK || in->n == 0) {
        return lines->reason;
    }
    read_line(lines, base_span_sub(*in, 0, n));
    lines->_at += n;
    if (n < in->n) {
        n++;
        lines->_at++;
        if (lines->reason == BASE_OK) {
            end_line(lines);
        }
    }
    *in = base_span_sub(*in, n, in->n);
    return lines->reason;
}

base_reason_t smart_lines_end(smart_lines_t *lines)
{
    if (lines->reason == BASE_OK && lines->_at > lines->_line) {
        end_line(lines);
    }
    return lines->reason;
}
