#include "jose/jose_seal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define HALF  ((size_t) 12)
#define NONCE (2 * HALF)
#define TAG   ((size_t) 16)

static const char label[] = "ngx_http_smart_module seal 1";

bool jose_seal_key(base_span_t secret, jose_seal_key_t *key)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *) secret.p, secret.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *) label, sizeof(label) - 1),
        OSSL_PARAM_construct_end()};
    bool done = secret.n >= JOSE_SEAL_SECRET_MIN && ctx != NULL &&
                EVP_KDF_derive(ctx, key->_key, sizeof(key->_key), params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return done;
}

/* Of this seal alone. */
static bool own_key(const jose_seal_key_t *key, const unsigned char *nonce, unsigned char *own)
{
    unsigned n = 0;

    return HMAC(EVP_sha256(), key->_key, sizeof(key->_key), nonce, HALF, own, &n) != NULL &&
           n == 32;
}

static bool encrypt(const unsigned char *own, const unsigned char *nonce, base_span_t text,
                    unsigned char *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;
    bool done =
        ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, own, nonce + HALF) == 1 &&
        EVP_EncryptUpdate(ctx, out, &n, text.p, (int) text.n) == 1 &&
        EVP_EncryptFinal_ex(ctx, out + n, &rest) == 1 && (size_t) n + (size_t) rest == text.n &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int) TAG, out + text.n) == 1;

    EVP_CIPHER_CTX_free(ctx);
    return done;
}

static bool decrypt(const unsigned char *own, const unsigned char *nonce, base_span_t sealed,
                    unsigned char *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0, length = (int) (sealed.n - TAG);
    bool done =
        ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, own, nonce + HALF) == 1 &&
        EVP_DecryptUpdate(ctx, out, &n, sealed.p, length) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int) TAG, (void *) (sealed.p + length)) ==
            1 &&
        EVP_DecryptFinal_ex(ctx, out + n, &rest) == 1 && n + rest == length;

    EVP_CIPHER_CTX_free(ctx);
    return done;
}

size_t jose_seal(const jose_seal_key_t *key, base_span_t text, unsigned char *out)
{
    unsigned char own[32], *bytes;
    size_t n = 0;

    if (text.n > JOSE_SEAL_TEXT_MAX) {
        return 0;
    }
    bytes = malloc(text.n + JOSE_SEAL_EXTRA);
    if (bytes != NULL && RAND_bytes(bytes, (int) NONCE) == 1 && own_key(key, bytes, own) &&
        encrypt(own, bytes, text, bytes + NONCE)) {
        n = base_base64url_encode(base_span_make(bytes, text.n + JOSE_SEAL_EXTRA), out);
    }
    free(bytes);
    OPENSSL_cleanse(own, sizeof(own));
    ERR_clear_error();
    return n;
}

bool jose_unseal(const jose_seal_key_t *key, size_t key_n, base_span_t seal, unsigned char *out,
                 base_span_t *text)
{
    unsigned char own[32], *bytes;
    bool done = false;
    size_t i, n;

    if (seal.n > JOSE_SEAL_SIZE(JOSE_SEAL_TEXT_MAX)) {
        return false;
    }
    bytes = malloc(JOSE_UNSEAL_SIZE(seal.n));
    if (bytes != NULL && base_base64url_decode(seal, bytes, &n) && n >= JOSE_SEAL_EXTRA) {
        *text = base_span_make(out, n - JOSE_SEAL_EXTRA);
        for (i = 0; i < key_n && !done; i++) {
            done = own_key(&key[i], bytes, own) &&
                   decrypt(own, bytes, base_span_make(bytes + NONCE, n - NONCE), out);
        }
    }
    free(bytes);
    OPENSSL_cleanse(own, sizeof(own));
    ERR_clear_error();
    return done;
}
