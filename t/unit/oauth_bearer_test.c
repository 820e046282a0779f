/* oauth_bearer: RULES H2, RFC 6750 section 2.1. */

#include "oauth/oauth_bearer.h"
#include "unit.h"

static base_reason_t parse(const char *value, base_span_t *token)
{
    base_span_t span = base_span_of(value);

    return oauth_bearer_parse(&span, 1, 32, token);
}

static void test_good(void)
{
    static const char *const rows[][2] = {
        {"Bearer abc", "abc"},     {"bearer abc", "abc"},
        {"BEARER abc", "abc"},     {"bEaReR a.b-c_d~e+f/g", "a.b-c_d~e+f/g"},
        {"Bearer abc==", "abc=="}, {"Bearer a", "a"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        base_span_t token;

        is_int(parse(rows[i][0], &token), BASE_OK, "\"%s\" is accepted", rows[i][0]);
        is_mem(token.p, token.n, rows[i][1], strlen(rows[i][1]), "and its token found");
    }
}

static void test_bad(void)
{
    static const struct {
        const char *value;
        base_reason_t reason;
    } rows[] = {
        {"", BASE_NO_CREDENTIALS},
        {"Basic dXNlcjpwYXNz", BASE_NO_CREDENTIALS},
        {"BearerX abc", BASE_NO_CREDENTIALS},
        {"Bear abc", BASE_NO_CREDENTIALS},
        {"Bearer", BASE_CREDENTIALS_SYNTAX},
        {"Bearer ", BASE_CREDENTIALS_SYNTAX},
        {"Bearer  abc", BASE_CREDENTIALS_SYNTAX},
        {"Bearer\tabc", BASE_CREDENTIALS_SYNTAX},
        {"Bearer=abc", BASE_CREDENTIALS_SYNTAX},
        {"Bearer,abc", BASE_CREDENTIALS_SYNTAX},
        {"Bearer abc ", BASE_CREDENTIALS_SYNTAX},
        {"Bearer abc, Bearer def", BASE_CREDENTIALS_SYNTAX},
        {"Bearer abc,def", BASE_CREDENTIALS_SYNTAX},
        {"Bearer abc=d", BASE_CREDENTIALS_SYNTAX},
        {"Bearer ==", BASE_CREDENTIALS_SYNTAX},
        {"Bearer \"abc\"", BASE_CREDENTIALS_SYNTAX},
        {"Bearer a\xc3\xa4", BASE_CREDENTIALS_SYNTAX},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        base_span_t token = BASE_SPAN("unset");

        is_int(parse(rows[i].value, &token), rows[i].reason, "\"%s\" is refused", rows[i].value);
        ok(token.p == NULL, "and gives no token");
    }
}

static void test_bounds(void)
{
    base_span_t two[] = {BASE_SPAN_LIT("Bearer a"), BASE_SPAN_LIT("Basic b")};
    base_span_t nul = base_span_make("Bearer a\0b", 10);
    base_span_t token;

    is_int(oauth_bearer_parse(NULL, 0, 32, &token), BASE_NO_CREDENTIALS, "no header at all");
    is_int(oauth_bearer_parse(two, 2, 32, &token), BASE_CREDENTIALS_REPEATED, "two headers");
    is_int(oauth_bearer_parse(two, 1, 32, &token), BASE_OK, "one of them alone is fine");
    is_int(oauth_bearer_parse(&nul, 1, 32, &token), BASE_CREDENTIALS_SYNTAX, "a NUL is no end");
    is_int(parse("Bearer 01234567890123456789012345678901", &token), BASE_OK, "32 of 32 bytes");
    is_int(parse("Bearer 012345678901234567890123456789012", &token), BASE_TOKEN_TOO_LARGE,
           "33 of 32 bytes");
}

int main(void)
{
    UNIT_BEGIN();
    test_good();
    test_bad();
    test_bounds();
    UNIT_END();
}
