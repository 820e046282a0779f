/*
 * base_word: several bytes at once, the first one lowest, whatever the machine. The caller
 * vouches that all of them are there; no alignment is needed.
 */

#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stdint.h>
#include <string.h>

static inline uint64_t base_word_load8(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

static inline uint64_t base_word_load4(const unsigned char *p)
{
    return p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16 | (uint64_t) p[3] << 24;
}

#endif
