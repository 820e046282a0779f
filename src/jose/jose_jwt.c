#include "jose/jose_jwt.h"

#include "jose/jose_number.h"
#include "jose/jose_object.h"

/* The claims that decide, in the order of claim_names. */
enum {
    C_ISS,
    C_AUD,
    C_EXP,
    C_NBF,
    C_IAT,
    C_CNF,
    C_TYP,
    C_AT_HASH,
    C_C_HASH,
    C_EVENTS,
    C_NONCE,
    C_SCOPE,
    C_SCP,
    C_AZP,
    C_CLIENT_ID,
    C_SUB,
    C_JTI,
    C_COUNT
};

static const char *const claim_names[C_COUNT] = {
    [C_ISS] = "iss",       [C_AUD] = "aud",         [C_EXP] = "exp",
    [C_NBF] = "nbf",       [C_IAT] = "iat",         [C_CNF] = "cnf",
    [C_TYP] = "typ",       [C_AT_HASH] = "at_hash", [C_C_HASH] = "c_hash",
    [C_EVENTS] = "events", [C_NONCE] = "nonce",     [C_SCOPE] = "scope",
    [C_SCP] = "scp",       [C_AZP] = "azp",         [C_CLIENT_ID] = "client_id",
    [C_SUB] = "sub",       [C_JTI] = "jti",
};

static base_reason_t read_claims(base_span_t payload, jose_member_t claims[C_COUNT],
                                 base_arena_t *arena)
{
    base_reason_t reason;

    for (size_t i = 0; i < C_COUNT; i++) {
        claims[i] = (jose_member_t){.name = claim_names[i]};
    }
    reason = jose_object_read(payload, claims, C_COUNT, arena);
    return reason == BASE_OK || reason == BASE_NO_MEMORY ? reason : BASE_TOKEN_CLAIMS;
}

static bool is_present(const jose_member_t *claim)
{
    return claim->kind != JOSE_VALUE_ABSENT;
}

base_reason_t jose_jwt_issuer(const jose_jws_t *jws, base_arena_t *arena, base_span_t *iss)
{
    jose_member_t claim = {.name = "iss"};
    base_reason_t reason = jose_object_read(jws->payload, &claim, 1, arena);

    *iss = base_span_make(NULL, 0);
    if (reason != BASE_OK) {
        return reason == BASE_NO_MEMORY ? reason : BASE_TOKEN_CLAIMS;
    }
    if (claim.kind != JOSE_VALUE_STRING) {
        return BASE_TOKEN_ISSUER;
    }
    *iss = claim.text;
    return BASE_OK;
}

static base_reason_t check_type(const jose_jws_t *jws, const jose_jwt_rules_t *rules)
{
    if (jws->typ == JOSE_TYP_OTHER || (rules->require_at_jwt && jws->typ != JOSE_TYP_AT_JWT)) {
        return BASE_TOKEN_TYPE;
    }
    return BASE_OK;
}

/* A NumericDate (RFC 7519 section 2); `has` may be NULL for one that is required. */
static base_reason_t read_time(const jose_member_t *claim, int64_t *time, bool *has)
{
    if (!is_present(claim) && has != NULL) {
        *has = false;
        return BASE_OK;
    }
    if (claim->kind != JOSE_VALUE_NUMBER ||
        !jose_number_floor(claim->text, JOSE_JWT_TIME_MAX, time)) {
        return BASE_TOKEN_CLAIMS;
    }
    if (has != NULL) {
        *has = true;
    }
    return BASE_OK;
}

static base_reason_t read_times(const jose_member_t *claims, const jose_jwt_rules_t *rules,
                                jose_jwt_t *out)
{
    base_reason_t reason = read_time(&claims[C_EXP], &out->exp, NULL);

    if (reason == BASE_OK) {
        reason = read_time(&claims[C_NBF], &out->nbf, &out->has_nbf);
    }
    if (reason == BASE_OK) {
        reason = read_time(&claims[C_IAT], &out->iat, &out->has_iat);
    }
    if (reason == BASE_OK && rules->max_token_age > 0 && !out->has_iat) {
        reason = BASE_TOKEN_CLAIMS;
    }
    return reason;
}

