/*
 * What a token costs: jose with cached keys against libjwt's jwt_decode with a PEM, in
 * microseconds of CPU.
 *
 *     cc -O2 -std=c11 -Isrc -It/unit -o build/jose_bench bench/jose_bench.c \
 *         src/jose/[a-z]*.c src/base/[a-z]*.c -ljansson -ljwt -lcrypto && build/jose_bench
 *
 * "whole": split, signature, claims, as a request without a token cache pays it. "signature":
 * jose_jwk_verify alone. Medians of interleaved batches; the machine's phase moves all columns
 * together, so the ratios are what to quote.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jwt.h>

#include <openssl/pem.h>

#include "jose/jose_jwt.h"
#include "jose_mint.h"

#define NOW     INT64_C(1700000000)
#define BATCHES 41

/* A SMART access token's claims: 20 scopes, 1 KB of token with an RS256 signature. */
static const char payload[] =
    "{\"iss\":\"https://issuer.example\",\"aud\":\"https://fhir.example/r4\",\"exp\":1700000300,"
    "\"iat\":1700000000,\"jti\":\"7f3c0f0e-5b0c-4c0e-9c39-0a4f0f0e5b0c\",\"sub\":\"practitioner-"
    "17\","
    "\"client_id\":\"growth-chart\",\"patient\":\"smart-1288992\",\"fhirUser\":\"Practitioner/17\","
    "\"scope\":\"openid fhirUser launch/patient patient/Patient.rs patient/Observation.rs "
    "patient/Condition.rs patient/Encounter.rs patient/Procedure.rs patient/Immunization.rs "
    "patient/MedicationRequest.rs patient/AllergyIntolerance.rs patient/CarePlan.rs "
    "patient/CareTeam.rs patient/Goal.rs patient/Device.rs patient/DiagnosticReport.rs "
    "patient/DocumentReference.rs patient/Provenance.rs patient/Coverage.rs "
    "user/Practitioner.rs\"}";

typedef struct {
    const char *alg;
    int times; /* in one batch */
    char *token;
    char *pem;
    jose_jwk_set_t *set;
    const jose_jwk_t *key;
    base_span_t input;
    base_span_t signature;
} subject_t;

static double cpu_us(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static bool whole(const subject_t *s)
{
    static const base_span_t audience = BASE_SPAN_LIT("https://fhir.example/r4");
    jose_jwt_rules_t rules = {.issuer = BASE_SPAN("https://issuer.example"),
                              .audiences = &audience,
                              .audiences_n = 1,
                              .algs = JOSE_ALG_ALL,
                              .leeway = 60};
    base_arena_t *arena = base_arena_new(65536);
    jose_jws_t jws;
    jose_jwt_t jwt;
    bool good = jose_jws_split(base_span_of(s->token), 16384, arena, &jws) == BASE_OK &&
                jose_jwt_check(&jws, s->set, &rules, NOW, arena, &jwt) == BASE_OK;

    base_arena_free(arena);
    return good;
}

static bool signature(const subject_t *s)
{
    return jose_jwk_verify(s->key, jose_alg_find(base_span_of(s->alg)), s->input, s->signature) ==
           BASE_OK;
}

static bool reading(const subject_t *s)
{
    base_arena_t *arena = base_arena_new(65536);
    jose_jws_t jws;
    base_span_t iss;
    bool good = jose_jws_split(base_span_of(s->token), 16384, arena, &jws) == BASE_OK &&
                jose_jwt_issuer(&jws, arena, &iss) == BASE_OK;

    base_arena_free(arena);
    return good;
}

static bool libjwt(const subject_t *s)
{
    jwt_t *jwt = NULL;
    bool good =
        jwt_decode(&jwt, s->token, (const unsigned char *) s->pem, (int) strlen(s->pem)) == 0;

    jwt_free(jwt);
    return good;
}

static bool (*const runs[])(const subject_t *s) = {whole, signature, reading, libjwt};

#define RUNS (sizeof(runs) / sizeof(runs[0]))

static double batch(const subject_t *s, size_t run)
{
    double from = cpu_us();

    for (int i = 0; i < s->times; i++) {
        if (!runs[run](s)) {
            (void) fprintf(stderr, "%s: run %zu fails\n", s->alg, run);
            exit(1);
        }
    }
    return (cpu_us() - from) / s->times;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static subject_t subject(const char *alg, EVP_PKEY *key, int times)
{
    subject_t s = {.alg = alg, .times = times};
    const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX];
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *raw = mint_alloc(2048);
    char *data;
    size_t at;
    long n;

    s.token = mint_token(key, alg, mint_text("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"k\"}", alg),
                         payload);
    s.set = mint_set(mint_jwk(key, "\"kid\":\"k\","));
    (void) jose_jwk_find(s.set, BASE_SPAN("k"), jose_alg_find(base_span_of(alg)), keys);
    s.key = keys[0];
    (void) PEM_write_bio_PUBKEY(bio, key);
    n = BIO_get_mem_data(bio, &data);
    s.pem = mint_text("%.*s", (int) n, data);
    BIO_free(bio);
    at = (size_t) (strrchr(s.token, '.') - s.token);
    s.input = base_span_make(s.token, at);
    if (!base_base64url_decode(base_span_of(s.token + at + 1), raw, &s.signature.n)) {
        mint_fail("signature");
    }
    s.signature.p = raw;
    EVP_PKEY_free(key);
    return s;
}

static void measure(subject_t s)
{
    double costs[RUNS][BATCHES];

    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t run = 0; run < RUNS; run++) {
            costs[run][b] = batch(&s, run);
        }
    }
    for (size_t run = 0; run < RUNS; run++) {
        qsort(costs[run], BATCHES, sizeof(double), by_value);
    }
    (void) printf("%-6s %6zu %9.1f %11.1f %9.1f %10.1f %7.1f\n", s.alg, strlen(s.token),
                  costs[0][BATCHES / 2], costs[1][BATCHES / 2], costs[2][BATCHES / 2],
                  costs[3][BATCHES / 2], costs[3][BATCHES / 2] / costs[0][BATCHES / 2]);
    jose_jwk_set_free(s.set);
}

int main(void)
{
    (void) printf("%-6s %6s %9s %11s %9s %10s %7s\n", "alg", "bytes", "whole us", "signature",
                  "reading", "libjwt us", "ratio");
    measure(subject("RS256", mint_rsa(2048), 60));
    measure(subject("RS384", mint_rsa(2048), 60));
    measure(subject("ES256", mint_ec("P-256"), 40));
    measure(subject("ES384", mint_ec("P-384"), 12));
    mint_end();
    return 0;
}
