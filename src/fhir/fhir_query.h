/*
 * fhir_query: the parameters of a request, those of the URL and of a _search form as one multiset
 * (RULES C1, L11).
 *
 * Split at '&' first, then at the first '=', then decoded once. What is not edited is written back
 * byte for byte as it came.
 *
 * Refused with BASE_QUERY_SYNTAX: an empty item ("&&"), an empty name, a '%' without two
 * hexadecimal digits, raw bytes that are not visible ASCII, raw '#', '"', '<', '>', decoded control
 * characters (NUL included), decoded text that is not UTF-8, a name that decodes to anything but
 * visible ASCII. An empty query or form has no items and is fine. Refused with
 * BASE_QUERY_TOO_LARGE: more than 256 items or 64 KB, both sides together.
 */

#ifndef FHIR_QUERY_H
#define FHIR_QUERY_H

#include "base/base_arena.h"
#include "base/base_reason.h"

#include <string.h>

#define FHIR_QUERY_ITEMS_MAX 256
#define FHIR_QUERY_BYTES_MAX ((size_t) 65536)

typedef enum { FHIR_FROM_URL, FHIR_FROM_FORM, FHIR_ORIGIN_COUNT } fhir_origin_t;

typedef struct {
    base_span_t name; /* decoded, whole: "subject:Patient.name" */
    base_span_t code; /* of the name, up to the first ':' or '.' */
    base_span_t
        modifier; /* between the first ':' and the '.' behind it or the end; absent without ':' */
    bool chained; /* the name holds a '.', or the code is _has */
    base_span_t value; /* decoded, '+' read as space; absent when there was no '=' */
    base_span_t raw;   /* the item as it is written */
    fhir_origin_t origin;
    bool appended; /* by us, not by the client */
    bool removed;  /* is not written; find() and says() pass over it */
} fhir_item_t;

typedef struct {
    fhir_item_t *items;
    size_t n; /* removed ones included */
    base_span_t _source[FHIR_ORIGIN_COUNT];
    bool _edited[FHIR_ORIGIN_COUNT];
    size_t _room;
    base_arena_t *_arena;
} fhir_query_t;

/*
 * Parses the raw query (behind '?') and the raw form body; either may be absent. Both must outlive
 * the query; the arena holds items and decoded text. BASE_NO_MEMORY when it is exhausted. On
 * failure *query has no items.
 */
base_reason_t fhir_query_parse(base_span_t url, base_span_t form, base_arena_t *arena,
                               fhir_query_t *query);

/* The next item whose code is `code`, from *at on, which is moved behind it; NULL when there is no
 * more. Start with *at = 0. */
fhir_item_t *fhir_query_find(const fhir_query_t *query, base_span_t code, size_t *at);

/* The next item of any name that is not removed; NULL at the end. */
static inline fhir_item_t *fhir_query_next(const fhir_query_t *query, size_t *at)
{
    while (*at < query->n) {
        fhir_item_t *item = &query->items[(*at)++];

        if (!item->removed) {
            return item;
        }
    }
    return NULL;
}

/* True when an item has exactly this name and this decoded value (RULES L5: append nothing said
 * already). */
bool fhir_query_says(const fhir_query_t *query, base_span_t name, base_span_t value);

/* Adds an item behind the last of that origin; what is not unreserved (RFC 3986 2.3) is
 * percent-encoded when written. Items move: pointers from before are void. */
base_reason_t fhir_query_append(fhir_query_t *query, fhir_origin_t origin, base_span_t name,
                                base_span_t value);

/* Takes an item out of what is written. */
void fhir_query_remove(fhir_query_t *query, fhir_item_t *item);

/*
 * The query or form as it goes upstream: the original span where nothing was edited; else the items
 * that stay, joined by '&', in the arena. Absent when there is nothing to write.
 */
base_reason_t fhir_query_write(const fhir_query_t *query, fhir_origin_t origin, base_arena_t *arena,
                               base_span_t *out);

/* True for what a decoded value may hold: UTF-8 without control characters. */
bool fhir_query_is_text(base_span_t text);

/* True when an access token was put into the query or form (RULES H2): BASE_CREDENTIALS_IN_QUERY.
 */
bool fhir_query_has_credentials(const fhir_query_t *query);

/* True for a page parameter known by itself: _getpages, _page, ct ... (RULES C1). */
bool fhir_query_is_reserved_page(base_span_t name); /* of those that begin with '_' */

static inline bool fhir_query_is_page(base_span_t name)
{
    if (name.n > 0 && name.p[0] == '_') {
        return fhir_query_is_reserved_page(name);
    }
    return (name.n == 4 && memcmp(name.p, "page", 4) == 0) ||
           (name.n == 2 && memcmp(name.p, "ct", 2) == 0);
}

/*
 * The next alternative of a value: splits at ',' that is not escaped by '\' (R4
 * search.html#escaping). Escapes stay in the part. The last part leaves *rest absent, as
 * base_span_split does.
 */
base_span_t fhir_query_split(base_span_t *rest);

#endif
