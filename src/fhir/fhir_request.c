#include "fhir/fhir_request.h"

#include <string.h>

#define SEGMENTS_MAX 6

typedef struct {
    base_span_t at[SEGMENTS_MAX];
    size_t n;
    bool trailing_slash;
} segments_t;

/*
 * The paths of FHIR, one letter for each segment: T type, C compartment type, i id, v version id, k
 * kind of seal, z seal, o $operation, h _history, s _search, a "*", m metadata, w .well-known, c
 * smart-configuration, p _smart.
 */
static const struct {
    const char *segments;
    fhir_shape_t shape;
    fhir_level_t level;
} shapes[] = {
    {"", FHIR_SHAPE_BASE, FHIR_LEVEL_SYSTEM},
    {"T", FHIR_SHAPE_TYPE, FHIR_LEVEL_TYPE},
    {"m", FHIR_SHAPE_METADATA, FHIR_LEVEL_SYSTEM},
    {"h", FHIR_SHAPE_HISTORY_SYSTEM, FHIR_LEVEL_SYSTEM},
    {"s", FHIR_SHAPE_SEARCH_SYSTEM, FHIR_LEVEL_SYSTEM},
    {"o", FHIR_SHAPE_OPERATION, FHIR_LEVEL_SYSTEM},
    {"wc", FHIR_SHAPE_SMART_CONFIGURATION, FHIR_LEVEL_SYSTEM},
    {"Ti", FHIR_SHAPE_INSTANCE, FHIR_LEVEL_INSTANCE},
    {"Th", FHIR_SHAPE_HISTORY_TYPE, FHIR_LEVEL_TYPE},
    {"Ts", FHIR_SHAPE_SEARCH_TYPE, FHIR_LEVEL_TYPE},
    {"To", FHIR_SHAPE_OPERATION, FHIR_LEVEL_TYPE},
    {"Tih", FHIR_SHAPE_HISTORY_INSTANCE, FHIR_LEVEL_INSTANCE},
    {"Tio", FHIR_SHAPE_OPERATION, FHIR_LEVEL_INSTANCE},
    {"CiT", FHIR_SHAPE_COMPARTMENT, FHIR_LEVEL_TYPE},
    {"Cia", FHIR_SHAPE_COMPARTMENT_ALL, FHIR_LEVEL_SYSTEM},
    {"Cis", FHIR_SHAPE_COMPARTMENT_ALL_SEARCH, FHIR_LEVEL_SYSTEM},
    {"pkz", FHIR_SHAPE_SEALED, FHIR_LEVEL_SYSTEM},
    {"Tihv", FHIR_SHAPE_VERSION, FHIR_LEVEL_VERSION},
    {"CiTs", FHIR_SHAPE_COMPARTMENT_SEARCH, FHIR_LEVEL_TYPE},
    {"Tihvo", FHIR_SHAPE_OPERATION, FHIR_LEVEL_VERSION},
};

static bool is_alphanumeric(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_dots(base_span_t text)
{
    return base_span_is(text, ".") || base_span_is(text, "..");
}

/* Letters, digits and those of `others`, at least one and at most `max`. */
static bool consists_of(base_span_t text, const char *others, size_t max)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!is_alphanumeric(text.p[i]) && (text.p[i] == '\0' || !strchr(others, text.p[i]))) {
            return false;
        }
    }
    return text.n > 0 && text.n <= max;
}

bool fhir_id_is_valid(base_span_t id)
{
    return consists_of(id, "-.", FHIR_ID_MAX) && !is_dots(id);
}

/* Removes white space around (RFC 9110 5.6.3). */
static base_span_t trimmed(base_span_t text)
{
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t')) {
        text = base_span_sub(text, 1, text.n);
    }
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) {
        text.n--;
    }
    return text;
}

bool fhir_content_type_is_form(base_span_t value)
{
    base_span_t rest = value;
    base_span_t charset;

    if (value.n == 0 || !base_span_is_nocase(trimmed(base_span_split(&rest, ';')),
                                             "application/x-www-form-urlencoded")) {
        return false;
    }
    if (rest.p == NULL) {
        return true;
    }
    charset = trimmed(rest);
    return base_span_is_nocase(charset, "charset=utf-8") ||
           base_span_is_nocase(charset, "charset=\"utf-8\"");
}

/* "%24" is "$" at the start of a segment, and nothing else in a path is encoded (RULES B0). */
static base_reason_t path_canonical(base_span_t raw, base_arena_t *arena, base_span_t *path)
{
    unsigned char *out;
    size_t n = 0;

    *path = raw;
    if (base_span_find(raw, '%') == raw.n) {
        return BASE_OK;
    }
    out = base_arena_alloc(arena, raw.n);
    if (out == NULL) {
        return BASE_NO_MEMORY;
    }
    for (size_t i = 0; i < raw.n; i++) {
        bool starts = i > 0 && raw.p[i - 1] == '/';

        if (raw.p[i] != '%') {
            out[n++] = raw.p[i];
        } else if (starts && base_span_starts(base_span_sub(raw, i, raw.n), "%24")) {
            out[n++] = '$';
            i += 2;
        } else {
            return BASE_PATH_ENCODED;
        }
    }
    *path = base_span_make(out, n);
    return BASE_OK;
}

