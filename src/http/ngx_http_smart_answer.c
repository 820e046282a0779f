/*
 * Our own answers: an OperationOutcome, sent by the module itself, header and
 * body, so that error_page has no part in it (DESIGN's table of failures;
 * RULES I, H2).
 */

#include "ngx_http_smart_headers.h"


/* RULES I: ours are never anybody else's to keep */
#define NGX_HTTP_SMART_RETRY_AFTER  "5"
#define NGX_HTTP_SMART_METHODS                                                \
    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


static ngx_int_t ngx_http_smart_answer_head(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason, base_span_t *body);
static ngx_int_t ngx_http_smart_answer_challenge(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);
static ngx_chain_t *ngx_http_smart_answer_body(ngx_http_request_t *r,
    base_span_t body);
static ngx_int_t ngx_http_smart_answer_clear(ngx_http_request_t *r);
static void ngx_http_smart_answer_discard(ngx_http_request_t *r);
static void ngx_http_smart_answer_enough(ngx_http_request_t *r);


/*
 * From a phase or content handler. The result is for
 * ngx_http_finalize_request().
 */

ngx_int_t
ngx_http_smart_deny(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    ngx_int_t     rc;
    base_span_t   body;
    ngx_chain_t  *out;

    ctx->reason = reason;
    ctx->state = NGX_HTTP_SMART_DENIED;

    if (ctx->verdict.reason != reason) {
        ctx->verdict.rule = smart_verdict_rule(reason);
    }

    ngx_http_smart_log_denial(r, ctx, reason);
    ngx_http_smart_answer_discard(r);

    ctx->answering = 1;

    if (ngx_http_smart_answer_clear(r) != NGX_OK
        || ngx_http_smart_answer_head(r, ctx, reason, &body) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out = ngx_http_smart_answer_body(r, body);

    return out ? ngx_http_output_filter(r, out) : NGX_ERROR;
}


/*
 * From a filter, instead of what came: header and body go to the filters
 * behind ours.
 */

ngx_int_t
ngx_http_smart_replace(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason, ngx_uint_t status)
{
    ngx_int_t     rc;
    base_span_t   body;
    ngx_chain_t  *out;

    ctx->reason = reason;
    ctx->answer = NGX_HTTP_SMART_DONE;
    r->header_only |= ctx->header_only;

    ngx_http_smart_log_denial(r, ctx, reason);

    ngx_http_smart_answer_enough(r);

    r->err_status = 0;
    r->expect_trailers = 0;

    if (ngx_http_smart_answer_clear(r) != NGX_OK
        || ngx_http_smart_answer_head(r, ctx, reason, &body) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (status) {
        r->headers_out.status = status;
    }

    rc = ngx_http_smart_next_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out = ngx_http_smart_answer_body(r, body);

    return out ? ngx_http_smart_next_body(r, out) : NGX_ERROR;
}


/*
 * Whatever else the upstream sends is of no use: what has come is dropped by
 * the body filter, the rest is not read. Unless it is being cached, for the
 * cache wants the whole.
 */

static void
ngx_http_smart_answer_enough(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u && u->pipe && u->buffering && !u->cacheable && !u->store
        && u->peer.connection)
    {
        u->pipe->upstream_done = 1;
    }
}


/* B10, where CORS is off: 204 with Allow, nothing is sent upstream. */

ngx_int_t
ngx_http_smart_preflight(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_SMART_PASSED;
    ctx->verdict = *smart_judge_verdict(&ctx->judge);

    ngx_http_smart_answer_discard(r);

    ctx->answering = 1;

    if (ngx_http_smart_answer_clear(r) != NGX_OK
        || ngx_http_smart_headers_say(r, "Allow",
                                        BASE_SPAN(NGX_HTTP_SMART_METHODS), NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/*
 * An unread body is read and thrown away, without asking the client for it
 * (ngx_http_special_response_handler).
 */

static void
ngx_http_smart_answer_discard(ngx_http_request_t *r)
{
    r->expect_tested = 1;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }
}


/* Nothing of what the upstream or another module said is kept. */

static ngx_int_t
ngx_http_smart_answer_clear(ngx_http_request_t *r)
{
    ngx_memzero(&r->headers_out, sizeof(ngx_http_headers_out_t));

    r->headers_out.content_length_n = -1;
    r->headers_out.last_modified_time = -1;

    r->allow_ranges = 0;
    r->disable_not_modified = 1;

    if (ngx_list_init(&r->headers_out.headers, r->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_list_init(&r->headers_out.trailers, r->pool, 1,
                         sizeof(ngx_table_elt_t));
}


static ngx_int_t
ngx_http_smart_answer_head(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason, base_span_t *body)
{
    u_char                     *p;
    base_writer_t               w;
    const base_reason_info_t   *info;

    info = base_reason_info(reason);

    p = ngx_pnalloc(r->pool, SMART_ANSWER_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    base_writer_init(&w, p, SMART_ANSWER_MAX);
    smart_answer_outcome(reason, &ctx->verdict.missing, &w);

    if (!base_writer_done(&w, body)) {
        return NGX_ERROR;
    }

    r->headers_out.status = info->status;
    r->headers_out.content_length_n = (off_t) body->n;

    ngx_str_set(&r->headers_out.content_type, "application/fhir+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_http_smart_headers_say(r, "Cache-Control",
                                     BASE_SPAN("no-store"), NULL)
        != NGX_OK
        || ngx_http_smart_answer_challenge(r, ctx, reason) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (info->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_smart_headers_say(r, "Retry-After",
                                   BASE_SPAN(NGX_HTTP_SMART_RETRY_AFTER), NULL);
    }

    if (info->status == NGX_HTTP_NOT_ALLOWED) {
        return ngx_http_smart_headers_say(r, "Allow",
                                       BASE_SPAN(NGX_HTTP_SMART_METHODS), NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_smart_answer_challenge(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason)
{
    u_char         *p;
    base_span_t     value;
    base_writer_t   w;

    p = ngx_pnalloc(r->pool, SMART_ANSWER_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    base_writer_init(&w, p, SMART_ANSWER_MAX);

    if (!smart_answer_challenge(reason, &ctx->verdict.missing,
                                base_span_make(NULL, 0), &w))
    {
        return NGX_OK;
    }

    if (!base_writer_done(&w, &value)) {
        return NGX_ERROR;
    }

    return ngx_http_smart_headers_say(r, "WWW-Authenticate", value,
                                        &r->headers_out.www_authenticate);
}


static ngx_chain_t *
ngx_http_smart_answer_body(ngx_http_request_t *r, base_span_t body)
{
    ngx_buf_t    *b;
    ngx_chain_t  *out;

    b = ngx_calloc_buf(r->pool);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL) {
        return NULL;
    }

    b->pos = (u_char *) body.p;
    b->last = b->pos + body.n;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out->buf = b;
    out->next = NULL;

    return out;
}
