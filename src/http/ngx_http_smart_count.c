/*
 * L18: what a dry run's answer would have lost. It is read as it passes, by
 * the review that would have checked it, and not a byte of it changes.
 *
 * The request was sent as it came, so there may be more in it than enforcing
 * would have asked for. What is not JSON, or comes from a file, is not read.
 */

#include "ngx_http_smart_response.h"


struct ngx_http_smart_count_s {
    base_splice_t               splice;
};


static ngx_uint_t ngx_http_smart_is_counted(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx);
static base_reason_t ngx_http_smart_count_feed(ngx_http_smart_ctx_t *ctx,
    base_span_t in);
static base_reason_t ngx_http_smart_count_end(ngx_http_smart_ctx_t *ctx);
static void ngx_http_smart_count_done(ngx_http_request_t *r,
    ngx_http_smart_ctx_t *ctx, base_reason_t reason);


ngx_int_t
ngx_http_smart_count_begin(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    smart_head_t             head;
    ngx_http_smart_count_t  *count;

    ctx->count = NULL;
    ctx->counted = 0;

    if (!ngx_http_smart_is_counted(r, ctx)) {
        return NGX_OK;
    }

    count = ngx_palloc(r->pool, sizeof(ngx_http_smart_count_t));

    if (count == NULL
        || ngx_http_smart_response_said(r, ctx, &head) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (smart_review_start(&ctx->review, ctx->arena, &ctx->verdict,
                           ctx->conf->policy, &head)
        == SMART_REVIEW_STREAM)
    {
        base_splice_init(&count->splice);
        ctx->count = count;
    }

    return NGX_OK;
}


/*
 * A part, or nothing, was asked for by the client itself; a count is a true
 * one only of what was narrowed.
 */

static ngx_uint_t
ngx_http_smart_is_counted(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx)
{
    if (!ctx->counts || ctx->bypassed || ctx->answering || r->upstream == NULL
        || r->header_only || r->method == NGX_HTTP_HEAD
        || r->headers_out.status != NGX_HTTP_OK
        || !smart_verdict_obliges(&ctx->verdict, SMART_RESPONSE))
    {
        return 0;
    }

    return ctx->verdict.check_n && !ctx->verdict.check[0].counts;
}


void
ngx_http_smart_count_body(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_buf_t      *b;
    base_reason_t   reason;

    for ( ; in && ctx->count; in = in->next) {
        b = in->buf;

        if (!ngx_buf_in_memory(b) && b->in_file) {
            ctx->count = NULL;
            return;
        }

        reason = BASE_OK;

        if (ngx_buf_in_memory(b)) {
            reason = ngx_http_smart_count_feed(ctx, base_span_make(b->pos,
                                                  (size_t) (b->last - b->pos)));
        }

        if (reason == BASE_OK
            && (b->last_buf || (r != r->main && b->last_in_chain)))
        {
            reason = ngx_http_smart_count_end(ctx);
            ngx_http_smart_count_done(r, ctx, reason);
            return;
        }

        if (reason != BASE_OK) {
            ngx_http_smart_count_done(r, ctx, reason);
        }
    }
}


/* Whatever becomes of the bytes: they have passed. */

static void
ngx_http_smart_count_drain(base_splice_t *splice)
{
    while (base_splice_next(splice) != BASE_SPLICE_WAIT) {
        /* void */
    }
}


static base_reason_t
ngx_http_smart_count_feed(ngx_http_smart_ctx_t *ctx, base_span_t in)
{
    base_reason_t  reason;

    reason = BASE_OK;

    while (in.n && reason == BASE_OK) {
        reason = smart_review_feed(&ctx->review, &in, &ctx->count->splice);
        ngx_http_smart_count_drain(&ctx->count->splice);
    }

    return reason;
}


static base_reason_t
ngx_http_smart_count_end(ngx_http_smart_ctx_t *ctx)
{
    uint64_t       before;
    base_reason_t  reason;

    do {
        before = base_splice_taken(&ctx->count->splice);
        reason = smart_review_end(&ctx->review, &ctx->count->splice);
        ngx_http_smart_count_drain(&ctx->count->splice);

    } while (reason == BASE_OK
             && base_splice_taken(&ctx->count->splice) != before);

    return reason;
}


/* `reason`: why it would not have been shown. */

static void
ngx_http_smart_count_done(ngx_http_request_t *r, ngx_http_smart_ctx_t *ctx,
    base_reason_t reason)
{
    ctx->count = NULL;
    ctx->counted = 1;

    if (reason != BASE_OK && reason != BASE_NO_MEMORY) {
        ctx->would = reason;
        ngx_http_smart_log_denial(r, ctx, reason);
    }
}
