#include "fhir/fhir_query.h"

#include "base/base_utf8.h"

#include <string.h>

/* Those that begin with '_'. */
static const base_span_t page_names[] = {
    BASE_SPAN_LIT("_getpages"), BASE_SPAN_LIT("_getpagesoffset"), BASE_SPAN_LIT("_bundletype"),
    BASE_SPAN_LIT("_pageId"),   BASE_SPAN_LIT("_page"),           BASE_SPAN_LIT("_page_token"),
    BASE_SPAN_LIT("_cursor"),   BASE_SPAN_LIT("_offset"),         BASE_SPAN_LIT("_skip"),
    BASE_SPAN_LIT("_snapshot")};

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What may stand raw in a query: visible ASCII without what no URL carries unencoded. */
static bool raw_byte_is_fine(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '<' && c != '>';
}

bool fhir_query_is_text(base_span_t text)
{
    unsigned state = BASE_UTF8_DONE;

    for (size_t i = 0; i < text.n && state != BASE_UTF8_BAD; i++) {
        if (text.p[i] < 0x20 || text.p[i] == 0x7f) {
            return false;
        }
        state =
            state == BASE_UTF8_DONE ? base_utf8_lead(text.p[i]) : base_utf8_more(state, text.p[i]);
    }
    return state == BASE_UTF8_DONE;
}

static bool name_is_fine(base_span_t name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= 0x20 || name.p[i] >= 0x7f) {
            return false;
        }
    }
    return name.n > 0;
}

/* Decodes once: %HH and '+' (RULES C1). `out` holds raw.n bytes. False: an invalid '%' or raw byte.
 */
