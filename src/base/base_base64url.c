#include "base/base_base64url.h"

#define BAD 0xff

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of each character plus one; 0 (and so BAD after the subtraction) for all others. */
static const unsigned char values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

static unsigned value_of(unsigned char c)
{
    return (unsigned char) (values[c] - 1);
}

/* The last 2 or 3 characters: their unused bits must be zero. */
static bool decode_tail(const unsigned char *in, size_t left, unsigned char *out, size_t *n)
{
    unsigned a, b, c;

    if (left == 0) {
        return true;
    }
    a = value_of(in[0]);
    b = value_of(in[1]);
    c = left == 3 ? value_of(in[2]) : 0;
    if (a == BAD || b == BAD || c == BAD) {
        return false;
    }
    out[(*n)++] = (unsigned char) (a << 2 | b >> 4);
    if (left == 2) {
        return (b & 0x0f) == 0;
    }
    out[(*n)++] = (unsigned char) (b << 4 | c >> 2);
    return (c & 0x03) == 0;
}

bool base_base64url_decode(base_span_t text, unsigned char *out, size_t *n)
{
    const unsigned char *in = text.p;
    size_t left = text.n, done = 0;

    if (left % 4 == 1) {
        return false;
    }
    for (; left >= 4; left -= 4, in += 4) {
        unsigned a = value_of(in[0]), b = value_of(in[1]);
        unsigned c = value_of(in[2]), d = value_of(in[3]);

        if ((a | b | c | d) == BAD) {
            return false;
        }
        out[done++] = (unsigned char) (a << 2 | b >> 4);
        out[done++] = (unsigned char) (b << 4 | c >> 2);
        out[done++] = (unsigned char) (c << 6 | d);
    }
    if (!decode_tail(in, left, out, &done)) {
        return false;
    }
    *n = done;
    return true;
}

size_t base_base64url_encode(base_span_t bytes, unsigned char *out)
{
    const unsigned char *in = bytes.p;
    size_t left = bytes.n, done = 0;
    unsigned last;

    for (; left >= 3; left -= 3, in += 3) {
        out[done++] = (unsigned char) alphabet[in[0] >> 2];
        out[done++] = (unsigned char) alphabet[(in[0] << 4 | in[1] >> 4) & 0x3f];
        out[done++] = (unsigned char) alphabet[(in[1] << 2 | in[2] >> 6) & 0x3f];
        out[done++] = (unsigned char) alphabet[in[2] & 0x3f];
    }
    if (left == 0) {
        return done;
    }
    last = left == 2 ? in[1] : 0;
    out[done++] = (unsigned char) alphabet[in[0] >> 2];
    out[done++] = (unsigned char) alphabet[((unsigned) in[0] << 4 | last >> 4) & 0x3f];
    if (left == 2) {
        out[done++] = (unsigned char) alphabet[last << 2 & 0x3f];
    }
    return done;
}
