#include "smart/smart_claims.h"

#include "base/base_json.h"

#include <string.h>

/* Places that are not in the map: fixed by RFC 7519, RFC 9068 and OpenID Connect Core. */
enum {
    TARGET_SCOPE = SMART_CLAIM_COUNT,
    TARGET_ISSUER = TARGET_SCOPE + SMART_CLAIM_SCOPES_MAX,
    TARGET_TOKEN_ID,
    TARGET_AZP,
    TARGET_DETAILS,
    TARGET_COUNT
};

#define BIT(target) ((uint32_t) 1 << (target))
#define SCOPE_BITS  (BIT(TARGET_ISSUER) - BIT(TARGET_SCOPE))
#define MEMBERS_MAX ((size_t) 1024)
#define ALL_TARGETS (BIT(TARGET_COUNT) - 1)
#define LIST_FIRST  ((size_t) 8)

typedef struct {
    const smart_claim_map_t *map;
    base_arena_t *arena;
    smart_claims_t *claims;
    base_span_t payload;
    base_span_t in;
    base_json_t js;
    unsigned char *scratch; /* as long as the payload: no decoded text is longer */
    size_t scratch_n;
    uint32_t open[SMART_CLAIM_SEGMENTS + 2]; /* by depth: targets whose path led here */
    base_span_t azp;
    base_span_t *scope;
    smart_extra_t *extra;
    bool client_id_void;
    base_reason_t reason;
} reader_t;

static const smart_claim_pointer_t pointer_issuer = {{BASE_SPAN_LIT("iss")}, 1};
static const smart_claim_pointer_t pointer_token_id = {{BASE_SPAN_LIT("jti")}, 1};
static const smart_claim_pointer_t pointer_azp = {{BASE_SPAN_LIT("azp")}, 1};
static const smart_claim_pointer_t pointer_details = {{BASE_SPAN_LIT("authorization_details")}, 1};
static const smart_claim_pointer_t pointer_nowhere = {{{NULL, 0}}, 0};

#define SMART_CLAIM_NAME(id, name) name,
static const char *const claim_names[] = {SMART_CLAIM_NAMES(SMART_CLAIM_NAME)};
#undef SMART_CLAIM_NAME

const char *smart_claim_name(smart_claim_t claim)
{
    return (unsigned) claim < SMART_CLAIM_COUNT ? claim_names[claim] : "";
}

smart_claim_t smart_claim_of(base_span_t name)
{
    unsigned i;

    for (i = 0; i < SMART_CLAIM_COUNT; i++) {
        if (base_span_is(name, claim_names[i])) {
            break;
        }
    }
    return (smart_claim_t) i;
}

static void pointer_to(smart_claim_pointer_t *pointer, const char *name)
{
    pointer->segment[0] = base_span_of(name);
    pointer->n = 1;
}

void smart_claim_map_default(smart_claim_map_t *map)
{
    unsigned i;

    memset(map, 0, sizeof(*map));
    for (i = 0; i < SMART_CLAIM_COUNT; i++) {
        pointer_to(&map->claim[i], claim_names[i]);
    }
    pointer_to(&map->claim[SMART_CLAIM_SUBJECT], "sub");
    pointer_to(&map->scope[0], "scope");
    pointer_to(&map->scope[1], "scp");
    map->scope_n = 2;
}

/* RFC 6901 section 4: ~1 is '/', ~0 is '~', nothing else may follow a '~'. */
static bool segment_unescape(base_span_t text, base_arena_t *arena, base_span_t *segment)
{
    unsigned char *out = base_arena_alloc(arena, text.n + 1);
    size_t i, n = 0;

    if (out == NULL) {
        return false;
    }
    for (i = 0; i < text.n; i++) {
        if (text.p[i] != '~') {
            out[n++] = text.p[i];
            continue;
        }
        i++;
        if (i == text.n || (text.p[i] != '0' && text.p[i] != '1')) {
            return false;
        }
        out[n++] = text.p[i] == '0' ? '~' : '/';
    }
    *segment = base_span_make(out, n);
    return true;
}

