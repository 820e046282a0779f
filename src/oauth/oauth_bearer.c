#include "oauth/oauth_bearer.h"

/* RFC 7235 token68 without the '=' at its end: ALPHA, DIGIT and - . _ ~ + / */
static const unsigned char token68[256] = {
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1,
    ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1,
    ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
    ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
    ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1,
    ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1,
    ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1,
    ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['-'] = 1, ['.'] = 1,
    ['_'] = 1, ['~'] = 1, ['+'] = 1, ['/'] = 1,
};

/* Length of the run of such characters at p; in fours, for a token is long and there on each request. */
static size_t run_of(const unsigned char *p, size_t n)
{
    size_t i = 0;

    while (i + 4 <= n &&
           (token68[p[i]] & token68[p[i + 1]] & token68[p[i + 2]] & token68[p[i + 3]])) {
        i += 4;
    }
    while (i < n && token68[p[i]]) {
        i++;
    }
    return i;
}

/* RFC 6750 section 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_b64token(base_span_t text)
{
    size_t i = run_of(text.p, text.n);

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
    return base_span_sub(value, 0, run_of(value.p, value.n));
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
