#include "ngx_http_smart_token.h"

#include "oauth/oauth_introspection.h"
#include "ngx_http_smart_introspection.h"
#include "ngx_http_smart_token_cache.h"


/* Beside the decoded token: what the scanner and the claims need. */
#define NGX_HTTP_SMART_TOKEN_ARENA  (64 * 1024)

/* Seconds between two hints of one kind in the log. */
#define NGX_HTTP_SMART_TOKEN_HINT   60


/* One verification, from the token to the principal. */
typedef struct {
    ngx_http_request_t        *request;
    ngx_http_smart_issuer_t  **issuers;
    ngx_uint_t                 n;
    base_span_t                token;
    base_arena_t              *arena;
    jose_jws_t                 jws;
    jose_jwt_t                 jwt;
    ngx_http_smart_issuer_t   *issuer;
    uint64_t                   generation;    /* 0: no key */
    ngx_msec_t                 until;         /* 0: no introspection */
    smart_principal_t         *principal;
    base_reason_t              reason;
} ngx_http_smart_verify_t;


static ngx_int_t ngx_http_smart_verify(ngx_http_smart_verify_t *verify);
static base_reason_t ngx_http_smart_verify_read(
    ngx_http_smart_verify_t *verify);
static ngx_uint_t ngx_http_smart_verify_newer(base_reason_t reason);
static ngx_int_t ngx_http_smart_verify_miss(ngx_http_smart_verify_t *verify);
static ngx_int_t ngx_http_smart_verify_check(ngx_http_smart_verify_t *verify);
static ngx_int_t ngx_http_smart_verify_opaque(ngx_http_smart_verify_t *verify);
static ngx_int_t ngx_http_smart_verify_ask(ngx_http_smart_verify_t *verify);
static base_reason_t ngx_http_smart_verify_answer(
    ngx_http_smart_verify_t *verify, base_span_t answer);
static ngx_int_t ngx_http_smart_verify_principal(
    ngx_http_smart_verify_t *verify);
static void ngx_http_smart_verify_hint(ngx_http_smart_verify_t *verify);
static ngx_uint_t ngx_http_smart_verify_cost(
    ngx_http_smart_verify_t *verify, jose_jwk_set_t *keys);
static ngx_uint_t ngx_http_smart_budget_left(void);
static void ngx_http_smart_budget_spend(ngx_uint_t checks);
static ngx_int_t ngx_http_smart_token_give(ngx_http_request_t *r,
    smart_principal_t *principal, ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_identity_t *out);
static void ngx_http_smart_token_cleanup(void *data);


static struct {
    ngx_int_t                  per_second;
    ngx_int_t                  spent;
    time_t                     second;
    time_t                     hinted;
} ngx_http_smart_budget;


