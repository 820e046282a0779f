/* jose_jwt: the claims of an access token (RULES H4, H5, H10). */

#include "unit.h"

#include "jose/jose_jwt.h"
#include "jose_mint.h"

#define MAX ((size_t) 65536)
#define NOW INT64_C(1700000000)
#define ISS "https://issuer.example"
#define AUD "https://fhir.example/r4"

static EVP_PKEY *key, *stranger;
static jose_jwk_set_t *set;
static jose_jwt_t jwt; /* what the last check found */

static const base_span_t audiences[] = {BASE_SPAN_LIT(AUD), BASE_SPAN_LIT("api://second")};

static jose_jwt_rules_t default_rules(void)
{
    return (jose_jwt_rules_t){.issuer = BASE_SPAN(ISS),
                              .audiences = audiences,
                              .audiences_n = 2,
                              .algs = JOSE_ALG_ALL,
                              .leeway = 60};
}

static base_reason_t check_token(const char *token, const jose_jwt_rules_t *rules, int64_t now)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    jose_jws_t jws;
    base_reason_t reason = jose_jws_split(base_span_of(token), MAX, arena, &jws);

    memset(&jwt, 0x55, sizeof(jwt));
    if (reason == BASE_OK) {
        reason = jose_jwt_check(&jws, set, rules, now, arena, &jwt);
    }
    if (jws.alg != NULL && (jwt.payload.p != NULL) != (reason == BASE_OK)) {
        mint_fail("payload without BASE_OK, or the reverse");
    }
    base_arena_free(arena);
    return reason;
}

static base_reason_t check_rules(const char *payload, const jose_jwt_rules_t *rules)
{
    return check_token(mint_plain(key, "EdDSA", payload), rules, NOW);
}

static base_reason_t check(const char *payload)
{
    jose_jwt_rules_t rules = default_rules();

    return check_rules(payload, &rules);
}

/* iss, aud and exp are right; the rest is given: ",\"nbf\":1". */
static base_reason_t check_with(const char *rest)
{
    return check(mint_text("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300%s}", rest));
}

static base_reason_t check_exp(const char *exp)
{
    return check(mint_text("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":%s}", exp));
}

static base_reason_t check_iss(const char *iss)
{
    return check(mint_text("{\"iss\":%s,\"aud\":\"" AUD "\",\"exp\":1700000300}", iss));
}

static base_reason_t check_aud(const char *aud)
{
    return check(mint_text("{\"iss\":\"" ISS "\",\"aud\":%s,\"exp\":1700000300}", aud));
}

typedef struct {
    const char *text;
    base_reason_t reason;
} case_t;

#define EACH(cases, what)                                                                          \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++) {                       \
            is_int((what) ((cases)[i_].text), (cases)[i_].reason, #what " %s", (cases)[i_].text);  \
        }                                                                                          \
    } while (0)

static const case_t exp_cases[] = {
    {"1700000300", BASE_OK},
    {"1700000000", BASE_OK}, /* now, within the leeway */
    {"1699999941", BASE_OK}, /* the leeway's last second */
    {"1699999940", BASE_TOKEN_EXPIRED},
    {"1699999940.9", BASE_TOKEN_EXPIRED}, /* rounded down */
    {"1699999941.0", BASE_OK},
    {"1.7000003e9", BASE_OK},
    {"1.7000003E+9", BASE_OK},
    {"17000003000e-1", BASE_OK},
    {"1000000000000", BASE_OK},
    {"1000000000001", BASE_TOKEN_CLAIMS},
    {"1700000300000", BASE_TOKEN_CLAIMS}, /* milliseconds */
    {"2147483648", BASE_OK},
    {"4294967296", BASE_OK},
    {"4294967295", BASE_OK},
    {"9223372036854775807", BASE_TOKEN_CLAIMS},
    {"9223372036854775808", BASE_TOKEN_CLAIMS},
    {"18446744073709551616", BASE_TOKEN_CLAIMS},
    {"18446744075409551916", BASE_TOKEN_CLAIMS}, /* 1700000300 once wrapped */
    {"1e400", BASE_TOKEN_CLAIMS},
    {"1e-400", BASE_TOKEN_EXPIRED},
    {"-1", BASE_TOKEN_EXPIRED},
    {"-1e400", BASE_TOKEN_CLAIMS},
    {"0", BASE_TOKEN_EXPIRED},
    {"-0", BASE_TOKEN_EXPIRED},
    {"\"1700000300\"", BASE_TOKEN_CLAIMS},
    {"true", BASE_TOKEN_CLAIMS},
    {"null", BASE_TOKEN_CLAIMS},
    {"[1700000300]", BASE_TOKEN_CLAIMS},
    {"{}", BASE_TOKEN_CLAIMS},
    {"1700000300,\"exp\":1700000300", BASE_TOKEN_CLAIMS},
    {"1700000300,\"\\u0065xp\":1700000300", BASE_TOKEN_CLAIMS},
    {"01700000300", BASE_TOKEN_CLAIMS},
    {"+1700000300", BASE_TOKEN_CLAIMS},
    {"1700000300.", BASE_TOKEN_CLAIMS},
    {"Infinity", BASE_TOKEN_CLAIMS},
    {"NaN", BASE_TOKEN_CLAIMS},
};

