/*
 * An answer under an obligation: what its filters share.
 */

#ifndef _NGX_HTTP_SMART_RESPONSE_H_INCLUDED_
#define _NGX_HTTP_SMART_RESPONSE_H_INCLUDED_


#include "ngx_http_smart.h"


/*
 * stream: the way of the body's bytes. `in` NULL: the client has room again.
 * The result is a body filter's; NGX_AGAIN: input is left where it is
 */
ngx_http_smart_stream_t *ngx_http_smart_stream_new(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
ngx_int_t ngx_http_smart_stream(ngx_http_smart_stream_t *st, ngx_chain_t *in);

/*
 * response_head. look: the head came; sets ctx->answer, and ctx->review where
 * that is HOLD. Not BASE_OK: an answer of ours takes its place
 */
base_reason_t ngx_http_smart_response_look(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);

/* What the head says to the review. */
ngx_int_t ngx_http_smart_response_said(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, smart_head_t *head);

/*
 * count (L18): of a dry run. begin: with the head, of which nothing changes;
 * body: what comes is looked at, and passes
 */
ngx_int_t ngx_http_smart_count_begin(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
void ngx_http_smart_count_body(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, ngx_chain_t *in);

/* Sends it; `length` -1: of the body nobody knows yet. */
ngx_int_t ngx_http_smart_response_head(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, off_t length);

/* The answer is complete: what the review noticed goes to the log. */
void ngx_http_smart_response_noted(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);

/*
 * Bytes of it are with the client, and more must not follow: NGX_ERROR, upon
 * which nginx closes the connection or the stream.
 */
ngx_int_t ngx_http_smart_response_cut(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);

/* All of a buf is used up. */
void ngx_http_smart_response_consume(ngx_buf_t *b);


#endif /* _NGX_HTTP_SMART_RESPONSE_H_INCLUDED_ */
