#include "jose/jose_alg.h"

/* clang-format off */
static const jose_alg_t rows[JOSE_ALG_COUNT] = {
    {BASE_SPAN_LIT("RS256"), 1u << 0, JOSE_KTY_RSA, JOSE_CURVE_NONE,    "SHA256", false, 0},
    {BASE_SPAN_LIT("RS384"), 1u << 1, JOSE_KTY_RSA, JOSE_CURVE_NONE,    "SHA384", false, 0},
    {BASE_SPAN_LIT("RS512"), 1u << 2, JOSE_KTY_RSA, JOSE_CURVE_NONE,    "SHA512", false, 0},
    {BASE_SPAN_LIT("PS256"), 1u << 3, JOSE_KTY_RSA, JOSE_CURVE_NONE,    "SHA256", true,  0},
    {BASE_SPAN_LIT("PS384"), 1u << 4, JOSE_KTY_RSA, JOSE_CURVE_NONE,    "SHA384", true,  0},
    {BASE_SPAN_LIT("PS512"), 1u << 5, JOSE_KTY_RSA, JOSE_CURVE_NONE,    "SHA512", true,  0},
    {BASE_SPAN_LIT("ES256"), 1u << 6, JOSE_KTY_EC,  JOSE_CURVE_P256,    "SHA256", false, 64},
    {BASE_SPAN_LIT("ES384"), 1u << 7, JOSE_KTY_EC,  JOSE_CURVE_P384,    "SHA384", false, 96},
    {BASE_SPAN_LIT("ES512"), 1u << 8, JOSE_KTY_EC,  JOSE_CURVE_P521,    "SHA512", false, 132},
    {BASE_SPAN_LIT("EdDSA"), 1u << 9, JOSE_KTY_OKP, JOSE_CURVE_ED25519, NULL,     false, 64},
};
/* clang-format on */

const jose_alg_t *jose_alg_at(size_t i)
{
    return i < JOSE_ALG_COUNT ? &rows[i] : NULL;
}

const jose_alg_t *jose_alg_find(base_span_t name)
{
    for (size_t i = 0; i < JOSE_ALG_COUNT; i++) {
        if (base_span_eq(name, rows[i].name)) {
            return &rows[i];
        }
    }
    return NULL;
}
