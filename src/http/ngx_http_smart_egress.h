/*
 * Which URLs of an issuer may be asked, and how: CONFIG's `insecure_http`, `private_addresses`, `proxy`, `trusted_certificate`, `crl`.
 */

#ifndef _NGX_HTTP_SMART_EGRESS_H_INCLUDED_
#define _NGX_HTTP_SMART_EGRESS_H_INCLUDED_


#include "ngx_http_smart_fetch.h"
#include "ngx_http_smart_issuer.h"


/*
 * Zeroes and fills what depends on the issuer; handler, data and what is asked are the caller's. `address` (NUL-terminated behind n, living as
 * long as the fetch) is what was configured, or what was found from the configured URL `from`. BASE_DOCUMENT_URL: it may not be asked.
 */
base_reason_t ngx_http_smart_egress(ngx_http_smart_issuer_t *issuer,
    base_span_t address, base_span_t from, ngx_http_smart_fetch_t *fetch);

/* The configured URL that metadata, and all that it names, is found from. */
base_span_t ngx_http_smart_egress_from(ngx_http_smart_issuer_t *issuer);


#endif /* _NGX_HTTP_SMART_EGRESS_H_INCLUDED_ */