bool smart_claim_pointer_set(smart_claim_pointer_t *pointer, base_span_t text, base_arena_t *arena)
{
    smart_claim_pointer_t made = {0};
    base_span_t rest, part;

    if (text.n == 0) {
        return false;
    }
    if (text.p[0] != '/') {
        made.segment[0] = base_arena_copy(arena, text);
        made.n = 1;
        *pointer = made;
        return made.segment[0].p != NULL;
    }
    rest = base_span_sub(text, 1, text.n);
    while (rest.p != NULL) {
        part = base_span_split(&rest, '/');
        if (made.n == SMART_CLAIM_SEGMENTS ||
            !segment_unescape(part, arena, &made.segment[made.n])) {
            return false;
        }
        made.n++;
    }
    *pointer = made;
    return made.n > 0;
}

static const smart_claim_pointer_t *target_pointer(const reader_t *r, unsigned target)
{
    if (target < SMART_CLAIM_COUNT) {
        return &r->map->claim[target];
    }
    if (target < TARGET_ISSUER) {
        return target - TARGET_SCOPE < r->map->scope_n ? &r->map->scope[target - TARGET_SCOPE]
                                                       : &pointer_nowhere;
    }
    if (target == TARGET_ISSUER) {
        return &pointer_issuer;
    }
    if (target == TARGET_DETAILS) {
        return &pointer_details;
    }
    return target == TARGET_TOKEN_ID ? &pointer_token_id : &pointer_azp;
}

/* Of the targets open at this depth, those whose next segment is `name`. */
static uint32_t targets_named(const reader_t *r, unsigned depth, base_span_t name)
{
    const smart_claim_pointer_t *pointer;
    uint32_t found = 0;
    unsigned target;

    for (target = 0; target < TARGET_COUNT; target++) {
        if ((r->open[depth] & BIT(target)) == 0) {
            continue;
        }
        pointer = target_pointer(r, target);
        if (pointer->n >= depth && base_span_eq(pointer->segment[depth - 1], name)) {
            found |= BIT(target);
        }
    }
    return found;
}

/* Of these, those whose path ends at this depth. */
static uint32_t targets_final(const reader_t *r, unsigned depth, uint32_t targets)
{
    uint32_t final = 0;
    unsigned target;

    for (target = 0; target < TARGET_COUNT; target++) {
        if ((targets & BIT(target)) != 0 && target_pointer(r, target)->n == depth) {
            final |= BIT(target);
        }
    }
    return final;
}

/* Collects the parts of a key, string or number; false on an error of the scanner. */
static bool gather(reader_t *r, base_span_t *text)
{
    base_json_event_t event;

    r->scratch_n = 0;
    for (;;) {
        if (r->js.text.n > r->payload.n - r->scratch_n) {
            return false;
        }
        if (r->js.text.n > 0) {
            memcpy(r->scratch + r->scratch_n, r->js.text.p, r->js.text.n);
            r->scratch_n += r->js.text.n;
        }
        if (r->js.last) {
            *text = base_span_make(r->scratch, r->scratch_n);
            return true;
        }
        event = base_json_next(&r->js, &r->in);
        if (event == BASE_JSON_ERROR || event == BASE_JSON_MORE) {
            return false;
        }
    }
}

static base_span_t keep(reader_t *r, base_span_t text)
{
    base_span_t copy = base_arena_copy(r->arena, text);

    if (copy.p == NULL) {
        r->reason = BASE_NO_MEMORY;
    }
    return copy;
}

static void patient_add(reader_t *r, base_span_t text)
{
    smart_claims_t *claims = r->claims;

    if (claims->patient_n == SMART_PATIENTS_MAX) {
        claims->patient_void = true;
        return;
    }
    claims->patient[claims->patient_n++] = keep(r, text);
}

