#include "base/base_hash.h"
#include "unit.h"

#include <stdlib.h>

/* Feeds three parts, each from memory of exactly its size. */
static uint64_t hash_cut(base_span_t text, size_t one, size_t two, uint64_t k0, uint64_t k1)
{
    size_t from[] = {0, one, two}, to[] = {one, two, text.n};
    base_hash_t h;

    base_hash_begin(&h, k0, k1);
    for (int i = 0; i < 3; i++) {
        base_span_t part = base_span_sub(text, from[i], to[i]);
        unsigned char *copy = malloc(part.n == 0 ? 1 : part.n);

        if (copy == NULL) {
            abort();
        }
        if (part.n != 0) {
            memcpy(copy, part.p, part.n);
        }
        base_hash_feed(&h, base_span_make(copy, part.n));
        free(copy);
    }
    return base_hash_end(&h);
}

/* With the key 0, what CPython 3.11 computes (hash() of bytes, PYTHONHASHSEED=0: siphash13). */
static void test_vectors(void)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } rows[] = {
        {"a", UINT64_C(0x407448d2b89b1813)},
        {"id", UINT64_C(0xd560c7e4a29451c2)},
        {"abc", UINT64_C(0xc03bc3a0042630f2)},
        {"code", UINT64_C(0x6565f9f03506010b)},
        {"1234567", UINT64_C(0xa33d651594fdae81)},
        {"12345678", UINT64_C(0x3489982430560a87)},
        {"123456789", UINT64_C(0x0fbc0f0007965fcf)},
        {"resourceType", UINT64_C(0x3be04786b220532c)},
        {"effectiveDateTime", UINT64_C(0xeead6bf958d145ec)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        base_span_t text = base_span_of(rows[i].text);

        ok(hash_cut(text, 0, 0, 0, 0) == rows[i].hash, "hash of %s", rows[i].text);
    }
}

static void test_cuts(void)
{
    base_span_t text = BASE_SPAN("modifierExtension[x]\xc3\xa9\x01\xff");

    for (size_t n = 0; n <= text.n; n++) {
        base_span_t name = base_span_sub(text, 0, n);
        uint64_t whole = hash_cut(name, n, n, 3, 4);
        unsigned wrong = 0;

        for (size_t one = 0; one <= n; one++) {
            for (size_t two = one; two <= n; two++) {
                wrong += hash_cut(name, one, two, 3, 4) != whole;
            }
        }
        is_int(wrong, 0, "%zu bytes in all three parts", n);
        ok(hash_cut(name, 0, 0, 3, 5) != whole, "another key, another hash");
        ok(n == 0 || hash_cut(base_span_sub(name, 0, n - 1), 0, 0, 3, 4) != whole,
           "a byte less, another hash");
    }
}

int main(void)
{
    UNIT_BEGIN();
    test_vectors();
    test_cuts();
    UNIT_END();
}
