#include "ngx_http_smart_introspection_client.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include "jose/jose_assertion.h"
#include "oauth/oauth_introspection.h"


static ngx_int_t ngx_http_smart_introspection_assertion(
    ngx_http_smart_issuer_t *issuer, base_arena_t *arena,
    base_span_t *assertion);


ngx_int_t
ngx_http_smart_introspection_client(ngx_http_smart_issuer_t *issuer,
    base_arena_t *arena, char **authorization, base_span_t *assertion)
{
    ngx_str_t    *secret;
    base_span_t   value, text;

    *authorization = NULL;
    *assertion = base_span_make(NULL, 0);

    switch (issuer->client) {

    case NGX_HTTP_SMART_CLIENT_NONE:
        return NGX_OK;

    case NGX_HTTP_SMART_CLIENT_PRIVATE_KEY:
        return ngx_http_smart_introspection_assertion(issuer, arena,
                                                      assertion);

    default:
        break;
    }

    secret = ngx_http_smart_secret_get(&issuer->secret, ngx_cycle->log);
    text = base_span_make(secret->data, secret->len);

    value = (issuer->client == NGX_HTTP_SMART_CLIENT_BEARER)
            ? oauth_introspection_bearer(text, arena)
            : oauth_introspection_basic(
                    base_span_make(issuer->client_id.data,
                                   issuer->client_id.len), text, arena);

    *authorization = (char *) value.p;

    return value.p ? NGX_OK : NGX_ERROR;
}


/*
 * The issuer's own name is the audience: an endpoint's address, which metadata may choose, would let one server collect assertions for
 * another.
 */

static ngx_int_t
ngx_http_smart_introspection_assertion(ngx_http_smart_issuer_t *issuer,
    base_arena_t *arena, base_span_t *assertion)
{
    u_char             bytes[16], jti[32];
    ngx_str_t         *pem, *alg, *kid, *id;
    jose_assertion_t   claims;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(jti, bytes, sizeof(bytes));

    pem = ngx_http_smart_secret_get(&issuer->secret, ngx_cycle->log);
    alg = &issuer->client_alg;
    kid = &issuer->client_kid;
    id = &issuer->client_id;

    claims.pem = base_span_make(pem->data, pem->len);
    claims.alg = alg->len ? base_span_make(alg->data, alg->len)
                          : jose_assertion_alg(claims.pem);
    claims.kid = base_span_make(kid->len ? kid->data : NULL, kid->len);
    claims.client = base_span_make(id->data, id->len);
    claims.audience = base_span_make(issuer->uri.data, issuer->uri.len);
    claims.jti = base_span_make(jti, sizeof(jti));
    claims.now = ngx_time();

    return jose_assertion_sign(&claims, arena, assertion) == BASE_OK
           ? NGX_OK : NGX_ERROR;
}
