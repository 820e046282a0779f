#include "smart/smart_context.h"

#include "base/base_json.h"
#include "fhir/fhir_request.h"

#include <string.h>

#define MEMBERS_MAX ((size_t) 256)

static base_span_t absent(void)
{
    return base_span_make(NULL, 0);
}

static bool is_absolute(base_span_t value)
{
    size_t colon = base_span_find(value, ':');

    return colon < value.n;
}

/* What follows `<own base>/`, or absent. */
static base_span_t below_own_base(base_span_t value, const smart_base_t *base)
{
    base_span_t url;
    size_t i;

    for (i = 0; i < base->urls_n; i++) {
        url = base->urls[i];
        while (url.n > 0 && url.p[url.n - 1] == '/') {
            url.n--;
        }
        if (url.n > 0 && value.n > url.n + 1 && memcmp(value.p, url.p, url.n) == 0 &&
            value.p[url.n] == '/') {
            return base_span_sub(value, url.n + 1, value.n);
        }
    }
    return absent();
}

static base_span_t without_slashes(base_span_t url)
{
    while (url.n > 0 && url.p[url.n - 1] == '/') {
        url.n--;
    }
    return url;
}

bool smart_context_is_base(base_span_t url, const smart_base_t *base)
{
    size_t i;

    for (i = 0; i < base->urls_n; i++) {
        if (url.n > 0 && base_span_eq(without_slashes(url), without_slashes(base->urls[i]))) {
            return true;
        }
    }
    return false;
}

/* Exactly Type/id, of any type. */
static bool split_reference(base_span_t text, base_span_t *type, base_span_t *id)
{
    size_t slash = base_span_find(text, '/');
    size_t i;

    if (slash == text.n || slash == 0) {
        return false;
    }
    *type = base_span_sub(text, 0, slash);
    *id = base_span_sub(text, slash + 1, text.n);
    for (i = 0; i < type->n; i++) {
        if ((type->p[i] < 'A' || type->p[i] > 'Z') &&
            (i == 0 || type->p[i] < 'a' || type->p[i] > 'z')) {
            return false;
        }
    }
    return fhir_id_is_valid(*id);
}

base_span_t smart_context_id(base_span_t value, const char *type, const smart_base_t *base)
{
    base_span_t named, id;

    if (fhir_id_is_valid(value)) {
        return value;
    }
    if (is_absolute(value)) {
        value = below_own_base(value, base);
    }
    if (value.p == NULL || !split_reference(value, &named, &id) || !base_span_is(named, type)) {
        return absent();
    }
    return id;
}

static bool is_listed(const base_span_t *ids, size_t n, base_span_t id)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (base_span_eq(ids[i], id)) {
            return true;
        }
    }
    return false;
}

size_t smart_context_patients(const smart_claims_t *claims, const smart_base_t *base,
                              base_span_t *ids)
{
    base_span_t id;
    size_t i, n = 0;

    if (claims->patient_void) {
        return 0;
    }
    for (i = 0; i < claims->patient_n; i++) {
        id = smart_context_id(claims->patient[i], "Patient", base);
        if (id.p == NULL) {
            return 0;
        }
        if (!is_listed(ids, n, id)) {
            ids[n++] = id;
        }
    }
    return n;
}

base_span_t smart_context_encounter(const smart_claims_t *claims, const smart_base_t *base)
{
    return smart_context_id(claims->encounter, "Encounter", base);
}

/* The last two segments of a path or URL. */
static base_span_t last_two_segments(base_span_t value)
{
    size_t slashes = 0, i;

    for (i = value.n; i > 0; i--) {
        if (value.p[i - 1] == '/' && ++slashes == 2) {
            return base_span_sub(value, i, value.n);
        }
    }
    return value;
}

bool smart_context_user(const smart_claims_t *claims, const smart_base_t *base, smart_user_t *user)
{
    base_span_t value = claims->fhir_user;
    base_span_t own = is_absolute(value) ? below_own_base(value, base) : value;

    memset(user, 0, sizeof(*user));
    if (value.p == NULL) {
        return false;
    }
    if (own.p != NULL && split_reference(own, &user->type, &user->id)) {
        return true;
    }
    user->foreign = true;
    if (is_absolute(value) && split_reference(last_two_segments(value), &user->type, &user->id)) {
        return true;
    }
    memset(user, 0, sizeof(*user));
    return false;
}

/*
 * The string of an item: itself (SMART 2.0), or its `reference` member (2.2). Only a text in one part is looked at: with escapes it
 * comes in several, and no reference needs them.
 */
typedef struct {
    base_json_t js;
    base_span_t in;
    bool partial;      /* the text at hand had an earlier part */
    bool is_reference; /* the next string at depth 2 is a reference */
} items_t;

/* True when the event is the whole of a key or string. */
static bool is_whole(items_t *items)
{
    bool whole = items->js.last && !items->partial;

    items->partial = !items->js.last;
    return whole;
}

static bool next_item(items_t *items, base_span_t *text)
{
    base_json_event_t event;
    unsigned depth;

    for (;;) {
        event = base_json_next(&items->js, &items->in);
        depth = base_json_depth(&items->js);
        if (event == BASE_JSON_ERROR || event == BASE_JSON_MORE) {
            return false;
        }
        if (event == BASE_JSON_KEY) {
            items->is_reference =
                is_whole(items) && depth == 2 && base_span_is(items->js.text, "reference");
        } else if (event == BASE_JSON_STRING) {
            if (is_whole(items) && (depth == 1 || (depth == 2 && items->is_reference))) {
                *text = items->js.text;
                return true;
            }
        } else if (event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY) {
            items->is_reference = false;
        }
    }
}

base_span_t smart_context_item(const smart_claims_t *claims, const smart_base_t *base,
                               base_span_t type)
{
    items_t items = {0};
    uint64_t hashes[MEMBERS_MAX];
    base_span_t item, named, id;

    if (claims->fhir_context.p == NULL) {
        return absent();
    }
    items.in = claims->fhir_context;
    base_json_init(&items.js, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, MEMBERS_MAX);
    while (next_item(&items, &item)) {
        if (is_absolute(item)) {
            item = below_own_base(item, base);
        }
        if (item.p != NULL && split_reference(item, &named, &id) && base_span_eq(named, type)) {
            return id;
        }
    }
    return absent();
}
