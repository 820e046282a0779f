/* oauth_metadata: RULES G2, G6, G7. */

#include "oauth/oauth_metadata.h"
#include "unit.h"

static base_arena_t *arena;

static void test_addresses(void)
{
    static const struct {
        oauth_metadata_kind_t kind;
        const char *from;
        const char *address;
    } rows[] = {
        {OAUTH_METADATA_OIDC, "https://h", "https://h/.well-known/openid-configuration"},
        {OAUTH_METADATA_OIDC, "https://h/", "https://h/.well-known/openid-configuration"},
        {OAUTH_METADATA_OIDC, "https://h:8443/r/fhir",
         "https://h:8443/r/fhir/.well-known/openid-configuration"},
        {OAUTH_METADATA_OIDC, "https://h/r/", "https://h/r/.well-known/openid-configuration"},
        {OAUTH_METADATA_OAUTH, "https://h", "https://h/.well-known/oauth-authorization-server"},
        {OAUTH_METADATA_OAUTH, "https://h/t1",
         "https://h/.well-known/oauth-authorization-server/t1"},
        {OAUTH_METADATA_OAUTH, "https://h/t1/",
         "https://h/.well-known/oauth-authorization-server/t1"},
        {OAUTH_METADATA_SMART, "https://h/r4", "https://h/r4/.well-known/smart-configuration"},
        {OAUTH_METADATA_SMART, "ftp://h/r4", NULL},
        {OAUTH_METADATA_OIDC, "https://h/?x=y", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        base_span_t got = oauth_metadata_address(rows[i].kind, base_span_of(rows[i].from), arena);

        is_str((const char *) got.p, rows[i].address, "kind %d of %s", (int) rows[i].kind,
               rows[i].from);
    }
}

static const char *const whole = "{\"issuer\":\"https://h/\",\"jwks_uri\":\"https://h/keys\","
                                 "\"introspection_endpoint\":\"https://h/i\",\"x\":[{}]}";

static base_reason_t read_as(oauth_metadata_kind_t kind, const char *json,
                             oauth_endpoints_t *endpoints)
{
    return oauth_metadata_read(kind, BASE_SPAN("https://h/"), base_span_of(json), arena, endpoints);
}

static void test_good(void)
{
    oauth_endpoints_t endpoints;

    is_int(read_as(OAUTH_METADATA_OIDC, whole, &endpoints), BASE_OK, "OpenID");
    is_str((const char *) endpoints.jwks_uri.p, "https://h/keys", "its key set");
    is_str((const char *) endpoints.introspection_endpoint.p, "https://h/i", "its introspection");
    is_int(read_as(OAUTH_METADATA_OAUTH, whole, &endpoints), BASE_OK, "RFC 8414");
    is_int(read_as(OAUTH_METADATA_SMART, whole, &endpoints), BASE_OK, "SMART");
    is_int(read_as(OAUTH_METADATA_SMART, "{}", &endpoints), BASE_OK, "SMART without anything");
    ok(endpoints.jwks_uri.p == NULL, "says nothing of keys");
}

static void test_bad(void)
{
    static const struct {
        oauth_metadata_kind_t kind;
        const char *json;
        base_reason_t reason;
    } rows[] = {
        {OAUTH_METADATA_OIDC, "{}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_OAUTH, "{}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_OIDC, "{\"issuer\":\"https://h\"}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_OIDC, "{\"issuer\":\"https://H/\"}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_OIDC, "{\"issuer\":[\"https://h/\"]}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_SMART, "{\"issuer\":\"https://x/\"}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_SMART, "{\"issuer\":null}", BASE_DOCUMENT_ISSUER},
        {OAUTH_METADATA_SMART, "{\"jwks_uri\":\"keys\"}", BASE_DOCUMENT_URL},
        {OAUTH_METADATA_SMART, "{\"jwks_uri\":\"file:///k\"}", BASE_DOCUMENT_URL},
        {OAUTH_METADATA_SMART, "{\"jwks_uri\":\"https://u@h/k\"}", BASE_DOCUMENT_URL},
        {OAUTH_METADATA_SMART, "{\"jwks_uri\":7}", BASE_DOCUMENT_URL},
        {OAUTH_METADATA_SMART, "{\"introspection_endpoint\":\"x\"}", BASE_DOCUMENT_URL},
        {OAUTH_METADATA_SMART, "", BASE_DOCUMENT_SYNTAX},
        {OAUTH_METADATA_SMART, "[]", BASE_DOCUMENT_SYNTAX},
        {OAUTH_METADATA_SMART, "{} {}", BASE_DOCUMENT_SYNTAX},
        {OAUTH_METADATA_SMART, "<html>", BASE_DOCUMENT_SYNTAX},
        {OAUTH_METADATA_SMART, "{\"issuer\":\"https://h/\",\"issuer\":\"https://h/\"}",
         BASE_DOCUMENT_SYNTAX},
        {OAUTH_METADATA_SMART, "{\"issuer\":\"https://h/\\u0000\"}", BASE_DOCUMENT_SYNTAX},
        {OAUTH_METADATA_SMART, "\xef\xbb\xbf{}", BASE_DOCUMENT_SYNTAX},
    };
    oauth_endpoints_t endpoints;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(read_as(rows[i].kind, rows[i].json, &endpoints), rows[i].reason, "%s", rows[i].json);
    }
}

static void test_memory(void)
{
    base_arena_t *small = base_arena_new(8);
    oauth_endpoints_t endpoints;

    is_int(oauth_metadata_read(OAUTH_METADATA_OIDC, BASE_SPAN("https://h/"), base_span_of(whole),
                               small, &endpoints),
           BASE_NO_MEMORY, "no memory for what was read");
    ok(oauth_metadata_address(OAUTH_METADATA_OIDC, BASE_SPAN("https://h/"), small).p == NULL,
       "nor for an address");
    base_arena_free(small);
}

int main(void)
{
    UNIT_BEGIN();
    arena = base_arena_new(1 << 16);
    test_addresses();
    test_good();
    test_bad();
    test_memory();
    base_arena_free(arena);
    UNIT_END();
}
