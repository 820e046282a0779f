/*
 * Who a verified token is, remembered per worker: least recently used out, bounded in bytes.
 *
 * The whole token is compared; the entry says which issuer it was verified for, under which generation of keys, and until when it holds. What was
 * decided for a request is never stored here, and failures are not.
 */

#ifndef _NGX_HTTP_SMART_TOKEN_CACHE_H_INCLUDED_
#define _NGX_HTTP_SMART_TOKEN_CACHE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "base/base_span.h"
#include "jose/jose_jwt.h"
#include "smart/smart_principal.h"
#include "ngx_http_smart_issuer.h"


/* Set handler of `smart_token_cache <size>|off` (TAKE1). cmd->offset leads to ngx_http_smart_issuers_t. */
char *ngx_http_smart_token_cache_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* This worker's cache; `size` 0 means none. NGX_ERROR: no memory. */
ngx_int_t ngx_http_smart_token_cache_init(ngx_cycle_t *cycle, size_t size);

/* Lets go of all principals. */
void ngx_http_smart_token_cache_exit(void);

/*
 * The principal of exactly this token, held for the caller, when it was verified for one of the issuers under their present keys and its
 * times hold at `now`. NULL otherwise. *issuer: which one.
 */
smart_principal_t *ngx_http_smart_token_cache_get(base_span_t token,
    ngx_http_smart_issuer_t **issuers, ngx_uint_t n, time_t now,
    ngx_http_smart_issuer_t **issuer);

/*
 * Remembers; holds the principal on its own account. Never fails: without room nothing is remembered. `generation` 0: no key had to do with it.
 * `until` (ngx_current_msec's), when not 0: the authorisation server's word holds so long.
 */
void ngx_http_smart_token_cache_put(base_span_t token,
    ngx_http_smart_issuer_t *issuer, uint64_t generation, ngx_msec_t until,
    const jose_jwt_t *jwt, smart_principal_t *principal);


#endif /* _NGX_HTTP_SMART_TOKEN_CACHE_H_INCLUDED_ */