static const case_t other_times[] = {
    {"", BASE_OK},
    {",\"nbf\":1700000000", BASE_OK},
    {",\"nbf\":1700000060", BASE_OK},
    {",\"nbf\":1700000061", BASE_TOKEN_NOT_YET_VALID},
    {",\"nbf\":1700000060.5", BASE_OK},
    {",\"nbf\":\"1\"", BASE_TOKEN_CLAIMS},
    {",\"nbf\":null", BASE_TOKEN_CLAIMS},
    {",\"nbf\":1e300", BASE_TOKEN_CLAIMS},
    {",\"nbf\":-1000000000000", BASE_OK},
    {",\"nbf\":-1000000000001", BASE_TOKEN_CLAIMS},
    {",\"nbf\":1000000000000", BASE_TOKEN_NOT_YET_VALID},
    {",\"iat\":1699999000", BASE_OK},
    {",\"iat\":1700000060", BASE_OK},
    {",\"iat\":1700000061", BASE_TOKEN_NOT_YET_VALID},
    {",\"iat\":0.5", BASE_OK},
    {",\"iat\":\"1699999000\"", BASE_TOKEN_CLAIMS},
    {",\"iat\":false", BASE_TOKEN_CLAIMS},
    {",\"iat\":-9223372036854775809", BASE_TOKEN_CLAIMS},
};

static void test_times(void)
{
    EACH(exp_cases, check_exp);
    EACH(other_times, check_with);
    is_int(check("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\"}"), BASE_TOKEN_CLAIMS, "no exp");
    is_int(check_with(",\"nbf\":1699999000.5,\"iat\":1699998000"), BASE_OK, "all times");
    ok(jwt.exp == 1700000300 && jwt.has_nbf && jwt.nbf == 1699999000 && jwt.has_iat &&
           jwt.iat == 1699998000,
       "and they are told");
    is_int(check_with(""), BASE_OK, "only exp");
    ok(!jwt.has_nbf && !jwt.has_iat, "and the others are absent");
}

static const case_t iss_cases[] = {
    {"\"https://issuer.example\"", BASE_OK},
    {"\"https:\\/\\/issuer.example\"", BASE_OK},
    {"\"https://issuer.example/\"", BASE_TOKEN_ISSUER},
    {"\"https://issuer.exampl\"", BASE_TOKEN_ISSUER},
    {"\"https://issuer.example.evil\"", BASE_TOKEN_ISSUER},
    {"\"https://ISSUER.example\"", BASE_TOKEN_ISSUER},
    {"\"http://issuer.example\"", BASE_TOKEN_ISSUER},
    {"\"\"", BASE_TOKEN_ISSUER},
    {"\"https://issuer.example\\u0000\"", BASE_TOKEN_CLAIMS},
    {"[\"https://issuer.example\"]", BASE_TOKEN_ISSUER},
    {"{\"https://issuer.example\":1}", BASE_TOKEN_ISSUER},
    {"null", BASE_TOKEN_ISSUER},
    {"1", BASE_TOKEN_ISSUER},
};

