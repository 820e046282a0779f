#include "oauth/oauth_bearer.h"

static bool is_token68(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || c == '+' || c == '/';
}

/* RFC 6750 section 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_b64token(base_span_t text)
{
    size_t i = 0;

    while (i < text.n && is_token68(text.p[i])) {
        i++;
    }
    if (i == 0) {
        return false;
    }
    while (i < text.n && text.p[i] == '=') {
        i++;
    }
    return i == text.n;
}

/* The scheme ends at the first byte that cannot be part of one, so that "Bearer,x" is ours and refused. */
static base_span_t scheme_of(base_span_t value)
{
    size_t i = 0;

    while (i < value.n && is_token68(value.p[i])) {
        i++;
    }
    return base_span_sub(value, 0, i);
}

base_reason_t oauth_bearer_parse(const base_span_t *values, size_t n, size_t max,
                                 base_span_t *token)
{
    base_span_t scheme;
    base_span_t rest;

    *token = base_span_make(NULL, 0);
    if (n == 0) {
        return BASE_NO_CREDENTIALS;
    }
    if (n > 1) {
        return BASE_CREDENTIALS_REPEATED;
    }
    scheme = scheme_of(values[0]);
    if (!base_span_is_nocase(scheme, "Bearer")) {
        return BASE_NO_CREDENTIALS;
    }
    rest = base_span_sub(values[0], scheme.n, values[0].n);
    if (rest.n < 2 || rest.p[0] != ' ') {
        return BASE_CREDENTIALS_SYNTAX;
    }
    rest = base_span_sub(rest, 1, rest.n);
    if (rest.n > max) {
        return BASE_TOKEN_TOO_LARGE;
    }
    if (!is_b64token(rest)) {
        return BASE_CREDENTIALS_SYNTAX;
    }
    *token = rest;
    return BASE_OK;
}
