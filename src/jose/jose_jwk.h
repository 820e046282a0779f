/*
 * jose_jwk: a JWK Set (RFC 7517, RFC 7518 section 6, RFC 8037) as keys that can verify.
 *
 * Memory: a set is one heap object, freed by jose_jwk_set_free; its keys live as long as it does.
 * Keys hold OpenSSL contexts that are reused by each verification: a set belongs to one thread (a
 * worker).
 *
 * Usable: RSA of 2048 to 8192 bits, EC on P-256, P-384, P-521, OKP on Ed25519. Ignored, with a
 * reason, never disabling a neighbour: other key types (oct above all), private members, `use`
 * other than sig, key_ops without verify, an `alg` that is unknown or of another family,
 * coordinates of a wrong length or off the curve, an even modulus or exponent, exponent 1 or over
 * 64 bits, a kid that is empty, over 256 bytes or not a string.
 *
 * One leading zero octet of `n` and `e` is forgiven: RFC 7518 section 6.3.1.1 forbids it, but
 * signed-integer libraries publish it, and the number it writes is the same. EC and OKP members
 * have an exact length.
 */

#ifndef JOSE_JWK_H
#define JOSE_JWK_H

#include "base/base_reason.h"
#include "base/base_span.h"
#include "jose/jose_alg.h"

/*
 * Usable keys in one set at most; entries looked at in one document at most. The rest is ignored.
 */
#define JOSE_JWK_KEYS_MAX    64
#define JOSE_JWK_ENTRIES_MAX 256
/* Keys tried for one token at most. */
#define JOSE_JWK_FOUND_MAX 8
#define JOSE_JWK_KID_MAX   256

typedef struct jose_jwk_s jose_jwk_t;
typedef struct jose_jwk_set_s jose_jwk_set_t;

/*
 * One ignored entry: its place in "keys" and a constant text for the log, without anything from
 * outside.
 */
typedef struct {
    size_t index;
    const char *why;
} jose_jwk_ignored_t;

/*
 * Reads a JWK Set. BASE_OK sets *set, even when no key is usable: a validly empty "keys" revokes
 * all keys, and the caller decides what a set with ignored keys only means (jose_jwk_set_count,
 * jose_jwk_set_ignored; BASE_DOCUMENT_NO_KEYS is for the caller). BASE_DOCUMENT_SYNTAX: not a
 * JSON object with an array "keys", a duplicate member, a NUL, trailing data. BASE_NO_MEMORY. On
 * failure *set is NULL.
 */
base_reason_t jose_jwk_set_read(base_span_t json, jose_jwk_set_t **set);

/* NULL is allowed. */
void jose_jwk_set_free(jose_jwk_set_t *set);

/* Usable keys. */
size_t jose_jwk_set_count(const jose_jwk_set_t *set);

/*
 * Ignored entries, all of them counted; *list (may be NULL) gets the first JOSE_JWK_ENTRIES_MAX,
 * owned by the set; entries beyond that were not looked at and share one reason.
 */
size_t jose_jwk_set_ignored(const jose_jwk_set_t *set, const jose_jwk_ignored_t **list);

/*
 * The keys that may verify `alg` for this kid, into keys[JOSE_JWK_FOUND_MAX], in document order;
 * returns how many. With a kid: exactly equal ones only, never a fallback (threats section 2).
 * Under one kid, a key that is weaker than another compatible with the same algorithm never
 * answers; equals are all tried. An absent kid: every compatible key, the first 8.
 */
size_t jose_jwk_find(const jose_jwk_set_t *set, base_span_t kid, const jose_alg_t *alg,
                     const jose_jwk_t *keys[JOSE_JWK_FOUND_MAX]);

/* True when a usable key has exactly this kid, whatever its algorithms. */
bool jose_jwk_has_kid(const jose_jwk_set_t *set, base_span_t kid);

/*
 * Verifies a signature, as it stands in the JWS, over `message`. BASE_OK, BASE_TOKEN_ALGORITHM
 * when the key may not verify `alg`, BASE_TOKEN_SIGNATURE (wrong length, found before any library
 * call, or wrong signature), BASE_NO_MEMORY. Leaves no entry in OpenSSL's error queue.
 */
base_reason_t jose_jwk_verify(const jose_jwk_t *key, const jose_alg_t *alg, base_span_t message,
                              base_span_t signature);

#endif
