#include "base/base_base64url.h"
#include "unit.h"

#include <stdlib.h>

/* Decodes from and into memory of exactly the size that the header names. Returns -1 when refused. */
static long decode(base_span_t text, unsigned char *copy)
{
    unsigned char *in = malloc(text.n + 1), *out = malloc(BASE_BASE64URL_DECODED(text.n));
    size_t n = 4711;
    bool good;

    if (in == NULL || out == NULL) {
        abort();
    }
    if (text.n != 0) {
        memcpy(in + 1, text.p, text.n);
    }
    good = base_base64url_decode(base_span_make(in + 1, text.n), out, &n);
    if (good && n != 0) {
        memcpy(copy, out, n);
    }
    free(in);
    free(out);
    if (!good && n != 4711) {
        abort();
    }
    return good ? (long) n : -1;
}

/* RFC 4648 section 10, without padding; RFC 7515 appendix C. */
static void test_vectors(void)
{
    static const struct {
        const char *plain, *coded;
    } rows[] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
        {"\x03\xec\xff\xe0\xc1", "A-z_4ME"},
        {"\xff\xff\xff", "____"},
        {"\xfb\xef\xbe", "----"},
    };
    unsigned char out[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        base_span_t plain = base_span_of(rows[i].plain), coded = base_span_of(rows[i].coded);
        size_t n = base_base64url_encode(plain, out);

        is_mem(out, n, coded.p, coded.n, "encode to %s", rows[i].coded);
        ok(n <= BASE_BASE64URL_ENCODED(plain.n), "within the size announced");
        is_int(decode(coded, out), plain.n, "decode %s", rows[i].coded);
        is_mem(out, plain.n, plain.p, plain.n, "... to the bytes");
    }
    ok(base_base64url_decode((base_span_t){NULL, 0}, out, &(size_t){0}),
       "absent decodes to nothing");
}

static void test_refused(void)
{
    static const char *const rows[] = {
        "Zg==",  "Zg=",        "Zm8=",   "Z",       "Zm9vY", "Zm9v\n", "Zm 9", "+/+/",
        "A+",    "A/",         "Zh",     "Zm9",     "Zm8.",  "Zm8,",   "=",    "====",
        "Zm9v=", "Z\xc3\xa9g", "Zm9vZh", "Zm9vZm9", " Zg",   "Zg ",
    };
    unsigned char out[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int(decode(base_span_of(rows[i]), out), -1, "refused: '%s'", rows[i]);
    }
    is_int(decode(BASE_SPAN("Zg\0\0"), out), -1, "refused: NULs");
}

static base_span_t spelled(unsigned char *text, unsigned long number, size_t n)
{
    static const char some[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < n; i++) {
        text[i] = (unsigned char) some[number & 63];
        number >>= 6;
    }
    return base_span_make(text, n);
}

/* Each value has one spelling: of all strings of n letters just as many decode as there are values. */
static void test_canonical(void)
{
    static const long values[] = {1, 0, 256, 65536};
    unsigned char text[4], out[8], again[8];

    for (size_t n = 0; n < 4; n++) {
        long good = 0;
        bool same = true;

        for (unsigned long number = 0; number < 1ul << (6 * n); number++) {
            base_span_t coded = spelled(text, number, n);
            size_t size;

            if (!base_base64url_decode(coded, out, &size)) {
                continue;
            }
            good++;
            same = same && base_base64url_encode(base_span_make(out, size), again) == n &&
                   memcmp(again, text, n) == 0;
        }
        is_int(good, values[n], "%zu letters hold %ld values", n, values[n]);
        ok(same, "and encode back to themselves");
    }
}

/* Every byte at every place of a group and of a tail: only the alphabet passes. */
static void test_alphabet(void)
{
    unsigned char out[8], text[7] = "AAAAAA", bytes[1];

    for (size_t at = 0; at < 6; at++) {
        unsigned good = 0;

        for (unsigned c = 0; c < 256; c++) {
            bytes[0] = text[at] = (unsigned char) c;
            if (decode(base_span_make(text, 6), out) >= 0) {
                good += base_span_find(BASE_SPAN("+/="), bytes[0]) == 3 ? 1u : 100u;
            }
        }
        text[at] = 'A';
        is_int(good, at == 5 ? 4 : 64, "letters allowed at place %zu", at);
    }
}

int main(void)
{
    UNIT_BEGIN();
    test_vectors();
    test_refused();
    test_canonical();
    test_alphabet();
    UNIT_END();
}
