/* oauth_introspection: what is asked, and which answers are a token. Each refusal differs from the good answer in one thing. */

#include "oauth/oauth_introspection.h"
#include "unit.h"

#define NOW INT64_C(1700000000)

static const base_span_t audiences[] = {BASE_SPAN_LIT("https://fhir.example.org/r4")};
static const jose_jwt_rules_t rules = {
    .issuer = BASE_SPAN_LIT("https://auth.example.org"),
    .audiences = audiences,
    .audiences_n = 1,
    .require_at_jwt = true,
    .leeway = 60,
};

#define GOOD "\"active\":true,\"scope\":\"patient/*.rs\",\"client_id\":\"app\",\"exp\":1700000300"

static const struct {
    const char *json;
    base_reason_t reason;
} rows[] = {
    {"{" GOOD "}", BASE_OK},
    {"{" GOOD ",\"iss\":\"https://auth.example.org\"}", BASE_OK},
    {"{" GOOD ",\"iss\":\"https://auth.example.org/\"}", BASE_TOKEN_ISSUER},
    {"{" GOOD ",\"iss\":7}", BASE_TOKEN_ISSUER},
    {"{" GOOD ",\"aud\":\"https://fhir.example.org/r4\"}", BASE_OK},
    {"{" GOOD ",\"aud\":[\"x\",\"https://fhir.example.org/r4\"]}", BASE_OK},
    {"{" GOOD ",\"aud\":\"https://fhir.example.org/r5\"}", BASE_TOKEN_AUDIENCE},
    {"{" GOOD ",\"aud\":[]}", BASE_TOKEN_AUDIENCE},
    {"{" GOOD ",\"token_type\":\"Bearer\"}", BASE_OK},
    {"{" GOOD ",\"token_type\":\"access_token\",\"token_use\":\"access_token\"}", BASE_OK},
    {"{" GOOD ",\"token_type\":\"DPoP\"}", BASE_TOKEN_BOUND},
    {"{" GOOD ",\"cnf\":{\"jkt\":\"x\"}}", BASE_TOKEN_BOUND},
    {"{" GOOD ",\"token_type\":\"refresh_token\"}", BASE_TOKEN_KIND},
    {"{" GOOD ",\"token_use\":\"refresh_token\"}", BASE_TOKEN_KIND},
    {"{" GOOD ",\"token_use\":\"id\"}", BASE_TOKEN_KIND},
    {"{" GOOD ",\"typ\":\"Bearer\"}", BASE_OK},
    {"{" GOOD ",\"typ\":\"Refresh\"}", BASE_TOKEN_KIND},
    {"{" GOOD ",\"nbf\":1700000061}", BASE_TOKEN_NOT_YET_VALID},
    {"{" GOOD ",\"nbf\":1700000060}", BASE_OK},
    {"{\"active\":true,\"exp\":1699999941}", BASE_OK},
    {"{\"active\":true,\"exp\":1699999940}", BASE_TOKEN_EXPIRED},
    {"{\"active\":true}", BASE_TOKEN_CLAIMS},
    {"{\"active\":true,\"exp\":\"1700000300\"}", BASE_TOKEN_CLAIMS},
    {"{\"active\":true,\"exp\":null}", BASE_TOKEN_CLAIMS},
    {"{\"active\":true,\"exp\":1e400}", BASE_TOKEN_CLAIMS},
    {"{\"active\":false}", BASE_TOKEN_INACTIVE},
    {"{\"active\":false,\"exp\":1700000300,\"scope\":\"patient/*.rs\"}", BASE_TOKEN_INACTIVE},
    {"{\"exp\":1700000300}", BASE_INTROSPECTION_FAILED},
    {"{\"active\":\"true\",\"exp\":1700000300}", BASE_INTROSPECTION_FAILED},
    {"{\"active\":1,\"exp\":1700000300}", BASE_INTROSPECTION_FAILED},
    {"{\"active\":null,\"exp\":1700000300}", BASE_INTROSPECTION_FAILED},
    {"{\"active\":false,\"active\":true,\"exp\":1700000300}", BASE_INTROSPECTION_FAILED},
    {"{\"active\":true,\"exp\":1700000300,\"a\":{\"b\":1,\"b\":2}}", BASE_INTROSPECTION_FAILED},
    {"{" GOOD "} {}", BASE_INTROSPECTION_FAILED},
    {"{" GOOD, BASE_INTROSPECTION_FAILED},
    {"[{" GOOD "}]", BASE_INTROSPECTION_FAILED},
    {"true", BASE_INTROSPECTION_FAILED},
    {"", BASE_INTROSPECTION_FAILED},
    {"<html>", BASE_INTROSPECTION_FAILED},
};

