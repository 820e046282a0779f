#include "smart/smart_principal_own.h"

#include "base/base_json.h"

#include <string.h>

/* More than any token within bounds needs: payload, its strings decoded, 256 scopes; and some locations' grants. */
#define ARENA_PER_BYTE ((size_t) 8)
#define ARENA_FIXED    ((size_t) 65536)

#define DETAILS_MEMBERS ((size_t) 256)

static bool is_word_of(base_span_t token, const char *word)
{
    size_t n = strlen(word);

    return token.n > n && memcmp(token.p, word, n) == 0;
}

/* Length of the separator that stands at `rest`: one of the configured characters, or its %2f form where '%' is configured (A16). */
static size_t separator_length(base_span_t rest, base_span_t separators)
{
    if (rest.n == 0 || base_span_find(separators, rest.p[0]) == separators.n) {
        return 0;
    }
    if (rest.p[0] != '%') {
        return 1;
    }
    return rest.n >= 3 && rest.p[1] == '2' && (rest.p[2] == 'f' || rest.p[2] == 'F') ? 3 : 0;
}

/* `patient.Observation.rs` as `patient/Observation.rs`; anything else as it is. */
static base_span_t respell(base_arena_t *arena, base_span_t token, base_span_t separators)
{
    size_t word, cut;
    unsigned i;
    unsigned char *out;

    for (i = 0; i < SMART_CONTEXT_COUNT; i++) {
        word = strlen(smart_context_name((smart_context_t) i));
        if (!is_word_of(token, smart_context_name((smart_context_t) i))) {
            continue;
        }
        cut = separator_length(base_span_sub(token, word, token.n), separators);
        if (cut == 0) {
            return token;
        }
        out = base_arena_alloc(arena, token.n);
        if (out == NULL) {
            return base_span_make(NULL, 0);
        }
        memcpy(out, token.p, word);
        out[word] = '/';
        memcpy(out + word + 1, token.p + word + cut, token.n - word - cut);
        return base_span_make(out, token.n - cut + 1);
    }
    return token;
}

/* A15, A16: vendor spellings, only where they are configured, and before the grammar looks. */
static base_span_t from_vendor(base_arena_t *arena, const smart_claim_map_t *map, base_span_t token)
{
    base_span_t prefix = map->scope_prefix;

    if (prefix.n > 0 && token.n > prefix.n && memcmp(token.p, prefix.p, prefix.n) == 0) {
        token = base_span_sub(token, prefix.n, token.n);
    }
    return map->scope_separator.n > 0 ? respell(arena, token, map->scope_separator) : token;
}

/* What a value, or a client, stands for; NULL for itself. */
static const smart_scope_map_t *mapped(const smart_claim_map_t *map, base_span_t value, bool client)
{
    size_t i;

    for (i = 0; i < map->scope_map_n; i++) {
        if (map->scope_map[i].client == client && base_span_eq(map->scope_map[i].value, value)) {
            return &map->scope_map[i];
        }
    }
    return NULL;
}

/* In the map's own words, which upstreams are told as well. */
static void add_mapped(smart_principal_t *principal, const smart_scope_map_t *row)
{
    size_t i;

    for (i = 0; row != NULL && i < row->scope_n; i++) {
        smart_scope_parse(row->scope[i], &principal->scope[principal->scope_n++]);
    }
}

static base_reason_t add_scope(smart_principal_t *principal, const smart_claim_map_t *map,
                               base_span_t token)
{
    const smart_scope_map_t *row = mapped(map, token, false);
    smart_scope_t *scope = &principal->scope[principal->scope_n];
    base_span_t spelled;

    if (row != NULL) {
        add_mapped(principal, row);
        return BASE_OK;
    }
    spelled = from_vendor(principal->arena, map, token);
    if (spelled.p == NULL) {
        return BASE_NO_MEMORY;
    }
    smart_scope_parse(spelled, scope);
    scope->text = token;
    principal->scope_n++;
    return BASE_OK;
}

/* The scopes that a text becomes; what is beyond the bound need not be counted. */
static size_t count_scopes(const smart_claim_map_t *map, base_span_t text)
{
    const smart_scope_map_t *row;
    base_span_t token;
    size_t n = 0;

    while (text.p != NULL && n <= SMART_SCOPES_MAX) {
        token = base_span_split(&text, ' ');
        row = mapped(map, token, false);
        n += row != NULL ? row->scope_n : token.n > 0;
    }
    return n;
}

static base_reason_t scopes_room(smart_principal_t *principal, const smart_claim_map_t *map)
{
    const smart_scope_map_t *row = mapped(map, principal->claims.client_id, true);
    size_t i, n = row == NULL ? 0 : row->scope_n;

    for (i = 0; i < principal->claims.scope_n; i++) {
        n += count_scopes(map, principal->claims.scope[i]);
        if (n > SMART_SCOPES_MAX) {
            return BASE_TOKEN_SCOPES;
        }
    }
    principal->scope = base_arena_array(principal->arena, n, sizeof(*principal->scope));
    return principal->scope == NULL ? BASE_NO_MEMORY : BASE_OK;
}