/* A list without anybody in it is not the same as no list (L22). */
static void patients_close(reader_t *r)
{
    if (r->claims->patient_n == 0) {
        r->claims->patient_void = true;
    }
}

/* With `patients many` one string may hold several ids, as Keycloak's SMART extensions write them (F8). */
static void patient_string(reader_t *r, base_span_t text)
{
    base_span_t part;

    if (!r->map->patients_many) {
        patient_add(r, text);
        return;
    }
    while (text.p != NULL) {
        part = base_span_split(&text, ' ');
        if (part.n > 0) {
            patient_add(r, part);
        }
    }
    patients_close(r);
}

/*
 * Room for one more in a list of n elements: lists double at powers of two, since most tokens have one scope text and a dozen
 * claims, and a cached principal should not carry room for the bound. NULL: no memory.
 */
static void *list_grow(reader_t *r, void *list, size_t n, size_t size)
{
    void *grown;

    if (n != 0 && (n < LIST_FIRST || (n & (n - 1)) != 0)) {
        return list;
    }
    grown = base_arena_array(r->arena, n == 0 ? LIST_FIRST : n * 2, size);
    if (grown == NULL) {
        r->reason = BASE_NO_MEMORY;
    } else if (n > 0) {
        memcpy(grown, list, n * size);
    }
    return grown;
}

static void scope_add(reader_t *r, base_span_t text)
{
    base_span_t *grown;

    if (r->claims->scope_n == SMART_SCOPES_MAX) {
        r->reason = BASE_TOKEN_SCOPES;
        return;
    }
    grown = list_grow(r, r->scope, r->claims->scope_n, sizeof(*r->scope));
    if (grown != NULL) {
        r->scope = grown;
        r->scope[r->claims->scope_n++] = keep(r, text);
    }
}

/* Where a plain string claim goes; NULL for what is no plain string. */
static base_span_t *string_place(reader_t *r, unsigned target)
{
    smart_claims_t *claims = r->claims;

    switch (target) {
    case SMART_CLAIM_ENCOUNTER:
        return &claims->encounter;
    case SMART_CLAIM_FHIR_USER:
        return &claims->fhir_user;
    case SMART_CLAIM_INTENT:
        return &claims->intent;
    case SMART_CLAIM_TENANT:
        return &claims->tenant;
    case SMART_CLAIM_SMART_STYLE_URL:
        return &claims->smart_style_url;
    case SMART_CLAIM_CLIENT_ID:
        return &claims->client_id;
    case SMART_CLAIM_SUBJECT:
        return &claims->subject;
    case TARGET_ISSUER:
        return &claims->issuer;
    case TARGET_TOKEN_ID:
        return &claims->token_id;
    case TARGET_AZP:
        return &r->azp;
    default:
        return NULL;
    }
}

static void deliver_string(reader_t *r, uint32_t final, base_span_t text)
{
    base_span_t *place;
    unsigned target;

    for (target = 0; final != 0 && target < TARGET_COUNT; target++) {
        if ((final & BIT(target)) == 0) {
            continue;
        }
        place = string_place(r, target);
        if (place != NULL) {
            *place = keep(r, text);
        } else if (target == TARGET_DETAILS) {
            r->claims->details_void = true;
        } else if (target == SMART_CLAIM_PATIENT) {
            patient_string(r, text);
        } else if ((BIT(target) & SCOPE_BITS) != 0) {
            scope_add(r, text);
        }
    }
}

/* A value of a shape that the target does not take: void, never coerced. */
static void deliver_void(reader_t *r, uint32_t final)
{
    if ((final & BIT(SMART_CLAIM_PATIENT)) != 0) {
        r->claims->patient_void = true;
    }
    if ((final & BIT(SMART_CLAIM_FHIR_USER)) != 0) {
        r->claims->fhir_user_void = true;
    }
    if ((final & BIT(SMART_CLAIM_CLIENT_ID)) != 0) {
        r->client_id_void = true;
    }
    if ((final & BIT(TARGET_DETAILS)) != 0) {
        r->claims->details_void = true;
    }
}