static const case_t aud_cases[] = {
    {"\"" AUD "\"", BASE_OK},
    {"[\"" AUD "\"]", BASE_OK},
    {"\"api://second\"", BASE_OK},
    {"[\"x\",\"api://second\"]", BASE_OK},
    {"[\"x\",\"y\",\"" AUD "\"]", BASE_OK},
    {"\"" AUD "/\"", BASE_TOKEN_AUDIENCE},
    {"\"https://fhir.example/r4x\"", BASE_TOKEN_AUDIENCE},
    {"\"https://fhir.example/r\"", BASE_TOKEN_AUDIENCE},
    {"\"https://fhir.example\"", BASE_TOKEN_AUDIENCE},
    {"\"HTTPS://fhir.example/r4\"", BASE_TOKEN_AUDIENCE},
    {"\"" AUD " x\"", BASE_TOKEN_AUDIENCE},
    {"\"x," AUD "\"", BASE_TOKEN_AUDIENCE},
    {"[\"x\"]", BASE_TOKEN_AUDIENCE},
    {"[]", BASE_TOKEN_AUDIENCE},
    {"\"\"", BASE_TOKEN_AUDIENCE},
    {"null", BASE_TOKEN_AUDIENCE},
    {"1", BASE_TOKEN_AUDIENCE},
    {"[\"" AUD "\",1]", BASE_TOKEN_AUDIENCE},
    {"[[\"" AUD "\"]]", BASE_TOKEN_AUDIENCE},
    {"{\"a\":\"" AUD "\"}", BASE_TOKEN_AUDIENCE},
};

static void test_parties(void)
{
    jose_jwt_rules_t rules = default_rules();

    EACH(iss_cases, check_iss);
    EACH(aud_cases, check_aud);
    is_int(check("{\"aud\":\"" AUD "\",\"exp\":1700000300}"), BASE_TOKEN_ISSUER, "no iss");
    is_int(check("{\"iss\":\"" ISS "\",\"exp\":1700000300}"), BASE_TOKEN_AUDIENCE, "no aud");
    rules.audience_off = true;
    is_int(check_rules("{\"iss\":\"" ISS "\",\"exp\":1700000300}", &rules), BASE_OK,
           "no aud, with audience off");
    rules.audience_off = false;
    rules.audiences_n = 0;
    is_int(check_rules("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300}", &rules),
           BASE_TOKEN_AUDIENCE, "no audience configured is not off");
    rules = default_rules();
    rules.issuer = base_span_make(NULL, 0);
    is_int(check_rules("{\"iss\":\"\",\"aud\":\"" AUD "\",\"exp\":1700000300}", &rules),
           BASE_TOKEN_ISSUER, "an empty issuer matches nothing");
}

static void test_slash(void)
{
    (void) check_aud("\"" AUD "/\"");
    ok(jwt.audience_slash_only, "a slash too many is told");
    (void) check_aud("[\"x\",\"" AUD "/\"]");
    ok(jwt.audience_slash_only, "in a list, too");
    (void) check_aud("\"" AUD "//\"");
    ok(!jwt.audience_slash_only, "two slashes are another audience");
    (void) check_aud("\"x\"");
    ok(!jwt.audience_slash_only, "another audience is not told");
    is_int(check_aud("[\"" AUD "/\",\"" AUD "\"]"), BASE_OK, "one of both");
    ok(!jwt.audience_slash_only, "nothing to tell then");
    is_int(check_aud("[\"" AUD "/\",\"api://second\"]"), BASE_OK, "the other audience");
    ok(!jwt.audience_slash_only, "nothing to tell, either");
    is_int(check("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "/\",\"exp\":1}"), BASE_TOKEN_EXPIRED,
           "expired, too");
    ok(!jwt.audience_slash_only, "then the slash is not the only fault");
}