static bool decode(base_span_t raw, unsigned char *out, size_t *n)
{
    size_t k = 0;

    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = raw.p[i];

        if (!raw_byte_is_fine(c)) {
            return false;
        }
        if (c == '%') {
            int high = i + 2 < raw.n ? hex_digit(raw.p[i + 1]) : -1;
            int low = i + 2 < raw.n ? hex_digit(raw.p[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            c = (unsigned char) (high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[k++] = c;
    }
    *n = k;
    return true;
}

#define BIT(c) (UINT64_C(1) << ((c) &63))

/* What says itself: fine as a raw byte, and decoded to itself. */
static bool is_plain(base_span_t raw)
{
    static const uint64_t fine[4] = {
        ~((BIT('!') - 1) | BIT('"') | BIT('#') | BIT('%') | BIT('+') | BIT('<') | BIT('>')),
        ~BIT(0x7f), 0, 0};
    uint64_t all = 1;

    for (size_t i = 0; i < raw.n; i++) {
        all &= fine[raw.p[i] >> 6] >> (raw.p[i] & 63);
    }
    return all != 0;
}

/* Most is plain, and then stays where it is. */
static base_reason_t decode_text(base_span_t raw, base_arena_t *arena, base_span_t *text)
{
    unsigned char *out;
    size_t n;

    if (raw.p != NULL && is_plain(raw)) {
        *text = raw;
        return BASE_OK;
    }
    out = base_arena_alloc(arena, raw.n);
    if (out == NULL) {
        return BASE_NO_MEMORY;
    }
    if (!decode(raw, out, &n)) {
        return BASE_QUERY_SYNTAX;
    }
    *text = base_span_make(out, n);
    return fhir_query_is_text(*text) ? BASE_OK : BASE_QUERY_SYNTAX;
}

/* code[:modifier][.chain] */
static void split_name(fhir_item_t *item)
{
    size_t colon = base_span_find(item->name, ':');
    size_t dot = base_span_find(item->name, '.');

    item->code = base_span_sub(item->name, 0, colon < dot ? colon : dot);
    if (colon < dot) {
        item->modifier = base_span_sub(item->name, colon + 1, dot);
    }
    item->chained = dot < item->name.n || base_span_is(item->code, "_has");
}

static base_reason_t item_parse(base_span_t raw, fhir_origin_t origin, base_arena_t *arena,
                                fhir_item_t *item)
{
    size_t equals = base_span_find(raw, '=');
    base_reason_t reason;

    reason = decode_text(base_span_sub(raw, 0, equals), arena, &item->name);
    if (reason != BASE_OK) {
        return reason;
    }
    if (!name_is_fine(item->name)) {
        return BASE_QUERY_SYNTAX;
    }
    if (equals < raw.n) {
        reason = decode_text(base_span_sub(raw, equals + 1, raw.n), arena, &item->value);
        if (reason != BASE_OK) {
            return reason;
        }
    }
    split_name(item);
    item->raw = raw;
    item->origin = origin;
    return BASE_OK;
}

static base_reason_t side_parse(fhir_query_t *query, base_span_t source, fhir_origin_t origin)
{
    base_span_t rest = source;

    query->_source[origin] = source;
    if (source.n == 0) {
        return BASE_OK;
    }
    while (rest.p != NULL) {
        base_span_t raw = base_span_split(&rest, '&');
        base_reason_t reason;

        if (query->n == query->_room) {
            return BASE_QUERY_TOO_LARGE;
        }
        reason = item_parse(raw, origin, query->_arena, &query->items[query->n]);
        if (reason != BASE_OK) {
            return reason;
        }
        query->n++;
    }
    return BASE_OK;
}

static size_t items_in(base_span_t source)
{
    size_t n = source.n > 0 ? 1 : 0;

    for (size_t i = 0; i < source.n; i++) {
        n += source.p[i] == '&' ? 1 : 0;
    }
    return n;
}

base_reason_t fhir_query_parse(base_span_t url, base_span_t form, base_arena_t *arena,
                               fhir_query_t *query)
{
    base_reason_t reason;
    size_t n;

    memset(query, 0, sizeof(*query));
    query->_arena = arena;
    if (url.n > FHIR_QUERY_BYTES_MAX || form.n > FHIR_QUERY_BYTES_MAX - url.n) {
        return BASE_QUERY_TOO_LARGE;
    }
    n = items_in(url) + items_in(form);
    if (n > FHIR_QUERY_ITEMS_MAX) {
        return BASE_QUERY_TOO_LARGE;
    }
    query->items = base_arena_array(arena, n, sizeof(fhir_item_t));
    if (query->items == NULL) {
        return BASE_NO_MEMORY;
    }
    query->_room = n;
    reason = side_parse(query, url, FHIR_FROM_URL);
    if (reason == BASE_OK) {
        reason = side_parse(query, form, FHIR_FROM_FORM);
    }
    if (reason != BASE_OK) {
        memset(query, 0, sizeof(*query));
    }
    return reason;
}

fhir_item_t *fhir_query_find(const fhir_query_t *query, base_span_t code, size_t *at)
{
    fhir_item_t *item;

    while ((item = fhir_query_next(query, at)) != NULL) {
        if (base_span_eq(item->code, code)) {
            return item;
        }
    }
    return NULL;
}

bool fhir_query_says(const fhir_query_t *query, base_span_t name, base_span_t value)
{
    const fhir_item_t *item;
    size_t at = 0;

    while ((item = fhir_query_next(query, &at)) != NULL) {
        if (base_span_eq(item->name, name) && item->value.p != NULL &&
            base_span_eq(item->value, value)) {
            return true;
        }
    }
    return false;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static size_t encode(base_span_t text, unsigned char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (is_unreserved(text.p[i])) {
            out[n++] = text.p[i];
            continue;
        }
        out[n++] = '%';
        out[n++] = (unsigned char) digits[text.p[i] >> 4];
        out[n++] = (unsigned char) digits[text.p[i] & 15];
    }
    return n;
}

/* Room for one item more; the old array stays in the arena. */
static bool make_room(fhir_query_t *query)
{
    size_t room = query->n + 8;
    fhir_item_t *items;

    if (query->n < query->_room) {
        return true;
    }
    items = base_arena_array(query->_arena, room, sizeof(fhir_item_t));
    if (items == NULL) {
        return false;
    }
    if (query->n > 0) {
        memcpy(items, query->items, query->n * sizeof(fhir_item_t));
    }
    query->items = items;
    query->_room = room;
    return true;
}

base_reason_t fhir_query_append(fhir_query_t *query, fhir_origin_t origin, base_span_t name,
                                base_span_t value)
{
    unsigned char *raw;
    size_t n;
    fhir_item_t *item;

    if (name.n > FHIR_QUERY_BYTES_MAX || value.n > FHIR_QUERY_BYTES_MAX) {
        return BASE_QUERY_TOO_LARGE;
    }
    raw = base_arena_alloc(query->_arena, 3 * (name.n + value.n) + 1);
    if (raw == NULL || !make_room(query)) {
        return BASE_NO_MEMORY;
    }
    n = encode(name, raw);
    raw[n++] = '=';
    n += encode(value, raw + n);

    item = &query->items[query->n];
    memset(item, 0, sizeof(*item));
    item->name = base_arena_copy(query->_arena, name);
    item->value = base_arena_copy(query->_arena, value);
    if (item->name.p == NULL || item->value.p == NULL) {
        return BASE_NO_MEMORY;
    }
    split_name(item);
    item->raw = base_span_make(raw, n);
    item->origin = origin;
    item->appended = true;
    query->n++;
    query->_edited[origin] = true;
    return BASE_OK;
}

void fhir_query_remove(fhir_query_t *query, fhir_item_t *item)
{
    item->removed = true;
    query->_edited[item->origin] = true;
}

base_reason_t fhir_query_write(const fhir_query_t *query, fhir_origin_t origin, base_arena_t *arena,
                               base_span_t *out)
{
    const fhir_item_t *item;
    unsigned char *text;
    size_t room = 0;
    size_t n = 0;

    *out = query->_source[origin];
    if (!query->_edited[origin]) {
        return BASE_OK;
    }
    for (size_t at = 0; (item = fhir_query_next(query, &at)) != NULL;) {
        room += item->origin == origin ? item->raw.n + 1 : 0;
    }
    *out = base_span_make(NULL, 0);
    if (room == 0) {
        return BASE_OK;
    }
    text = base_arena_alloc(arena, room);
    if (text == NULL) {
        return BASE_NO_MEMORY;
    }
    for (size_t at = 0; (item = fhir_query_next(query, &at)) != NULL;) {
        if (item->origin == origin) {
            memcpy(text + n, item->raw.p, item->raw.n);
            n += item->raw.n;
            text[n++] = '&';
        }
    }
    *out = base_span_make(text, n - 1);
    return BASE_OK;
}

bool fhir_query_has_credentials(const fhir_query_t *query)
{
    for (size_t i = 0; i < query->n; i++) {
        /* RFC 6750 spells it in lower case; a server that folds names must not be told either. */
        if (base_span_is_nocase(query->items[i].code, "access_token")) {
            return true;
        }
    }
    return false;
}

bool fhir_query_is_reserved_page(base_span_t name)
{
    for (size_t i = 0; i < sizeof(page_names) / sizeof(page_names[0]); i++) {
        if (base_span_eq(name, page_names[i])) {
            return true;
        }
    }
    return false;
}

base_span_t fhir_query_split(base_span_t *rest)
{
    base_span_t all = *rest;

    for (size_t i = 0; i < all.n; i++) {
        if (all.p[i] == '\\') {
            i++;
        } else if (all.p[i] == ',') {
            *rest = base_span_sub(all, i + 1, all.n);
            return base_span_sub(all, 0, i);
        }
    }
    *rest = base_span_make(NULL, 0);
    return all;
}
