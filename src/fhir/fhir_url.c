#include "fhir/fhir_url.h"

#include <string.h>

#define ESCAPES_MAX 4 /* of escapes, one in the other */

void fhir_url_begin(fhir_url_t *url)
{
    url->said = url->unknown = false;
    url->n = 0;
}

void fhir_url_set(fhir_url_t *url, base_span_t text, bool too_long)
{
    url->said = true;
    url->unknown = too_long || text.n > sizeof(url->bytes);
    url->n = url->unknown ? 0 : text.n;
    if (url->n > 0) {
        memcpy(url->bytes, text.p, text.n);
    }
}

base_span_t fhir_url_span(const fhir_url_t *url)
{
    return url->said && !url->unknown ? base_span_make(url->bytes, url->n)
                                      : base_span_make(NULL, 0);
}

static int hex_digit(unsigned char c)
{
    c = base_span_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes once, in place, and leaves out what readers leave out; true when there was an escape. */
static bool unescape(unsigned char *text, size_t *n)
{
    size_t at, to = 0;
    bool found = false;

    for (at = 0; at < *n; at++) {
        unsigned char c = text[at];

        if (c == '%' && *n - at > 2 && hex_digit(text[at + 1]) >= 0 &&
            hex_digit(text[at + 2]) >= 0) {
            c = (unsigned char) (hex_digit(text[at + 1]) << 4 | hex_digit(text[at + 2]));
            at += 2;
            found = true;
        }
        if (c > 0x20 && c < 0x7f) {
            text[to++] = base_span_lower(c);
        }
    }
    *n = to;
    return found;
}

static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool fhir_url_may_name(base_span_t text, const char *type)
{
    unsigned char flat[FHIR_URL_MAX];
    size_t n = text.n, from = 0, at;
    unsigned round;

    if (n > sizeof(flat)) {
        return true;
    }
    if (n > 0) {
        memcpy(flat, text.p, n);
    }
    for (round = 0; unescape(flat, &n); round++) {
        if (round == ESCAPES_MAX) {
            return true;
        }
    }
    for (at = 0; at <= n; at++) {
        if (at == n || !is_word(flat[at])) {
            if (base_span_is(base_span_make(flat + from, at - from), type)) {
                return true;
            }
            from = at + 1;
        }
    }
    return false;
}