/* RFC 9068 section 2.2: the claims that a token of that type has. */
static base_reason_t check_profile(const jose_member_t *claims, const jose_jwt_rules_t *rules)
{
    static const unsigned strings[] = {C_SUB, C_CLIENT_ID, C_JTI};

    if (!rules->require_at_jwt) {
        return BASE_OK;
    }
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (claims[strings[i]].kind != JOSE_VALUE_STRING) {
            return BASE_TOKEN_CLAIMS;
        }
    }
    return is_present(&claims[C_IAT]) ? BASE_OK : BASE_TOKEN_CLAIMS;
}

static bool is_issuer(const jose_member_t *iss, const jose_jwt_rules_t *rules)
{
    return iss->kind == JOSE_VALUE_STRING && rules->issuer.n != 0 &&
           base_span_eq(iss->text, rules->issuer);
}

/* The audiences of aud; none when it is neither a string nor an array of strings. */
static size_t audiences_of(const jose_member_t *aud, const base_span_t **items)
{
    if (aud->kind == JOSE_VALUE_STRING) {
        *items = &aud->text;
        return 1;
    }
    *items = aud->items;
    return aud->kind == JOSE_VALUE_STRINGS ? aud->items_n : 0;
}

static bool has_audience(const jose_member_t *aud, base_span_t value)
{
    const base_span_t *items;
    size_t n = audiences_of(aud, &items);

    for (size_t i = 0; value.n != 0 && i < n; i++) {
        if (base_span_eq(items[i], value)) {
            return true;
        }
    }
    return false;
}

/* Keycloak's payload typ: "Bearer" is an access token, these are not (RULES H5). */
static bool is_other_typ(const jose_member_t *typ)
{
    static const char *const kinds[] = {"ID", "Refresh", "Offline", "Logout"};

    if (typ->kind != JOSE_VALUE_STRING) {
        return is_present(typ);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (base_span_is_nocase(typ->text, kinds[i])) {
            return true;
        }
    }
    return false;
}

static bool is_for_client(const jose_member_t *claims)
{
    static const unsigned clients[] = {C_AZP, C_CLIENT_ID};

    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        const jose_member_t *client = &claims[clients[i]];

        if (client->kind == JOSE_VALUE_STRING && has_audience(&claims[C_AUD], client->text)) {
            return true;
        }
    }
    return false;
}

/*
 * RULES H5. `nonce` alone proves nothing (Keycloak before 25); `events` is what makes a logout or
 * security event token (RFC 8417 section 2.2), also under typ JWT.
 */
static bool is_other_kind(const jose_member_t *claims)
{
    if (is_other_typ(&claims[C_TYP]) || is_present(&claims[C_AT_HASH]) ||
        is_present(&claims[C_C_HASH]) || is_present(&claims[C_EVENTS])) {
        return true;
    }
    return is_present(&claims[C_NONCE]) && !is_present(&claims[C_SCOPE]) &&
           !is_present(&claims[C_SCP]) && is_for_client(claims);
}

static base_span_t without_slash(base_span_t text)
{
    return text.n != 0 && text.p[text.n - 1] == '/' ? base_span_sub(text, 0, text.n - 1) : text;
}

static bool differs_by_slash(const jose_member_t *aud, base_span_t audience)
{
    const base_span_t *items;
    size_t n = audiences_of(aud, &items);

    for (size_t i = 0; i < n; i++) {
        if (base_span_eq(without_slash(items[i]), without_slash(audience))) {
            return true;
        }
    }
    return false;
}

static base_reason_t check_audience(const jose_member_t *aud, const jose_jwt_rules_t *rules,
                                    jose_jwt_t *out)
{
    if (rules->audience_off) {
        return BASE_OK;
    }
    for (size_t i = 0; i < rules->audiences_n; i++) {
        if (has_audience(aud, rules->audiences[i])) {
            out->audience_slash_only = false;
            return BASE_OK;
        }
        if (differs_by_slash(aud, rules->audiences[i])) {
            out->audience_slash_only = true;
        }
    }
    return BASE_TOKEN_AUDIENCE;
}