static void deliver_bool(reader_t *r, uint32_t final, bool value)
{
    if ((final & BIT(SMART_CLAIM_NEED_PATIENT_BANNER)) != 0) {
        r->claims->need_patient_banner = value ? SMART_BANNER_NEEDED : SMART_BANNER_NOT_NEEDED;
    }
    deliver_void(r, final);
}

/* One element of an array: strings go on, anything else voids a patient list; in a scope list it is nothing. */
static bool array_element(reader_t *r, base_json_event_t event, uint32_t final)
{
    base_span_t text;

    if (event != BASE_JSON_STRING) {
        deliver_void(r, final);
        return true;
    }
    if (!gather(r, &text)) {
        return false;
    }
    if ((final & BIT(SMART_CLAIM_PATIENT)) != 0) {
        patient_add(r, text);
    }
    if ((final & SCOPE_BITS) != 0) {
        deliver_string(r, final & SCOPE_BITS, text);
    }
    return true;
}

static void array_close(reader_t *r, uint32_t final, uint64_t from)
{
    base_span_t text = base_span_sub(r->payload, (size_t) from, (size_t) base_json_offset(&r->js));

    if ((final & BIT(SMART_CLAIM_PATIENT)) != 0) {
        patients_close(r);
    }
    if ((final & BIT(SMART_CLAIM_FHIR_CONTEXT)) != 0) {
        r->claims->fhir_context = keep(r, text);
    }
    if ((final & BIT(TARGET_DETAILS)) != 0) {
        r->claims->details = keep(r, text);
    }
}

/* Reads an array to its end. Several patients are void unless the issuer may name several (A13). */
static bool read_array(reader_t *r, uint32_t final)
{
    unsigned depth = base_json_depth(&r->js);
    uint64_t from = r->js.start;
    base_json_event_t event;

    deliver_void(r, final & BIT(SMART_CLAIM_FHIR_USER));
    if (!r->map->patients_many) {
        deliver_void(r, final & BIT(SMART_CLAIM_PATIENT));
        final &= ~BIT(SMART_CLAIM_PATIENT);
    }
    for (;;) {
        event = base_json_next(&r->js, &r->in);
        if (event == BASE_JSON_ERROR || event == BASE_JSON_MORE) {
            return false;
        }
        if (base_json_depth(&r->js) < depth) {
            array_close(r, final, from);
            return true;
        }
        if (event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY) {
            deliver_void(r, final & ~BIT(TARGET_DETAILS));
            base_json_skip(&r->js);
        } else if (!array_element(r, event, final)) {
            return false;
        }
    }
}

static void extra_add(reader_t *r, base_span_t name, base_span_t value)
{
    smart_claims_t *claims = r->claims;

    if (claims->extra_n == SMART_EXTRAS_MAX) {
        return;
    }
    r->extra = list_grow(r, r->extra, claims->extra_n, sizeof(*r->extra));
    if (r->extra != NULL) {
        r->extra[claims->extra_n].name = name;
        r->extra[claims->extra_n].value = keep(r, value);
        claims->extra_n++;
    }
}

/* The value of one member; `name` is kept only for the top level's extras. */
static bool read_value(reader_t *r, base_json_event_t event, uint32_t targets, base_span_t name)
{
    unsigned depth = base_json_depth(&r->js);
    uint32_t final;
    base_span_t text;

    if (event == BASE_JSON_OBJECT || event == BASE_JSON_ARRAY) {
        final = targets_final(r, depth - 1, targets);
        if (event == BASE_JSON_ARRAY) {
            return read_array(r, final);
        }
        deliver_void(r, final);
        if (targets == final || depth > SMART_CLAIM_SEGMENTS) {
            base_json_skip(&r->js);
        } else {
            r->open[depth] = targets & ~final;
        }
        return true;
    }
    final = targets_final(r, depth, targets);
    if (event != BASE_JSON_STRING && event != BASE_JSON_NUMBER) {
        deliver_bool(r, event == BASE_JSON_NULL ? 0 : final, event == BASE_JSON_TRUE);
        return true;
    }
    if (!gather(r, &text)) {
        return false;
    }
    if (depth == 1) {
        extra_add(r, name, text);
    }
    if (event == BASE_JSON_STRING) {
        deliver_string(r, final, text);
    } else {
        deliver_void(r, final);
    }
    return true;
}