/* Splits "/a/b" into its segments. Each must be of the path's alphabet, and none is empty but the
 * last. */
static base_reason_t path_split(base_span_t path, segments_t *segments)
{
    base_span_t rest = path;

    memset(segments, 0, sizeof(*segments));
    if (path.n == 0) {
        return BASE_OK;
    }
    if (path.p[0] != '/') {
        return BASE_NOT_BELOW_BASE;
    }
    (void) base_span_split(&rest, '/');
    while (rest.p != NULL) {
        base_span_t segment = base_span_split(&rest, '/');

        if (segment.n == 0 && rest.p == NULL) {
            segments->trailing_slash = true;
            return BASE_OK;
        }
        if (segments->n == SEGMENTS_MAX || is_dots(segment) ||
            !consists_of(segment, "-._$*", path.n)) {
            return BASE_PATH_SYNTAX;
        }
        segments->at[segments->n++] = segment;
    }
    return BASE_OK;
}

static bool is_operation(base_span_t segment)
{
    return segment.p[0] == '$' && segment.n > 1 && is_alphanumeric(segment.p[1]) &&
           consists_of(base_span_sub(segment, 1, segment.n), "-._", FHIR_ID_MAX);
}

/* Whether the segment is what the letter of `shapes` says; if so it is noted in req. */
static bool read_named(const fhir_definitions_t *defs, char letter, base_span_t segment,
                       fhir_request_t *req)
{
    fhir_compartment_t compartment;

    switch (letter) {
    case 'T':
        req->type = fhir_type_find(defs, segment);
        return req->type != NULL;
    case 'C':
        req->compartment = fhir_type_find(defs, segment);
        return req->compartment != NULL && fhir_compartment_find(segment, &compartment);
    case 'i':
        *(req->compartment != NULL ? &req->compartment_id : &req->id) = segment;
        return fhir_id_is_valid(segment);
    case 'v':
        req->vid = segment;
        return fhir_id_is_valid(segment);
    case 'o':
        req->operation = base_span_sub(segment, 1, segment.n);
        return is_operation(segment);
    case 'k':
        req->seal_kind = segment;
        return base_span_is(segment, "job") || base_span_is(segment, "file") ||
               base_span_is(segment, "page");
    default:
        req->seal = segment;
        return consists_of(segment, "-_", segment.n);
    }
}

static bool read_segment(const fhir_definitions_t *defs, char letter, base_span_t segment,
                         fhir_request_t *req)
{
    static const struct {
        char letter;
        const char *text;
    } fixed[] = {{'h', "_history"}, {'s', "_search"},     {'a', "*"},
                 {'m', "metadata"}, {'w', ".well-known"}, {'c', "smart-configuration"},
                 {'p', "_smart"}};

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (fixed[i].letter == letter) {
            return base_span_is(segment, fixed[i].text);
        }
    }
    return read_named(defs, letter, segment, req);
}

static void forget_path(fhir_request_t *req)
{
    const base_span_t none = {NULL, 0};

    req->type = req->compartment = NULL;
    req->id = req->vid = req->operation = req->compartment_id = req->seal_kind = req->seal = none;
}

static bool fits_shape(const fhir_definitions_t *defs, const segments_t *segments,
                       const char *letters, fhir_request_t *req)
{
    forget_path(req);
    if (strlen(letters) != segments->n) {
        return false;
    }
    for (size_t i = 0; i < segments->n; i++) {
        if (!read_segment(defs, letters[i], segments->at[i], req)) {
            return false;
        }
    }
    return true;
}

/* What is wrong with a path of no known shape. */
static base_reason_t path_reason(const fhir_definitions_t *defs, const segments_t *segments)
{
    if (segments->n == 2 && base_span_is(segments->at[0], ".well-known") &&
        base_span_is(segments->at[1], "smart-configurations")) {
        return BASE_WELL_KNOWN_SPELLING;
    }
    /* A type stands first; third, too, behind the id of a compartment. */
    for (size_t i = 0; i < segments->n && i < 3; i += 2) {
        unsigned char c = segments->at[i].p[0] | 0x20;
        bool known = fhir_type_find(defs, segments->at[i]) != NULL;

        if (c >= 'a' && c <= 'z' && !known) {
            return BASE_TYPE_UNKNOWN;
        }
        if (!known) {
            break;
        }
    }
    return BASE_INTERACTION_REFUSED;
}

