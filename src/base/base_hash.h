/*
 * base_hash: SipHash-1-3 (Aumasson and Bernstein), a keyed hash of 64 bits for tables that hold names
 * from outside: who does not know the key cannot aim at collisions. Not a MAC for anything else.
 *
 * Fed in parts, it gives what it gives for the whole.
 */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/base_span.h"

/* Begun again for each hash; members are its own. */
typedef struct {
    uint64_t _v[4];
    uint64_t _word; /* bytes that wait until eight are together */
    uint64_t _n;    /* bytes so far */
} base_hash_t;

void base_hash_begin(base_hash_t *h, uint64_t k0, uint64_t k1);

void base_hash_feed(base_hash_t *h, base_span_t bytes);

/* The hash; nothing can be fed behind it. */
uint64_t base_hash_end(base_hash_t *h);

#endif