ngx_int_t
ngx_http_smart_token(ngx_http_request_t *r, ngx_http_smart_issuer_t **issuers,
    ngx_uint_t n, base_span_t token, ngx_http_smart_identity_t *out,
    base_reason_t *reason)
{
    ngx_int_t                rc;
    ngx_http_smart_verify_t  verify;

    *reason = BASE_OK;

    if (ngx_http_smart_token_known(r, issuers, n, token, out) == NGX_OK) {
        return NGX_OK;
    }

    ngx_memzero(&verify, sizeof(ngx_http_smart_verify_t));

    verify.request = r;
    verify.issuers = issuers;
    verify.n = n;
    verify.token = token;
    verify.arena = base_arena_new(NGX_HTTP_SMART_TOKEN_ARENA + 2 * token.n);

    if (verify.arena == NULL) {
        *reason = BASE_NO_MEMORY;
        return NGX_DECLINED;
    }

    rc = ngx_http_smart_verify(&verify);

    base_arena_free(verify.arena);

    if (rc != NGX_OK) {
        *reason = verify.reason;
        return rc;
    }

    rc = ngx_http_smart_token_give(r, verify.principal, verify.issuer, out);
    if (rc != NGX_OK) {
        *reason = BASE_NO_MEMORY;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_smart_token_known(ngx_http_request_t *r,
    ngx_http_smart_issuer_t **issuers, ngx_uint_t n, base_span_t token,
    ngx_http_smart_identity_t *out)
{
    smart_principal_t        *principal;
    ngx_http_smart_issuer_t  *issuer;

    principal = ngx_http_smart_token_cache_get(token, issuers, n, ngx_time(),
                                               &issuer);
    if (principal == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_smart_token_give(r, principal, issuer, out);
}


ngx_int_t
ngx_http_smart_token_here(ngx_http_request_t *r, const smart_base_t *base,
    ngx_http_smart_identity_t *out, base_reason_t *reason)
{
    smart_principal_t  *here;

    *reason = smart_principal_at(out->principal, &out->issuer->map, base,
                                 &here);

    if (*reason != BASE_OK) {
        return NGX_DECLINED;
    }

    if (ngx_http_smart_token_give(r, here, out->issuer, out) != NGX_OK) {
        *reason = BASE_NO_MEMORY;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


char *
ngx_http_smart_verify_budget_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_int_t                  n;
    ngx_str_t                 *value;
    ngx_http_smart_issuers_t  *issuers;

    issuers = (ngx_http_smart_issuers_t *) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;

    if (issuers->verify_budget != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    n = ngx_atoi(value[1].data, value[1].len);
    if (n == NGX_ERROR || n == 0) {
        return "needs a number of 1 at least";
    }

    issuers->verify_budget = n;

    return NGX_CONF_OK;
}


void
ngx_http_smart_verify_budget_init(ngx_int_t budget)
{
    ngx_memzero(&ngx_http_smart_budget, sizeof(ngx_http_smart_budget));
    ngx_http_smart_budget.per_second = budget;
}


static ngx_int_t
ngx_http_smart_verify(ngx_http_smart_verify_t *verify)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_OK;

    verify->reason = ngx_http_smart_verify_read(verify);

    if (verify->reason == BASE_TOKEN_OPAQUE) {
        return ngx_http_smart_verify_opaque(verify);
    }

    if (verify->reason != BASE_OK) {
        return NGX_DECLINED;
    }

    /* NGX_OK of a miss: another worker has brought other keys meanwhile */

    for (i = 0; i < 2; i++) {
        rc = ngx_http_smart_verify_check(verify);

        if (rc != NGX_OK || !ngx_http_smart_verify_newer(verify->reason)) {
            break;
        }

        rc = ngx_http_smart_verify_miss(verify);
        if (rc != NGX_OK) {
            break;
        }
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (verify->reason != BASE_OK) {
        ngx_http_smart_verify_hint(verify);
        return NGX_DECLINED;
    }

    if (verify->issuer->introspection == NGX_HTTP_SMART_INTROSPECTION_ALWAYS) {
        return ngx_http_smart_verify_ask(verify);
    }

    return ngx_http_smart_verify_principal(verify);
}


/* Newer keys may know better: of another id, of the same, or of none (threats section 4). */

static ngx_uint_t
ngx_http_smart_verify_newer(base_reason_t reason)
{
    return reason == BASE_TOKEN_KEY_UNKNOWN || reason == BASE_TOKEN_SIGNATURE;
}


/* As ngx_http_smart_issuer_miss(); that nobody can be asked makes no wrong signature better. */

static ngx_int_t
ngx_http_smart_verify_miss(ngx_http_smart_verify_t *verify)
{
    ngx_int_t      rc;
    base_reason_t  reason;

    reason = verify->reason;

    rc = ngx_http_smart_issuer_miss(verify->request, verify->issuer,
                                    &verify->reason);

    if (rc == NGX_DECLINED && reason == BASE_TOKEN_SIGNATURE) {
        verify->reason = reason;
    }

    return rc;
}


/* The token's parts, and which of the issuers it says it comes from: looked up, never expanded. */

static base_reason_t
ngx_http_smart_verify_read(ngx_http_smart_verify_t *verify)
{
    ngx_uint_t     i;
    base_span_t    iss;
    ngx_str_t     *uri;
    base_reason_t  reason;

    reason = jose_jws_split(verify->token, verify->token.n, verify->arena,
                            &verify->jws);
    if (reason != BASE_OK) {
        return reason;
    }

    reason = jose_jwt_issuer(&verify->jws, verify->arena, &iss);
    if (reason != BASE_OK) {
        return reason;
    }

    for (i = 0; i < verify->n; i++) {
        uri = &verify->issuers[i]->uri;

        if (base_span_eq(iss, base_span_make(uri->data, uri->len))) {
            verify->issuer = verify->issuers[i];
            return BASE_OK;
        }
    }

    return BASE_TOKEN_ISSUER;
}


/* NGX_OK: it was checked, verify->reason says with what result. */

static ngx_int_t
ngx_http_smart_verify_check(ngx_http_smart_verify_t *verify)
{
    jose_jwk_set_t  *keys;

    keys = ngx_http_smart_issuer_keys(verify->issuer, &verify->generation);

    if (keys == NULL) {
        return ngx_http_smart_issuer_cold(verify->request, verify->issuer,
                                          &verify->reason);
    }

    if (!ngx_http_smart_budget_left()) {
        verify->reason = BASE_VERIFY_BUDGET;
        return NGX_DECLINED;
    }

    verify->reason = jose_jwt_check(&verify->jws, keys,
                                    &verify->issuer->rules, ngx_time(),
                                    verify->arena, &verify->jwt);

    if (verify->reason != BASE_OK) {
        ngx_http_smart_budget_spend(ngx_http_smart_verify_cost(verify, keys));
    }

    return NGX_OK;
}


/*
 * How many signatures were looked at for nothing: a token without kid is tried
 * with several keys, and one that is signed well and expired costs a check,
 * too, each time it is sent.
 */

static ngx_uint_t
ngx_http_smart_verify_cost(ngx_http_smart_verify_t *verify,
    jose_jwk_set_t *keys)
{
    const jose_jwk_t  *found[JOSE_JWK_FOUND_MAX];

    if (verify->reason == BASE_TOKEN_TYPE
        || verify->reason == BASE_TOKEN_ALGORITHM)
    {
        return 0;
    }

    if (verify->reason != BASE_TOKEN_SIGNATURE) {
        return verify->reason != BASE_TOKEN_KEY_UNKNOWN;
    }

    return jose_jwk_find(keys, verify->jws.kid, verify->jws.alg, found);
}


/* `nginx -t` lets a location have one issuer at most that can be asked. */

static ngx_int_t
ngx_http_smart_verify_opaque(ngx_http_smart_verify_t *verify)
{
    ngx_uint_t  i;

    for (i = 0; i < verify->n; i++) {
        if (verify->issuers[i]->introspection
            != NGX_HTTP_SMART_INTROSPECTION_OFF)
        {
            verify->issuer = verify->issuers[i];
            return ngx_http_smart_verify_ask(verify);
        }
    }

    return NGX_DECLINED;
}


/* What the token is comes from the answer, for a JWT as well: it knows the launch context (RULES F6). */

static ngx_int_t
ngx_http_smart_verify_ask(ngx_http_smart_verify_t *verify)
{
    ngx_int_t    rc;
    base_span_t  answer;

    rc = ngx_http_smart_introspection(verify->request, verify->issuer,
                                      verify->token, &answer, &verify->until,
                                      &verify->reason);
    if (rc != NGX_OK) {
        return rc;
    }

    verify->reason = ngx_http_smart_verify_answer(verify, answer);

    return verify->reason == BASE_OK ? ngx_http_smart_verify_principal(verify)
                                     : NGX_DECLINED;
}


static base_reason_t
ngx_http_smart_verify_answer(ngx_http_smart_verify_t *verify,
    base_span_t answer)
{
    jose_jwt_t      said;
    base_arena_t   *arena;
    base_reason_t   reason;

    arena = base_arena_new(NGX_HTTP_SMART_TOKEN_ARENA + 2 * answer.n);
    if (arena == NULL) {
        return BASE_NO_MEMORY;
    }

    reason = oauth_introspection_read(answer, &verify->issuer->rules,
                                      ngx_time(), arena, &said);
    base_arena_free(arena);

    /* a token lives no longer than it says itself */

    if (verify->generation && verify->jwt.exp < said.exp) {
        said.exp = verify->jwt.exp;
    }

    said.payload = answer;
    verify->jwt = said;

    return reason;
}


static ngx_int_t
ngx_http_smart_verify_principal(ngx_http_smart_verify_t *verify)
{
    ngx_str_t  *name;

    name = &verify->issuer->name;

    verify->reason = smart_principal_new(&verify->issuer->map,
                                         verify->jwt.payload,
                                         base_span_make(name->data, name->len),
                                         &verify->principal);
    if (verify->reason != BASE_OK) {
        return NGX_DECLINED;
    }

    ngx_http_smart_token_cache_put(verify->token, verify->issuer,
                                   verify->generation, verify->until,
                                   &verify->jwt, verify->principal);

    return NGX_OK;
}


/* RULES H4: apps send the FHIR base with and without the slash, and nobody sees why it fails. */

static void
ngx_http_smart_verify_hint(ngx_http_smart_verify_t *verify)
{
    if (verify->reason != BASE_TOKEN_AUDIENCE
        || !verify->jwt.audience_slash_only
        || ngx_time() - ngx_http_smart_budget.hinted
           < NGX_HTTP_SMART_TOKEN_HINT)
    {
        return;
    }

    ngx_http_smart_budget.hinted = ngx_time();

    ngx_log_error(NGX_LOG_WARN, verify->request->connection->log, 0,
                  "smart_issuer \"%V\": a token's audience differs from a "
                  "configured one in nothing but a trailing slash; "
                  "\"audience\" can be given both ways",
                  &verify->issuer->name);
}


/* A wrong signature costs as much as a right one: floods of them must not take the worker. */

static ngx_uint_t
ngx_http_smart_budget_left(void)
{
    if (ngx_http_smart_budget.second != ngx_time()) {
        ngx_http_smart_budget.second = ngx_time();
        ngx_http_smart_budget.spent = 0;
    }

    return ngx_http_smart_budget.spent < ngx_http_smart_budget.per_second;
}


static void
ngx_http_smart_budget_spend(ngx_uint_t checks)
{
    ngx_http_smart_budget.spent += checks;
}


/* The reference passes to the request's pool. */

static ngx_int_t
ngx_http_smart_token_give(ngx_http_request_t *r, smart_principal_t *principal,
    ngx_http_smart_issuer_t *issuer, ngx_http_smart_identity_t *out)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        smart_principal_release(principal);
        return NGX_DECLINED;
    }

    cln->handler = ngx_http_smart_token_cleanup;
    cln->data = principal;

    out->principal = principal;
    out->issuer = issuer;

    return NGX_OK;
}


static void
ngx_http_smart_token_cleanup(void *data)
{
    smart_principal_release(data);
}