static int64_t clamp(int64_t seconds)
{
    if (seconds < 0) {
        return 0;
    }
    return seconds > JOSE_JWT_TIME_MAX ? JOSE_JWT_TIME_MAX : seconds;
}

/* All times lie within JOSE_JWT_TIME_MAX and so do leeway and age once clamped: no sum wraps. */
base_reason_t jose_jwt_check_times(const jose_jwt_t *jwt, const jose_jwt_rules_t *rules,
                                   int64_t now)
{
    int64_t leeway = clamp(rules->leeway);
    int64_t age = clamp(rules->max_token_age);

    if (now >= jwt->exp + leeway) {
        return BASE_TOKEN_EXPIRED;
    }
    if ((jwt->has_nbf && now < jwt->nbf - leeway) || (jwt->has_iat && now < jwt->iat - leeway)) {
        return BASE_TOKEN_NOT_YET_VALID;
    }
    if (age > 0 && (!jwt->has_iat || now > jwt->iat + age + leeway)) {
        return BASE_TOKEN_TOO_OLD;
    }
    return BASE_OK;
}

/* What is wrong with claims that are one strict object, iss and aud aside. */
static base_reason_t check_kind(const jose_member_t *claims)
{
    if (is_other_kind(claims)) {
        return BASE_TOKEN_KIND;
    }
    return is_present(&claims[C_CNF]) ? BASE_TOKEN_BOUND : BASE_OK;
}

static base_reason_t check_claims(const jose_member_t *claims, const jose_jwt_rules_t *rules,
                                  int64_t now, jose_jwt_t *out)
{
    base_reason_t reason = read_times(claims, rules, out);

    if (reason == BASE_OK) {
        reason = check_profile(claims, rules);
    }
    if (reason != BASE_OK) {
        return reason;
    }
    if (!is_issuer(&claims[C_ISS], rules)) {
        return BASE_TOKEN_ISSUER;
    }
    reason = check_kind(claims);
    if (reason == BASE_OK) {
        reason = jose_jwt_check_times(out, rules, now);
    }
    return reason == BASE_OK ? check_audience(&claims[C_AUD], rules, out) : reason;
}

static base_reason_t check_answer(const jose_member_t *claims, const jose_jwt_rules_t *rules,
                                  int64_t now, jose_jwt_t *out)
{
    base_reason_t reason = read_times(claims, rules, out);

    if (reason != BASE_OK) {
        return reason;
    }
    if (is_present(&claims[C_ISS]) && !is_issuer(&claims[C_ISS], rules)) {
        return BASE_TOKEN_ISSUER;
    }
    reason = check_kind(claims);
    if (reason == BASE_OK) {
        reason = jose_jwt_check_times(out, rules, now);
    }
    if (reason == BASE_OK && is_present(&claims[C_AUD])) {
        reason = check_audience(&claims[C_AUD], rules, out);
    }
    return reason;
}

base_reason_t jose_jwt_check_answer(base_span_t payload, const jose_jwt_rules_t *rules, int64_t now,
                                    base_arena_t *arena, jose_jwt_t *out)
{
    jose_member_t claims[C_COUNT];
    base_reason_t reason = read_claims(payload, claims, arena);

    *out = (jose_jwt_t){0};
    if (reason == BASE_OK) {
        reason = check_answer(claims, rules, now, out);
    }
    if (reason == BASE_OK) {
        out->payload = payload;
    }
    return reason;
}

base_reason_t jose_jwt_check(const jose_jws_t *jws, const jose_jwk_set_t *set,
                             const jose_jwt_rules_t *rules, int64_t now, base_arena_t *arena,
                             jose_jwt_t *out)
{
    jose_member_t claims[C_COUNT];
    base_reason_t reason = check_type(jws, rules);

    *out = (jose_jwt_t){0};
    if (reason == BASE_OK) {
        reason = jose_jws_verify(jws, set, rules->algs);
    }
    if (reason == BASE_OK) {
        reason = read_claims(jws->payload, claims, arena);
    }
    if (reason == BASE_OK) {
        reason = check_claims(claims, rules, now, out);
    }
    if (reason == BASE_OK) {
        out->payload = jws->payload;
    }
    return reason;
}
