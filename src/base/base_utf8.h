/*
 * base_utf8: UTF-8 one byte at a time (RFC 3629 section 4, Unicode table 3-7).
 *
 * A state says what may come next; it survives any cut of the input. Overlong forms, surrogates
 * and everything beyond U+10FFFF have no path through the table.
 */

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

typedef enum {
    BASE_UTF8_DONE, /* between characters */
    BASE_UTF8_LAST, /* one more byte 80..BF */
    BASE_UTF8_TWO,
    BASE_UTF8_THREE,
    BASE_UTF8_E0, /* A0..BF: shorter forms exist below */
    BASE_UTF8_ED, /* 80..9F: surrogates above */
    BASE_UTF8_F0, /* 90..BF: shorter forms exist below */
    BASE_UTF8_F4, /* 80..8F: beyond U+10FFFF above */
    BASE_UTF8_BAD
} base_utf8_t;

/* The state after the first byte of a character. */
static inline unsigned base_utf8_lead(unsigned char c)
{
    static const unsigned char lead[64] = {
        /* C0 */ BASE_UTF8_BAD,  BASE_UTF8_BAD,   BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* C4 */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* C8 */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* CC */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* D0 */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* D4 */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* D8 */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* DC */ BASE_UTF8_LAST, BASE_UTF8_LAST,  BASE_UTF8_LAST,  BASE_UTF8_LAST,
        /* E0 */ BASE_UTF8_E0,   BASE_UTF8_TWO,   BASE_UTF8_TWO,   BASE_UTF8_TWO,
        /* E4 */ BASE_UTF8_TWO,  BASE_UTF8_TWO,   BASE_UTF8_TWO,   BASE_UTF8_TWO,
        /* E8 */ BASE_UTF8_TWO,  BASE_UTF8_TWO,   BASE_UTF8_TWO,   BASE_UTF8_TWO,
        /* EC */ BASE_UTF8_TWO,  BASE_UTF8_ED,    BASE_UTF8_TWO,   BASE_UTF8_TWO,
        /* F0 */ BASE_UTF8_F0,   BASE_UTF8_THREE, BASE_UTF8_THREE, BASE_UTF8_THREE,
        /* F4 */ BASE_UTF8_F4,   BASE_UTF8_BAD,   BASE_UTF8_BAD,   BASE_UTF8_BAD,
        /* F8 */ BASE_UTF8_BAD,  BASE_UTF8_BAD,   BASE_UTF8_BAD,   BASE_UTF8_BAD,
        /* FC */ BASE_UTF8_BAD,  BASE_UTF8_BAD,   BASE_UTF8_BAD,   BASE_UTF8_BAD,
    };

    if (c < 0x80) {
        return BASE_UTF8_DONE;
    }
    return c < 0xc0 ? BASE_UTF8_BAD : lead[c - 0xc0];
}

/* The state after byte c in a state that is neither DONE nor BAD. */
static inline unsigned base_utf8_more(unsigned state, unsigned char c)
{
    static const struct {
        unsigned char low, high, next;
    } rows[] = {
        [BASE_UTF8_LAST] = {0x80, 0xbf, BASE_UTF8_DONE},
        [BASE_UTF8_TWO] = {0x80, 0xbf, BASE_UTF8_LAST},
        [BASE_UTF8_THREE] = {0x80, 0xbf, BASE_UTF8_TWO},
        [BASE_UTF8_E0] = {0xa0, 0xbf, BASE_UTF8_LAST},
        [BASE_UTF8_ED] = {0x80, 0x9f, BASE_UTF8_LAST},
        [BASE_UTF8_F0] = {0x90, 0xbf, BASE_UTF8_TWO},
        [BASE_UTF8_F4] = {0x80, 0x8f, BASE_UTF8_TWO},
    };

    if (c < rows[state].low || c > rows[state].high) {
        return BASE_UTF8_BAD;
    }
    return rows[state].next;
}

#endif
