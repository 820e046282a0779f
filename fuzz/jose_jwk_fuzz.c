/*
 * JWK Sets: whatever is read, each key can be found and asked, and nothing stays in OpenSSL's
 * queue.
 */

#include <stdlib.h>

#include <openssl/err.h>

#include "jose/jose_jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const jose_jwk_set_t *set, const jose_alg_t *alg)
{
    static const unsigned char zeros[1024];
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];
    size_t n = jose_jwk_find(set, base_span_make(NULL, 0), alg, keys);

    for (size_t i = 0; i < n; i++) {
        size_t signature_n = alg->signature_n != 0 ? alg->signature_n : 256;

        if (jose_jwk_verify(keys[i], alg, BASE_SPAN("m"), base_span_make(zeros, signature_n)) ==
            BASE_OK) {
            abort();
        }
    }
    (void) jose_jwk_find(set, BASE_SPAN("a"), alg, keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const jose_jwk_ignored_t *ignored;
    jose_jwk_set_t *set;
    size_t n;

    if (jose_jwk_set_read(base_span_make(data, size), &set) != BASE_OK) {
        return set == NULL ? 0 : (abort(), 0);
    }
    n = jose_jwk_set_ignored(set, &ignored);
    for (size_t i = 0; i < n && i < JOSE_JWK_ENTRIES_MAX; i++) {
        if (i < n && ignored[i].why != NULL && ignored[i].why[0] == '\0') {
            abort();
        }
    }
    for (size_t i = 0; i < JOSE_ALG_COUNT; i++) {
        ask(set, jose_alg_at(i));
    }
    if (ERR_peek_error() != 0) {
        abort();
    }
    jose_jwk_set_free(set);
    return 0;
}
