/*
 * jose_seal: text that only who has the secret can read or make, as letters that fit into a path (RULES L21).
 *
 *     seal = BASE64URL(nonce || AES-256-GCM(text) || tag)
 *
 * Of the 24 bytes of the nonce the first half makes the key of this seal alone (HMAC-SHA256 under the secret's key), the second half is the
 * cipher's own: nonces are random, and two alike among 2^40 seals are still not to be feared.
 */

#ifndef JOSE_SEAL_H
#define JOSE_SEAL_H

#include "base/base_base64url.h"

#define JOSE_SEAL_SECRET_MIN ((size_t) 32)    /* bytes of a secret */
#define JOSE_SEAL_TEXT_MAX   ((size_t) 65536) /* of what is sealed */
#define JOSE_SEAL_EXTRA      ((size_t) 40)    /* nonce and tag */

/* Room for the seal of n bytes, and for the text of a seal of n letters. */
#define JOSE_SEAL_SIZE(n)   BASE_BASE64URL_ENCODED((n) + JOSE_SEAL_EXTRA)
#define JOSE_UNSEAL_SIZE(n) BASE_BASE64URL_DECODED(n)

/* Made of a secret. Its bytes are its own, and to be wiped like one. */
typedef struct {
    unsigned char _key[32];
} jose_seal_key_t;

/* Makes the key (HKDF-SHA256, RFC 5869). False: the secret is shorter than JOSE_SEAL_SECRET_MIN, or OpenSSL fails. */
bool jose_seal_key(base_span_t secret, jose_seal_key_t *key);

/* Seals into out[0 .. JOSE_SEAL_SIZE(text.n)). 0: too long, or OpenSSL fails; else the letters written. */
size_t jose_seal(const jose_seal_key_t *key, base_span_t text, unsigned char *out);

/*
 * Opens with the first key that fits, into out[0 .. JOSE_UNSEAL_SIZE(seal.n)). False: no key fits, or it is not spelt as it was made; `out` then
 * holds nothing of use.
 */
bool jose_unseal(const jose_seal_key_t *key, size_t key_n, base_span_t seal, unsigned char *out,
                 base_span_t *text);

#endif
