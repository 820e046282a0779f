/*
 * From a bearer token to who it is: the cache, else the issuer's keys, else waiting for them.
 */

#ifndef _NGX_HTTP_SMART_TOKEN_H_INCLUDED_
#define _NGX_HTTP_SMART_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "base/base_reason.h"
#include "base/base_span.h"
#include "smart/smart_principal.h"
#include "ngx_http_smart_issuer.h"


typedef struct {
    smart_principal_t        *principal;
    ngx_http_smart_issuer_t  *issuer;
} ngx_http_smart_identity_t;


/*
 * Verifies `token` for one of the n issuers (chosen by the token's exact iss).
 *
 * NGX_OK: *out is filled; a cleanup of r->pool releases the principal.
 * NGX_AGAIN: the request waits for keys. Return NGX_AGAIN from the phase handler; ngx_http_core_run_phases is called from a posted event when it is
 *   over, and the caller calls again with the same arguments. Nothing has to be undone when the client goes away.
 * NGX_DECLINED: refused, *reason says why.
 */
ngx_int_t ngx_http_smart_token(ngx_http_request_t *r,
    ngx_http_smart_issuer_t **issuers, ngx_uint_t n, base_span_t token,
    ngx_http_smart_identity_t *out, base_reason_t *reason);

/*
 * Who that is at one base (smart_principal_at): *out is replaced, and kept by the request's pool. NGX_DECLINED: *reason.
 */
ngx_int_t ngx_http_smart_token_here(ngx_http_request_t *r,
    const smart_base_t *base, ngx_http_smart_identity_t *out,
    base_reason_t *reason);

/* As ngx_http_smart_token, from the token cache alone: NGX_OK or NGX_DECLINED. For variables that are asked before the judging phase. */
ngx_int_t ngx_http_smart_token_known(ngx_http_request_t *r,
    ngx_http_smart_issuer_t **issuers, ngx_uint_t n, base_span_t token,
    ngx_http_smart_identity_t *out);

/* Set handler of `smart_verify_budget <n>` (TAKE1). cmd->offset leads to ngx_http_smart_issuers_t. */
char *ngx_http_smart_verify_budget_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* This worker's budget: failed signature checks per second. */
void ngx_http_smart_verify_budget_init(ngx_int_t budget);


#endif /* _NGX_HTTP_SMART_TOKEN_H_INCLUDED_ */