static const case_t kind_cases[] = {
    {",\"typ\":\"Bearer\"", BASE_OK},
    {",\"typ\":\"ID\"", BASE_TOKEN_KIND},
    {",\"typ\":\"id\"", BASE_TOKEN_KIND},
    {",\"typ\":\"Refresh\"", BASE_TOKEN_KIND},
    {",\"typ\":\"Offline\"", BASE_TOKEN_KIND},
    {",\"typ\":\"Logout\"", BASE_TOKEN_KIND},
    {",\"typ\":1", BASE_TOKEN_KIND},
    {",\"at_hash\":\"x\"", BASE_TOKEN_KIND},
    {",\"at_hash\":null", BASE_TOKEN_KIND},
    {",\"c_hash\":\"x\"", BASE_TOKEN_KIND},
    {",\"events\":{}", BASE_TOKEN_KIND},
    {",\"nonce\":\"n\"", BASE_OK},
    {",\"nonce\":\"n\",\"azp\":\"other\"", BASE_OK},
    {",\"nonce\":\"n\",\"azp\":\"" AUD "\"", BASE_TOKEN_KIND},
    {",\"nonce\":\"n\",\"client_id\":\"" AUD "\"", BASE_TOKEN_KIND},
    {",\"nonce\":\"n\",\"azp\":\"" AUD "\",\"scope\":\"openid\"", BASE_OK},
    {",\"nonce\":\"n\",\"azp\":\"" AUD "\",\"scp\":[\"openid\"]", BASE_OK},
    {",\"azp\":\"" AUD "\"", BASE_OK},
    {",\"cnf\":{\"jkt\":\"x\"}", BASE_TOKEN_BOUND},
    {",\"cnf\":{\"x5t#S256\":\"x\"}", BASE_TOKEN_BOUND},
    {",\"cnf\":{}", BASE_TOKEN_BOUND},
    {",\"cnf\":null", BASE_TOKEN_BOUND},
    {",\"CNF\":{}", BASE_OK},
    {",\"sub\":\"a\",\"sub\":\"b\"", BASE_TOKEN_CLAIMS},
    {",\"ext\":{\"a\":1,\"a\":2}", BASE_TOKEN_CLAIMS},
    {",\"ext\":[{\"a\":{\"b\":1,\"\\u0062\":2}}]", BASE_TOKEN_CLAIMS},
    {",\"ext\":[{\"a\":1},{\"a\":2}]", BASE_OK},
    {",\"ext\":\"\xff\"", BASE_TOKEN_CLAIMS},
    {",\"ext\":\"\\ud800\"", BASE_TOKEN_CLAIMS},
    {",\"ext\":1e400", BASE_OK},
};

static const case_t documents[] = {
    {"", BASE_TOKEN_MALFORMED},
    {"{}", BASE_TOKEN_CLAIMS},
    {"[]", BASE_TOKEN_CLAIMS},
    {"null", BASE_TOKEN_CLAIMS},
    {"\"text\"", BASE_TOKEN_CLAIMS},
    {"{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300}x", BASE_TOKEN_CLAIMS},
    {"{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300}{}", BASE_TOKEN_CLAIMS},
    {"{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300", BASE_TOKEN_CLAIMS},
    {"{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300,}", BASE_TOKEN_CLAIMS},
    {"\xef\xbb\xbf{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300}", BASE_TOKEN_CLAIMS},
    {"{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300}\n", BASE_OK},
};

static void test_kinds(void)
{
    EACH(kind_cases, check_with);
    EACH(documents, check);
    is_int(check("{\"iss\":\"" ISS "\",\"aud\":[\"" AUD "\",\"app\"],\"exp\":1700000300,"
                 "\"nonce\":\"n\",\"azp\":\"app\"}"),
           BASE_TOKEN_KIND, "an ID token for several audiences");
}

#define GOOD "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300}"
#define FULL                                                                                       \
    "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300,\"iat\":1700000000,"              \
    "\"sub\":\"s\",\"client_id\":\"c\",\"jti\":\"j\"}"

static base_reason_t check_typ(const char *typ, bool required, const char *payload)
{
    jose_jwt_rules_t rules = default_rules();
    char *header = mint_text("{\"alg\":\"EdDSA\"%s}", typ);

    rules.require_at_jwt = required;
    return check_token(mint_token(key, "EdDSA", header, payload), &rules, NOW);
}

static void test_type(void)
{
    is_int(check_typ("", false, GOOD), BASE_OK, "no typ");
    is_int(check_typ(",\"typ\":\"JWT\"", false, GOOD), BASE_OK, "JWT");
    is_int(check_typ(",\"typ\":\"at+jwt\"", false, GOOD), BASE_OK, "at+jwt");
    is_int(check_typ(",\"typ\":\"dpop+jwt\"", false, GOOD), BASE_TOKEN_TYPE, "dpop+jwt");
    is_int(check_typ(",\"typ\":\"logout+jwt\"", false, GOOD), BASE_TOKEN_TYPE, "logout+jwt");
    is_int(check_typ(",\"typ\":\"secevent+jwt\"", false, GOOD), BASE_TOKEN_TYPE, "secevent+jwt");
    is_int(check_typ(",\"typ\":\"id_token\"", false, GOOD), BASE_TOKEN_TYPE, "anything else");
    is_int(check_typ("", true, FULL), BASE_TOKEN_TYPE, "required: no typ");
    is_int(check_typ(",\"typ\":\"JWT\"", true, FULL), BASE_TOKEN_TYPE, "required: JWT");
    is_int(check_typ(",\"typ\":\"at+jwt\"", true, FULL), BASE_OK, "required: at+jwt");
    is_int(check_typ(",\"typ\":\"application/at+jwt\"", true, FULL), BASE_OK,
           "required: application/at+jwt");
    is_int(check_typ(",\"typ\":\"at+jwt\"", true, GOOD), BASE_TOKEN_CLAIMS,
           "required: the profile's claims are missing");
}