/* A1: split on spaces, runs tolerated. */
static base_reason_t add_scopes(smart_principal_t *principal, const smart_claim_map_t *map,
                                base_span_t text)
{
    base_span_t token;
    base_reason_t reason;

    while (text.p != NULL) {
        token = base_span_split(&text, ' ');
        if (token.n == 0) {
            continue;
        }
        reason = add_scope(principal, map, token);
        if (reason != BASE_OK) {
            return reason;
        }
    }
    return BASE_OK;
}

static base_reason_t join_scopes(smart_principal_t *principal)
{
    size_t i, size = 0;
    unsigned char *at;

    for (i = 0; i < principal->scope_n; i++) {
        size += principal->scope[i].text.n + 1;
    }
    if (size == 0) {
        return BASE_OK;
    }
    at = base_arena_alloc(principal->arena, size);
    if (at == NULL) {
        return BASE_NO_MEMORY;
    }
    principal->scope_text = base_span_make(at, size - 1);
    for (i = 0; i < principal->scope_n; i++) {
        memcpy(at, principal->scope[i].text.p, principal->scope[i].text.n);
        at += principal->scope[i].text.n;
        *at++ = ' ';
    }
    return BASE_OK;
}

/* A21 makes one constraint for each type of these: a token of nothing else would cost milliseconds and megabytes at each request. */
static size_t wildcards(const smart_principal_t *principal)
{
    const smart_scope_t *scope;
    size_t i, n = 0;

    for (i = 0; i < principal->scope_n; i++) {
        scope = &principal->scope[i];
        n += scope->state == SMART_SCOPE_GOOD && scope->constraint.p != NULL &&
             base_span_is(scope->type, "*");
    }
    return n;
}

/* Scopes by the claims that are there. */
static base_reason_t fill_scopes(smart_principal_t *principal, const smart_claim_map_t *map)
{
    base_reason_t reason = scopes_room(principal, map);
    size_t i;

    for (i = 0; reason == BASE_OK && i < principal->claims.scope_n; i++) {
        reason = add_scopes(principal, map, principal->claims.scope[i]);
    }
    if (reason == BASE_OK) {
        add_mapped(principal, mapped(map, principal->claims.client_id, true));
    }
    if (reason == BASE_OK && wildcards(principal) > SMART_WILDCARDS_MAX) {
        reason = BASE_TOKEN_SCOPES;
    }
    return reason == BASE_OK ? join_scopes(principal) : reason;
}

static base_reason_t fill(smart_principal_t *principal, const smart_claim_map_t *map,
                          base_span_t payload, base_span_t issuer_name)
{
    base_reason_t reason;

    principal->issuer = base_arena_copy(principal->arena, issuer_name);
    if (issuer_name.p != NULL && principal->issuer.p == NULL) {
        return BASE_NO_MEMORY;
    }
    reason = smart_claims_read(map, payload, principal->arena, &principal->claims);
    return reason == BASE_OK ? fill_scopes(principal, map) : reason;
}

static smart_principal_t *principal_make(size_t payload_n)
{
    base_arena_t *arena = base_arena_new(ARENA_FIXED + payload_n * ARENA_PER_BYTE);
    smart_principal_t *made = arena == NULL ? NULL : base_arena_alloc(arena, sizeof(*made));

    if (made == NULL) {
        base_arena_free(arena);
        return NULL;
    }
    made->arena = arena;
    made->references = 1;
    return made;
}

base_reason_t smart_principal_new(const smart_claim_map_t *map, base_span_t payload,
                                  base_span_t issuer_name, smart_principal_t **principal)
{
    smart_principal_t *made = principal_make(payload.n);
    base_reason_t reason;

    *principal = NULL;
    if (made == NULL) {
        return BASE_NO_MEMORY;
    }
    reason = fill(made, map, payload, issuer_name);
    if (reason != BASE_OK) {
        base_arena_free(made->arena);
        return reason;
    }
    *principal = made;
    return BASE_OK;
}

/* `type` and `locations` of one object, read as if they were an intent and several patients. */
static base_reason_t details_match(base_span_t object, const smart_base_t *base,
                                   base_arena_t *arena, bool *match)
{
    smart_claim_map_t map = {0};
    smart_claims_t said;
    base_reason_t reason;
    size_t i;

    map.claim[SMART_CLAIM_INTENT] = (smart_claim_pointer_t){{BASE_SPAN_LIT("type")}, 1};
    map.claim[SMART_CLAIM_PATIENT] = (smart_claim_pointer_t){{BASE_SPAN_LIT("locations")}, 1};
    map.patients_many = true;
    *match = false;
    reason = smart_claims_read(&map, object, arena, &said);
    if (reason != BASE_OK || !base_span_is(said.intent, "smart_on_fhir")) {
        return reason;
    }
    if (said.patient_void) {
        return BASE_TOKEN_CLAIMS;
    }
    for (i = 0; i < said.patient_n; i++) {
        *match = *match || smart_context_is_base(said.patient[i], base);
    }
    return BASE_OK;
}