/* One member of an object on some path: its name, then its value. */
static bool read_member(reader_t *r)
{
    unsigned depth = base_json_depth(&r->js);
    base_span_t name;
    uint32_t targets;
    base_json_event_t event;

    if (!gather(r, &name)) {
        return false;
    }
    targets = targets_named(r, depth, name);
    if (targets == 0 && depth > 1) {
        base_json_skip(&r->js);
        return true;
    }
    if ((targets_final(r, depth, targets) & SCOPE_BITS) != 0) {
        r->claims->scope_found = true;
    }
    if (depth == 1) {
        name = keep(r, name);
    }
    event = base_json_next(&r->js, &r->in);
    if (event == BASE_JSON_ERROR || event == BASE_JSON_MORE) {
        return false;
    }
    return read_value(r, event, targets, name);
}

static base_reason_t read_object(reader_t *r)
{
    base_json_event_t event = base_json_next(&r->js, &r->in);

    if (event != BASE_JSON_OBJECT) {
        return BASE_TOKEN_CLAIMS;
    }
    r->open[1] = ALL_TARGETS;
    while (r->reason == BASE_OK) {
        event = base_json_next(&r->js, &r->in);
        if (event == BASE_JSON_MORE) {
            return base_json_finish(&r->js) == BASE_OK ? BASE_OK : BASE_TOKEN_CLAIMS;
        }
        if (event == BASE_JSON_ERROR || (event == BASE_JSON_KEY && !read_member(r))) {
            return BASE_TOKEN_CLAIMS;
        }
    }
    return r->reason;
}

static bool prepare(reader_t *r)
{
    r->scratch = base_arena_alloc(r->arena, r->payload.n + 1);
    return r->scratch != NULL;
}

/* OpenID Connect Core section 2: azp names the client where no client_id does. A client_id of a wrong shape is not made up for. */
static void default_client_id(reader_t *r)
{
    const smart_claim_pointer_t *at = &r->map->claim[SMART_CLAIM_CLIENT_ID];

    if (r->claims->client_id.p == NULL && !r->client_id_void && at->n == 1 &&
        base_span_is(at->segment[0], "client_id")) {
        r->claims->client_id = r->azp;
    }
}

base_reason_t smart_claims_read(const smart_claim_map_t *map, base_span_t payload,
                                base_arena_t *arena, smart_claims_t *claims)
{
    reader_t r = {0};
    uint64_t hashes[MEMBERS_MAX];
    base_reason_t reason;

    memset(claims, 0, sizeof(*claims));
    r.map = map;
    r.arena = arena;
    r.claims = claims;
    r.payload = payload;
    r.in = payload;
    if (!prepare(&r)) {
        return BASE_NO_MEMORY;
    }
    base_json_init(&r.js, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, MEMBERS_MAX);
    reason = read_object(&r);
    if (reason == BASE_OK) {
        reason = r.reason;
    }
    claims->scope = r.scope;
    claims->extra = r.extra;
    default_client_id(&r);
    return reason;
}

base_span_t smart_claims_extra(const smart_claims_t *claims, base_span_t name)
{
    size_t i;

    for (i = 0; i < claims->extra_n; i++) {
        if (base_span_eq(claims->extra[i].name, name)) {
            return claims->extra[i].value;
        }
    }
    return base_span_make(NULL, 0);
}
