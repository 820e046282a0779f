#include "base/base_hash.h"
#include "base/base_word.h"

static inline uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

void base_hash_begin(base_hash_t *h, uint64_t k0, uint64_t k1)
{
    h->_v[0] = k0 ^ UINT64_C(0x736f6d6570736575);
    h->_v[1] = k1 ^ UINT64_C(0x646f72616e646f6d);
    h->_v[2] = k0 ^ UINT64_C(0x6c7967656e657261);
    h->_v[3] = k1 ^ UINT64_C(0x7465646279746573);
    h->_word = 0;
    h->_n = 0;
}

/* 1 to 7 bytes as a word; reads nothing beyond them. */
static inline uint64_t load_few(const unsigned char *p, size_t n)
{
    if (n >= 4) {
        return base_word_load4(p) | base_word_load4(p + n - 4) << (8 * (n - 4));
    }
    return p[0] | (uint64_t) p[n / 2] << (8 * (n / 2)) | (uint64_t) p[n - 1] << (8 * (n - 1));
}

void base_hash_feed(base_hash_t *h, base_span_t bytes)
{
    const unsigned char *p = bytes.p;
    size_t n = bytes.n;

    for (; n != 0 && h->_n % 8 != 0; p++, n--) {
        h->_word |= (uint64_t) *p << (h->_n++ % 8 * 8);
        if (h->_n % 8 == 0) {
            sip_word(h->_v, h->_word);
            h->_word = 0;
        }
    }
    for (; n >= 8; p += 8, n -= 8) {
        sip_word(h->_v, base_word_load8(p));
        h->_n += 8;
    }
    if (n != 0) {
        h->_word = load_few(p, n);
        h->_n += n;
    }
}

uint64_t base_hash_end(base_hash_t *h)
{
    sip_word(h->_v, h->_word | h->_n << 56);
    h->_v[2] ^= 0xff;
    sip_round(h->_v);
    sip_round(h->_v);
    sip_round(h->_v);
    return h->_v[0] ^ h->_v[1] ^ h->_v[2] ^ h->_v[3];
}
