/*
 * The entries of smart_issuer that are about introspection, read and checked.
 */

#ifndef _NGX_HTTP_SMART_INTROSPECTION_BLOCK_H_INCLUDED_
#define _NGX_HTTP_SMART_INTROSPECTION_BLOCK_H_INCLUDED_


#include "ngx_http_smart_issuer.h"


/* From cf->args. NGX_CONF_OK, or what is wrong, to be put behind the entry's name. */
char *ngx_http_smart_introspection_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
char *ngx_http_smart_introspection_auth_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);
char *ngx_http_smart_introspection_max_set(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);

/*
 * At the block's end: the default, contradictions, credentials, and the digest of it all. NGX_CONF_ERROR: said in the log. To be called when the
 * sources of keys and the digest of documents are known.
 */
char *ngx_http_smart_introspection_check(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);

/* True when the issuer has a place to be asked, or metadata that may name one. */
ngx_uint_t ngx_http_smart_introspection_possible(
    ngx_http_smart_issuer_t *issuer);


#endif /* _NGX_HTTP_SMART_INTROSPECTION_BLOCK_H_INCLUDED_ */
