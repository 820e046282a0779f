/*
 * The bytes of a composed upstream request, compared with what was judged.
 */

#ifndef _NGX_HTTP_SMART_WIRE_H_INCLUDED_
#define _NGX_HTTP_SMART_WIRE_H_INCLUDED_


#include "ngx_http_smart.h"


/*
 * NULL when r->upstream->request_bufs is what was judged; else what differs, a
 * constant for the log. Notes in ctx->host and ctx->prefix what it was sent to.
 */
const char *ngx_http_smart_wire_differs(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);

#if (NGX_HTTP_CACHE)
/*
 * True when the keys of r->cache hold the judged path and query, and the
 * request is a GET or HEAD.
 */
ngx_uint_t ngx_http_smart_wire_keyed(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
#endif


#endif /* _NGX_HTTP_SMART_WIRE_H_INCLUDED_ */
