/*
 * jose when malloc fails, at every point in turn: no crash, no leak, no key or signature accepted
 * that would not be otherwise. OpenSSL and jansson are given the failing allocator.
 */

#include "unit.h"

#include <stdlib.h>

#include <jansson.h>

#include <openssl/crypto.h>

#include "jose/jose_jws.h"
#include "jose_vectors.h"

static long countdown = -1; /* allocations until one fails; negative: none does */
static bool failed;

static bool fails(void)
{
    if (countdown < 0) {
        return false;
    }
    if (countdown-- == 0) {
        failed = true;
        return true;
    }
    return false;
}

static void *failing_malloc(size_t n)
{
    return n == 0 || fails() ? NULL : malloc(n);
}

static void *openssl_malloc(size_t n, const char *file, int line)
{
    (void) file;
    (void) line;
    return failing_malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line)
{
    (void) file;
    (void) line;
    if (n == 0) {
        free(p);
        return NULL;
    }
    return fails() ? NULL : realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;
    free(p);
}

static char json[8192];

static void write_keys(void)
{
    size_t n = (size_t) sprintf(json, "{\"keys\":[");

    for (size_t i = 0; i < JOSE_VECTORS_COUNT; i++) {
        n += (size_t) sprintf(json + n, "%s%s", i == 0 ? "" : ",", jose_vectors[i].jwk);
    }
    (void) sprintf(json + n, "]}");
}

static base_reason_t verify(const jose_jwk_set_t *set, const char *token, base_arena_t *arena)
{
    jose_jws_t jws;
    base_reason_t reason = jose_jws_split(base_span_of(token), 16384, arena, &jws);

    return reason == BASE_OK ? jose_jws_verify(&jws, set, JOSE_ALG_ALL) : reason;
}

/* Reads the set with the n-th allocation failing. Returns whether one did fail. */
static bool read_at(long n, int *wrong)
{
    jose_jwk_set_t *set;
    base_reason_t reason;

    failed = false;
    countdown = n;
    reason = jose_jwk_set_read(base_span_of(json), &set);
    countdown = -1;
    *wrong += (reason == BASE_OK) != (set != NULL);
    *wrong += !failed && (reason != BASE_OK || jose_jwk_set_count(set) != JOSE_VECTORS_COUNT);
    *wrong += set != NULL &&
              jose_jwk_set_count(set) + jose_jwk_set_ignored(set, NULL) != JOSE_VECTORS_COUNT;
    jose_jwk_set_free(set);
    return failed;
}

/* Verifies a good and a forged token with the n-th allocation failing, then the good one again. */
static bool verify_at(long n, const jose_vector_t *vector, int *wrong)
{
    base_arena_t *arena = base_arena_new(1 << 16);
    char forged[2048];
    jose_jwk_set_t *set;
    base_reason_t reason;
    bool any;

    (void) snprintf(forged, sizeof(forged), "%s", vector->token);
    forged[strlen(forged) - 20] ^= 1;
    *wrong += jose_jwk_set_read(base_span_of(json), &set) != BASE_OK;
    failed = false;
    countdown = n;
    reason = verify(set, vector->token, arena);
    *wrong += reason != BASE_OK && !failed;
    any = failed;
    countdown = n;
    *wrong += verify(set, forged, arena) == BASE_OK;
    countdown = -1;
    *wrong += verify(set, vector->token, arena) != BASE_OK;
    jose_jwk_set_free(set);
    base_arena_free(arena);
    return any;
}

static void test_reading(void)
{
    int wrong = 0;
    long n = 0;

    while (n < 5000 && read_at(n, &wrong)) {
        n++;
    }
    ok(n > 50 && n < 5000, "a set read with each of its %ld allocations failing", n);
    is_int(wrong, 0, "each key is read or counted as ignored, or the failure is told");
}

static void test_verifying(void)
{
    for (size_t i = 0; i < JOSE_VECTORS_COUNT; i++) {
        int wrong = 0;
        long n = 0;

        while (n < 2000 && verify_at(n, &jose_vectors[i], &wrong)) {
            n++;
        }
        ok(n > 0 && n < 2000 && wrong == 0, "%s, each of %ld allocations failing",
           jose_vectors[i].name, n);
    }
}

int main(void)
{
    UNIT_BEGIN();
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
        (void) printf("Bail out! OpenSSL has allocated already\n");
        return 2;
    }
    json_set_alloc_funcs(failing_malloc, free);
    write_keys();
    test_reading();
    test_verifying();
    UNIT_END();
}