static void test_profile(void)
{
    static const char *const parts[] = {"\"iat\":1700000000", "\"sub\":\"s\"",
                                        "\"client_id\":\"c\"", "\"jti\":\"j\""};

    for (size_t left_out = 0; left_out < 4; left_out++) {
        char *payload = mint_text("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300");

        for (size_t i = 0; i < 4; i++) {
            payload = i == left_out ? payload : mint_text("%s,%s", payload, parts[i]);
        }
        is_int(check_typ(",\"typ\":\"at+jwt\"", true, mint_text("%s}", payload)), BASE_TOKEN_CLAIMS,
               "at+jwt without %s", parts[left_out]);
    }
}

/* Claims are not looked at before the signature, so that nobody learns from unsigned ones. */
static void test_order(void)
{
    jose_jwt_rules_t rules = default_rules();

    is_int(check_token(mint_plain(stranger, "EdDSA", "{\"exp\":1}"), &rules, NOW),
           BASE_TOKEN_SIGNATURE, "expired, but first of all not signed");
    is_int(check_token(mint_plain(stranger, "EdDSA", "not JSON"), &rules, NOW),
           BASE_TOKEN_SIGNATURE, "no JSON, but first of all not signed");
    is_int(check_token(mint_plain(stranger, "EdDSA", GOOD), &rules, NOW), BASE_TOKEN_SIGNATURE,
           "good claims, not signed");
    is_int(check_token(mint_plain(key, "EdDSA", GOOD), &rules, NOW), BASE_OK, "control: signed");
    rules.algs = JOSE_ALG_ALL & ~jose_alg_find(BASE_SPAN("EdDSA"))->bit;
    is_int(check_token(mint_plain(key, "EdDSA", GOOD), &rules, NOW), BASE_TOKEN_ALGORITHM,
           "not on the issuer's list");
    rules.algs = 0;
    is_int(check_token(mint_plain(key, "EdDSA", GOOD), &rules, NOW), BASE_TOKEN_ALGORITHM,
           "an empty list");
}

static base_reason_t check_age(int64_t max, const char *iat)
{
    jose_jwt_rules_t rules = default_rules();

    rules.max_token_age = max;
    return check_rules(
        mint_text("{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"exp\":1700000300%s}", iat), &rules);
}

static void test_age(void)
{
    is_int(check_age(0, ",\"iat\":1000"), BASE_OK, "no limit");
    is_int(check_age(0, ""), BASE_OK, "no limit, no iat");
    is_int(check_age(3600, ",\"iat\":1699996400"), BASE_OK, "an hour");
    is_int(check_age(3600, ",\"iat\":1699996340"), BASE_OK, "an hour and the leeway");
    is_int(check_age(3600, ",\"iat\":1699996339"), BASE_TOKEN_TOO_OLD, "a second more");
    is_int(check_age(3600, ""), BASE_TOKEN_CLAIMS, "a limit needs iat");
    is_int(check_age(3600, ",\"iat\":-1000000000000"), BASE_TOKEN_TOO_OLD, "the oldest");
    is_int(check_age(INT64_MAX, ",\"iat\":1"), BASE_OK, "the largest limit");
}

static base_reason_t times(jose_jwt_t t, int64_t leeway, int64_t age, int64_t now)
{
    jose_jwt_rules_t rules = {.leeway = leeway, .max_token_age = age};

    return jose_jwt_check_times(&t, &rules, now);
}