static void test_answers(base_arena_t *arena)
{
    jose_jwt_t jwt;
    base_reason_t reason;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        reason = oauth_introspection_read(base_span_of(rows[i].json), &rules, NOW, arena, &jwt);
        is_str(base_reason_info(reason)->name, base_reason_info(rows[i].reason)->name, "%s",
               rows[i].json);
        ok((jwt.payload.p != NULL) == (reason == BASE_OK), "payload %zu", i);
    }
}

static void is_span(base_span_t got, const char *expected, const char *name)
{
    is_mem(got.p, got.n, expected, strlen(expected), "%s", name);
}

static void test_requests(base_arena_t *arena)
{
    base_span_t none = {NULL, 0};

    is_span(oauth_introspection_form(BASE_SPAN("abc-._~1"), none, arena),
            "token=abc-._~1&token_type_hint=access_token", "a token");
    is_span(oauth_introspection_form(BASE_SPAN("a+b/c=&token=x"), none, arena),
            "token=a%2Bb%2Fc%3D%26token%3Dx&token_type_hint=access_token",
            "nothing in a token is a separator");
    is_span(oauth_introspection_form(BASE_SPAN("a"), BASE_SPAN("h.p.s"), arena),
            "token=a&token_type_hint=access_token&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth"
            "%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=h.p.s",
            "with an assertion");
    is_span(oauth_introspection_basic(BASE_SPAN("Aladdin"), BASE_SPAN("open sesame"), arena),
            "Basic QWxhZGRpbjpvcGVuJTIwc2VzYW1l", "basic, form-encoded");
    is_span(oauth_introspection_basic(BASE_SPAN("a:b"), BASE_SPAN("\xff"), arena),
            "Basic YSUzQWI6JUZG", "a colon in the id is no separator");
    is_span(oauth_introspection_basic(BASE_SPAN("~~~"), BASE_SPAN("~o~~"), arena),
            "Basic fn5+On5vfn4=", "padding and the standard alphabet");
    is_span(oauth_introspection_bearer(BASE_SPAN("t0ken"), arena), "Bearer t0ken", "bearer");
}

static void test_memory(void)
{
    base_arena_t *arena = base_arena_new(16);
    jose_jwt_t jwt;

    ok(oauth_introspection_form(BASE_SPAN("abc"), BASE_SPAN("x"), arena).p == NULL, "form");
    ok(oauth_introspection_basic(BASE_SPAN("abc"), BASE_SPAN("x"), arena).p == NULL, "basic");
    ok(oauth_introspection_bearer(BASE_SPAN("abcdefghijklmnop"), arena).p == NULL, "bearer");
    is_int(oauth_introspection_read(BASE_SPAN("{\"active\":true,\"exp\":17e8,\"aud\":[\"x\"]}"),
                                    &rules, NOW, arena, &jwt),
           BASE_NO_MEMORY, "answer");
    base_arena_free(arena);
}

int main(void)
{
    base_arena_t *arena = base_arena_new(1 << 20);

    UNIT_BEGIN();
    test_answers(arena);
    test_requests(arena);
    test_memory();
    base_arena_free(arena);
    UNIT_END();
}
