#include "jose/jose_jws.h"

#include "base/base_base64url.h"
#include "jose/jose_object.h"

/* Members of the header that we read. Whatever stands behind REFUSED must not be there at all. */
enum { H_ALG, H_KID, H_TYP, H_REFUSED };

/* RFC 7515 section 4.1.11, RFC 7797, RFC 7516 section 4.1, RFC 7519 section 5.2 (nested). */
static const char *const header_names[] = {
    [H_ALG] = "alg", [H_KID] = "kid", [H_TYP] = "typ", [H_REFUSED] = "crit",
    "b64",           "zip",           "enc",           "cty",
};

#define HEADER_COUNT (sizeof(header_names) / sizeof(header_names[0]))

/* Three parts as they stand in the token. */
typedef struct {
    base_span_t header;
    base_span_t payload;
    base_span_t signature;
} parts_t;

static base_reason_t split_parts(base_span_t token, parts_t *parts)
{
    base_span_t rest = token;

    parts->header = base_span_split(&rest, '.');
    if (rest.p == NULL) {
        return BASE_TOKEN_OPAQUE;
    }
    parts->payload = base_span_split(&rest, '.');
    if (rest.p == NULL || base_span_find(rest, '.') != rest.n) {
        return BASE_TOKEN_OPAQUE;
    }
    parts->signature = rest;
    if (parts->header.n == 0 || parts->payload.n == 0 || parts->signature.n == 0) {
        return BASE_TOKEN_MALFORMED;
    }
    if (parts->header.n > JOSE_JWS_HEADER_MAX || parts->signature.n > JOSE_JWS_SIGNATURE_MAX) {
        return BASE_TOKEN_MALFORMED;
    }
    return BASE_OK;
}

static base_reason_t decode(base_span_t text, base_arena_t *arena, base_span_t *out)
{
    unsigned char *bytes = base_arena_alloc(arena, BASE_BASE64URL_DECODED(text.n));
    size_t n;

    if (bytes == NULL) {
        return BASE_NO_MEMORY;
    }
    if (!base_base64url_decode(text, bytes, &n)) {
        return BASE_TOKEN_MALFORMED;
    }
    *out = base_span_make(bytes, n);
    return BASE_OK;
}

static jose_typ_t typ_of(base_span_t text)
{
    static const struct {
        const char *name;
        jose_typ_t typ;
    } rows[] = {
        {"JWT", JOSE_TYP_JWT},
        {"at+jwt", JOSE_TYP_AT_JWT},
        {"application/at+jwt", JOSE_TYP_AT_JWT},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (base_span_is_nocase(text, rows[i].name)) {
            return rows[i].typ;
        }
    }
    return JOSE_TYP_OTHER;
}

static base_reason_t take_kid(const jose_member_t *kid, jose_jws_t *jws)
{
    if (kid->kind == JOSE_VALUE_ABSENT) {
        return BASE_OK;
    }
    if (kid->kind != JOSE_VALUE_STRING || kid->text.n == 0 || kid->text.n > JOSE_JWK_KID_MAX) {
        return BASE_TOKEN_HEADER;
    }
    jws->kid = kid->text;
    return BASE_OK;
}

static base_reason_t take_typ(const jose_member_t *typ, jose_jws_t *jws)
{
    if (typ->kind == JOSE_VALUE_ABSENT) {
        jws->typ = JOSE_TYP_ABSENT;
        return BASE_OK;
    }
    if (typ->kind != JOSE_VALUE_STRING) {
        return BASE_TOKEN_HEADER;
    }
    jws->typ = typ_of(typ->text);
    return BASE_OK;
}

static base_reason_t take_alg(const jose_member_t *alg, jose_jws_t *jws)
{
    jws->alg = alg->kind == JOSE_VALUE_STRING ? jose_alg_find(alg->text) : NULL;
    return jws->alg == NULL ? BASE_TOKEN_ALGORITHM : BASE_OK;
}

static base_reason_t read_header(base_span_t json, base_arena_t *arena, jose_jws_t *jws)
{
    jose_member_t members[HEADER_COUNT] = {0};
    base_reason_t reason;

    for (size_t i = 0; i < HEADER_COUNT; i++) {
        members[i].name = header_names[i];
    }
    reason = jose_object_read(json, members, HEADER_COUNT, arena);
    if (reason != BASE_OK) {
        return reason == BASE_NO_MEMORY ? reason : BASE_TOKEN_HEADER;
    }
    for (size_t i = H_REFUSED; i < HEADER_COUNT; i++) {
        if (members[i].kind != JOSE_VALUE_ABSENT) {
            return BASE_TOKEN_HEADER;
        }
    }
    reason = take_kid(&members[H_KID], jws);
    if (reason == BASE_OK) {
        reason = take_typ(&members[H_TYP], jws);
    }
    return reason == BASE_OK ? take_alg(&members[H_ALG], jws) : reason;
}

base_reason_t jose_jws_split(base_span_t token, size_t max, base_arena_t *arena, jose_jws_t *jws)
{
    parts_t parts;
    base_span_t header;
    base_reason_t reason;

    *jws = (jose_jws_t){0};
    if (token.n > max || token.n > JOSE_JWS_TOKEN_MAX) {
        return BASE_TOKEN_TOO_LARGE;
    }
    reason = split_parts(token, &parts);
    if (reason == BASE_OK) {
        reason = decode(parts.header, arena, &header);
    }
    if (reason == BASE_OK) {
        reason = decode(parts.payload, arena, &jws->payload);
    }
    if (reason == BASE_OK) {
        reason = decode(parts.signature, arena, &jws->signature);
    }
    if (reason != BASE_OK) {
        return reason;
    }
    jws->signing_input = base_span_sub(token, 0, parts.header.n + 1 + parts.payload.n);
    return read_header(header, arena, jws);
}

base_reason_t jose_jws_verify(const jose_jws_t *jws, const jose_jwk_set_t *set, uint32_t algs)
{
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];
    base_reason_t reason = BASE_TOKEN_SIGNATURE;
    size_t n;

    if ((jws->alg->bit & algs) == 0) {
        return BASE_TOKEN_ALGORITHM;
    }
    n = jose_jwk_find(set, jws->kid, jws->alg, keys);
    if (n == 0) {
        return jws->kid.p != NULL && jose_jwk_has_kid(set, jws->kid) ? BASE_TOKEN_ALGORITHM
                                                                     : BASE_TOKEN_KEY_UNKNOWN;
    }
    for (size_t i = 0; i < n; i++) {
        reason = jose_jwk_verify(keys[i], jws->alg, jws->signing_input, jws->signature);
        if (reason != BASE_TOKEN_SIGNATURE) {
            break;
        }
    }
    return reason;
}