static void test_check_times(void)
{
    const int64_t max = JOSE_JWT_TIME_MAX;
    jose_jwt_t t = {.exp = 1000, .nbf = 500, .iat = 400, .has_nbf = true, .has_iat = true};

    is_int(times(t, 0, 0, 999), BASE_OK, "leeway 0: the last second");
    is_int(times(t, 0, 0, 1000), BASE_TOKEN_EXPIRED, "leeway 0: exp itself");
    is_int(times(t, 60, 0, 1059), BASE_OK, "leeway 60: the last second");
    is_int(times(t, 60, 0, 1060), BASE_TOKEN_EXPIRED, "leeway 60: over");
    is_int(times(t, 0, 0, 500), BASE_OK, "nbf itself");
    is_int(times(t, 0, 0, 499), BASE_TOKEN_NOT_YET_VALID, "before nbf");
    is_int(times(t, 100, 0, 400), BASE_OK, "nbf within the leeway");
    is_int(times(t, 0, 100, 500), BASE_OK, "age 100");
    is_int(times(t, 0, 100, 501), BASE_TOKEN_TOO_OLD, "age 101");
    is_int(times(t, -5, 0, 999), BASE_OK, "a negative leeway is none");
    is_int(times(t, INT64_MAX, INT64_MAX, INT64_MAX), BASE_TOKEN_EXPIRED, "the end of time");
    is_int(times(t, INT64_MAX, 0, INT64_MIN), BASE_TOKEN_NOT_YET_VALID, "its beginning");
    t = (jose_jwt_t){.exp = max, .nbf = -max, .iat = -max, .has_nbf = true, .has_iat = true};
    is_int(times(t, 60, 0, 0), BASE_OK, "extreme times");
    is_int(times(t, INT64_MAX, INT64_MAX, 0), BASE_OK, "extreme times and rules");
    is_int(times((jose_jwt_t){.exp = 10}, 0, 5, 1), BASE_TOKEN_TOO_OLD, "an age without iat");
}

static base_reason_t issuer_of(const char *payload, bool *same)
{
    base_arena_t *arena = base_arena_new(1 << 20);
    char *token = mint_text("%s.AA", mint_input("{\"alg\":\"ES256\"}", payload));
    jose_jws_t jws;
    base_span_t iss = BASE_SPAN("untouched");
    base_reason_t reason = jose_jws_split(base_span_of(token), MAX, arena, &jws);

    if (reason == BASE_OK) {
        reason = jose_jwt_issuer(&jws, arena, &iss);
        *same = base_span_is(iss, ISS);
    }
    base_arena_free(arena);
    return reason;
}

static void test_issuer(void)
{
    bool same = false;

    is_int(issuer_of("{\"x\":1,\"iss\":\"" ISS "\"}", &same), BASE_OK, "iss of an unsigned token");
    ok(same, "and it is that");
    is_int(issuer_of("{\"iss\":\"https:\\/\\/issuer.example\"}", &same), BASE_OK, "with escapes");
    ok(same, "and it is that, too");
    is_int(issuer_of("{}", &same), BASE_TOKEN_ISSUER, "no iss");
    ok(!same, "nothing is told");
    is_int(issuer_of("{\"iss\":[\"" ISS "\"]}", &same), BASE_TOKEN_ISSUER, "iss in a list");
    is_int(issuer_of("{\"iss\":\"" ISS "\",\"iss\":\"x\"}", &same), BASE_TOKEN_CLAIMS, "iss twice");
    is_int(issuer_of("Payload", &same), BASE_TOKEN_CLAIMS, "no JSON");
}

/* Every limit of the arena: NO_MEMORY until it is enough, and nothing else. */
static void test_no_memory(void)
{
    jose_jwt_rules_t rules = default_rules();
    char *token = mint_plain(key, "EdDSA",
                             "{\"iss\":\"https:\\/\\/issuer.example\",\"aud\":[\"" AUD
                             "\"],\"exp\":1700000300}");
    int failed = 0, done = 0, other = 0;

    for (size_t limit = 0; limit < 4096; limit += 16) {
        base_arena_t *arena = base_arena_new(limit);
        jose_jws_t jws;
        base_reason_t reason = jose_jws_split(base_span_of(token), MAX, arena, &jws);

        if (reason == BASE_OK) {
            reason = jose_jwt_check(&jws, set, &rules, NOW, arena, &jwt);
        }
        failed += reason == BASE_NO_MEMORY;
        done += reason == BASE_OK;
        other += reason != BASE_OK && reason != BASE_NO_MEMORY;
        base_arena_free(arena);
    }
    ok(failed > 0 && done > 0 && other == 0, "small arenas: %d failed, %d done", failed, done);
}

int main(void)
{
    UNIT_BEGIN();
    key = mint_ed25519();
    stranger = mint_ed25519();
    set = mint_set(mint_jwk(key, ""));

    test_times();
    test_parties();
    test_slash();
    test_kinds();
    test_type();
    test_profile();
    test_order();
    test_age();
    test_check_times();
    test_issuer();
    test_no_memory();

    jose_jwk_set_free(set);
    EVP_PKEY_free(key);
    EVP_PKEY_free(stranger);
    mint_end();
    UNIT_END();
}