/* The next object of the list, as it is written; absent at the end. */
static base_span_t details_next(base_json_t *js, base_span_t *in, base_span_t list)
{
    base_json_event_t event;
    uint64_t from = 0;

    do {
        event = base_json_next(js, in);
        if (event == BASE_JSON_OBJECT && base_json_depth(js) == 2) {
            from = js->start;
        }
        if (event == BASE_JSON_OBJECT_END && base_json_depth(js) == 1) {
            return base_span_sub(list, (size_t) from, (size_t) base_json_offset(js));
        }
    } while (event != BASE_JSON_ERROR && event != BASE_JSON_MORE);
    return base_span_make(NULL, 0);
}

/* The one object for this base, or absent. */
static base_reason_t details_find(base_span_t list, const smart_base_t *base, base_arena_t *arena,
                                  base_span_t *found)
{
    uint64_t hashes[DETAILS_MEMBERS];
    base_span_t object, in = list;
    base_reason_t reason;
    base_json_t js;
    bool match;

    *found = base_span_make(NULL, 0);
    base_json_init(&js, BASE_JSON_STRICT, BASE_JSON_DEPTH_MAX, hashes, DETAILS_MEMBERS);
    while ((object = details_next(&js, &in, list)).p != NULL) {
        reason = details_match(object, base, arena, &match);
        if (reason == BASE_OK && match && found->p != NULL) {
            reason = BASE_TOKEN_CLAIMS;
        }
        if (reason != BASE_OK) {
            return reason;
        }
        if (match) {
            *found = object;
        }
    }
    return base_json_finish(&js) == BASE_OK ? BASE_OK : BASE_TOKEN_CLAIMS;
}

/* What the object has replaces what the token has; its names are SMART's own. */
static base_reason_t details_apply(smart_principal_t *made, const smart_claim_map_t *map,
                                   base_span_t object)
{
    smart_claim_map_t names;
    smart_claims_t said;
    base_reason_t reason;

    smart_claim_map_default(&names);
    names.scope_n = 1;
    names.patients_many = map->patients_many;
    reason = smart_claims_read(&names, object, made->arena, &said);
    if (reason != BASE_OK) {
        return reason;
    }
    if (said.scope_found) {
        made->claims.scope = said.scope;
        made->claims.scope_n = said.scope_n;
        made->claims.scope_found = true;
    }
    if (said.patient_n > 0 || said.patient_void) {
        memcpy(made->claims.patient, said.patient, sizeof(said.patient));
        made->claims.patient_n = said.patient_n;
        made->claims.patient_void = said.patient_void;
    }
    if (said.encounter.p != NULL) {
        made->claims.encounter = said.encounter;
    }
    if (said.fhir_context.p != NULL) {
        made->claims.fhir_context = said.fhir_context;
    }
    return fill_scopes(made, map);
}

base_reason_t smart_principal_at(smart_principal_t *principal, const smart_claim_map_t *map,
                                 const smart_base_t *base, smart_principal_t **here)
{
    base_span_t object;
    base_reason_t reason;
    smart_principal_t *made;

    *here = NULL;
    if (principal->claims.details_void) {
        return BASE_TOKEN_CLAIMS;
    }
    if (principal->claims.details.p == NULL) {
        *here = smart_principal_hold(principal);
        return BASE_OK;
    }
    made = principal_make(principal->claims.details.n);
    if (made == NULL) {
        return BASE_NO_MEMORY;
    }
    made->issuer = principal->issuer;
    made->claims = principal->claims;
    reason = details_find(principal->claims.details, base, made->arena, &object);
    if (reason == BASE_OK && object.p != NULL) {
        reason = details_apply(made, map, object);
    }
    if (reason != BASE_OK || object.p == NULL) {
        base_arena_free(made->arena);
        *here = reason == BASE_OK ? smart_principal_hold(principal) : NULL;
        return reason;
    }
    made->whole = smart_principal_hold(principal);
    *here = made;
    return BASE_OK;
}

smart_principal_t *smart_principal_hold(smart_principal_t *principal)
{
    principal->references++;
    return principal;
}

void smart_principal_release(smart_principal_t *principal)
{
    smart_principal_t *whole;

    while (principal != NULL && --principal->references == 0) {
        whole = principal->whole;
        base_arena_free(principal->arena);
        principal = whole;
    }
}

size_t smart_principal_size(const smart_principal_t *principal)
{
    size_t i, constrained = 0;

    for (i = 0; i < principal->scope_n; i++) {
        constrained += principal->scope[i].constraint.p != NULL;
    }
    return base_arena_size(principal->arena) + SMART_PRINCIPAL_GRANTS_ROOM +
           constrained * SMART_PRINCIPAL_CONSTRAINT_ROOM;
}

const smart_claims_t *smart_principal_claims(const smart_principal_t *principal)
{
    return &principal->claims;
}

base_span_t smart_principal_issuer(const smart_principal_t *principal)
{
    return principal->issuer;
}

const smart_scope_t *smart_principal_scopes(const smart_principal_t *principal, size_t *n)
{
    *n = principal->scope_n;
    return principal->scope;
}

base_span_t smart_principal_scope_text(const smart_principal_t *principal)
{
    return principal->scope_text;
}
