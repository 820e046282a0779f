/*
 * What a smart_issuer block must fulfil before nginx starts with it: defaults, contradictions, files, and what is compiled from the entries.
 */

#ifndef _NGX_HTTP_SMART_ISSUER_CHECK_H_INCLUDED_
#define _NGX_HTTP_SMART_ISSUER_CHECK_H_INCLUDED_


#include "ngx_http_smart_issuer.h"


/* Called at the block's end. NGX_CONF_ERROR: said in the log, naming the block. */
char *ngx_http_smart_issuer_check(ngx_conf_t *cf,
    ngx_http_smart_issuer_t *issuer);

/* What it must not share with the blocks before it. */
char *ngx_http_smart_issuer_check_others(ngx_conf_t *cf,
    ngx_http_smart_issuers_t *issuers, ngx_http_smart_issuer_t *issuer);


#endif /* _NGX_HTTP_SMART_ISSUER_CHECK_H_INCLUDED_ */