static base_reason_t read_path(const fhir_definitions_t *defs, base_arena_t *arena,
                               fhir_request_t *req)
{
    segments_t segments;
    base_reason_t reason = path_canonical(req->message.path, arena, &req->path);

    if (reason == BASE_OK) {
        reason = path_split(req->path, &segments);
    }
    if (reason != BASE_OK) {
        return reason;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (fits_shape(defs, &segments, shapes[i].segments, req)) {
            req->shape = shapes[i].shape;
            req->level = shapes[i].level;
            /* Only [base]/ and [type]/ may end in a slash (RULES B0). */
            return segments.trailing_slash && req->shape != FHIR_SHAPE_TYPE &&
                           req->shape != FHIR_SHAPE_BASE
                       ? BASE_PATH_SYNTAX
                       : BASE_OK;
        }
    }
    forget_path(req);
    req->shape = FHIR_SHAPE_OTHER;
    return req->method == FHIR_OPTIONS ? BASE_OK : path_reason(defs, &segments);
}

static bool is_form_search(const fhir_request_t *req)
{
    return req->method == FHIR_POST &&
           (req->shape == FHIR_SHAPE_SEARCH_TYPE || req->shape == FHIR_SHAPE_SEARCH_SYSTEM ||
            req->shape == FHIR_SHAPE_COMPARTMENT_SEARCH ||
            req->shape == FHIR_SHAPE_COMPARTMENT_ALL_SEARCH);
}

static base_reason_t read_body(fhir_request_t *req)
{
    const unsigned with_body = FHIR_POST | FHIR_PUT | FHIR_PATCH_METHOD;

    if (req->message.has_body && (req->method & with_body) == 0) {
        return BASE_BODY_UNEXPECTED;
    }
    req->parameters_pending = req->method == FHIR_POST && req->shape == FHIR_SHAPE_OPERATION;
    if (!is_form_search(req)) {
        return BASE_OK;
    }
    if (!fhir_content_type_is_form(req->message.content_type)) {
        return BASE_CONTENT_TYPE;
    }
    req->form_pending = req->message.has_body && req->message.form.p == NULL;
    return BASE_OK;
}

static base_reason_t read_query(base_arena_t *arena, fhir_request_t *req)
{
    base_span_t form = is_form_search(req) ? req->message.form : base_span_make(NULL, 0);
    base_reason_t reason = fhir_query_parse(req->message.query, form, arena, &req->query);

    if (reason == BASE_OK && fhir_query_has_credentials(&req->query)) {
        return BASE_CREDENTIALS_IN_QUERY;
    }
    return reason;
}

static bool asks_for_page(const fhir_query_t *query)
{
    const fhir_item_t *item;
    size_t at = 0;
    bool page = false;

    while ((item = fhir_query_next(query, &at)) != NULL) {
        if (base_span_is(item->code, "_type")) {
            return false;
        }
        page = page || fhir_query_is_page(item->name);
    }
    return page;
}

static base_reason_t find_row(const fhir_definitions_t *defs, fhir_request_t *req)
{
    const fhir_interaction_row_t *row =
        fhir_interaction_match(req->method, req->shape, req->query.n > 0,
                               req->message.if_none_exist.p != NULL, asks_for_page(&req->query));

    if (row == NULL) {
        return BASE_METHOD_NOT_ALLOWED;
    }
    req->row = row;
    req->conditional = row->condition == FHIR_IF_CRITERIA || row->condition == FHIR_IF_NONE_EXIST;
    return (row->versions >> defs->version & 1) != 0 ? BASE_OK : BASE_INTERACTION_REFUSED;
}

base_reason_t fhir_request_parse(const fhir_definitions_t *defs, const fhir_message_t *message,
                                 base_arena_t *arena, fhir_request_t *req)
{
    base_reason_t reason;

    memset(req, 0, sizeof(*req));
    req->message = *message;
    if (!fhir_method_find(message->method, &req->method)) {
        return BASE_METHOD_NOT_ALLOWED;
    }
    req->head = req->method == FHIR_HEAD;
    reason = read_path(defs, arena, req);
    if (reason == BASE_OK) {
        reason = read_query(arena, req);
    }
    if (reason == BASE_OK) {
        reason = find_row(defs, req);
    }
    return reason == BASE_OK ? read_body(req) : reason;
}

base_reason_t fhir_request_write(const fhir_request_t *req, base_arena_t *arena, base_span_t *path,
                                 base_span_t *query, base_span_t *form)
{
    base_reason_t reason = fhir_query_write(&req->query, FHIR_FROM_URL, arena, query);

    *path = req->path;
    *form = base_span_make(NULL, 0);
    if (reason != BASE_OK) {
        return reason;
    }
    return fhir_query_write(&req->query, FHIR_FROM_FORM, arena, form);
}

base_span_t fhir_request_path(base_arena_t *arena, const fhir_type_t *type, base_span_t id,
                              const char *behind)
{
    size_t type_n = strlen(type->name), behind_n = strlen(behind), n = type_n + id.n + 2;
    unsigned char *path = base_arena_alloc(arena, n + behind_n);

    if (path == NULL) {
        return base_span_make(NULL, 0);
    }
    path[0] = '/';
    memcpy(path + 1, type->name, type_n);
    path[type_n + 1] = '/';
    memcpy(path + type_n + 2, id.p, id.n);
    memcpy(path + n, behind, behind_n);
    return base_span_make(path, n + behind_n);
}
